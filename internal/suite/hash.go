// Package suite holds the cipher suites of TLS 1.3 and 1.2 and is the only code
// that names an AEAD, a hash or a MAC: to add or to withdraw one, look here.
package suite

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// Hash is the hash function of a cipher suite, of a key, and of the HKDF or PRF
// that belongs to both.
type Hash uint8

// The hash functions of the suites.
const (
	SHA256 Hash = iota
	SHA384
)

// MaxHashSize is the size in bytes of the longest hash value.
const MaxHashSize = sha512.Size384

// The KDF identifiers of the registry that RFC 9258 §9 set up.
const (
	kdfHKDFSHA256 = 0x0001
	kdfHKDFSHA384 = 0x0002
)

// Size returns the length of a hash value in bytes.
func (h Hash) Size() int {
	if h == SHA384 {
		return sha512.Size384
	}
	return sha256.Size
}

// New returns a running hash, such as the transcript hash.
func (h Hash) New() hash.Hash { return h.newFunc()() }

// newFunc exists because h.New as a value would cost an allocation.
func (h Hash) newFunc() func() hash.Hash {
	if h == SHA384 {
		return sha512.New384
	}
	return sha256.New
}

// Sum returns the hash value of data.
func (h Hash) Sum(data []byte) []byte {
	if h == SHA384 {
		sum := sha512.Sum384(data)
		return sum[:]
	}
	sum := sha256.Sum256(data)
	return sum[:]
}

// KDF returns the identifier of HKDF with this hash (RFC 9258 §5.1,
// target_kdf).
func (h Hash) KDF() uint16 {
	if h == SHA384 {
		return kdfHKDFSHA384
	}
	return kdfHKDFSHA256
}

// String returns the usual name of the hash.
func (h Hash) String() string {
	if h == SHA384 {
		return "SHA-384"
	}
	return "SHA-256"
}

// HashOfKDF returns the hash of the KDF with this identifier (RFC 9258 §5.1);
// false means that the identifier is not known here.
func HashOfKDF(id uint16) (Hash, bool) {
	switch id {
	case kdfHKDFSHA256:
		return SHA256, true
	case kdfHKDFSHA384:
		return SHA384, true
	}
	return 0, false
}

// HashOfSize returns the hash whose values have n bytes; false means none has.
// The length of a binder tells the hash of its key so.
func HashOfSize(n int) (Hash, bool) {
	switch n {
	case sha256.Size:
		return SHA256, true
	case sha512.Size384:
		return SHA384, true
	}
	return 0, false
}

// countMAC, where set, is called once for each HMAC computed here.
var countMAC func(h Hash)

// CountMACs calls f once for every HMAC that Extract, Expand (one for each
// block) and HMAC compute from now until stop is called. It is a hook for the
// test which proves that unknown identities cost the same as known ones, and
// for nothing else. Start and stop it while no handshake runs: the hook itself
// is not guarded. f may be called by several goroutines at once.
func CountMACs(f func(h Hash)) (stop func()) {
	countMAC = f
	return func() { countMAC = nil }
}

func (h Hash) counted(n int) {
	if countMAC == nil {
		return
	}
	for range n {
		countMAC(h)
	}
}

// Extract is HKDF-Extract (RFC 5869 §2.2). A nil salt stands for Size zeros.
func (h Hash) Extract(salt, ikm []byte) []byte {
	h.counted(1)
	prk, err := hkdf.Extract(h.newFunc(), ikm, salt)
	if err != nil {
		panic("suite: HKDF-Extract refused its input: " + err.Error())
	}
	return prk
}

// Expand is HKDF-Expand (RFC 5869 §2.3). n is at most 255 times Size.
//
// Nearly all of TLS asks for one block at most. The first block is a single
// HMAC, and computing it as one costs half the allocations of package hkdf.
func (h Hash) Expand(prk, info []byte, n int) []byte {
	if n <= h.Size() {
		mac := hmac.New(h.newFunc(), prk)
		mac.Write(info)
		mac.Write(firstBlock)
		h.counted(1)
		return mac.Sum(nil)[:n:n]
	}
	h.counted((n + h.Size() - 1) / h.Size())
	out, err := hkdf.Expand(h.newFunc(), prk, string(info), n)
	if err != nil {
		panic("suite: HKDF-Expand refused its input: " + err.Error())
	}
	return out
}

// firstBlock is the counter of the first block in HKDF-Expand.
var firstBlock = []byte{1}

// HMAC returns the HMAC of data under key.
func (h Hash) HMAC(key, data []byte) []byte {
	h.counted(1)
	mac := hmac.New(h.newFunc(), key)
	mac.Write(data)
	return mac.Sum(nil)
}
