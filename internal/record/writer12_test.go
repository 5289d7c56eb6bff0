package record

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
)

// TestRoundTrip12 writes and reads contents of every interesting length, in
// place and into a buffer.
func TestRoundTrip12(t *testing.T) {
	room := make([]byte, 0, limits.MaxCiphertext12)
	types := []ContentType{ApplicationData, Handshake, Alert}
	for _, c := range cases12() {
		w, r := c.pair(t)
		most := 0
		for i, n := range edges() {
			ct := types[i%3]
			if n == 0 {
				ct = ApplicationData
			}
			content := bytes.Repeat([]byte{byte(n), 0}, n/2+1)[:n]
			rec := mustAppend(t, w, ct, content)
			if len(rec) != c.sealedLen(n) {
				t.Errorf("%s: %d bytes became a record of %d, want %d.", c.name, n, len(rec), c.sealedLen(n))
			}
			most = max(most, len(rec)-n)
			h, total, err := r.Next(rec)
			if err != nil || total != len(rec) || h.Type != ct || h.Version != 0x0303 {
				t.Errorf("%s: the header %x was not understood: %v", c.name, rec[:5], err)
			}
			var dst []byte
			if i/3%2 == 1 {
				dst = room
			}
			gotType, got, err := r.Open(dst, rec)
			if err != nil || gotType != ct || !bytes.Equal(got, content) {
				t.Fatalf("%s: %d bytes of type %s came back as %d of type %s, error %v.", c.name, n, ct, len(got), gotType, err)
			}
			if n > 0 && (dst != nil) != (&got[0] == &room[:1][0]) {
				t.Errorf("%s: Open did not use the room it was given.", c.name)
			}
		}
		if n := uint64(len(edges())); w.Seq() != n || r.Seq() != n {
			t.Errorf("%s: the sequence numbers are %d and %d, want %d.", c.name, w.Seq(), r.Seq(), n)
		}
		if w.Overhead() != most {
			t.Errorf("%s: Overhead is %d, and a record had at most %d.", c.name, w.Overhead(), most)
		}
	}
}

// TestStateOfTheWriter12: a key is used by its first record, and what counts
// for TLS 1.3 alone counts for nothing here.
func TestStateOfTheWriter12(t *testing.T) {
	for _, c := range cases12() {
		w, r := c.pair(t)
		before := w.Overhead()
		if !w.Protected() || !r.Protected() || w.tls12.cipher != nil || r.tls12.cipher != nil {
			t.Errorf("%s: a key was expanded before there was a record, or counts for none.", c.name)
		}
		if _, err := w.Append(nil, Handshake, nil); err == nil || w.tls12.cipher != nil {
			t.Errorf("%s: a refused record expanded the key.", c.name)
		}
		w.SetPadding(1000)
		w.SetLegacyVersion(0x0301)
		rec := mustAppend(t, w, ApplicationData, []byte("a"))
		if len(rec) != c.sealedLen(1) || !bytes.Equal(rec[:3], []byte{23, 3, 3}) {
			t.Errorf("%s: padding or the legacy version changed the record %x.", c.name, rec)
		}
		if _, _, err := r.Open(nil, rec); err != nil {
			t.Fatalf("%s: a record did not open: %v", c.name, err)
		}
		if w.tls12.keys != nil || r.tls12.keys != nil || !w.Protected() || w.Overhead() != before {
			t.Errorf("%s: the key was kept beside the cipher made of it.", c.name)
		}
		if r.Tried() != -1 || new(Reader).Tried() != -1 {
			t.Errorf("%s: a Reader of one key says that it has tried several.", c.name)
		}
	}
}

// TestVersionsFollowEachOther: nothing of one key is left when another is set.
func TestVersionsFollowEachOther(t *testing.T) {
	for _, c := range distinct12() {
		w, r := pair(t, aes128())
		for range 2 {
			rec := mustAppend(t, w, Handshake, []byte("1.3"))
			if rec[0] != byte(ApplicationData) {
				t.Errorf("%s: a record of TLS 1.3 shows its type.", c.name)
			}
			if _, _, err := r.Open(nil, rec); err != nil || r.Seq() != 1 || r.tls12 != nil {
				t.Fatalf("A record of TLS 1.3 did not open: %v", err)
			}
			w.SetKeys12(c.suite, c.keys(t, 1), c.form, new(counter))
			r.SetKeys12(c.suite, c.keys(t, 1), c.form)
			if w.Seq() != 0 || r.Seq() != 0 || w.aead != nil {
				t.Errorf("%s: the key of before was kept.", c.name)
			}
			if _, _, err := r.Open(nil, mustAppend(t, w, Handshake, []byte("1.2"))); err != nil || r.Seq() != 1 {
				t.Fatalf("%s: a record did not open: %v", c.name, err)
			}
			w.SetKey(aes128(), traffic(aes128(), 1))
			r.SetKey(aes128(), traffic(aes128(), 1))
		}
	}
}

