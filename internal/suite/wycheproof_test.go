package suite

// Project Wycheproof's vectors, through what this package offers.

import (
	"bytes"
	"testing"

	"github.com/watchword-tls/watchword/internal/wycheprooftest"
)

type macVector struct {
	wycheprooftest.Vector
	Key, Msg, Tag wycheprooftest.Hex
}

// TestWycheproofHMAC runs each vector through the HMAC of records, and through
// Hash.HMAC where there is that hash. Those whose key and message fit are also
// computed over data of secret length, with the shortest padding, with a random
// one and with the longest: keys of CBC suites are no longer than a block, and
// a record's MAC covers at least its header.
func TestWycheproofHMAC(t *testing.T) {
	plain := map[*macHash]func(key, msg []byte) []byte{&macSHA256: SHA256.HMAC, &macSHA384: SHA384.HMAC}
	for file, h := range map[string]*macHash{
		"hmac_sha1_test.json": &macSHA1, "hmac_sha256_test.json": &macSHA256, "hmac_sha384_test.json": &macSHA384,
	} {
		ran, secret := 0, 0
		for _, g := range wycheprooftest.Load[macVector](t, file) {
			for _, v := range g.Tests {
				check := func(how string, mac []byte) {
					t.Helper()
					if valid := bytes.Equal(mac[:g.TagSize/8], v.Tag); valid != (v.Result == "valid") {
						t.Errorf("%s: %v: the tag fits %v, %s.", file, v, valid, how)
					}
				}
				ran++
				mac := h.newHMAC(v.Key)
				mac.Write(v.Msg)
				check("for records", mac.Sum(nil))
				if f := plain[h]; f != nil {
					check("as Hash.HMAC", f(v.Key, v.Msg))
				}
				if len(v.Key) <= h.blockLen() && len(v.Msg) >= macHeaderLen {
					secret++
					for _, padding := range []int{0, v.ID % maxPadding, maxPadding - 1} {
						check("with its length secret", secretHMAC(t, h, v.Key, v.Msg, padding))
					}
				}
			}
		}
		t.Logf("%s: %d vectors, %d of them with their length secret.", file, ran, secret)
		wycheprooftest.Ran(t, file, ran)
		if secret < 80 {
			t.Errorf("%s: %d vectors with a secret length are fewer than there should be.", file, secret)
		}
	}
}

type aeadVector struct {
	wycheprooftest.Vector
	Key, IV, AAD, Msg, CT, Tag wycheprooftest.Hex
}

// TestWycheproofAEAD runs those vectors that fit TLS, with a nonce of 12 bytes
// and a tag of 16, through each suite with a key of that length.
func TestWycheproofAEAD(t *testing.T) {
	for file, ids := range map[string][]ID{
		"aes_gcm_test.json":           {AES128GCMSHA256, AES256GCMSHA384, ECDHEPSKAES128GCMSHA256, ECDHEPSKAES256GCMSHA384, PSKAES128GCMSHA256, PSKAES256GCMSHA384},
		"chacha20_poly1305_test.json": {ChaCha20Poly1305SHA256, ECDHEPSKChaCha20Poly1305SHA256, PSKChaCha20Poly1305SHA256},
	} {
		ran, other := 0, 0
		for _, g := range wycheprooftest.Load[aeadVector](t, file) {
			fits := false
			for _, id := range ids {
				s, _ := ByID(id)
				if g.KeySize != 8*s.KeyLen || g.IVSize != 8*NonceLen || g.TagSize != 8*TagLen {
					continue
				}
				fits = true
				for _, v := range g.Tests {
					checkAEAD(t, s, v)
				}
			}
			if fits {
				ran += len(g.Tests)
			} else {
				other += len(g.Tests)
			}
		}
		t.Logf("%s: %d vectors; %d are for lengths that TLS has not.", file, ran, other)
		wycheprooftest.Ran(t, file, ran)
	}
}

