package record

import (
	"bytes"
	"math"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
)

func TestNext12(t *testing.T) {
	_, r := case12(t, suite.PSKAES128CBCSHA256, 0).pair(t)
	for _, c := range []struct {
		what   string
		in     []byte
		total  int
		alert  alert.Description // zero: no error
		reason error
	}{
		{"a part of a header", []byte{22, 3, 3, 0}, 0, 0, nil},
		{"a handshake record", []byte{22, 3, 3, 0, 9}, 14, 0, nil},
		{"an alert", []byte{21, 3, 3, 0, 9}, 14, 0, nil},
		{"an empty record", []byte{23, 3, 3, 0, 0}, 5, 0, nil},
		{"the longest record", []byte{23, 3, 3, 0x48, 0}, 5 + 1<<14 + 2048, 0, nil},
		{"a record too long", []byte{23, 3, 3, 0x48, 1}, 0, alert.RecordOverflow, ErrTooLong},
		{"the longest length", []byte{23, 3, 3, 0xff, 0xff}, 0, alert.RecordOverflow, ErrTooLong},
		{"change_cipher_spec, which is the caller's business", []byte{20, 3, 3, 0, 1}, 6, 0, nil},
		{"type 24", []byte{24, 3, 3, 0, 1}, 0, alert.UnexpectedMessage, ErrType},
		{"SSL 3", []byte{23, 3, 0, 0, 99}, 0, alert.ProtocolVersion, ErrRecordVersion},
		{"TLS 1.0", []byte{23, 3, 1, 0, 99}, 0, alert.ProtocolVersion, ErrRecordVersion},
		{"TLS 1.1", []byte{23, 3, 2, 0, 99}, 0, alert.ProtocolVersion, ErrRecordVersion},
		{"TLS 1.3", []byte{23, 3, 4, 0, 99}, 0, alert.ProtocolVersion, ErrRecordVersion},
		{"DTLS 1.2", []byte{23, 0xfe, 0xfd, 0, 99}, 0, alert.ProtocolVersion, ErrVersion},
	} {
		h, total, err := r.Next(c.in)
		if total != c.total {
			t.Errorf("%s: the record has %d bytes, want %d.", c.what, total, c.total)
		}
		if c.reason != nil {
			wantAlert(t, c.what, err, c.alert, c.reason)
		} else if err != nil {
			t.Errorf("%s was refused: %v", c.what, err)
		}
		if total > 0 && (byte(h.Type) != c.in[0] || h.Length != total-5) {
			t.Errorf("%s: the header was read as %+v.", c.what, h)
		}
	}
}

// fails opens a record that must be refused, in place and into a buffer, and
// sees to it that nothing of it is left and that it does not count.
func fails(t *testing.T, what string, r *Reader, rec []byte, d alert.Description, reason error) {
	t.Helper()
	seq := r.Seq()
	for _, dst := range [][]byte{nil, make([]byte, 0, len(rec))} {
		bad := bytes.Clone(rec)
		ct, content, err := r.Open(dst, bad)
		wantAlert(t, what, err, d, reason)
		if content != nil || ct != 0 || r.Seq() != seq {
			t.Errorf("%s: a refused record gave content or was counted.", what)
		}
		if bytes.Contains(dst[:cap(dst)], []byte("secret!")) || bytes.Contains(bad, []byte("secret!")) {
			t.Errorf("%s: a refused record left its content behind.", what)
		}
	}
}

// TestTampering12 changes every bit of a record: one in the fragment gives
// bad_record_mac and nothing else. The right record still opens after all.
func TestTampering12(t *testing.T) {
	for _, c := range distinct12() {
		w, r := c.pair(t)
		secret := bytes.Repeat([]byte("secret!"), 3)
		rec := mustAppend(t, w, ApplicationData, secret)
		for i := range rec {
			for bit := range 8 {
				bad := bytes.Clone(rec)
				bad[i] ^= 1 << bit
				switch {
				case i >= 5, i == 0 && (bad[0] == 21 || bad[0] == 22):
					fails(t, c.name+": a changed record", r, bad, alert.BadRecordMAC, ErrMAC)
				case i == 0:
					fails(t, c.name+": another type", r, bad, alert.UnexpectedMessage, nil)
				case i < 3:
					fails(t, c.name+": another version", r, bad, alert.ProtocolVersion, ErrRecordVersion)
				default:
					fails(t, c.name+": another length", r, bad, alert.InternalError, nil)
				}
			}
		}
		if _, content, err := r.Open(nil, rec); err != nil || !bytes.Equal(content, secret) {
			t.Errorf("%s: the right record did not open after wrong ones: %v", c.name, err)
		}
	}
}

