package record

import (
	"bytes"
	"errors"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
)

func TestNext(t *testing.T) {
	_, protected := pair(t, aes128())
	small := new(Reader)
	*small = *protected
	small.SetLimit(64)
	var plain Reader
	header := func(ct byte, version, length int) []byte {
		return []byte{ct, byte(version >> 8), byte(version), byte(length >> 8), byte(length)}
	}
	for _, c := range []struct {
		what  string
		r     *Reader
		in    []byte
		total int
		alert alert.Description // zero: no error
		cause error
	}{
		{"nothing", &plain, nil, 0, 0, nil},
		{"a part of a header", &plain, []byte{22, 3, 3, 0}, 0, 0, nil},
		{"a part of a wrong header", &plain, []byte{99, 9, 9, 9}, 0, 0, nil},
		{"a header without its body", &plain, header(22, 0x0303, 9), 14, 0, nil},
		{"the first ClientHello", &plain, header(22, 0x0301, 9), 14, 0, nil},
		{"a version that means nothing", &plain, header(22, 0x03ff, 9), 14, 0, nil},
		{"SSL 3", protected, header(23, 0x0300, 99), 104, 0, nil},
		{"an empty record", &plain, header(22, 0x0303, 0), 5, 0, nil},
		{"the longest plaintext", &plain, header(22, 0x0303, 1<<14), 5 + 1<<14, 0, nil},
		{"a plaintext too long", &plain, header(22, 0x0303, 1<<14+1), 0, alert.RecordOverflow, ErrTooLong},
		{"the longest ciphertext", protected, header(23, 0x0303, 1<<14+256), 5 + 1<<14 + 256, 0, nil},
		{"the longest ciphertext under a small limit", small, header(23, 0x0303, 1<<14+256), 5 + 1<<14 + 256, 0, nil},
		{"a ciphertext too long", protected, header(23, 0x0303, 1<<14+257), 0, alert.RecordOverflow, ErrTooLong},
		{"the longest length", protected, header(23, 0x0303, 0xffff), 0, alert.RecordOverflow, ErrTooLong},
		{"early data to be skipped", &plain, header(23, 0x0303, 1<<14+256), 5 + 1<<14 + 256, 0, nil},
		{"early data too long", &plain, header(23, 0x0303, 1<<14+257), 0, alert.RecordOverflow, ErrTooLong},
		{"change_cipher_spec", protected, header(20, 0x0303, 1), 6, 0, nil},
		{"type 0", &plain, header(0, 0x0303, 1), 0, alert.UnexpectedMessage, ErrType},
		{"type 19", &plain, header(19, 0x0303, 1), 0, alert.UnexpectedMessage, ErrType},
		{"type 24", protected, header(24, 0x0303, 1), 0, alert.UnexpectedMessage, ErrType},
		{"major version 2", &plain, header(22, 0x0203, 1), 0, alert.ProtocolVersion, ErrVersion},
		{"DTLS 1.2", &plain, header(22, 0xfefd, 1), 0, alert.ProtocolVersion, ErrVersion},
		{"garbage", &plain, []byte("bl\x80ah and more"), 0, alert.ProtocolVersion, ErrVersion},
		{"zeros", &plain, make([]byte, 9), 0, alert.ProtocolVersion, ErrVersion},
		{"text", &plain, []byte("hi\r\n\tall"), 0, alert.ProtocolVersion, ErrText},
		{"SSH", &plain, []byte("SSH-2.0-x"), 0, alert.ProtocolVersion, ErrText},
		{"an HTTP answer", &plain, []byte("HTTP/1.1 400 Bad Request"), 0, alert.ProtocolVersion, ErrHTTPAnswer},
		{"HTTP GET", &plain, []byte("GET / HTTP/1.1"), 0, alert.ProtocolVersion, ErrHTTP},
		{"HTTP CONNECT", &plain, []byte("CONNECT host:1"), 0, alert.ProtocolVersion, ErrHTTP},
	} {
		h, total, err := c.r.Next(c.in)
		if total != c.total {
			t.Errorf("%s: the record has %d bytes, want %d.", c.what, total, c.total)
		}
		if c.cause != nil {
			wantAlert(t, c.what, err, c.alert, c.cause)
		} else if err != nil {
			t.Errorf("%s was refused: %v", c.what, err)
		}
		if total > 0 && (byte(h.Type) != c.in[0] || h.Length != total-5) {
			t.Errorf("%s: the header was read as %+v.", c.what, h)
		}
	}
}