func TestAppendAppends12(t *testing.T) {
	for _, c := range distinct12() {
		w, r := c.pair(t)
		buf := append(make([]byte, 0, 4096), "before"...)
		buf, err := w.Append(buf, Handshake, []byte("one"))
		if err != nil {
			t.Fatalf("%s: the first record failed: %v", c.name, err)
		}
		first := len(buf)
		buf, err = w.Append(buf, Alert, []byte{1, 0})
		if err != nil || cap(buf) != 4096 || string(buf[:6]) != "before" {
			t.Fatalf("%s: the second record failed or moved the buffer: %v", c.name, err)
		}
		for i, rec := range [][]byte{buf[6:first], buf[first:]} {
			if _, _, err := r.Open(nil, rec); err != nil {
				t.Errorf("%s: record %d did not open: %v", c.name, i, err)
			}
		}
	}
}

// TestLimits12: record_size_limit counts content alone (RFC 8449 §4).
func TestLimits12(t *testing.T) {
	for _, c := range distinct12() {
		w, r := c.pair(t)
		if w.MaxContent() != 1<<14 {
			t.Errorf("%s: MaxContent is %d without a limit, want 2^14.", c.name, w.MaxContent())
		}
		free, _ := c.pair(t)
		w.SetMaxContent(64)
		r.SetLimit(64)
		if _, content, err := r.Open(nil, mustAppend(t, w, ApplicationData, make([]byte, 64))); err != nil || len(content) != 64 {
			t.Errorf("%s: a record within the limit was refused: %v", c.name, err)
		}
		_, err := w.Append(nil, ApplicationData, make([]byte, 65))
		wantAlert(t, c.name+": too much content", err, alert.InternalError, nil)
		mustAppend(t, free, ApplicationData, nil)
		for _, dst := range [][]byte{nil, make([]byte, 0, 64)} {
			rec := mustAppend(t, free, ApplicationData, bytes.Repeat([]byte("secret!"), 10))
			r.seq = free.seq - 1
			_, content, err := r.Open(dst, rec)
			wantAlert(t, c.name+": more content than our limit", err, alert.RecordOverflow, ErrTooLong)
			if content != nil || bytes.Contains(rec, []byte("secret!")) || bytes.Contains(dst[:cap(dst)], []byte("secret!")) {
				t.Errorf("%s: a record over the limit left its content behind.", c.name)
			}
		}
	}
}

func TestAppendRefuses12(t *testing.T) {
	for _, c := range distinct12() {
		w, _ := c.pair(t)
		for _, refused := range []struct {
			what    string
			t       ContentType
			content int
		}{
			{"too much", ApplicationData, 1<<14 + 1},
			{"an empty handshake record", Handshake, 0},
			{"an empty alert", Alert, 0},
			{"change_cipher_spec", ChangeCipherSpec, 1},
			{"type 0", 0, 1},
			{"type 24", 24, 1},
		} {
			got, err := w.Append([]byte("kept"), refused.t, make([]byte, refused.content))
			wantAlert(t, c.name+": "+refused.what, err, alert.InternalError, nil)
			if string(got) != "kept" || w.Seq() != 0 {
				t.Errorf("%s: %s: what was there before was not kept.", c.name, refused.what)
			}
		}
	}
}

// TestKeyLimits12: the last records that a key may protect are left to alerts,
// for there is no KeyUpdate.
func TestKeyLimits12(t *testing.T) {
	for _, c := range distinct12() {
		w, r := c.pair(t)
		last := c.suite.RecordLimit - 1
		lastData := last - limits.KeyUpdateMargin
		for _, seq := range []uint64{0, lastData, last} {
			if w.seq = seq; w.NearLimit() {
				t.Errorf("%s: after %d records the key is to be updated.", c.name, seq)
			}
		}
		w.seq, r.seq = lastData, lastData
		if _, _, err := r.Open(nil, mustAppend(t, w, ApplicationData, []byte("a"))); err != nil {
			t.Errorf("%s: the last record of data did not open: %v", c.name, err)
		}
		for _, ct := range []ContentType{ApplicationData, Handshake} {
			_, err := w.Append(nil, ct, []byte("a"))
			wantAlert(t, c.name+": one record more than the key may protect", err, alert.InternalError, nil)
			if err == nil || !strings.Contains(err.Error(), "open a new connection") {
				t.Errorf("%s: the error %q does not say what to do.", c.name, err)
			}
		}
		w.seq, r.seq = last, last
		if _, _, err := r.Open(nil, mustAppend(t, w, Alert, []byte{2, 80})); err != nil {
			t.Errorf("%s: the last alert did not open: %v", c.name, err)
		}
		_, err := w.Append(nil, Alert, []byte{2, 80})
		wantAlert(t, c.name+": an alert after the last record", err, alert.InternalError, nil)
		if w.Seq() != c.suite.RecordLimit {
			t.Errorf("%s: the refused record was counted.", c.name)
		}
	}
}

