package record

import (
	"bytes"
	"math"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
)

func TestPlaintextRecords(t *testing.T) {
	var w Writer
	if w.Protected() || w.Overhead() != 5 || w.MaxContent() != 1<<14 || w.NearLimit() {
		t.Error("The zero Writer is not one of plaintext records.")
	}
	w.SetLegacyVersion(0x0301)
	if got := mustAppend(t, &w, Handshake, []byte("hi")); !bytes.Equal(got, []byte{22, 3, 1, 0, 2, 'h', 'i'}) {
		t.Errorf("The first record is %x.", got)
	}
	w.SetLegacyVersion(0)
	if got := mustAppend(t, &w, Alert, []byte{2, 40}); !bytes.Equal(got, []byte{21, 3, 3, 0, 2, 2, 40}) {
		t.Errorf("An alert is %x.", got)
	}
	if w.Seq() != 0 {
		t.Error("Plaintext records were counted.")
	}
}

// TestRoundTrip writes and reads contents of every interesting length with
// every suite, with and without padding and limits, in place and into a buffer.
func TestRoundTrip(t *testing.T) {
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		room := make([]byte, 0, limits.MaxInnerPlaintext)
		for _, padding := range []int{0, 1, 16, 1000, 1 << 14} {
			w.SetPadding(padding)
			for _, n := range []int{0, 1, 15, 16, 17, 63, 64, 999, 1000, 1001, 1<<14 - 1, 1 << 14} {
				content := bytes.Repeat([]byte{0}, n) // zeros look like padding
				rec := mustAppend(t, w, ApplicationData, content)
				want := n
				if padding > 1 {
					want = min(max((n+padding-1)/padding, 1)*padding, 1<<14)
				}
				if len(rec) != want+w.Overhead() {
					t.Errorf("%s: %d bytes padded to %d became %d, want %d.", s.Name, n, padding, len(rec), want+w.Overhead())
				}
				if h, total, err := r.Next(rec); err != nil || total != len(rec) || h.Type != ApplicationData || h.Version != 0x0303 {
					t.Errorf("%s: the header %x was not understood: %v", s.Name, rec[:5], err)
				}
				var dst []byte
				if n%2 == 1 {
					dst = room
				}
				ct, got, err := r.Open(dst, rec)
				if err != nil || ct != ApplicationData || !bytes.Equal(got, content) {
					t.Fatalf("%s: %d bytes came back as %d of type %s, error %v.", s.Name, n, len(got), ct, err)
				}
				if dst != nil && n > 0 && &got[0] != &dst[:1][0] {
					t.Error("Open did not use the room it was given.")
				}
			}
		}
		if w.Seq() != 60 || r.Seq() != 60 {
			t.Errorf("%s: the sequence numbers are %d and %d, want 60.", s.Name, w.Seq(), r.Seq())
		}
	}
}

func TestAppendAppends(t *testing.T) {
	w, r := pair(t, aes128())
	buf := append(make([]byte, 0, 4096), "before"...)
	buf, err := w.Append(buf, Handshake, []byte("one"))
	if err != nil {
		t.Fatalf("The first record failed: %v", err)
	}
	first := len(buf)
	buf, err = w.Append(buf, Alert, []byte{1, 0})
	if err != nil || cap(buf) != 4096 || string(buf[:6]) != "before" {
		t.Fatalf("The second record failed or moved the buffer: %v", err)
	}
	for i, rec := range [][]byte{buf[6:first], buf[first:]} {
		if _, _, err := r.Open(nil, rec); err != nil {
			t.Errorf("Record %d did not open: %v", i, err)
		}
	}
}

