package record

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
)

// FuzzReader12 feeds bytes from the network to Readers of every suite and form,
// with one key and with several to be tried. Nothing in them is authentic, so
// none of them ever gives content.
func FuzzReader12(f *testing.F) {
	for i, c := range distinct12() {
		f.Add(uint8(i), c.seal(f, c.keys(f, 9), recipe{t: ApplicationData, content: []byte("hello")}))
		f.Add(uint8(i), c.seal(f, c.keys(f, 9), recipe{t: Handshake, content: make([]byte, 16), blocks: 3}))
	}
	f.Add(uint8(0), []byte{20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 17, 0})
	f.Add(uint8(3), []byte{23, 3, 3, 0, 0, 21, 3, 3, 0, 2, 2, 40})
	f.Add(uint8(5), []byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, which uint8, in []byte) {
		cases := distinct12()
		c := cases[int(which)%len(cases)]
		_, single := c.pair(t)
		for _, r := range []*Reader{single, c.trial(t, 2)} {
			openNone(t, c.name, r, bytes.Clone(in))
			body := in[:min(len(in), limits.MaxCiphertext12)]
			openNone(t, c.name, r, append([]byte{23, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...))
			if r.Seq() != 0 || r.Tried() != -1 {
				t.Errorf("%s: a record was counted, or a key taken.", c.name)
			}
		}
	})
}

// openNone reads records none of which may open.
func openNone(t *testing.T, name string, r *Reader, in []byte) {
	for len(in) > 0 {
		h, total, err := r.Next(in)
		if err != nil || total == 0 || total > len(in) {
			if err != nil && total != 0 {
				t.Errorf("%s: a refused header gave a record of %d bytes.", name, total)
			}
			return
		}
		if total != 5+h.Length || h.Length > limits.MaxCiphertext12 {
			t.Errorf("%s: a record of %d bytes was accepted.", name, total)
		}
		ct, content, err := r.Open(nil, in[:total])
		var local *alert.LocalError
		switch {
		case !errors.As(err, &local) || content != nil || ct != 0:
			t.Errorf("%s: a record that nobody has sealed opened, or the error %v has no alert.", name, err)
		case h.Type == ChangeCipherSpec:
		case local.Description != alert.BadRecordMAC:
			t.Errorf("%s: the alert is %s, want bad_record_mac.", name, local.Description)
		}
		in = in[total:]
	}
}

// FuzzRoundTrip12 cuts a content into records of the given lengths, reads them
// out of one stream, and changes one bit of one of them.
func FuzzRoundTrip12(f *testing.F) {
	for i := range distinct12() {
		f.Add(uint8(i), []byte("some content to be split"), []byte{1, 0, 16, 3}, uint32(i*1000))
	}
	f.Add(uint8(1), bytes.Repeat([]byte("x"), 1<<12), []byte{255, 255, 15, 16, 17}, uint32(77))
	f.Fuzz(func(t *testing.T, which uint8, content, lengths []byte, flip uint32) {
		cases := distinct12()
		c := cases[int(which)%len(cases)]
		w, r := c.pair(t)
		var stream []byte
		var ends []int
		for rest := content; len(rest) > 0 || len(ends) == 0; {
			n := min(len(rest), w.MaxContent())
			if len(ends) < len(lengths) {
				n = min(n, int(lengths[len(ends)]))
			}
			stream, _ = w.Append(stream, ApplicationData, rest[:n])
			rest = rest[n:]
			ends = append(ends, len(stream))
		}
		at := int(flip>>3) % len(stream)
		bad := bytes.Clone(stream)
		bad[at] ^= 1 << (flip & 7)
		broken, _ := slices.BinarySearch(ends, at+1) // the record that is changed

		if got, n := openAll(t, r, stream); !bytes.Equal(got, content) || n != len(ends) {
			t.Errorf("%s: %d bytes in %d records came back as %d bytes in %d.", c.name, len(content), len(ends), len(got), n)
		}
		_, r = c.pair(t)
		if got, n := openAll(t, r, bad); n != broken || !bytes.HasPrefix(content, got) {
			t.Errorf("%s: with byte %d changed %d records opened, want %d.", c.name, at, n, broken)
		}
	})
}

// openAll returns the content of the records that open, up to the first that
// does not, and how many they are.
func openAll(t *testing.T, r *Reader, stream []byte) (content []byte, n int) {
	room := make([]byte, 0, limits.MaxCiphertext12)
	for len(stream) > 0 {
		_, total, err := r.Next(stream)
		if err != nil || total == 0 || total > len(stream) {
			return content, n
		}
		dst := room
		if n%2 == 0 {
			dst = nil
		}
		ct, got, err := r.Open(dst, stream[:total])
		if err != nil {
			return content, n
		}
		if ct != ApplicationData {
			t.Errorf("A record of type %s came out of the stream.", ct)
		}
		content, stream, n = append(content, got...), stream[total:], n+1
	}
	return content, n
}
