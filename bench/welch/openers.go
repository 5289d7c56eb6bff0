package main

// The two openers, and what each costs.

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/watchword-tls/watchword/internal/suite"
)

// An opener opens a record in place and says whether it was good.
type opener struct {
	name  string
	leaks bool // as it must turn out
	new   func(r *records) func(body []byte) bool
}

var openers = []opener{
	{"ours", false, func(r *records) func([]byte) bool { return ours(r, suite.MACThenEncrypt) }},
	{"naive", true, naive},
}

func ours(r *records, form suite.CBCForm) func(body []byte) bool {
	c, err := r.suite.NewCBC(r.macKey, r.key, form)
	if err != nil {
		fail("%v", err)
	}
	return func(body []byte) bool {
		_, ok := c.Open(0, applicationData, body)
		return ok
	}
}

// naive is an opener as one would write it from RFC 5246 §6.2.3.2 alone. It is
// what an attacker hopes for: it ends where it finds the first fault, and hashes
// only what is content. Use it for nothing.
func naive(r *records) func(body []byte) bool {
	decrypter := cipher.NewCBCDecrypter(r.block, make([]byte, aes.BlockSize)).(interface {
		cipher.BlockMode
		SetIV(iv []byte)
	})
	sum := make([]byte, 0, r.suite.MACLen)
	return func(body []byte) bool {
		plain := body[aes.BlockSize:]
		decrypter.SetIV(body[:aes.BlockSize])
		decrypter.CryptBlocks(plain, plain)
		padding := int(plain[len(plain)-1])
		mac := len(plain) - 1 - padding - r.suite.MACLen
		if mac < 0 {
			return false
		}
		for i := len(plain) - 2; i >= mac+r.suite.MACLen; i-- {
			if int(plain[i]) != padding {
				return false
			}
		}
		return bytes.Equal(r.macOf(sum, plain[:mac]), plain[mac:mac+r.suite.MACLen])
	}
}

// costs prints what a record of full size costs, one after the other so that a
// disturbance hits all alike.
func costs(s *suite.Suite, rng *rand.Rand) {
	const content, rounds = 1 << 14, 2000
	inner := (content + s.MACLen + aes.BlockSize) / aes.BlockSize * aes.BlockSize
	r := newRecords(s, inner, rng)
	record := make([]byte, r.bodyLen())
	good(inner-content-s.MACLen-1)(r, record)
	etm, err := s.NewCBC(r.macKey, r.key, suite.EncryptThenMAC)
	if err != nil {
		fail("%v", err)
	}
	iv, text := record[:aes.BlockSize], record[:content]
	sealed := etm.Seal(nil, 0, applicationData, iv, text)
	room, body := make([]byte, 0, len(record)+len(sealed)), make([]byte, len(record))
	openETM, openMTE, openNaive := ours(r, suite.EncryptThenMAC), ours(r, suite.MACThenEncrypt), naive(r)
	opened := func(open func([]byte) bool, record []byte) func() {
		return func() {
			if !open(append(body[:0], record...)) {
				fail("a good record did not open")
			}
		}
	}
	runs := []struct {
		name string
		run  func()
	}{
		{"seal, encrypt-then-MAC", func() { etm.Seal(room, 0, applicationData, iv, text) }},
		{"open, encrypt-then-MAC", opened(openETM, sealed)},
		{"open, MAC-then-encrypt, ours", opened(openMTE, record)},
		{"open, MAC-then-encrypt, naive", opened(openNaive, record)},
	}
	times := make([][]int64, len(runs))
	for range rounds {
		for i := range runs {
			start := time.Now()
			runs[i].run()
			times[i] = append(times[i], int64(time.Since(start)))
		}
	}
	fmt.Printf("%-30s  %9s  %9s\n", "a record of 16 KiB", "fastest", "median")
	for i := range runs {
		fmt.Printf("%-30s  %9s  %9s\n", runs[i].name, nanoseconds(slices.Min(times[i])), nanoseconds(median(times[i])))
	}
}
