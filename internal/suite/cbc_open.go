package suite

// Opening MAC-then-encrypt records in constant time. Padding and MAC are found
// only by decrypting, so whoever could tell a bad padding from a bad MAC, by
// an alert or by time, could decrypt the record byte by byte (Lucky Thirteen).
// Nothing here depends on the padding: neither branches nor addresses, nor how
// often the compression function runs. docs/constant-time.md has the argument.
//
// Public are the length of the record, its ciphertext, and whether it was good.
// Secret is everything else. Names that end in Mask are all ones or zero and
// as secret as what they come from.

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
)

func (c *CBC) openSecret(seq uint64, typ byte, body []byte) ([]byte, bool) {
	if len(body) < c.MinLen() || len(body)%aes.BlockSize != 0 {
		return nil, false
	}
	plain := body[ivLen:]
	c.decrypter.SetIV(body[:ivLen])
	c.decrypter.CryptBlocks(plain, plain)

	n, goodMask := removePadding(plain, c.macLen)
	c.setHeader(seq, typ, n)
	want := c.secret.sum(&c.header, plain, n)
	got := c.secret.copyMAC(plain, n)
	good := goodMask & subtle.ConstantTimeCompare(want, got)
	// From here on it is known whether the record was good, which the alert
	// tells anyway.
	if good != 1 {
		clear(body)
		return nil, false
	}
	return plain[:n:n], true
}

// removePadding returns how many bytes of content stand in plain, which ends
// with macLen bytes of MAC and the padding. Both results are secret. Where the
// padding is bad, the mask is zero and n is what it would be with the shortest
// padding, as RFC 5246 §6.2.3.2 advises, so that n is always in range.
//
// plain must have room for the MAC and one byte of padding.
func removePadding(plain []byte, macLen int) (n, goodMask int) {
	last := len(plain) - 1
	paddingLength := plain[last]
	padding := int(paddingLength) // the padding has one byte more
	goodMask = ^maskLess(last-macLen, padding)
	// All bytes that may belong to the padding have its length as their value.
	wrong := 0
	for i := range min(maxPadding, len(plain)) {
		b := int(plain[last-i])
		inPaddingMask := ^maskLess(padding, i)
		wrong |= inPaddingMask & (b ^ padding)
	}
	goodMask &= maskEqual(wrong, 0)
	return last - macLen - goodMask&padding, goodMask
}

// A secretMAC computes HMAC over data whose length is secret, and copies a MAC
// from a place that is secret. Its buffers are here because what is handed to
// a hash would otherwise be allocated.
type secretMAC struct {
	*macHash
	inner, outer           stateHash
	innerState, outerState []byte // after the key's block (RFC 2104 §4)
	block                  [1 << 7]byte
	state                  []byte
	value                  [MaxHashSize]byte
	mac, rotated           [MaxHashSize]byte
}

func (h *macHash) newSecretMAC(key []byte) (*secretMAC, error) {
	m := &secretMAC{macHash: h}
	var err error
	if m.inner, err = h.open(); err != nil {
		return nil, err
	}
	if m.outer, err = h.open(); err != nil {
		return nil, err
	}
	if m.innerState, err = keyed(m.inner, key, 0x36); err != nil {
		return nil, err
	}
	if m.outerState, err = keyed(m.outer, key, 0x5c); err != nil {
		return nil, err
	}
	m.state = make([]byte, 0, len(m.innerState))
	return m, nil
}

// keyed returns the state of h after the block of key XOR pad (RFC 2104 §2). No
// key here is longer than a block.
func keyed(h stateHash, key []byte, pad byte) ([]byte, error) {
	block := make([]byte, h.BlockSize())
	copy(block, key)
	for i := range block {
		block[i] ^= pad
	}
	h.Write(block)
	return h.AppendBinary(nil)
}

// contentRange returns the least and the greatest length of content that a
// plaintext of n bytes can have.
func (m *secretMAC) contentRange(n int) (least, most int) {
	most = n - m.size - 1
	return max(0, most+1-maxPadding), most
}