func TestSetMaxContent(t *testing.T) {
	w, r := pair(t, aes128())
	r.SetLimit(64) // the smallest record_size_limit (RFC 8449 §4)
	w.SetMaxContent(63)
	w.SetPadding(1000)
	if w.MaxContent() != 63 {
		t.Errorf("MaxContent is %d, want 63.", w.MaxContent())
	}
	for _, n := range []int{0, 1, 62, 63} {
		rec := mustAppend(t, w, ApplicationData, make([]byte, n))
		if len(rec) != 5+64+16 {
			t.Errorf("%d bytes became a record of %d, want it padded to the limit.", n, len(rec))
		}
		if _, content, err := r.Open(nil, rec); err != nil || len(content) != n {
			t.Errorf("A record within the limit was refused: %v", err)
		}
	}
	_, err := w.Append(nil, ApplicationData, make([]byte, 64))
	wantAlert(t, "too much content", err, alert.InternalError, nil)
	for set, want := range map[int]int{-1: 1, 0: 1, 1: 1, 1 << 14: 1 << 14, 1<<14 + 1: 1 << 14} {
		if w.SetMaxContent(set); w.MaxContent() != want {
			t.Errorf("Setting %d gave %d, want %d.", set, w.MaxContent(), want)
		}
	}
	// record_size_limit does not apply to plaintext records.
	var plain Writer
	if plain.SetMaxContent(63); plain.MaxContent() != limits.MaxPlaintext {
		t.Errorf("The limit holds for plaintext records too: %d.", plain.MaxContent())
	}
}

func TestAppendRefuses(t *testing.T) {
	var plain Writer
	protected, _ := pair(t, aes128())
	for _, c := range []struct {
		what    string
		w       *Writer
		t       ContentType
		content int
	}{
		{"too much in plaintext", &plain, Handshake, 1<<14 + 1},
		{"too much protected", protected, ApplicationData, 1<<14 + 1},
		{"an empty handshake record", protected, Handshake, 0},
		{"an empty alert", &plain, Alert, 0},
		{"application data without a key", &plain, ApplicationData, 1},
		{"no application data without a key", &plain, ApplicationData, 0},
		{"type 0", protected, 0, 1},
		{"type 19", protected, 19, 1},
		{"type 24", protected, 24, 1},
	} {
		dst := []byte("kept")
		got, err := c.w.Append(dst, c.t, make([]byte, c.content))
		wantAlert(t, c.what, err, alert.InternalError, nil)
		if string(got) != "kept" || c.w.Seq() != 0 {
			t.Errorf("%s: what was there before was not kept.", c.what)
		}
	}
}

// TestChangeCipherSpecIsNeverProtected (RFC 9846 §5).
func TestChangeCipherSpecIsNeverProtected(t *testing.T) {
	w, _ := pair(t, aes128())
	w.SetLegacyVersion(0x0301)
	if got := mustAppend(t, w, ChangeCipherSpec, []byte{1}); !bytes.Equal(got, []byte{20, 3, 3, 0, 1, 1}) || w.Seq() != 0 {
		t.Errorf("change_cipher_spec is %x and the sequence number %d.", got, w.Seq())
	}
}

func TestKeyLimits(t *testing.T) {
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		last := s.RecordLimit - 1
		for seq, near := range map[uint64]bool{
			0: false, s.RecordLimit - limits.KeyUpdateMargin - 1: false,
			s.RecordLimit - limits.KeyUpdateMargin: true, last: true,
		} {
			if w.seq = seq; w.NearLimit() != near {
				t.Errorf("%s: after %d records NearLimit is %v.", s.Name, seq, !near)
			}
		}
		w.seq, r.seq = last, last
		if _, _, err := r.Open(nil, mustAppend(t, w, Alert, []byte{1, 0})); err != nil {
			t.Errorf("%s: the last record that the key may seal did not open: %v", s.Name, err)
		}
		_, err := w.Append(nil, Alert, []byte{1, 0})
		wantAlert(t, s.Name+": one record more than the key may seal", err, alert.InternalError, nil)
		if w.Seq() != s.RecordLimit {
			t.Errorf("%s: the refused record was counted.", s.Name)
		}
		// A new key begins at zero.
		if w.SetKey(s, traffic(s, 2)); w.Seq() != 0 || w.NearLimit() {
			t.Errorf("%s: after a new key the sequence number is %d.", s.Name, w.Seq())
		}
	}
}

