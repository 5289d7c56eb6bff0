package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/cpu"
)

// ID is the number of a cipher suite in the IANA registry.
type ID uint16

// String returns the IANA name, or the number where the suite is not known.
func (id ID) String() string {
	if s, ok := ByID(id); ok {
		return s.Name
	}
	return fmt.Sprintf("cipher suite 0x%04x", uint16(id))
}

// NonceLen is the length of the per-record nonce in bytes, iv_length
// (RFC 9846 §5.3). It is the same for all AEADs here.
const NonceLen = 12

// TagLen is how many bytes each AEAD here adds to its plaintext.
const TagLen = 16

// The versions of TLS that a suite may belong to, as on the wire.
const (
	TLS12 uint16 = 0x0303
	TLS13 uint16 = 0x0304
)

// KeyExchange is how the two ends get their secret, as far as the suite says.
type KeyExchange uint8

const (
	// AnyKeyExchange is what each suite of TLS 1.3 has: it says nothing about
	// the key exchange.
	AnyKeyExchange KeyExchange = iota
	// ECDHEPSK is the shared key with an ephemeral Diffie-Hellman exchange on
	// an elliptic curve (RFC 5489 §2).
	ECDHEPSK
	// PSKOnly is the shared key alone, without forward secrecy (RFC 4279 §2).
	PSKOnly
)

// CipherKind is how a suite protects records.
type CipherKind uint8

const (
	// AEAD suites use NewAEAD.
	AEAD CipherKind = iota
	// BlockCBC suites use NewCBC.
	BlockCBC
)

// A Suite is what one cipher suite consists of. The values are shared: do not
// change them.
type Suite struct {
	ID   ID
	Name string // as IANA registers it
	// Hash is the hash of HKDF in TLS 1.3, that of the PRF in TLS 1.2.
	Hash Hash
	// KeyLen is the length of the cipher's key in bytes.
	KeyLen int
	// RecordLimit is how many records one key may seal (RFC 9846 §5.5).
	RecordLimit uint64
	// Version is TLS12 or TLS13: a suite belongs to one version alone.
	Version     uint16
	KeyExchange KeyExchange
	Cipher      CipherKind
	// MACLen is the length of the MAC and of its key in bytes; zero in AEADs.
	MACLen int
	// IVLen is how many bytes of the key material are a fixed IV, the same
	// for all records: the whole of it in TLS 1.3 and with ChaCha20, the salt
	// with AES-GCM in TLS 1.2 (RFC 5288 §3), nothing in CBC.
	IVLen int
	// ExplicitNonceLen is how many bytes of nonce or IV each record carries.
	ExplicitNonceLen int

	newAEAD func(key []byte) (cipher.AEAD, error)
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

// ByName returns the suite with this name of the IANA registry; false means
// that there is none.
func ByName(iana string) (*Suite, bool) {
	for _, s := range suites {
		if s.Name == iana {
			return s, true
		}
	}
	return nil, false
}

// All returns every suite: those of TLS 1.3, then those of TLS 1.2, each in the
// order of their numbers.
func All() []*Suite {
	all := suites
	return all[:]
}

// Of returns the suites of one version, in the order of their numbers.
func Of(version uint16) []*Suite {
	var of []*Suite
	for _, s := range suites {
		if s.Version == version {
			of = append(of, s)
		}
	}
	return of
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
	if s.newAEAD == nil {
		return nil, fmt.Errorf("suite: %s has no AEAD, it protects records with CBC and a MAC", s.Name)
	}
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

func newChaCha20(key []byte) (cipher.AEAD, error) { return chacha20poly1305.New(key) }
