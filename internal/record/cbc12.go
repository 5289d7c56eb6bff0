package record

// CBC with HMAC in TLS 1.2 (RFC 5246 §6.2.3.2, RFC 7366 §3). How it is done is
// the business of package suite; here are the IVs.

import (
	"crypto/aes"
	"fmt"
	"io"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

const ivLen = aes.BlockSize

type cbc12 struct {
	cbc    *suite.CBC
	rand   io.Reader // nil in a Reader
	ivs    []byte    // room for a batch, made by the first record
	unused []byte    // the part of ivs that no record has had
}

func newCBC12(s *suite.Suite, k schedule.Keys12, form suite.CBCForm, rand io.Reader) (*cbc12, error) {
	cbc, err := s.NewCBC(k.MACKey(), k.Key(), form)
	if err != nil {
		return nil, alert.Wrap(alert.InternalError, err)
	}
	return &cbc12{cbc: cbc, rand: rand}, nil
}

func (c *cbc12) sealedLen(n int) int { return c.cbc.SealedLen(n) }

// nextIV returns an IV that nobody could foretell and that no record has had
// (RFC 5246 §6.2.3.2). They are read in batches. One that was not read whole is
// not used: with an IV that can be foretold, CBC gives away its content.
func (c *cbc12) nextIV() ([]byte, error) {
	if len(c.unused) == 0 {
		if c.ivs == nil {
			c.ivs = make([]byte, limits.IVBatch*ivLen)
		}
		if _, err := io.ReadFull(c.rand, c.ivs); err != nil {
			return nil, alert.Wrap(alert.InternalError, fmt.Errorf("no record was sent, because its IV could not be made: the source of randomness failed: %w", err))
		}
		c.unused = c.ivs
	}
	iv := c.unused[:ivLen]
	c.unused = c.unused[ivLen:]
	return iv, nil
}

func (c *cbc12) seal(dst []byte, seq uint64, t ContentType, content []byte) ([]byte, error) {
	iv, err := c.nextIV()
	if err != nil {
		return dst, err
	}
	return c.cbc.Seal(dst, seq, byte(t), iv, content), nil
}

// open opens in place and copies then: how long the content is, and so whether
// dst has room for it, is known only when all has been verified.
func (c *cbc12) open(dst []byte, seq uint64, t ContentType, body []byte) ([]byte, bool) {
	content, ok := c.cbc.Open(seq, byte(t), body)
	if !ok {
		return nil, false
	}
	if dst == nil || cap(dst) < len(content) {
		return content, true
	}
	return append(dst[:0], content...), true
}