// TestReaderDoesNotEnforceTheKeyLimit: RFC 9846 §5.5 says that receivers
// should not, but the sequence number must not wrap.
func TestReaderDoesNotEnforceTheKeyLimit(t *testing.T) {
	_, r := pair(t, aes128())
	r.seq = limits.GCMRecordLimit + 1
	if _, _, err := r.Open(nil, sealRaw(t, r, []byte{1, 23})); err != nil {
		t.Errorf("A record over the sender's limit was refused: %v", err)
	}
	r.seq = math.MaxUint64
	_, _, err := r.Open(nil, sealRaw(t, r, []byte{1, 23}))
	wantAlert(t, "the sequence number at its end", err, alert.InternalError, ErrSequence)
}

// TestNonce holds the per-record nonce against RFC 9846 §5.3.
func TestNonce(t *testing.T) {
	p := protection{iv: [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
	for seq, want := range map[uint64][]byte{
		0:              {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		1:              {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13},
		0x0100:         {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 12},
		math.MaxUint64: {1, 2, 3, 4, 0xfa, 0xf9, 0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3},
	} {
		if p.seq = seq; !bytes.Equal(p.recordNonce(), want) {
			t.Errorf("The nonce of record %d is %x, want %x.", seq, p.recordNonce(), want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("The race detector makes allocations of its own.")
	}
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		w.SetPadding(256)
		content := make([]byte, 1000)
		buf := make([]byte, 0, 2048)
		room := make([]byte, 0, 2048)
		allocs := testing.AllocsPerRun(100, func() {
			var err error
			buf, err = w.Append(buf[:0], ApplicationData, content)
			if err != nil {
				t.Fatal(err)
			}
			if _, total, err := r.Next(buf); err != nil || total != len(buf) {
				t.Fatal(err)
			}
			if _, _, err := r.Open(room, buf); err != nil {
				t.Fatal(err)
			}
			buf, err = w.Append(buf[:0], Handshake, content)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := r.Open(nil, buf); err != nil {
				t.Fatal(err)
			}
			// A record that fails must not cost any either.
			if _, _, err := r.Open(nil, buf); err == nil {
				t.Fatal("A record opened twice.")
			}
		})
		if allocs != 0 {
			t.Errorf("%s: two records cost %v allocations, want none.", s.Name, allocs)
		}
	}
	w, _ := pair(t, aes128())
	if allocs := testing.AllocsPerRun(100, func() { mustAppend(t, w, ApplicationData, make([]byte, 4096)) }); allocs > 2 {
		t.Errorf("A record into no room cost %v allocations, want one for the record and one for its content.", allocs)
	}
}

func BenchmarkSealOpen(b *testing.B) {
	for _, s := range suite.Of(suite.TLS13) {
		b.Run(s.Name, func(b *testing.B) {
			w, r := pair(b, s)
			content := make([]byte, 1<<14)
			buf := make([]byte, 0, 1<<15)
			b.SetBytes(1 << 14)
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = w.Append(buf[:0], ApplicationData, content)
				if _, _, err := r.Open(nil, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A connection that has sent nothing holds no AEAD, and one that has holds no
// secret that is over.
func TestAKeyIsExpandedByItsFirstRecord(t *testing.T) {
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		if w.aead != nil || r.aead != nil || !w.Protected() || !r.Protected() {
			t.Errorf("%s: a key was expanded before there was a record, or counts for none.", s.Name)
		}
		for range 2 {
			if _, _, err := r.Open(nil, mustAppend(t, w, ApplicationData, []byte("a"))); err != nil {
				t.Fatalf("%s: a record did not open: %v", s.Name, err)
			}
			if w.secret.Set() || r.secret.Set() || !w.Protected() || !r.Protected() {
				t.Errorf("%s: the secret of an expanded key was kept.", s.Name)
			}
			w.SetKey(s, traffic(s, 2))
			r.SetKey(s, traffic(s, 2))
		}
	}
}
