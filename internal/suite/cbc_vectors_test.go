package suite

// Published vectors through the CBC records: RFC 5246 and RFC 7366 have none.

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"testing"
)

// TestCBCVectors uses NIST SP 800-38A, F.2.1 and F.2.5: with encrypt-then-MAC
// the first blocks of a record are the cipher's alone.
func TestCBCVectors(t *testing.T) {
	plain := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	iv := unhex(t, "000102030405060708090a0b0c0d0e0f")
	for _, c := range []struct {
		id          ID
		key, cipher string
	}{
		{ECDHEPSKAES128CBCSHA256, "2b7e151628aed2a6abf7158809cf4f3c", "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
		{ECDHEPSKAES256CBCSHA384, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
	} {
		s, _ := ByID(c.id)
		cbc, err := s.NewCBC(make([]byte, s.MACLen), unhex(t, c.key), EncryptThenMAC)
		if err != nil {
			t.Fatal(err)
		}
		got := cbc.Seal(nil, 0, 23, iv, plain)
		if want := append(bytes.Clone(iv), unhex(t, c.cipher)...); !bytes.Equal(got[:len(want)], want) {
			t.Errorf("%s encrypts to %x, SP 800-38A has %s.", s.Name, got[:len(want)], c.cipher)
		}
	}
}

// TestSecretMACVectors uses RFC 2202 §3 and RFC 4231 §4.3 to §4.5: the HMAC over
// data of secret length, with every length that the record allows around it.
func TestSecretMACVectors(t *testing.T) {
	counting := make([]byte, 25)
	for i := range counting {
		counting[i] = byte(i + 1)
	}
	jefe, nothing := []byte("Jefe"), []byte("what do ya want for nothing?")
	aa, dd, cd := bytes.Repeat([]byte{0xaa}, 20), bytes.Repeat([]byte{0xdd}, 50), bytes.Repeat([]byte{0xcd}, 50)
	for _, c := range []struct {
		h         *macHash
		key, data []byte
		want      string
	}{
		{&macSHA1, jefe, nothing, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{&macSHA1, aa, dd, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
		{&macSHA1, counting, cd, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
		{&macSHA256, jefe, nothing, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{&macSHA256, aa, dd, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{&macSHA256, counting, cd, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		{&macSHA384, jefe, nothing, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
		{&macSHA384, aa, dd, "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27"},
		{&macSHA384, counting, cd, "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb"},
	} {
		if len(c.key) > c.h.blockLen() {
			t.Fatal("No key here is longer than a block.")
		}
		for padding := range maxPadding {
			if got := secretHMAC(t, c.h, c.key, c.data, padding); !bytes.Equal(got, unhex(t, c.want)) {
				t.Errorf("The HMAC of %d bytes before %d bytes of padding is %x, want %s.", len(c.data), padding, got, c.want)
			}
		}
	}
}

// secretHMAC returns the HMAC of data, of which the first 13 bytes go where a
// record's header goes, in a record with this many bytes of padding.
func secretHMAC(t *testing.T, h *macHash, key, data []byte, padding int) []byte {
	t.Helper()
	m, err := h.newSecretMAC(key)
	if err != nil {
		t.Fatal(err)
	}
	n := len(data) - macHeaderLen
	plain := append(bytes.Clone(data[macHeaderLen:]), bytes.Repeat([]byte{0xee}, h.size+1+padding)...)
	return m.sum((*[macHeaderLen]byte)(data), plain, n)
}

// TestCopyMAC: the MAC is found at each place where it can be.
func TestCopyMAC(t *testing.T) {
	for _, h := range []*macHash{&macSHA1, &macSHA256, &macSHA384} {
		m, err := h.newSecretMAC(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []int{64, 80, 400, 1 << 12} {
			plain := bytesFrom("plaintext", length)
			least, most := m.contentRange(length)
			for at := least; at <= most; at++ {
				if got := m.copyMAC(plain, at); !bytes.Equal(got, plain[at:at+h.size]) {
					t.Errorf("From %d bytes at %d the MAC was copied as %x, want %x.", length, at, got, plain[at:at+h.size])
				}
			}
		}
	}
}

// TestMasks holds the masks against the comparisons that they stand for.
func TestMasks(t *testing.T) {
	numbers := []int{0, 1, 2, 15, 16, 255, 256, 1 << 14, 1<<16 - 1, 1<<31 - 1, -1, -256}
	mask := map[bool]int{true: -1, false: 0}
	for _, a := range numbers {
		for _, b := range numbers {
			if d := int64(a) - int64(b); d > 1<<31-1 || -d > 1<<31-1 {
				continue // outside of what the masks are for
			}
			if maskLess(a, b) != mask[a < b] || maskEqual(a, b) != mask[a == b] {
				t.Errorf("The masks of %d and %d are %d and %d.", a, b, maskLess(a, b), maskEqual(a, b))
			}
		}
		if pick(-1, a, 7) != a || pick(0, a, 7) != 7 {
			t.Errorf("Of %d and 7 the wrong one was picked.", a)
		}
	}
}

// TestUnreadableHash: a hash whose state is elsewhere, or hidden, is refused
// when the keys are set, not found out by records that do not open.
func TestUnreadableHash(t *testing.T) {
	for name, h := range map[string]*macHash{
		"another block": {sha256.Size, 7, 8, sha256.New},
		"another value": {sha256.Size, 6, 8, sha256.New224},
		"hidden":        {sha256.Size, 6, 8, func() hash.Hash { return struct{ hash.Hash }{sha256.New()} }},
	} {
		if _, err := h.newSecretMAC(make([]byte, 32)); err != errHashState {
			t.Errorf("%s: the error is %v, want that the state cannot be read.", name, err)
		}
	}
}
