package record

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// trial returns a Reader that tries n keys, numbered from 1.
func (c protection12Case) trial(t testing.TB, n int) *Reader {
	t.Helper()
	var keys []schedule.Keys12
	for i := range n {
		keys = append(keys, c.keys(t, byte(i+1)))
	}
	r := new(Reader)
	r.TryKeys12(c.suite, keys, c.form)
	clear(keys) // the Reader has its own list
	return r
}

// finished returns what a client's Finished message is, and the record that
// carries it under key number n.
func (c protection12Case) finished(t testing.TB, n byte) (content, rec []byte) {
	t.Helper()
	content = append([]byte{20, 0, 0, 12}, "verify data!"...)
	return content, c.seal(t, c.keys(t, n), recipe{t: Handshake, content: content})
}

func TestTryKeys12(t *testing.T) {
	for _, c := range distinct12() {
		for n := 1; n <= 4; n++ {
			for right := range n {
				for _, dst := range [][]byte{nil, make([]byte, 0, 100)} {
					r := c.trial(t, n)
					content, rec := c.finished(t, byte(right+1))
					ct, got, err := r.Open(dst, rec)
					if err != nil || ct != Handshake || !bytes.Equal(got, content) || r.Tried() != right || r.Seq() != 1 {
						t.Fatalf("%s: key %d of %d opened %q as number %d: %v", c.name, right, n, got, r.Tried(), err)
					}
					at := &rec[5]
					if dst != nil {
						at = &dst[:1][0]
					}
					if &got[0] != at {
						t.Errorf("%s: the content is neither in the record nor in the room.", c.name)
					}
					// It goes on with that key and no other.
					if r.tls12.keys != nil || r.tls12.trial {
						t.Errorf("%s: the other keys are kept.", c.name)
					}
					for _, next := range []ContentType{ApplicationData, Alert} {
						rec := c.seal(t, c.keys(t, byte(right+1)), recipe{seq: r.Seq(), t: next, content: []byte("ab")})
						if ct, got, err := r.Open(dst, rec); err != nil || ct != next || string(got) != "ab" {
							t.Errorf("%s: the records after the first do not open: %v", c.name, err)
						}
					}
					other := byte((right+1)%n + 1)
					if other != byte(right+1) {
						fails(t, c.name+": a record under another of the keys", r,
							c.seal(t, c.keys(t, other), recipe{seq: r.Seq(), t: Alert, content: []byte("secret!")}), alert.BadRecordMAC, ErrMAC)
					}
				}
			}
		}
	}
}

func TestTryKeys12InVain(t *testing.T) {
	for _, c := range distinct12() {
		for n := range 5 {
			r := c.trial(t, n)
			content, good := c.finished(t, 1)
			_, wrong := c.finished(t, 9)
			fails(t, fmt.Sprintf("%s: none of %d keys is right", c.name, n), r, wrong, alert.BadRecordMAC, ErrMAC)
			for length := range good[5:] {
				short := append([]byte{22, 3, 3, 0, byte(length)}, good[5:5+length]...)
				fails(t, c.name+": a first record of another length", r, short, alert.BadRecordMAC, ErrMAC)
			}
			if r.Tried() != -1 || r.Seq() != 0 {
				t.Errorf("%s: key %d was taken though none opened a record.", c.name, r.Tried())
			}
			if n == 0 {
				continue
			}
			// What failed has not used up anything.
			if _, got, err := r.Open(nil, good); err != nil || !bytes.Equal(got, content) || r.Tried() != 0 {
				t.Errorf("%s: the right record did not open after wrong ones: %v", c.name, err)
			}
		}
	}
}

// TestTryKeys12TakesTheFirst: where two keys are the same, their order decides.
func TestTryKeys12TakesTheFirst(t *testing.T) {
	for _, c := range distinct12() {
		var r Reader
		r.TryKeys12(c.suite, []schedule.Keys12{c.keys(t, 2), c.keys(t, 1), c.keys(t, 1)}, c.form)
		_, rec := c.finished(t, 1)
		if _, _, err := r.Open(nil, rec); err != nil || r.Tried() != 1 {
			t.Errorf("%s: key %d was taken, want 1: %v", c.name, r.Tried(), err)
		}
	}
}

// TestTryKeys12AndLimits: an authentic record is held to the same rules.
func TestTryKeys12AndLimits(t *testing.T) {
	for _, c := range distinct12() {
		long := bytes.Repeat([]byte("secret!"), 2500)
		r := c.trial(t, 2)
		fails(t, c.name+": content over 2^14 bytes", r, c.seal(t, c.keys(t, 2), recipe{t: Handshake, content: long}), alert.RecordOverflow, ErrTooLong)
		r = c.trial(t, 2)
		fails(t, c.name+": an empty record", r, c.seal(t, c.keys(t, 2), recipe{t: Handshake}), alert.UnexpectedMessage, ErrEmpty)
		r = c.trial(t, 2)
		_, _, err := r.Open(make([]byte, 0, 3), c.seal(t, c.keys(t, 2), recipe{t: Handshake, content: []byte("secret!")}))
		wantAlert(t, c.name+": too little room", err, alert.InternalError, nil)
	}
}

// TestTryingCostsTheSame: whichever key it is, and if it is none, all are tried
// with the same number of compressions and of allocations.
func TestTryingCostsTheSame(t *testing.T) {
	for _, c := range distinct12() {
		compressions, allocations := map[int]int{}, map[float64]int{}
		for right := byte(1); right <= 5; right++ { // the fifth is none of them
			_, rec := c.finished(t, right)
			count := 0
			stop := suite.CountCompressions(func() { count++ })
			r := c.trial(t, 4)
			_, _, err := r.Open(nil, bytes.Clone(rec))
			stop()
			if (err == nil) != (right <= 4) {
				t.Fatalf("%s: the record under key %d: %v", c.name, right, err)
			}
			compressions[count]++

			fresh := *r.tls12
			keys := []schedule.Keys12{c.keys(t, 1), c.keys(t, 2), c.keys(t, 3), c.keys(t, 4)}
			body := bytes.Clone(rec[5:])
			allocations[testing.AllocsPerRun(5, func() {
				p := fresh
				p.cipher, p.trial, p.keys = nil, true, keys
				copy(body, rec[5:])
				if _, err := p.try(nil, 0, Handshake, body); err != nil && right <= 4 {
					t.Fatal(err)
				}
			})]++
		}
		if len(compressions) != 1 || c.suite.Cipher == suite.BlockCBC && compressions[0] > 0 {
			t.Errorf("%s: the compressions differ with the key that is right: %v.", c.name, compressions)
		}
		if len(allocations) != 1 {
			t.Errorf("%s: the allocations differ with the key that is right: %v.", c.name, allocations)
		}
	}
}
