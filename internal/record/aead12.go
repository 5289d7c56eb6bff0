package record

// The AEADs in TLS 1.2 (RFC 5246 §6.2.3.3): AES-GCM, whose records carry a part
// of their nonce (RFC 5288 §3), and ChaCha20-Poly1305, whose do not (RFC 7905
// §2).

import (
	"crypto/cipher"
	"encoding/binary"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// additionalLen is the length of what the AEAD covers beside the content:
// seq_num, type, version, length (RFC 5246 §6.2.3.3).
const additionalLen = 8 + 1 + 2 + 2

type aead12 struct {
	aead        cipher.AEAD
	explicitLen int // of the part of the nonce that a record carries
	iv          [suite.NonceLen]byte
	// Local arrays would escape through the interface of the AEAD and cost an
	// allocation each.
	nonce      [suite.NonceLen]byte
	additional [additionalLen]byte
}

func newAEAD12(s *suite.Suite, k schedule.Keys12) (*aead12, error) {
	aead, err := s.NewAEAD(k.Key())
	if err != nil {
		return nil, alert.Wrap(alert.InternalError, err)
	}
	a := &aead12{aead: aead, explicitLen: s.ExplicitNonceLen}
	copy(a.iv[:], k.IV())
	return a, nil
}

func (a *aead12) sealedLen(n int) int { return a.explicitLen + n + suite.TagLen }

// setNonce sets the nonce: the salt and what the record carries (RFC 5288 §3),
// or, where it carries nothing, the IV with the sequence number XORed into it
// (RFC 7905 §2).
func (a *aead12) setNonce(seq uint64, explicit []byte) {
	a.nonce = a.iv
	if len(explicit) > 0 {
		copy(a.nonce[suite.NonceLen-len(explicit):], explicit)
		return
	}
	tail := a.nonce[suite.NonceLen-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^seq)
}

// setAdditional sets the additional data for n bytes of content.
func (a *aead12) setAdditional(seq uint64, t ContentType, n int) {
	binary.BigEndian.PutUint64(a.additional[:], seq)
	a.additional[8] = byte(t)
	binary.BigEndian.PutUint16(a.additional[9:], version12)
	binary.BigEndian.PutUint16(a.additional[11:], uint16(n))
}

// seal carries the sequence number as its part of GCM's nonce: so it cannot
// repeat under one key, which would be the end of GCM.
func (a *aead12) seal(dst []byte, seq uint64, t ContentType, content []byte) ([]byte, error) {
	start := len(dst)
	if a.explicitLen > 0 {
		dst = binary.BigEndian.AppendUint64(dst, seq)
	}
	a.setNonce(seq, dst[start:])
	a.setAdditional(seq, t, len(content))
	return a.aead.Seal(dst, a.nonce[:], content, a.additional[:]), nil
}

func (a *aead12) open(dst []byte, seq uint64, t ContentType, body []byte) ([]byte, bool) {
	if len(body) < a.explicitLen+suite.TagLen {
		return nil, false
	}
	sealed := body[a.explicitLen:]
	n := len(sealed) - suite.TagLen
	if dst == nil || cap(dst) < n {
		dst = sealed
	}
	a.setNonce(seq, body[:a.explicitLen])
	a.setAdditional(seq, t, n)
	content, err := a.aead.Open(dst[:0], a.nonce[:], sealed, a.additional[:])
	return content, err == nil
}
