package record

// Protection of TLS 1.2 (RFC 5246 §6.2.3): what its forms have in common. The
// AEADs are in aead12.go, CBC is in cbc12.go, what a Reader and a Writer do
// with them in reader12.go and writer12.go.

import (
	"io"

	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// version12 is what the header of each protected record of TLS 1.2 says and
// what its MAC covers (RFC 5246 §6.2.1): here the version means something.
const version12 = suite.TLS12

// shortestPadding is the most bytes that our padding of CBC has, its length
// among them: one block.
const shortestPadding = 16

// protection12 is what stands behind a protection in TLS 1.2.
type protection12 struct {
	suite *suite.Suite
	form  suite.CBCForm
	rand  io.Reader // of a Writer, for the IVs of CBC

	// keys wait until the first record needs them, as in TLS 1.3. A Reader that
	// has to find out which is the right one has several.
	keys  []schedule.Keys12
	trial bool
	tried int // which of keys it was; -1: that is not known

	cipher cipher12 // nil: the keys wait
}

// cipher12 is the key of one direction in one of the forms of TLS 1.2. Calls
// must not overlap.
type cipher12 interface {
	// sealedLen returns the length of the fragment for n bytes of content.
	sealedLen(n int) int
	// seal appends the fragment to dst. It does not allocate where dst has room.
	seal(dst []byte, seq uint64, t ContentType, content []byte) ([]byte, error)
	// open returns the content of a fragment: at the start of dst where that has
	// room for it, else as a part of body, which is destroyed either way. Where
	// ok is false neither holds any plaintext.
	open(dst []byte, seq uint64, t ContentType, body []byte) (content []byte, ok bool)
}

// setKeys12 is setKey for TLS 1.2.
func (p *protection) setKeys12(v protection12) {
	v.tried = -1
	*p = protection{tls12: &v}
}

// expand makes the cipher of the key that waits, and drops the key.
func (p *protection12) expand() error {
	if p.cipher != nil {
		return nil
	}
	c, err := p.newCipher(p.keys[0])
	if err != nil {
		return err
	}
	p.use(c)
	return nil
}

func (p *protection12) use(c cipher12) { p.cipher, p.keys, p.trial = c, nil, false }

func (p *protection12) newCipher(k schedule.Keys12) (cipher12, error) {
	if p.suite.Cipher == suite.BlockCBC {
		return newCBC12(p.suite, k, p.form, p.rand)
	}
	return newAEAD12(p.suite, k)
}

// overhead returns the most bytes that a fragment has beside its content.
func (p *protection12) overhead() int {
	if p.suite.Cipher == suite.BlockCBC {
		return p.suite.ExplicitNonceLen + p.suite.MACLen + shortestPadding
	}
	return p.suite.ExplicitNonceLen + suite.TagLen
}

// mostContent returns the most bytes of content in a fragment of n bytes.
func (p *protection12) mostContent(n int) int {
	if p.suite.Cipher == suite.BlockCBC {
		return max(n-p.suite.ExplicitNonceLen-p.suite.MACLen-1, 0)
	}
	return max(n-p.suite.ExplicitNonceLen-suite.TagLen, 0)
}
