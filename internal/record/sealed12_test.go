package record

// Records of TLS 1.2 as the RFCs describe them, computed a second time from Go's
// primitives alone: what the Writer makes must be the same, and whatever it
// does not make, right or wrong, comes from here.

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"golang.org/x/crypto/chacha20poly1305"
)

// A recipe says what is in a record. Its zero value with a content is an
// ordinary one.
type recipe struct {
	seq     uint64
	t       ContentType
	version uint16 // that is covered by the MAC; zero: 0x0303
	content []byte
	iv      []byte // CBC: 16 bytes, GCM: 8 bytes; nil: zeros, for GCM seq
	blocks  int    // CBC: of padding beyond the shortest
	spoil   int    // CBC: that byte of the padding from its end is wrong; zero: none
}

// seal returns the record for a recipe.
func (c protection12Case) seal(t testing.TB, k schedule.Keys12, r recipe) []byte {
	t.Helper()
	if r.version == 0 {
		r.version = 0x0303
	}
	var fragment []byte
	switch {
	case strings.Contains(c.suite.Name, "_CBC_"):
		fragment = c.sealCBC(t, k, r)
	case strings.Contains(c.suite.Name, "_GCM_"):
		fragment = sealGCM(t, k, r)
	default:
		fragment = sealChaCha20(t, k, r)
	}
	return append([]byte{byte(r.t), 3, 3, byte(len(fragment) >> 8), byte(len(fragment))}, fragment...)
}

// covered is what a MAC or an AEAD covers beside n bytes (RFC 5246 §6.2.3.1 and
// §6.2.3.3).
func (r recipe) covered(n int) []byte {
	b := binary.BigEndian.AppendUint64(nil, r.seq)
	return append(b, byte(r.t), byte(r.version>>8), byte(r.version), byte(n>>8), byte(n))
}

// sealGCM (RFC 5288 §3).
func sealGCM(t testing.TB, k schedule.Keys12, r recipe) []byte {
	explicit := r.iv
	if explicit == nil {
		explicit = binary.BigEndian.AppendUint64(nil, r.seq)
	}
	gcm, err := cipher.NewGCM(newAES(t, k))
	if err != nil {
		t.Fatalf("There is no GCM: %v", err)
	}
	nonce := append(bytes.Clone(k.IV()), explicit...)
	return gcm.Seal(bytes.Clone(explicit), nonce, r.content, r.covered(len(r.content)))
}

// sealChaCha20 (RFC 7905 §2).
func sealChaCha20(t testing.TB, k schedule.Keys12, r recipe) []byte {
	aead, err := chacha20poly1305.New(k.Key())
	if err != nil {
		t.Fatalf("There is no ChaCha20-Poly1305: %v", err)
	}
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[4:], r.seq)
	for i := range nonce {
		nonce[i] ^= k.IV()[i]
	}
	return aead.Seal(nil, nonce, r.content, r.covered(len(r.content)))
}

// sealCBC (RFC 5246 §6.2.3.2, RFC 7366 §3).
func (c protection12Case) sealCBC(t testing.TB, k schedule.Keys12, r recipe) []byte {
	iv := r.iv
	if iv == nil {
		iv = make([]byte, 16)
	}
	mac := func(parts ...[]byte) []byte {
		newHash := map[int]func() hash.Hash{20: sha1.New, 32: sha256.New, 48: sha512.New384}
		h := hmac.New(newHash[len(k.MACKey())], k.MACKey())
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	plain := bytes.Clone(r.content)
	if c.form == suite.MACThenEncrypt {
		plain = append(plain, mac(r.covered(len(r.content)), r.content)...)
	}
	padding := 15 - len(plain)%16 + 16*r.blocks
	for range padding + 1 {
		plain = append(plain, byte(padding))
	}
	if r.spoil > 0 {
		wrong := byte(0x10)
		if padding == 0x10 {
			wrong = 0x20 // zero would be right again
		}
		plain[len(plain)-r.spoil] ^= wrong
	}
	cipher.NewCBCEncrypter(newAES(t, k), iv).CryptBlocks(plain, plain)
	fragment := append(bytes.Clone(iv), plain...)
	if c.form == suite.EncryptThenMAC {
		fragment = append(fragment, mac(r.covered(len(fragment)), fragment)...)
	}
	return fragment
}

func newAES(t testing.TB, k schedule.Keys12) cipher.Block {
	t.Helper()
	block, err := aes.NewCipher(k.Key())
	if err != nil {
		t.Fatalf("There is no AES with this key: %v", err)
	}
	return block
}

// TestSealedAsTheRFCsSay holds what the Writer makes against the above, and
// gives the Reader what the Writer cannot make: any nonce, any IV.
func TestSealedAsTheRFCsSay(t *testing.T) {
	for _, c := range cases12() {
		k := c.keys(t, 1)
		for _, n := range edges() {
			for _, seq := range []uint64{0, 1, 0x01020304, 0x0102030405060708} {
				content := bytes.Repeat([]byte{byte(n)}, n)
				w, r := c.pair(t)
				w.seq, r.seq = min(seq, 1<<31), seq // the Writer has its limit
				w.tls12.rand = bytes.NewReader(bytes.Repeat([]byte("0123456789abcdef"), 16))
				want := recipe{seq: w.seq, t: ApplicationData, content: content}
				if c.suite.Cipher == suite.BlockCBC {
					want.iv = []byte("0123456789abcdef")
				}
				if got := mustAppend(t, w, ApplicationData, content); !bytes.Equal(got, c.seal(t, k, want)) {
					t.Fatalf("%s: record %d with %d bytes is not the one that the RFCs describe.", c.name, w.seq-1, n)
				}
				other := recipe{seq: seq, t: ApplicationData, content: content}
				if c.suite.ExplicitNonceLen > 0 {
					other.iv = []byte("a nonce of 16 by")[:c.suite.ExplicitNonceLen]
				}
				if _, got, err := r.Open(nil, c.seal(t, k, other)); err != nil || !bytes.Equal(got, content) {
					t.Fatalf("%s: record %d with %d bytes did not open: %v", c.name, seq, n, err)
				}
				if n > 100 {
					break
				}
			}
		}
	}
}
