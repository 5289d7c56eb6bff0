//go:build go1.26

package handshake

// ML-KEM-768 through our own shares against the accumulated vector of the
// Community Cryptography Test Vectors (a hundred keys, encapsulations and
// rejections, hashed). Encapsulation with given randomness needs Go 1.26.

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha3"
	"encoding/hex"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/internal/wire"
)

func TestMLKEMVectors(t *testing.T) {
	const want = "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415"
	source, sum := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	x25519 := bytes.Repeat([]byte{7}, 32) // beside it; not part of the vector
	message := make([]byte, 32)
	invalid := make([]byte, mlkem.CiphertextSize768)
	for range 100 {
		shares, err := newShares([]wire.NamedGroup{wire.GroupX25519MLKEM768}, io.MultiReader(bytes.NewReader(x25519), source))
		if err != nil {
			t.Fatal(err)
		}
		client := shares[0].entry().KeyExchange
		sum.Write(client[:mlkem.EncapsulationKeySize768])

		source.Read(message)
		c := &Common{Rand: bytes.NewReader(x25519), Encapsulate: func(k *mlkem.EncapsulationKey768) ([]byte, []byte) {
			secret, ciphertext, err := mlkemtest.Encapsulate768(k, message)
			if err != nil {
				t.Fatal(err)
			}
			return secret, ciphertext
		}}
		entry, secret, err := answerShare(c, wire.GroupX25519MLKEM768, client)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(entry.KeyExchange[:mlkem.CiphertextSize768])
		sum.Write(secret[:mlkem.SharedKeySize])
		if got, err := shares[0].sharedSecret(entry.KeyExchange); err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("The client does not get the server's secret: %v", err)
		}

		source.Read(invalid)
		rejected, err := shares[0].sharedSecret(append(bytes.Clone(invalid), entry.KeyExchange[mlkem.CiphertextSize768:]...))
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(rejected[:mlkem.SharedKeySize])
	}
	got := make([]byte, 32)
	sum.Read(got)
	if hex.EncodeToString(got) != want {
		t.Errorf("The hash over all shares and secrets is %x, want %s.", got, want)
	}
}
