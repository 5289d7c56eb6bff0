package main

// The records that are opened, and which classes of them are compared.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"math/rand/v2"

	"github.com/watchword-tls/watchword/internal/suite"
)

// maxPadding is the greatest padding_length (RFC 5246 §6.2.3.2).
const maxPadding = 255

const applicationData = 23

// records makes records under one key, each with other content.
type records struct {
	suite       *suite.Suite
	length      int // of the ciphertext
	macKey, key []byte
	rng         *rand.Rand
	block       cipher.Block
	mac         hash.Hash
	header      [13]byte
}

func newRecords(s *suite.Suite, length int, rng *rand.Rand) *records {
	r := &records{suite: s, length: length, macKey: make([]byte, s.MACLen), key: make([]byte, s.KeyLen), rng: rng}
	r.fill(r.macKey)
	r.fill(r.key)
	var err error
	if r.block, err = aes.NewCipher(r.key); err != nil {
		panic(err) // the suite's own length
	}
	r.mac = r.newMAC()
	return r
}

// newMAC returns the suite's HMAC.
func (r *records) newMAC() hash.Hash {
	new := map[int]func() hash.Hash{sha1.Size: sha1.New, sha256.Size: sha256.New, sha512.Size384: sha512.New384}
	return hmac.New(new[r.suite.MACLen], r.macKey)
}

func (r *records) bodyLen() int { return aes.BlockSize + r.length }

// fill makes b random enough that no two records are alike. Classes must not
// differ in anything but what they are about.
func (r *records) fill(b []byte) {
	var word [8]byte
	for len(b) > 0 {
		binary.LittleEndian.PutUint64(word[:], r.rng.Uint64())
		b = b[copy(b, word[:]):]
	}
}

// macOf computes a record's MAC (RFC 5246 §6.2.3.1); all here have the sequence
// number zero.
func (r *records) macOf(dst, content []byte) []byte {
	r.header = [13]byte{8: applicationData, 9: 3, 10: 3, 11: byte(len(content) >> 8), 12: byte(len(content))}
	r.mac.Reset()
	r.mac.Write(r.header[:])
	r.mac.Write(content)
	return r.mac.Sum(dst)
}

// plain makes a plaintext with a good MAC and this padding_length in body, and
// returns it with where its MAC begins.
func (r *records) plain(body []byte, padding int) (plain []byte, mac int) {
	r.fill(body[:aes.BlockSize])
	plain = body[aes.BlockSize:]
	mac = r.length - r.suite.MACLen - 1 - padding
	r.fill(plain[:mac])
	r.macOf(plain[:mac], plain[:mac])
	for i := range padding + 1 {
		plain[r.length-1-i] = byte(padding)
	}
	return plain, mac
}

func (r *records) encrypt(body []byte) {
	cipher.NewCBCEncrypter(r.block, body[:aes.BlockSize]).CryptBlocks(body[aes.BlockSize:], body[aes.BlockSize:])
}

// A class makes one kind of record in body.
type class func(r *records, body []byte)

// good is a record with this padding_length.
func good(padding int) class {
	return func(r *records, body []byte) {
		r.plain(body, padding)
		r.encrypt(body)
	}
}

// badMAC is one whose MAC is wrong, with this padding_length.
func badMAC(padding int) class {
	return func(r *records, body []byte) {
		plain, mac := r.plain(body, padding)
		r.fill(plain[mac : mac+r.suite.MACLen])
		r.encrypt(body)
	}
}

// badPadding is one whose MAC is right and whose padding is wrong at this
// distance before padding_length.
func badPadding(padding, distance int) class {
	return func(r *records, body []byte) {
		plain, _ := r.plain(body, padding)
		plain[r.length-1-distance] ^= 1 + byte(r.rng.Uint32N(255))
		r.encrypt(body)
	}
}

// badBoth is one with a wrong MAC and this padding_length, but padding that is
// random otherwise: what an attacker gets who changes the last blocks.
func badBoth(padding int) class {
	return func(r *records, body []byte) {
		plain, mac := r.plain(body, padding)
		r.fill(plain[mac : r.length-1])
		r.encrypt(body)
	}
}

type comparison struct {
	name  string
	class [2]class
}

func (c comparison) String() string { return c.name }

// comparisons are pairs of which no peer may learn which one it sent. In each
// pair both are bad, or both are good: that, the alert says anyway.
var comparisons = []comparison{
	{"bad MAC: valid against invalid padding", [2]class{badMAC(15), badBoth(15)}},
	{"bad MAC: padding of 255 against 0", [2]class{badMAC(maxPadding), badMAC(0)}},
	{"bad MAC against bad padding", [2]class{badMAC(31), badPadding(31, 8)}},
	{"padding bad at its first against its last byte", [2]class{badPadding(maxPadding, maxPadding), badPadding(maxPadding, 1)}},
	{"good record: padding of 255 against 0", [2]class{good(maxPadding), good(0)}},
}
