package record

import (
	"errors"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// traffic returns a traffic secret for suite s; each n gives another one.
func traffic(s *suite.Suite, n byte) schedule.Traffic {
	psk := schedule.NewPSK(s.Hash, schedule.ExternalPSK, []byte{n})
	return psk.Handshake(nil).ClientTraffic(make([]byte, s.Hash.Size()))
}

// pair returns a Writer and a Reader with the same key.
func pair(t testing.TB, s *suite.Suite) (*Writer, *Reader) {
	t.Helper()
	w, r := new(Writer), new(Reader)
	w.SetKey(s, traffic(s, 1))
	r.SetKey(s, traffic(s, 1))
	return w, r
}

func aes128() *suite.Suite {
	s, _ := suite.ByID(suite.AES128GCMSHA256)
	return s
}

func mustAppend(t testing.TB, w *Writer, ct ContentType, content []byte) []byte {
	t.Helper()
	rec, err := w.Append(nil, ct, content)
	if err != nil {
		t.Fatalf("A %s record of %d bytes was not written: %v", ct, len(content), err)
	}
	return rec
}

// sealRaw seals any TLSInnerPlaintext, right or wrong, as the record that r
// expects next.
func sealRaw(t testing.TB, r *Reader, inner []byte) []byte {
	t.Helper()
	if err := r.expand(); err != nil {
		t.Fatalf("The key was refused: %v", err)
	}
	p := r.protection
	rec := appendHeader(nil, ApplicationData, legacyVersion, len(inner)+suite.TagLen)
	return p.aead.Seal(rec, p.recordNonce(), inner, rec)
}

// wantAlert checks the error, the alert to send, and the cause where not nil.
func wantAlert(t *testing.T, what string, err error, d alert.Description, cause error) {
	t.Helper()
	var local *alert.LocalError
	if !errors.As(err, &local) {
		t.Errorf("%s: the error is %v, want one with the alert %s.", what, err, d)
		return
	}
	if local.Description != d {
		t.Errorf("%s: the alert is %s, want %s.", what, local.Description, d)
	}
	if cause != nil && !errors.Is(err, cause) {
		t.Errorf("%s: the error is %q, want %q.", what, err, cause)
	}
}