func checkAEAD(t *testing.T, s *Suite, v aeadVector) {
	t.Helper()
	aead, err := s.NewAEAD(v.Key)
	if err != nil {
		t.Fatalf("%s: %v has no AEAD: %v", s.Name, v, err)
	}
	sealed := append(bytes.Clone(v.CT), v.Tag...)
	valid := v.Result == "valid"
	if got, err := aead.Open(nil, v.IV, sealed, v.AAD); (err == nil) != valid || valid && !bytes.Equal(got, v.Msg) {
		t.Errorf("%s: %v opened to %x, %v.", s.Name, v, got, err)
	}
	if got := aead.Seal(nil, v.IV, v.Msg, v.AAD); bytes.Equal(got, sealed) != valid {
		t.Errorf("%s: %v was sealed as %x.", s.Name, v, got)
	}
}

type cbcVector struct {
	wycheprooftest.Vector
	Key, IV, Msg, CT wycheprooftest.Hex
}

// TestWycheproofCBC: the padding of PKCS #5 is not that of TLS, whose bytes are
// one less, so a vector is no record. Of a valid one the ciphertext is what
// Seal makes of its blocks before the padding, and what our decrypter, used by
// itself, opens to message and padding. An invalid one, which must not open to
// any message by PKCS #5, is put into a record with a good MAC, and Open gives
// what the reference gives.
func TestWycheproofCBC(t *testing.T) {
	ran := 0
	for _, g := range wycheprooftest.Load[cbcVector](t, "aes_cbc_pkcs5_test.json") {
		id, ok := map[int]ID{128: ECDHEPSKAES128CBCSHA256, 256: ECDHEPSKAES256CBCSHA384}[g.KeySize]
		if !ok {
			continue // AES-192
		}
		s, _ := ByID(id)
		for _, v := range g.Tests {
			ran++
			macKey := make([]byte, s.MACLen)
			c, err := s.NewCBC(macKey, v.Key, EncryptThenMAC)
			if err != nil {
				t.Fatal(err)
			}
			if v.Result == "valid" {
				whole := len(v.Msg) &^ 15
				if got := c.Seal(nil, 0, 23, v.IV, v.Msg); !bytes.Equal(got[:16+whole], append(bytes.Clone(v.IV), v.CT[:whole]...)) {
					t.Errorf("%v was sealed as %x.", v, got)
				}
			}
			plain := make([]byte, len(v.CT)&^15)
			c.decrypter.SetIV(v.IV)
			c.decrypter.CryptBlocks(plain, v.CT[:len(plain)])
			msg, ok := pkcs5(plain)
			ok = ok && len(plain) == len(v.CT)
			if ok != (v.Result == "valid") || ok && !bytes.Equal(msg, v.Msg) {
				t.Errorf("%v was decrypted as %x.", v, plain)
			}
			r := reference{macKey, v.Key, macHashes[s.MACLen], EncryptThenMAC}
			body := append(bytes.Clone(v.IV), v.CT...)
			body = append(body, r.mac(0, 23, len(body), body)...)
			want, wantOK := r.open(0, 23, body)
			if got, ok := c.Open(0, 23, body); ok != wantOK || !bytes.Equal(got, want) {
				t.Errorf("%v: as a record, opened is %v and %x, want %v and %x.", v, ok, got, wantOK, want)
			}
		}
	}
	t.Logf("aes_cbc_pkcs5_test.json: %d vectors; the rest is AES-192.", ran)
	wycheprooftest.Ran(t, "aes_cbc_pkcs5_test.json", ran)
}

// pkcs5 returns the message before the padding of PKCS #5.
func pkcs5(plain []byte) ([]byte, bool) {
	if len(plain) == 0 {
		return nil, false
	}
	n := int(plain[len(plain)-1])
	if n == 0 || n > 16 || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, false
	}
	return plain[:len(plain)-n], true
}