// sum returns the HMAC of header and the first n bytes of plain. The blocks
// that hold content whatever n is are hashed at once. Each block after them
// may be the last: it is built with masks and hashed, and its state is the
// result where it was the last one.
func (m *secretMAC) sum(header *[macHeaderLen]byte, plain []byte, n int) []byte {
	least, most := m.contentRange(len(plain))
	setState(m.inner, m.innerState)
	first := (macHeaderLen + least) >> m.blockShift
	if first > 0 {
		m.inner.Write(header[:])
		m.inner.Write(plain[:first<<m.blockShift-macHeaderLen])
	}
	end := macHeaderLen + n // secret: where the hash's padding begins
	lastBlock := (end + m.lengthLen) >> m.blockShift
	clear(m.value[:])
	for i := first; i <= (macHeaderLen+most+m.lengthLen)>>m.blockShift; i++ {
		lastMask := maskEqual(i, lastBlock)
		m.buildBlock(header, plain, i, end, lastMask)
		m.inner.Write(m.block[:m.blockLen()])
		m.readState(lastMask)
	}
	setState(m.outer, m.outerState)
	m.outer.Write(m.value[:m.size])
	return m.outer.Sum(m.value[:0])
}

// buildBlock builds block i of the hash's input after the key: header, content,
// and from end on the hash's padding (FIPS 180-4, 5.1), in which the length
// stands where lastMask is set.
func (m *secretMAC) buildBlock(header *[macHeaderLen]byte, plain []byte, i, end, lastMask int) {
	block := m.block[:m.blockLen()]
	clear(block)
	start := i << m.blockShift
	if start == 0 {
		copy(block[copy(block, header[:]):], plain)
	} else if from := start - macHeaderLen; from < len(plain) {
		copy(block, plain[from:])
	}
	for j := range block {
		contentMask := maskLess(start+j, end)
		endMask := maskEqual(start+j, end)
		block[j] = block[j]&byte(contentMask) | 0x80&byte(endMask)
	}
	var length [8]byte // in bits, the key's block included
	binary.BigEndian.PutUint64(length[:], uint64(m.blockLen()+end)<<3)
	tail := (*[len(length)]byte)(block[len(block)-len(length):]) // an array: no check of j
	for j := range length {
		tail[j] |= length[j] & byte(lastMask)
	}
}

// readState takes the inner hash's state as its value where mask is set.
func (m *secretMAC) readState(mask int) {
	state, err := m.inner.AppendBinary(m.state[:0])
	if err != nil {
		panic("suite: the state of a hash could not be read: " + err.Error())
	}
	value := m.value[:m.size]
	for j, b := range state[stateStart : stateStart+m.size] {
		value[j] |= b & byte(mask)
	}
}

func setState(h stateHash, state []byte) {
	if err := h.UnmarshalBinary(state); err != nil {
		panic("suite: the state of a hash could not be set: " + err.Error())
	}
}

// copyMAC returns the MAC that begins at the secret position macStart of plain.
// It reads every byte that may belong to a MAC, puts each that does into a ring
// as long as the MAC, and then turns the ring, by a power of two at a time.
func (m *secretMAC) copyMAC(plain []byte, macStart int) []byte {
	ring, turned := m.mac[:m.size], m.rotated[:m.size]
	clear(ring)
	least, _ := m.contentRange(len(plain))
	turn, slot := 0, 0
	for i := least; i < len(plain); i++ {
		b, before := plain[i], ring[slot]
		inMask := ^maskLess(i, macStart) & maskLess(i, macStart+m.size)
		ring[slot] = before | b&byte(inMask)
		turn |= slot & maskEqual(i, macStart)
		if slot++; slot == m.size {
			slot = 0
		}
	}
	for step := 1; step < m.size; step <<= 1 {
		stepMask := maskLess(0, turn&step)
		from := step
		for to := range turned {
			stay, move := int(ring[to]), int(ring[from])
			turned[to] = byte(pick(stepMask, move, stay))
			if from++; from == m.size {
				from = 0
			}
		}
		ring, turned = turned, ring
	}
	return ring
}