// TestForbiddenLengths12: whatever its length, a fragment that is not authentic
// gives bad_record_mac and nothing else.
func TestForbiddenLengths12(t *testing.T) {
	for _, c := range distinct12() {
		w, r := c.pair(t)
		rec := mustAppend(t, w, ApplicationData, bytes.Repeat([]byte("secret!"), 20))
		resized := func(n int) []byte {
			body := append(bytes.Clone(rec[5:]), make([]byte, n)...)[:n]
			return append([]byte{23, 3, 3, byte(n >> 8), byte(n)}, body...)
		}
		for n := range len(rec) + 64 {
			if n != len(rec)-5 {
				fails(t, c.name+": a record of another length", r, resized(n), alert.BadRecordMAC, ErrMAC)
			}
		}
		for n := limits.MaxCiphertext12 - 20; n <= limits.MaxCiphertext12; n++ {
			fails(t, c.name+": a very long record", r, resized(n), alert.BadRecordMAC, ErrMAC)
		}
	}
}

// TestPadding: every length of padding is accepted with content of each length
// in a block, and no wrong one (RFC 5246 §6.2.3.2).
func TestPadding(t *testing.T) {
	for _, c := range distinct12() {
		if c.suite.Cipher != suite.BlockCBC {
			continue
		}
		k := c.keys(t, 1)
		for n := range 33 {
			for blocks := range 16 {
				_, r := c.pair(t)
				content := bytes.Repeat([]byte("secret!"), 5)[:n]
				rec := recipe{t: ApplicationData, content: content, blocks: blocks}
				inner := n
				if c.form == suite.MACThenEncrypt {
					inner += c.suite.MACLen
				}
				padding := 16 - inner%16 + 16*blocks // with padding_length
				if n%5 == 0 {
					for rec.spoil = range padding + 1 {
						if rec.spoil > 0 {
							fails(t, c.name+": a wrong byte of padding", r, c.seal(t, k, rec), alert.BadRecordMAC, ErrMAC)
						}
					}
					rec.spoil = 0
				}
				if _, got, err := r.Open(nil, c.seal(t, k, rec)); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %d bytes with %d bytes of padding did not open: %v", c.name, n, padding, err)
				}
			}
		}
	}
}

// TestOnlyPadding: a record in which the padding claims all the room, or more
// than there is.
func TestOnlyPadding(t *testing.T) {
	for _, c := range distinct12() {
		if c.suite.Cipher != suite.BlockCBC {
			continue
		}
		_, r := c.pair(t)
		for _, n := range []int{16, 32, 48, 64, 80, 256, 272} {
			for _, fill := range []byte{0, 15, byte(n - 1), 255} {
				// As content that is padding itself it cannot be told from it.
				plain := bytes.Repeat([]byte{fill}, n)
				raw := protection12Case{c.name, c.suite, suite.EncryptThenMAC}.sealCBC(t, c.keys(t, 1), recipe{t: ApplicationData, content: plain})
				raw = raw[:len(raw)-c.suite.MACLen-16]
				rec := append([]byte{23, 3, 3, byte(len(raw) >> 8), byte(len(raw))}, raw...)
				fails(t, c.name+": nothing but padding", r, rec, alert.BadRecordMAC, ErrMAC)
			}
		}
	}
}

func TestWrongOrder12(t *testing.T) {
	for _, c := range distinct12() {
		w, r := c.pair(t)
		var recs [3][]byte
		for i := range recs {
			recs[i] = mustAppend(t, w, ApplicationData, []byte{byte(i)})
		}
		for i := range recs {
			for j, rec := range recs {
				if j != i {
					fails(t, c.name+": a record that is not the next one", r, rec, alert.BadRecordMAC, ErrMAC)
				}
			}
			if _, content, err := r.Open(nil, bytes.Clone(recs[i])); err != nil || content[0] != byte(i) {
				t.Errorf("%s: the next record did not open: %v", c.name, err)
			}
		}
	}
}

// TestWrongCover: type and version are covered, whatever the header says, and
// the keys are those of one direction of one connection in one form.
func TestWrongCover(t *testing.T) {
	for _, c := range distinct12() {
		_, r := c.pair(t)
		k := c.keys(t, 1)
		for _, version := range []uint16{0x0300, 0x0301, 0x0302, 0x0304} {
			rec := c.seal(t, k, recipe{t: ApplicationData, version: version, content: []byte("secret!")})
			fails(t, c.name+": another version was covered", r, rec, alert.BadRecordMAC, ErrMAC)
		}
		for _, ct := range []ContentType{Handshake, Alert} {
			rec := c.seal(t, k, recipe{t: ct, content: []byte("secret!")})
			rec[0] = byte(ApplicationData)
			fails(t, c.name+": another type was covered", r, rec, alert.BadRecordMAC, ErrMAC)
		}
		rec := c.seal(t, c.keys(t, 2), recipe{t: ApplicationData, content: []byte("secret!")})
		fails(t, c.name+": another key", r, rec, alert.BadRecordMAC, ErrMAC)
		if c.suite.Cipher == suite.BlockCBC {
			other := c
			other.form = suite.EncryptThenMAC - c.form
			rec := other.seal(t, k, recipe{t: ApplicationData, content: bytes.Repeat([]byte("secret!"), 30)})
			fails(t, c.name+": the other form", r, rec, alert.BadRecordMAC, ErrMAC)
		}
	}
}

