package suite

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("The test's own hex is wrong: %v", err)
	}
	return b
}

func TestHash(t *testing.T) {
	for _, c := range []struct {
		h    Hash
		size int
		kdf  uint16
		name string
		sum  []byte
	}{
		{SHA256, 32, 1, "SHA-256", func() []byte { s := sha256.Sum256([]byte("abc")); return s[:] }()},
		{SHA384, 48, 2, "SHA-384", func() []byte { s := sha512.Sum384([]byte("abc")); return s[:] }()},
	} {
		running := c.h.New()
		running.Write([]byte("abc"))
		if c.h.Size() != c.size || c.h.KDF() != c.kdf || c.h.String() != c.name ||
			!bytes.Equal(c.h.Sum([]byte("abc")), c.sum) || !bytes.Equal(running.Sum(nil), c.sum) {
			t.Errorf("%s has the wrong size, KDF, name or value.", c.h)
		}
		if h, ok := HashOfKDF(c.kdf); !ok || h != c.h {
			t.Errorf("The KDF %d does not lead back to %s.", c.kdf, c.h)
		}
		if h, ok := HashOfSize(c.size); !ok || h != c.h {
			t.Errorf("The size %d does not lead back to %s.", c.size, c.h)
		}
	}
	for _, n := range []int{-1, 0, 3, 31, 64, 0x0102} {
		if _, ok := HashOfKDF(uint16(n)); ok {
			t.Errorf("There is a hash for the unknown KDF %d.", n)
		}
		if _, ok := HashOfSize(n); ok {
			t.Errorf("There is a hash of %d bytes.", n)
		}
	}
}

// TestHKDF holds Extract and Expand against RFC 5869 appendix A.1 to A.3 (all
// for SHA-256); the expansions are of 42 and 82 bytes, both over one block.
func TestHKDF(t *testing.T) {
	for _, c := range []struct{ ikm, salt, info, prk, okm string }{
		{
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
			"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
		},
		{
			"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
			"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
			"b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
			"06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
			"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
		},
		{
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
			"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
		},
	} {
		prk := SHA256.Extract(unhex(t, c.salt), unhex(t, c.ikm))
		if !bytes.Equal(prk, unhex(t, c.prk)) {
			t.Errorf("Extract gave %x, RFC 5869 has %s.", prk, c.prk)
		}
		okm := unhex(t, c.okm)
		// Every shorter length is a beginning of it, over one block and under.
		for n := 0; n <= len(okm); n++ {
			if got := SHA256.Expand(prk, unhex(t, c.info), n); !bytes.Equal(got, okm[:n]) || cap(got) > n && n <= 32 {
				t.Errorf("Expand to %d bytes gave %x, RFC 5869 has %x.", n, got, okm[:n])
			}
		}
	}
}

// TestHMAC uses RFC 4231 §4.3 (test case 2).
func TestHMAC(t *testing.T) {
	for h, want := range map[Hash]string{
		SHA256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		SHA384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
	} {
		if got := h.HMAC([]byte("Jefe"), []byte("what do ya want for nothing?")); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("HMAC with %s gave %x, RFC 4231 has %s.", h, got, want)
		}
	}
}

func TestCountMACs(t *testing.T) {
	counts := map[Hash]int{}
	stop := CountMACs(func(h Hash) { counts[h]++ })
	SHA256.Extract(nil, nil)
	SHA256.HMAC(nil, nil)
	SHA384.Expand(make([]byte, 48), nil, 12)
	SHA384.Expand(make([]byte, 48), nil, 48)
	SHA384.Expand(make([]byte, 48), nil, 49)
	stop()
	SHA256.HMAC(nil, nil)
	if counts[SHA256] != 2 || counts[SHA384] != 4 {
		t.Errorf("%d and %d HMACs were counted, want 2 and 4.", counts[SHA256], counts[SHA384])
	}
}

// TestAEADs holds each AEAD against a vector: GCM from NIST's specification
// (test cases 1 and 13: empty plaintext, zero key) and ChaCha20-Poly1305 from
// RFC 8439 §2.8.2, its tag.
func TestAEADs(t *testing.T) {
	plain := []byte("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
	for _, c := range []struct {
		id                   ID
		key, nonce, aad, tag string
		plain                []byte
	}{
		{AES128GCMSHA256, "00000000000000000000000000000000", "000000000000000000000000", "", "58e2fccefa7e3061367f1d57a4e7455a", nil},
		{AES256GCMSHA384, "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "530f8afbc74536b9a963b4f1c4cb738b", nil},
		{
			ChaCha20Poly1305SHA256, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
			"070000004041424344454647", "50515253c0c1c2c3c4c5c6c7", "1ae10b594f09e26a7e902ecbd0600691", plain,
		},
	} {
		s, _ := ByID(c.id)
		aead, err := s.NewAEAD(unhex(t, c.key))
		if err != nil {
			t.Fatalf("%s has no AEAD: %v", s.Name, err)
		}
		sealed := aead.Seal(nil, unhex(t, c.nonce), c.plain, unhex(t, c.aad))
		if tag := sealed[len(sealed)-TagLen:]; !bytes.Equal(tag, unhex(t, c.tag)) {
			t.Errorf("%s gives the tag %x, want %s.", s.Name, tag, c.tag)
		}
	}
}
