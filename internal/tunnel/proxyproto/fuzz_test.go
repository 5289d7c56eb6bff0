package proxyproto

// Whatever a peer sends where the header belongs.

import (
	"bytes"
	"testing"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

func FuzzRead(f *testing.F) {
	for _, c := range good {
		f.Add([]byte(c.raw))
		f.Add([]byte(c.raw + clientHello))
	}
	f.Add([]byte(clientHello))
	f.Fuzz(func(t *testing.T, data []byte) {
		conn := bytes.NewReader(data)
		h, err := Read(conn, settings.ProxyAny)
		if err != nil {
			if err.Error() == "" || h != (Header{}) {
				t.Fatalf("A refused header gives %+v and the error %q.", h, err)
			}
			return
		}
		read := len(data) - conn.Len()
		again, err := Read(bytes.NewReader(data[:read]), settings.ProxyAny)
		if err != nil || again != h {
			t.Fatalf("The %d bytes of the header alone give %+v, %v, and %+v with what follows.", read, again, err, h)
		}
		if _, err := Read(bytes.NewReader(data[:read-1]), settings.ProxyAny); err == nil {
			t.Fatal("The header is complete without its last byte: one byte too many was read.")
		}
		for _, version := range []settings.ProxyVersion{settings.ProxyV1, settings.ProxyV2} {
			line, err := Append(nil, version, h, nil)
			if err != nil {
				t.Fatalf("%+v was read and cannot be written in version %d: %v.", h, version, err)
			}
			again, err := Read(bytes.NewReader(line), version)
			want := h
			if version == settings.ProxyV1 {
				want.Local = false // version 1 cannot say so
			}
			if err != nil || again != want {
				t.Fatalf("%+v, written in version %d, is read as %+v, %v.", h, version, again, err)
			}
		}
	})
}