// TestWhatRecordsCarry: what is authentic may still be wrong.
func TestWhatRecordsCarry(t *testing.T) {
	for _, c := range distinct12() {
		k := c.keys(t, 1)
		_, r := c.pair(t)
		for _, ct := range []ContentType{Handshake, Alert} {
			rec := c.seal(t, k, recipe{t: ct})
			fails(t, c.name+": an empty "+ct.String(), r, rec, alert.UnexpectedMessage, ErrEmpty)
		}
		fails(t, c.name+": change_cipher_spec", r, c.seal(t, k, recipe{t: ChangeCipherSpec, content: []byte{1}}), alert.UnexpectedMessage, ErrChangeCipherSpec)
		fails(t, c.name+": type 24", r, c.seal(t, k, recipe{t: 24, content: []byte{1}}), alert.UnexpectedMessage, ErrType)
		if _, content, err := r.Open(nil, c.seal(t, k, recipe{t: ApplicationData})); err != nil || len(content) != 0 || r.Seq() != 1 {
			t.Errorf("%s: an empty record of application data was refused: %v", c.name, err)
		}
		long := append(bytes.Repeat([]byte("a"), 1<<14-6), "secret!"...)
		for n := len(long); n <= len(long)+1900; n += 379 {
			rec := c.seal(t, k, recipe{seq: 1, t: ApplicationData, content: append(long, make([]byte, n-len(long))...)})
			fails(t, c.name+": content over 2^14 bytes", r, rec, alert.RecordOverflow, ErrTooLong)
		}
		if _, content, err := r.Open(nil, c.seal(t, k, recipe{seq: 1, t: ApplicationData, content: long[:1<<14], blocks: 15 - c.suite.MACLen/16})); err != nil || len(content) != 1<<14 {
			t.Errorf("%s: content of 2^14 bytes was refused: %v", c.name, err)
		}
	}
}

// TestRoom12: the room that a caller gives is used or refused, whatever the
// padding, so that the caller knows where the content is.
func TestRoom12(t *testing.T) {
	for _, c := range distinct12() {
		k := c.keys(t, 1)
		_, r := c.pair(t)
		blocks := 0
		if c.suite.Cipher == suite.BlockCBC {
			blocks = 10
		}
		rec := c.seal(t, k, recipe{t: ApplicationData, content: bytes.Repeat([]byte("a"), 100), blocks: blocks})
		enough := len(rec) - 5 - suite.TagLen // what the engine goes by
		for room := range enough {
			if room%16 != 0 && room < enough-100 {
				continue
			}
			_, r := c.pair(t)
			dst := make([]byte, 0, room)
			_, content, err := r.Open(dst, bytes.Clone(rec))
			if err != nil {
				wantAlert(t, c.name+": too little room", err, alert.InternalError, nil)
			} else if &content[0] != &dst[:1][0] {
				t.Errorf("%s: with %d bytes of room the content is somewhere else.", c.name, room)
			}
			if room < 100 && err == nil {
				t.Errorf("%s: 100 bytes fit into %d.", c.name, room)
			}
		}
		dst := make([]byte, 0, enough)
		if _, content, err := r.Open(dst, rec); err != nil || len(content) != 100 || &content[0] != &dst[:1][0] {
			t.Errorf("%s: the record did not open into just enough room: %v", c.name, err)
		}
		// Under a small limit too: the padding is not content.
		_, r = c.pair(t)
		r.SetLimit(100)
		rec = c.seal(t, k, recipe{t: ApplicationData, content: bytes.Repeat([]byte("a"), 100), blocks: blocks})
		dst = make([]byte, 0, 100)
		if _, content, err := r.Open(dst, rec); err != nil || len(content) != 100 || &content[0] != &dst[:1][0] {
			t.Errorf("%s: content of just the limit did not open into its room: %v", c.name, err)
		}
	}
}

func TestNotWholeRecords12(t *testing.T) {
	_, r := case12(t, suite.PSKAES128GCMSHA256, 0).pair(t)
	for _, rec := range [][]byte{nil, {22, 3, 3, 0}, {22, 3, 3, 0, 2, 1}, {22, 3, 3, 0, 1, 1, 1}} {
		_, _, err := r.Open(nil, rec)
		wantAlert(t, "not one whole record", err, alert.InternalError, nil)
	}
}

// TestReaderDoesNotEnforceTheKeyLimit12: the limit is the sender's, but the
// sequence number must not wrap (RFC 5246 §6.1).
func TestReaderDoesNotEnforceTheKeyLimit12(t *testing.T) {
	for _, c := range distinct12() {
		k := c.keys(t, 1)
		_, r := c.pair(t)
		r.seq = limits.TLS12RecordLimit + 1
		if _, _, err := r.Open(nil, c.seal(t, k, recipe{seq: r.seq, t: Alert, content: []byte{1, 0}})); err != nil {
			t.Errorf("%s: a record over the sender's limit was refused: %v", c.name, err)
		}
		r.seq = math.MaxUint64
		_, _, err := r.Open(nil, c.seal(t, k, recipe{seq: r.seq, t: Alert, content: []byte{1, 0}}))
		wantAlert(t, c.name+": the sequence number at its end", err, alert.InternalError, ErrSequence)
	}
}
