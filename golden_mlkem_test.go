//go:build go1.26

package watchword

// Golden transcripts with X25519MLKEM768. Encapsulation with given randomness
// needs Go 1.26.

import (
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/internal/handshake"
)

func TestGoldenTranscriptsOfMLKEM(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(client, server *Config)
	}{
		{"x25519mlkem768", func(c, s *Config) {}},
		{"retry-to-x25519mlkem768", func(c, s *Config) { c.KeyShares, s.Groups = []Group{X25519}, []Group{X25519MLKEM768} }},
	} {
		c, s := configs(t, KeyOptions{})
		// The order of suites depends on the processor otherwise.
		c.Suites = []SuiteID{TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256}
		s.Suites = c.Suites
		tc.change(c, s)
		p := newPair(t, c, s)
		hc, err := s.serverConfig()
		if err != nil {
			t.Fatal(err)
		}
		hc.Hooks = p.server.hooks()
		hc.Encapsulate = encapsulation(t)
		p.server.machine = handshake.NewServer(hc)
		p.converse()
		if s, c := p.end(p.server), p.end(p.client); !s.perfect(textUp) || !c.perfect(textDown) {
			t.Fatalf("%s: the connection ends in %v and %v.", tc.name, s, c)
		}
		if got := p.client.Session(); got.Group != X25519MLKEM768 {
			t.Errorf("%s: the group is %#x.", tc.name, got.Group)
		}
		compareGolden(t, tc.name, "# client to server\n"+wrapped(p.toServer)+"# server to client\n"+wrapped(p.toClient))
	}
}

// encapsulation is ML-KEM's with seeded randomness.
func encapsulation(t *testing.T) func(*mlkem.EncapsulationKey768) (secret, ciphertext []byte) {
	random := seeded(3)
	return func(key *mlkem.EncapsulationKey768) ([]byte, []byte) {
		message := make([]byte, 32)
		if _, err := io.ReadFull(random, message); err != nil {
			t.Fatal(err)
		}
		secret, ciphertext, err := mlkemtest.Encapsulate768(key, message)
		if err != nil {
			t.Fatal(err)
		}
		return secret, ciphertext
	}
}