func TestOpenPlaintext(t *testing.T) {
	var r Reader
	rec := []byte{22, 3, 1, 0, 2, 'h', 'i'}
	ct, content, err := r.Open(nil, rec)
	if err != nil || ct != Handshake || string(content) != "hi" || &content[0] != &rec[5] {
		t.Errorf("A plaintext record opened as %s %q, error %v.", ct, content, err)
	}
	_, _, err = r.Open(nil, []byte{23, 3, 3, 0, 1, 1})
	wantAlert(t, "application data before there is a key", err, alert.UnexpectedMessage, ErrUnexpected)
	_, _, err = r.Open(nil, []byte{22, 3, 3, 0, 0})
	wantAlert(t, "an empty handshake record", err, alert.UnexpectedMessage, ErrEmpty)
	_, _, err = r.Open(nil, append([]byte{22, 3, 3, 0x40, 1}, make([]byte, 1<<14+1)...))
	wantAlert(t, "a plaintext too long", err, alert.RecordOverflow, ErrTooLong)
	for _, rec := range [][]byte{nil, {22, 3, 3, 0}, {22, 3, 3, 0, 2, 1}, {22, 3, 3, 0, 1, 1, 1}} {
		_, _, err = r.Open(nil, rec)
		wantAlert(t, "not one whole record", err, alert.InternalError, nil)
	}
}

// TestInnerPlaintext seals contents that a right Writer cannot make.
func TestInnerPlaintext(t *testing.T) {
	pad := func(inner []byte, n int) []byte { return append(inner, make([]byte, n)...) }
	for _, c := range []struct {
		what  string
		limit int
		inner []byte
		want  int               // length of the content
		alert alert.Description // zero: no error
		cause error
	}{
		{"no content", 0, []byte{23}, 0, 0, nil},
		{"no content and padding", 0, pad([]byte{23}, 1<<14), 0, 0, nil},
		{"the longest content", 0, append(make([]byte, 1<<14), 23), 1 << 14, 0, nil},
		{"content and padding of the longest length", 0, pad([]byte{'a', 23}, 1<<14-1), 1, 0, nil},
		{"one byte too long by content", 0, append(make([]byte, 1<<14+1), 23), 0, alert.RecordOverflow, ErrTooLong},
		{"one byte too long by padding", 0, pad([]byte{'a', 23}, 1<<14), 0, alert.RecordOverflow, ErrTooLong},
		{"as long as a record can be", 0, append(make([]byte, 1<<14+239), 23), 0, alert.RecordOverflow, ErrTooLong},
		{"as long as our limit", 64, append(make([]byte, 63), 23), 63, 0, nil},
		{"longer than our limit", 64, append(make([]byte, 64), 23), 0, alert.RecordOverflow, ErrTooLong},
		{"longer than our limit by padding", 64, pad([]byte{22, 22}, 63), 0, alert.RecordOverflow, ErrTooLong},
		{"nothing at all", 0, nil, 0, alert.UnexpectedMessage, ErrNoType},
		{"only padding", 0, make([]byte, 100), 0, alert.UnexpectedMessage, ErrNoType},
		{"an empty handshake record", 0, []byte{22}, 0, alert.UnexpectedMessage, ErrEmpty},
		{"an empty alert with padding", 0, pad([]byte{21}, 9), 0, alert.UnexpectedMessage, ErrEmpty},
		{"change_cipher_spec inside", 0, []byte{1, 20}, 0, alert.UnexpectedMessage, ErrType},
		{"an unknown type inside", 0, []byte{1, 24}, 0, alert.UnexpectedMessage, ErrType},
		{"type 255 inside", 0, []byte{1, 255}, 0, alert.UnexpectedMessage, ErrType},
	} {
		for _, inPlace := range []bool{true, false} {
			_, r := pair(t, aes128())
			r.SetLimit(cmpOr(c.limit, limits.MaxInnerPlaintext))
			rec := sealRaw(t, r, c.inner)
			var dst []byte
			if !inPlace {
				dst = make([]byte, 0, limits.MaxInnerPlaintext)
			}
			ct, content, err := r.Open(dst, rec)
			if c.cause == nil {
				if err != nil || len(content) != c.want || ct != ApplicationData || r.Seq() != 1 {
					t.Errorf("%s: opened as %s with %d bytes, error %v.", c.what, ct, len(content), err)
				}
				continue
			}
			wantAlert(t, c.what, err, c.alert, c.cause)
			if content != nil || ct != 0 || r.Seq() != 0 {
				t.Errorf("%s: a refused record gave content or was counted.", c.what)
			}
			if left := bytes.Trim(dst[:cap(dst)], "\x00"); len(left) > 0 {
				t.Errorf("%s: a refused record left %d bytes behind.", c.what, len(left))
			}
		}
	}
}

