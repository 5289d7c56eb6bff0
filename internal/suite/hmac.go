package suite

// HMAC (RFC 2104) on the stack. A handshake computes some twenty at each end,
// all of a few dozen bytes; package hmac makes six allocations for each, which
// costs more than the hashing.

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
)

const (
	maxBlock = sha512.BlockSize
	// maxShort in bytes holds every HkdfLabel of TLS with its counter, every
	// hash value and every shared secret.
	maxShort = 128

	innerPad, outerPad = 0x36, 0x5c
)

func (h Hash) blockSize() int {
	if h == SHA384 {
		return sha512.BlockSize
	}
	return sha256.BlockSize
}

// putSum writes the hash value of data to out and returns its length.
func (h Hash) putSum(out, data []byte) int {
	if h == SHA384 {
		sum := sha512.Sum384(data)
		return copy(out, sum[:])
	}
	sum := sha256.Sum256(data)
	return copy(out, sum[:])
}

// mac returns the HMAC of data and then more.
func (h Hash) mac(key, data, more []byte) []byte {
	block := h.blockSize()
	if len(key) > block || len(data)+len(more) > maxShort {
		// Copies, because what is given to package hmac itself cannot stay
		// on the caller's stack, on neither path.
		m := hmac.New(h.newFunc(), bytes.Clone(key))
		m.Write(bytes.Clone(data))
		m.Write(bytes.Clone(more))
		return m.Sum(nil)
	}
	var inner [maxBlock + maxShort]byte
	var outer [maxBlock + MaxHashSize]byte
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range block {
		inner[i] ^= innerPad
		outer[i] ^= outerPad
	}
	n := block + copy(inner[block:], data)
	n += copy(inner[n:], more)
	size := h.putSum(outer[block:], inner[:n])
	sum := make([]byte, size)
	h.putSum(sum, outer[:block+size])
	return sum
}