// TestIVs: each record of CBC has an IV of its own, straight from the source of
// randomness, and no other suite asks for any.
func TestIVs(t *testing.T) {
	for _, c := range cases12() {
		source := new(counter)
		var w Writer
		w.SetKeys12(c.suite, c.keys(t, 1), c.form, source)
		var got []byte
		for range 3*limits.IVBatch + 1 {
			got = append(got, mustAppend(t, &w, ApplicationData, []byte("the same"))[5:21]...)
		}
		if c.suite.Cipher != suite.BlockCBC {
			if source.n != 0 {
				t.Errorf("%s: randomness was asked for.", c.name)
			}
			continue
		}
		want := make([]byte, len(got))
		if _, err := io.ReadFull(new(counter), want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the IVs are not those of the source, in their order.", c.name)
		}
	}
}

// TestIVsInSmallPieces: a source may give fewer bytes than it is asked for.
func TestIVsInSmallPieces(t *testing.T) {
	c := case12(t, suite.PSKAES128CBCSHA256, suite.EncryptThenMAC)
	whole, pieces := new(Writer), new(Writer)
	whole.SetKeys12(c.suite, c.keys(t, 1), c.form, new(counter))
	pieces.SetKeys12(c.suite, c.keys(t, 1), c.form, iotest.OneByteReader(new(counter)))
	for range 2 * limits.IVBatch {
		if !bytes.Equal(mustAppend(t, whole, Handshake, []byte("a")), mustAppend(t, pieces, Handshake, []byte("a"))) {
			t.Fatal("A source of single bytes gives other records.")
		}
	}
}

// TestNoIV: where there is no randomness nothing is sent, and the sentence says
// why. Afterwards it may work again.
func TestNoIV(t *testing.T) {
	broken := errors.New("the device is gone")
	for _, c := range distinct12() {
		if c.suite.Cipher != suite.BlockCBC {
			continue
		}
		for have := range 2 * limits.IVBatch * 16 {
			if have%7 != 0 && have%16 != 0 {
				continue
			}
			var w Writer
			w.SetKeys12(c.suite, c.keys(t, 1), c.form,
				io.MultiReader(io.LimitReader(new(counter), int64(have)), iotest.ErrReader(broken)))
			buf := make([]byte, 0, 1<<13)
			for i := range 2*limits.IVBatch + 1 {
				got, err := w.Append(buf, ApplicationData, []byte("secret!"))
				if i < have/16/limits.IVBatch*limits.IVBatch {
					if err != nil {
						t.Fatalf("%s: with %d random bytes record %d failed: %v", c.name, have, i, err)
					}
					buf = got
					continue
				}
				wantAlert(t, c.name+": without randomness", err, alert.InternalError, broken)
				if len(got) != len(buf) || w.Seq() != uint64(i-i%limits.IVBatch) || bytes.Contains(got[len(got):cap(got)], []byte("secret!")) {
					t.Fatalf("%s: with %d random bytes record %d left something behind.", c.name, have, i)
				}
				break
			}
		}
		var w Writer
		w.SetKeys12(c.suite, c.keys(t, 1), c.form, &flaky{counter: new(counter)})
		if _, err := w.Append(nil, ApplicationData, []byte("a")); err == nil {
			t.Errorf("%s: a source that fails at first was not noticed.", c.name)
		}
		if rec := mustAppend(t, &w, ApplicationData, []byte("a")); bytes.Equal(rec[5:21], make([]byte, 16)) {
			t.Errorf("%s: a record has the IV that was not read.", c.name)
		}
	}
}

// flaky fails once, in the middle of a batch.
type flaky struct {
	*counter
	calls int
}

func (f *flaky) Read(p []byte) (int, error) {
	if f.calls++; f.calls == 1 {
		n, _ := f.counter.Read(p[:min(len(p), 40)])
		return n, errors.New("not now")
	}
	return f.counter.Read(p)
}

func TestNoAllocations12(t *testing.T) {
	if raceDetector {
		t.Skip("The race detector makes allocations of its own.")
	}
	for _, c := range cases12() {
		w, r := c.pair(t)
		content := make([]byte, 1000)
		buf, room := make([]byte, 0, 2048), make([]byte, 0, 2048)
		allocs := testing.AllocsPerRun(3*limits.IVBatch, func() {
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
			t.Errorf("%s: two records cost %v allocations, want none.", c.name, allocs)
		}
	}
}

func BenchmarkSealOpen12(b *testing.B) {
	for _, c := range distinct12() {
		b.Run(strings.ReplaceAll(c.name, " ", "/"), func(b *testing.B) {
			w, r := c.pair(b)
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

func BenchmarkSeal12(b *testing.B) {
	for _, c := range distinct12() {
		b.Run(strings.ReplaceAll(c.name, " ", "/"), func(b *testing.B) {
			w, _ := c.pair(b)
			content := make([]byte, 1<<14)
			buf := make([]byte, 0, 1<<15)
			b.SetBytes(1 << 14)
			for b.Loop() {
				buf, _ = w.Append(buf[:0], ApplicationData, content)
			}
		})
	}
}
