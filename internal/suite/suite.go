package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math"

	"github.com/watchword-tls/watchword/internal/limits"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/cpu"
)

// ID is the number of a cipher suite in the IANA registry.
type ID uint16

// The cipher suites of TLS 1.3 (RFC 9846 appendix B.4). The CCM suites are
// left out on purpose: they serve devices that this library is not for.
const (
	AES128GCMSHA256        ID = 0x1301
	AES256GCMSHA384        ID = 0x1302
	ChaCha20Poly1305SHA256 ID = 0x1303
)

// String returns the IANA name, or the number where the suite is not known.
func (id ID) String() string {
	if s, ok := ByID(id); ok {
		return s.Name
	}
	return fmt.Sprintf("cipher suite 0x%04x", uint16(id))
}

// NonceLen is the length of the per-record nonce in bytes, iv_length
// (RFC 9846 §5.3). It is the same for all suites here.
const NonceLen = 12

// TagLen is how many bytes each AEAD here adds to its plaintext.
const TagLen = 16

// A Suite is what one cipher suite consists of. The values are shared: do not
// change them.
type Suite struct {
	ID   ID
	Name string // as IANA registers it
	Hash Hash
	// KeyLen is the length of the AEAD's key in bytes.
	KeyLen int
	// RecordLimit is how many records one key may seal (RFC 9846 §5.5).
	RecordLimit uint64

	newAEAD func(key []byte) (cipher.AEAD, error)
}

var suites = [...]*Suite{
	{AES128GCMSHA256, "TLS_AES_128_GCM_SHA256", SHA256, 16, limits.GCMRecordLimit, newGCM},
	{AES256GCMSHA384, "TLS_AES_256_GCM_SHA384", SHA384, 32, limits.GCMRecordLimit, newGCM},
	// Of ChaCha20-Poly1305 the sequence number wraps before any limit is
	// reached (RFC 9846 §5.5).
	{ChaCha20Poly1305SHA256, "TLS_CHACHA20_POLY1305_SHA256", SHA256, chacha20poly1305.KeySize, math.MaxUint64, chacha20poly1305.New},
}

// ByID returns the suite with this number; false means that there is none.
func ByID(id ID) (*Suite, bool) {
	for _, s := range suites {
		if s.ID == id {
			return s, true
		}
	}
	return nil, false
}

// All returns every suite, in the order of their numbers.
func All() []*Suite {
	all := suites
	return all[:]
}

// Preferred returns the suites in the order that suits this processor: AES
// first where it has instructions for AES and for GCM, else ChaCha20, which is
// both faster and free of table look-ups there.
func Preferred() []ID {
	if hasAES() {
		return []ID{AES128GCMSHA256, AES256GCMSHA384, ChaCha20Poly1305SHA256}
	}
	return []ID{ChaCha20Poly1305SHA256, AES128GCMSHA256, AES256GCMSHA384}
}

// hasAES reports whether the standard library's AES-GCM runs on instructions
// of this processor.
func hasAES() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 ||
		cpu.ARM64.HasAES && cpu.ARM64.HasPMULL ||
		cpu.S390X.HasAES && cpu.S390X.HasAESCTR && cpu.S390X.HasGHASH
}

// NewAEAD returns the suite's AEAD under key, which must have KeyLen bytes.
func (s *Suite) NewAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != s.KeyLen {
		return nil, fmt.Errorf("suite: %s takes a key of %d bytes, not of %d", s.Name, s.KeyLen, len(key))
	}
	return s.newAEAD(key)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
