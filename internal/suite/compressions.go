package suite

// The hash functions of HMAC in CBC suites, with their state laid open and,
// for one test, their work counted.

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"errors"
	"hash"
)

// A stateHash is a hash whose state can be read and set: the standard library's
// hashes are all that.
type stateHash interface {
	hash.Hash
	encoding.BinaryMarshaler
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// A macHash is what one hash function looks like from the inside.
type macHash struct {
	size       int  // of its value in bytes
	blockShift uint // a block has 1 << blockShift bytes
	lengthLen  int  // of the length at the end of the padding in bytes (FIPS 180-4, 5.1)
	fresh      func() hash.Hash
}

// macHash returns the hash of the suite's HMAC.
func (s *Suite) macHash() *macHash {
	switch s.MACLen {
	case sha1.Size:
		return &macSHA1
	case sha512.Size384:
		return &macSHA384
	}
	return &macSHA256
}

var (
	macSHA1   = macHash{sha1.Size, 6, 8, sha1.New}
	macSHA256 = macHash{sha256.Size, 6, 8, sha256.New}
	macSHA384 = macHash{sha512.Size384, 7, 16, sha512.New384}
)

func (m *macHash) blockLen() int { return 1 << m.blockShift }

// new returns a running hash; its work is counted if that is wanted now.
func (m *macHash) new() hash.Hash {
	h := m.fresh()
	if countCompression != nil {
		return &counted{stateHash: h.(stateHash), macHash: m}
	}
	return h
}

// stateStart is where the chaining state begins in a marshaled hash: an
// identifier of four bytes goes before it. The state is in the order of the
// hash value.
const stateStart = 4

var errHashState = errors.New("suite: the state of this Go's hash functions cannot be read, so records cannot be opened in constant time: use encrypt-then-MAC, or build with another Go")

// open returns a running hash as a stateHash, and an error where its state is
// not where it has been since Go 1.24: nothing but a test promises that.
func (m *macHash) open() (stateHash, error) {
	h, ok := m.new().(stateHash)
	if !ok {
		return nil, errHashState
	}
	// One padded block of an empty message: its state is the hash value.
	block := make([]byte, m.blockLen())
	block[0] = 0x80
	want := h.Sum(nil)
	h.Write(block)
	state, err := h.AppendBinary(nil)
	if err != nil || len(state) < stateStart+m.size || !bytes.Equal(state[stateStart:stateStart+m.size], want) {
		return nil, errHashState
	}
	h.Reset()
	return h, nil
}

// countCompression, where set, is called once for each compression.
var countCompression func()

// CountCompressions calls f once for every call of a compression function that
// the MACs of CBC suites make, from now until stop is called, for what NewCBC
// returns in between. It is a hook for the test which proves that opening a
// record costs the same whatever its padding, and for nothing else; it has the
// same conditions as CountMACs.
func CountCompressions(f func()) (stop func()) {
	countCompression = f
	return func() { countCompression = nil }
}

// counted is a hash that counts. It knows nothing of HMAC or records: what it
// counts follows from the bytes that the hash gets, by FIPS 180-4.
type counted struct {
	stateHash
	*macHash
	pending int // bytes that do not fill a block yet
}

func (c *counted) count(n int) {
	if countCompression == nil {
		return
	}
	for range n {
		countCompression()
	}
}

func (c *counted) Write(p []byte) (int, error) {
	c.pending += len(p)
	c.count(c.pending >> c.blockShift)
	c.pending &= c.blockLen() - 1
	return c.stateHash.Write(p)
}

func (c *counted) Sum(b []byte) []byte {
	c.count((c.pending + 1 + c.lengthLen + c.blockLen() - 1) >> c.blockShift)
	return c.stateHash.Sum(b)
}

func (c *counted) Reset() {
	c.pending = 0
	c.stateHash.Reset()
}

// UnmarshalBinary sets the state. Its last eight bytes are the number of bytes
// hashed so far.
func (c *counted) UnmarshalBinary(state []byte) error {
	if n := len(state) - 8; n >= 0 {
		c.pending = int(binary.BigEndian.Uint64(state[n:])) & (c.blockLen() - 1)
	}
	return c.stateHash.UnmarshalBinary(state)
}

// Size settles which of the two embedded ones is meant.
func (c *counted) Size() int { return c.stateHash.Size() }
