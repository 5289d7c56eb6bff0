package watchword

// Copying a whole stream with io.Copy, which takes Conn.WriteTo.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

var _ io.WriterTo = (*Conn)(nil)

func TestConnWriteTo(t *testing.T) {
	for _, size := range []int64{0, 1, 16384, 16385, 65536, 65537, 3 << 20} {
		overEach(t, func(t *testing.T, client, server *Conn) {
			go func() {
				_, _ = io.Copy(client, io.LimitReader(rand.NewChaCha8([32]byte{1}), size))
				_ = client.CloseWrite()
			}()
			got, want := sha256.New(), sha256.New()
			if n, err := io.Copy(got, server); n != size || err != nil {
				t.Fatalf("io.Copy gives %d bytes of %d: %v.", n, size, err)
			}
			_, _ = io.CopyN(want, rand.NewChaCha8([32]byte{1}), size)
			if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Errorf("Of %d bytes, others arrive than were sent.", size)
			}
		})
	}
}

// What was read before with a small buffer is not lost, and the end of the
// stream is told as Read tells it.
func TestConnWriteToAfterRead(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		go func() {
			_, _ = io.WriteString(client, "one and two")
			_ = client.NetConn().Close()
		}()
		var first [3]byte
		if _, err := io.ReadFull(server, first[:]); err != nil {
			t.Fatal(err)
		}
		var rest bytes.Buffer
		n, err := server.WriteTo(&rest)
		if rest.String() != " and two" || n != 8 || !errors.Is(err, ErrTruncated) {
			t.Errorf("WriteTo gives %q (%d) and %v, want ErrTruncated.", rest.String(), n, err)
		}
	})
}

type failingWriter struct{ room int }

var errFullDisk = errors.New("the disk is full")

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.room -= n
	if n < len(p) {
		return n, errFullDisk
	}
	return n, nil
}

func TestConnWriteToFails(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		go func() { _, _ = client.Write(make([]byte, 10)) }()
		if n, err := server.WriteTo(&failingWriter{room: 4}); n != 4 || err != errFullDisk {
			t.Errorf("Into a full disk WriteTo gives %d, %v.", n, err)
		}
		go server.AbortWith(alert.AccessDenied, "not wanted")
		var remote *RemoteError
		if _, err := client.WriteTo(io.Discard); !errors.As(err, &remote) || remote.Description != alert.AccessDenied {
			t.Errorf("After AbortWith the other end says %v.", err)
		}
	})
}
