package suite

// CBC records against a reference that is written straight from the RFCs, with
// none of our code and without a thought for time.

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"testing"
)

// reference seals and opens as RFC 5246 §6.2.3.2 and RFC 7366 §3 say.
type reference struct {
	macKey, key []byte
	hash        func() hash.Hash
	form        CBCForm
}

func (r reference) mac(seq uint64, typ byte, n int, data []byte) []byte {
	mac := hmac.New(r.hash, r.macKey)
	mac.Write(binary.BigEndian.AppendUint64(nil, seq))
	mac.Write([]byte{typ, 3, 3, byte(n >> 8), byte(n)})
	mac.Write(data)
	return mac.Sum(nil)
}

// encrypt returns IV and ciphertext of whole blocks.
func (r reference) encrypt(iv, plain []byte) []byte {
	block, err := aes.NewCipher(r.key)
	if err != nil {
		panic(err)
	}
	out := append(bytes.Clone(iv), plain...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out[16:], plain)
	return out
}

func (r reference) decrypt(body []byte) []byte {
	block, err := aes.NewCipher(r.key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(body)-16)
	cipher.NewCBCDecrypter(block, body[:16]).CryptBlocks(out, body[16:])
	return out
}

// seal uses the shortest padding and extra more blocks of it.
func (r reference) seal(seq uint64, typ byte, iv, content []byte, extra int) []byte {
	plain := bytes.Clone(content)
	if r.form == MACThenEncrypt {
		plain = append(plain, r.mac(seq, typ, len(content), content)...)
	}
	padding := 15 - len(plain)%16 + 16*extra
	body := r.encrypt(iv, append(plain, bytes.Repeat([]byte{byte(padding)}, padding+1)...))
	if r.form == EncryptThenMAC {
		body = append(body, r.mac(seq, typ, len(body), body)...)
	}
	return body
}

func (r reference) open(seq uint64, typ byte, body []byte) ([]byte, bool) {
	macLen := r.hash().Size()
	if r.form == EncryptThenMAC {
		if len(body) < 32+macLen || (len(body)-macLen)%16 != 0 {
			return nil, false
		}
		mac := body[len(body)-macLen:]
		body = body[:len(body)-macLen]
		if !bytes.Equal(mac, r.mac(seq, typ, len(body), body)) {
			return nil, false
		}
		macLen = 0
	} else if len(body) < 32 || len(body)%16 != 0 {
		return nil, false
	}
	plain := r.decrypt(body)
	padding := int(plain[len(plain)-1])
	n := len(plain) - 1 - padding - macLen
	if n < 0 {
		return nil, false
	}
	for _, b := range plain[n+macLen:] {
		if int(b) != padding {
			return nil, false
		}
	}
	if r.form == MACThenEncrypt && !bytes.Equal(plain[n:n+macLen], r.mac(seq, typ, n, plain[:n])) {
		return nil, false
	}
	return plain[:n], true
}

var macHashes = map[int]func() hash.Hash{20: sha1.New, 32: sha256.New, 48: sha512.New384}

// bytesFrom returns n bytes that look random and are the same each time.
func bytesFrom(seed string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", seed, i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// both calls f for each kind of CBC suite and each form, with a CBC and a
// reference that have the same keys.
func both(t *testing.T, f func(t *testing.T, c *CBC, r reference)) {
	for _, id := range []ID{ECDHEPSKAES128CBCSHA, ECDHEPSKAES256CBCSHA, ECDHEPSKAES128CBCSHA256, ECDHEPSKAES256CBCSHA384} {
		for name, form := range map[string]CBCForm{"MACThenEncrypt": MACThenEncrypt, "EncryptThenMAC": EncryptThenMAC} {
			t.Run(id.String()+"/"+name, func(t *testing.T) {
				c, r := newBoth(t, id, form)
				f(t, c, r)
			})
		}
	}
}

func newBoth(t testing.TB, id ID, form CBCForm) (*CBC, reference) {
	t.Helper()
	s, _ := ByID(id)
	r := reference{bytesFrom("MAC key", s.MACLen), bytesFrom("key", s.KeyLen), macHashes[s.MACLen], form}
	c, err := s.NewCBC(r.macKey, r.key, form)
	if err != nil {
		t.Fatalf("%s has no CBC form: %v", s.Name, err)
	}
	return c, r
}

// TestCBCAgainstReference seals contents of many lengths, with every padding
// that they allow, and opens each record with both.
func TestCBCAgainstReference(t *testing.T) {
	lengths := []int{500, 1000, 1<<14 - 1, 1 << 14}
	for n := range 330 {
		lengths = append(lengths, n)
	}
	both(t, func(t *testing.T, c *CBC, r reference) {
		for _, n := range lengths {
			content, iv, seq, typ := bytesFrom("content", n), bytesFrom("IV", 16), uint64(n)<<40|7, byte(n)
			shortest := r.seal(seq, typ, iv, content, 0)
			if got := c.Seal([]byte("head"), seq, typ, iv, content); !bytes.Equal(got, append([]byte("head"), shortest...)) {
				t.Fatalf("A record with %d bytes of content was sealed as %x, want %x.", n, got, shortest)
			}
			if c.SealedLen(n) != len(shortest) {
				t.Fatalf("A record with %d bytes of content has %d bytes, SealedLen says %d.", n, len(shortest), c.SealedLen(n))
			}
			for extra := range 16 {
				body := r.seal(seq, typ, iv, content, extra)
				got, ok := c.Open(seq, typ, body)
				if !ok || !bytes.Equal(got, content) {
					t.Fatalf("A record with %d bytes of content and %d blocks of padding did not open.", n, extra)
				}
			}
		}
	})
}
