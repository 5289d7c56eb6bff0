package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// A protection12Case is a suite of TLS 1.2 in one form.
type protection12Case struct {
	name  string
	suite *suite.Suite
	form  suite.CBCForm
}

// cases12 returns every suite of TLS 1.2, those with CBC in both forms.
func cases12() []protection12Case {
	var cases []protection12Case
	for _, s := range suite.Of(suite.TLS12) {
		if s.Cipher == suite.BlockCBC {
			cases = append(cases,
				protection12Case{s.Name + " MAC-then-encrypt", s, suite.MACThenEncrypt},
				protection12Case{s.Name + " encrypt-then-MAC", s, suite.EncryptThenMAC})
		} else {
			cases = append(cases, protection12Case{s.Name, s, 0})
		}
	}
	return cases
}

// distinct12 returns one case for each way to protect: the suites differ in
// their key exchange too, which is nothing to the records.
func distinct12() []protection12Case {
	var cases []protection12Case
	for _, c := range cases12() {
		if c.suite.KeyExchange == suite.ECDHEPSK {
			cases = append(cases, c)
		}
	}
	return cases
}

func case12(t testing.TB, id suite.ID, form suite.CBCForm) protection12Case {
	t.Helper()
	s, ok := suite.ByID(id)
	if !ok {
		t.Fatalf("There is no suite %s.", id)
	}
	return protection12Case{s.Name, s, form}
}

// keys returns the client's keys of a connection; each n gives others.
func (c protection12Case) keys(t testing.TB, n byte) schedule.Keys12 {
	t.Helper()
	master, err := schedule.NewMaster12(c.suite.Hash, bytes.Repeat([]byte{n}, 48))
	if err != nil {
		t.Fatalf("The master secret was refused: %v", err)
	}
	client, _ := master.Keys(c.suite, [32]byte{1}, [32]byte{2})
	return client
}

// pair returns a Writer and a Reader with the same keys.
func (c protection12Case) pair(t testing.TB) (*Writer, *Reader) {
	t.Helper()
	w, r := new(Writer), new(Reader)
	w.SetKeys12(c.suite, c.keys(t, 1), c.form, new(counter))
	r.SetKeys12(c.suite, c.keys(t, 1), c.form)
	return w, r
}

// sealedLen is how long a record with n bytes of content is, by the RFCs
// (RFC 5246 §6.2.3.2 and §6.2.3.3, RFC 7366 §3, RFC 5288 §3, RFC 7905 §2).
func (c protection12Case) sealedLen(n int) int {
	switch {
	case c.suite.Cipher == suite.BlockCBC && c.form == suite.EncryptThenMAC:
		return 5 + 16 + (n/16+1)*16 + c.suite.MACLen
	case c.suite.Cipher == suite.BlockCBC:
		return 5 + 16 + ((n+c.suite.MACLen)/16+1)*16
	case c.suite.ExplicitNonceLen == 8:
		return 5 + 8 + n + 16
	}
	return 5 + n + 16
}

// A counter is a source of IVs that are all different: the hash values of 0, 1,
// 2 and so on.
type counter struct {
	n     uint64
	block [sha256.Size]byte
	left  int // of block
}

func (c *counter) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if c.left == 0 {
			binary.BigEndian.PutUint64(c.block[:], c.n)
			c.block = sha256.Sum256(c.block[:8])
			c.n, c.left = c.n+1, len(c.block)
		}
		k := copy(p[n:], c.block[len(c.block)-c.left:])
		c.left -= k
		n += k
	}
	return len(p), nil
}

var _ io.Reader = (*counter)(nil)

// edges returns the lengths of content at which something may go wrong: each up
// to three blocks, and some around 2^14 and in between.
func edges() []int {
	var lengths []int
	for n := range 3*16 + 1 {
		lengths = append(lengths, n)
	}
	for _, middle := range []int{63, 64, 127, 128, 255, 256, 1000, 4096, 1 << 13} {
		for n := middle - 2; n <= middle+2; n++ {
			lengths = append(lengths, n)
		}
	}
	for n := 1<<14 - 33; n <= 1<<14; n++ {
		lengths = append(lengths, n)
	}
	return lengths
}