func cmpOr(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// TestTampering changes every bit of a record, with every suite. A record that
// fails must leave nothing behind and must not count, so that the right one
// still opens.
func TestTampering(t *testing.T) {
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		secret := bytes.Repeat([]byte("secret!"), 3)
		rec := mustAppend(t, w, ApplicationData, secret)
		for i := range rec {
			for bit := range 8 {
				bad := bytes.Clone(rec)
				bad[i] ^= 1 << bit
				dst := make([]byte, 0, 100)
				_, content, err := r.Open(dst, bad)
				if err == nil || content != nil || r.Seq() != 0 {
					t.Fatalf("%s: a record with bit %d of byte %d changed opened.", s.Name, bit, i)
				}
				if i > 4 || i == 1 || i == 2 {
					wantAlert(t, "a changed record", err, alert.BadRecordMAC, ErrMAC)
				}
				if bytes.Contains(dst[:cap(dst)], secret[:4]) || i > 4 && bytes.Contains(bad, secret[:4]) {
					t.Fatalf("%s: a record that failed left its plaintext behind.", s.Name)
				}
			}
		}
		for _, n := range []int{0, 1, 15, 16, len(rec) - 6} {
			short := append([]byte{23, 3, 3, 0, byte(n)}, rec[5:5+n]...)
			_, _, err := r.Open(nil, short)
			wantAlert(t, "a shortened record", err, alert.BadRecordMAC, ErrMAC)
		}
		if _, content, err := r.Open(nil, rec); err != nil || !bytes.Equal(content, secret) {
			t.Errorf("%s: the right record did not open after wrong ones: %v", s.Name, err)
		}
	}
}

// TestFailureInPlaceLeavesNothing: also where the record itself is the room.
func TestFailureInPlaceLeavesNothing(t *testing.T) {
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		secret := bytes.Repeat([]byte("secret!"), 100)
		rec := mustAppend(t, w, ApplicationData, secret)
		rec[len(rec)-1] ^= 1
		_, _, err := r.Open(nil, rec)
		wantAlert(t, s.Name, err, alert.BadRecordMAC, ErrMAC)
		if bytes.Contains(rec, secret[:4]) {
			t.Errorf("%s: a record that failed in place left its plaintext behind.", s.Name)
		}
	}
}

// TestTooLongLeavesNothing: the record is authentic, but over our limit.
func TestTooLongLeavesNothing(t *testing.T) {
	_, r := pair(t, aes128())
	r.SetLimit(64)
	secret := bytes.Repeat([]byte("secret!"), 100)
	rec := sealRaw(t, r, append(bytes.Clone(secret), 23))
	_, _, err := r.Open(nil, rec)
	wantAlert(t, "a record over the limit", err, alert.RecordOverflow, ErrTooLong)
	if bytes.Contains(rec, secret[:4]) {
		t.Error("A record over the limit left its plaintext behind.")
	}
}

func TestWrongOrder(t *testing.T) {
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		var recs [3][]byte
		for i := range recs {
			recs[i] = mustAppend(t, w, ApplicationData, []byte{byte(i)})
		}
		open := func(i int) error {
			_, content, err := r.Open(nil, bytes.Clone(recs[i]))
			if err == nil && content[0] != byte(i) {
				t.Errorf("%s: record %d has the content of %d.", s.Name, i, content[0])
			}
			return err
		}
		if open(1) == nil || open(2) == nil {
			t.Errorf("%s: a record that was not the next one opened.", s.Name)
		}
		if open(0) != nil {
			t.Errorf("%s: the next record did not open.", s.Name)
		}
		if open(0) == nil || open(2) == nil {
			t.Errorf("%s: a repeated record, or one after a gap, opened.", s.Name)
		}
		if open(1) != nil || open(2) != nil {
			t.Errorf("%s: the next records did not open.", s.Name)
		}
	}
}

