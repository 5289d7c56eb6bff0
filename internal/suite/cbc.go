package suite

// CBC with HMAC: how the block cipher suites of TLS 1.2 protect a record, in
// the order of RFC 5246 §6.2.3.2 (MAC-then-encrypt) and in that of RFC 7366 §3
// (encrypt-then-MAC). Opening the former is in cbc_open.go.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
)

// CBCForm is what goes first, the MAC or the cipher.
type CBCForm uint8

const (
	// MACThenEncrypt is the order of RFC 5246 §6.2.3.2.
	MACThenEncrypt CBCForm = iota
	// EncryptThenMAC is the order of RFC 7366 §3, safe by construction.
	EncryptThenMAC
)

const (
	// ivLen is the length of the IV that begins each record (RFC 5246
	// §6.2.3.2), that of a block.
	ivLen = aes.BlockSize

	// macHeaderLen is the length of what the MAC covers before the content:
	// seq_num, type, version, length (RFC 5246 §6.2.3.1).
	macHeaderLen = 8 + 1 + 2 + 2

	// maxPadding is the most bytes of padding, padding_length among them
	// (RFC 5246 §6.2.3.2).
	maxPadding = 256
)

// A CBC protects the records of one direction. Calls must not overlap.
type CBC struct {
	form      CBCForm
	macLen    int
	encrypter settable
	decrypter settable
	mac       hash.Hash // HMAC, for sealing, and for opening with EncryptThenMAC
	secret    *secretMAC
	header    [macHeaderLen]byte
	sum       [MaxHashSize]byte
}

// settable is a mode that can start again with another IV.
type settable interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

// NewCBC returns the suite's protection under these keys, which must have MACLen
// and KeyLen bytes.
func (s *Suite) NewCBC(macKey, key []byte, form CBCForm) (*CBC, error) {
	switch {
	case s.Cipher != BlockCBC:
		return nil, fmt.Errorf("suite: %s does not use CBC", s.Name)
	case len(macKey) != s.MACLen:
		return nil, fmt.Errorf("suite: %s takes a MAC key of %d bytes, not of %d", s.Name, s.MACLen, len(macKey))
	case len(key) != s.KeyLen:
		return nil, fmt.Errorf("suite: %s takes a key of %d bytes, not of %d", s.Name, s.KeyLen, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var iv [ivLen]byte
	h := s.macHash()
	c := &CBC{form: form, macLen: s.MACLen, mac: h.newHMAC(macKey)}
	c.encrypter = cipher.NewCBCEncrypter(block, iv[:]).(settable)
	c.decrypter = cipher.NewCBCDecrypter(block, iv[:]).(settable)
	if form == MACThenEncrypt {
		if c.secret, err = h.newSecretMAC(macKey); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (h *macHash) newHMAC(key []byte) hash.Hash { return hmac.New(h.new, key) }

// SealedLen returns the length of a record with n bytes of content: IV,
// ciphertext and MAC.
func (c *CBC) SealedLen(n int) int {
	if c.form == EncryptThenMAC {
		return ivLen + padded(n) + c.macLen
	}
	return ivLen + padded(n+c.macLen)
}

// MinLen returns the shortest length that a record can have.
func (c *CBC) MinLen() int { return c.SealedLen(0) }

// padded returns the length of n bytes and their padding: at least one byte,
// padding_length, to whole blocks.
func padded(n int) int { return n - n%aes.BlockSize + aes.BlockSize }

// setHeader sets what the MAC covers before content of n bytes.
func (c *CBC) setHeader(seq uint64, typ byte, n int) {
	binary.BigEndian.PutUint64(c.header[:], seq)
	c.header[8] = typ
	binary.BigEndian.PutUint16(c.header[9:], TLS12)
	binary.BigEndian.PutUint16(c.header[11:], uint16(n))
}

// appendMAC appends the MAC of header and data to dst.
func (c *CBC) appendMAC(dst, data []byte) []byte {
	c.mac.Reset()
	c.mac.Write(c.header[:])
	c.mac.Write(data)
	return c.mac.Sum(dst)
}

// Seal appends the record's fragment to dst: IV, ciphertext and, in the form
// EncryptThenMAC, the MAC. iv must have 16 bytes that nobody can foretell.
// content must not overlap the free room of dst. It does not allocate where dst
// has room.
func (c *CBC) Seal(dst []byte, seq uint64, typ byte, iv, content []byte) []byte {
	dst = slices.Grow(dst, c.SealedLen(len(content)))
	start := len(dst)
	dst = append(dst, iv[:ivLen]...)
	dst = append(dst, content...)
	if c.form == MACThenEncrypt {
		c.setHeader(seq, typ, len(content))
		dst = c.appendMAC(dst, content)
	}
	// The shortest padding: longer ones would hide little and cost bytes.
	inner := len(dst) - start - ivLen
	padding := byte(padded(inner) - inner - 1)
	for range int(padding) + 1 {
		dst = append(dst, padding)
	}
	c.encrypter.SetIV(iv)
	c.encrypter.CryptBlocks(dst[start+ivLen:], dst[start+ivLen:])
	if c.form == EncryptThenMAC {
		// RFC 7366 §3: over the IV too; the length is that of IV and
		// ciphertext.
		c.setHeader(seq, typ, len(dst)-start)
		dst = c.appendMAC(dst, dst[start:])
	}
	return dst
}

// Open opens the fragment of a record in place and returns its content, which
// is part of body. Where ok is false the record is bad: then body holds no
// plaintext, and time has not told why, in the form EncryptThenMAC because the
// MAC is checked first, in the form MACThenEncrypt because the same is done in
// the same time, given len(body), whatever is in it.
func (c *CBC) Open(seq uint64, typ byte, body []byte) (content []byte, ok bool) {
	if c.form == EncryptThenMAC {
		return c.openVerified(seq, typ, body)
	}
	return c.openSecret(seq, typ, body)
}

func (c *CBC) openVerified(seq uint64, typ byte, body []byte) ([]byte, bool) {
	end := len(body) - c.macLen
	if len(body) < c.MinLen() || end%aes.BlockSize != 0 {
		return nil, false
	}
	c.setHeader(seq, typ, end)
	if subtle.ConstantTimeCompare(c.appendMAC(c.sum[:0], body[:end]), body[end:]) != 1 {
		return nil, false
	}
	plain := body[ivLen:end]
	c.decrypter.SetIV(body[:ivLen])
	c.decrypter.CryptBlocks(plain, plain)
	n, good := removePadding(plain, 0)
	if good == 0 { // the peer itself has done this
		clear(body)
		return nil, false
	}
	return plain[:n:n], true
}