func TestOtherKey(t *testing.T) {
	for _, s := range suite.Of(suite.TLS13) {
		w, r := pair(t, s)
		rec := mustAppend(t, w, ApplicationData, []byte("a"))
		r.SetKey(s, traffic(s, 1).Next())
		_, _, err := r.Open(nil, bytes.Clone(rec))
		wantAlert(t, s.Name+": a record under the key before", err, alert.BadRecordMAC, ErrMAC)
		w.SetKey(s, traffic(s, 1).Next())
		if _, _, err := r.Open(nil, mustAppend(t, w, ApplicationData, []byte("a"))); err != nil {
			t.Errorf("%s: a record under the next key did not open: %v", s.Name, err)
		}
	}
}

func TestOuterType(t *testing.T) {
	_, r := pair(t, aes128())
	for _, ct := range []ContentType{ChangeCipherSpec, Alert, Handshake} {
		_, _, err := r.Open(nil, []byte{byte(ct), 3, 3, 0, 2, 2, 40})
		wantAlert(t, ct.String()+" without protection", err, alert.UnexpectedMessage, ErrOuterType)
	}
}

func TestTooLittleRoom(t *testing.T) {
	w, r := pair(t, aes128())
	rec := mustAppend(t, w, ApplicationData, make([]byte, 100))
	_, _, err := r.Open(make([]byte, 0, 100), rec)
	wantAlert(t, "room without a byte for the type", err, alert.InternalError, nil)
	if _, _, err = r.Open(make([]byte, 0, 101), rec); err != nil {
		t.Errorf("The record did not open into just enough room: %v", err)
	}
}

func TestContentTypeString(t *testing.T) {
	for ct, want := range map[ContentType]string{
		20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data", 24: "content type 24",
	} {
		if ct.String() != want {
			t.Errorf("Content type %d is named %q, want %q.", uint8(ct), ct, want)
		}
	}
}

// FuzzReader feeds bytes from the network to a plaintext and to a protected
// Reader, and to the code behind the AEAD.
func FuzzReader(f *testing.F) {
	w, _ := pair(f, aes128())
	f.Add(mustAppend(f, w, ApplicationData, []byte("hello")))
	f.Add([]byte{22, 3, 1, 0, 2, 'h', 'i', 21, 3, 3, 0, 2, 2, 40})
	f.Add([]byte{20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 17, 0})
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add([]byte{1, 2, 3, 22, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		_, protected := pair(t, aes128())
		for _, r := range []*Reader{new(Reader), protected} {
			readAll(t, r, bytes.Clone(in))
		}
		if len(in) > limits.MaxCiphertext-suite.TagLen {
			return
		}
		ct, content, err := protected.Open(nil, sealRaw(t, protected, in))
		if err != nil {
			return
		}
		if rest, ok := bytes.CutPrefix(in, content); !ok || rest[0] != byte(ct) || len(bytes.Trim(rest[1:], "\x00")) > 0 {
			t.Errorf("The inner plaintext %x was read as %s with %x.", in, ct, content)
		}
	})
}

func readAll(t *testing.T, r *Reader, in []byte) {
	for len(in) > 0 {
		h, total, err := r.Next(in)
		if err == nil && total == 0 || err == nil && total > len(in) {
			return
		}
		if err != nil {
			if total != 0 {
				t.Errorf("A refused header gave a record of %d bytes.", total)
			}
			return
		}
		if total != 5+h.Length || total > 5+limits.MaxCiphertext {
			t.Errorf("A record of %d bytes was accepted.", total)
		}
		_, content, err := r.Open(nil, in[:total])
		var local *alert.LocalError
		if err != nil && (!errors.As(err, &local) || content != nil) {
			t.Errorf("The error %v has no alert, or content came with it.", err)
		}
		if len(content) > limits.MaxPlaintext {
			t.Errorf("A content of %d bytes was accepted.", len(content))
		}
		in = in[total:]
	}
}
