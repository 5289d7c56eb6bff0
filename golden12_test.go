package watchword

import (
	"fmt"
	"testing"

	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
)

// TestGoldenTranscripts12: as in TLS 1.3, with injected randomness and time a
// connection is the same to the byte, first a full handshake, then a resumed
// one.
func TestGoldenTranscripts12(t *testing.T) {
	for _, tc := range []struct {
		name string
		id   SuiteID
		more func(c, s *Config)
	}{
		{"tls12-ecdhe-psk-aes128-gcm", TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, func(c, s *Config) {}},
		{"tls12-ecdhe-psk-chacha20", TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256, func(c, s *Config) { c.Groups = []Group{P256} }},
		{"tls12-psk-aes128-cbc-sha256", TLS_PSK_WITH_AES_128_CBC_SHA256, func(c, s *Config) { s.IdentityHint = "a hint" }},
		{"tls12-ecdhe-psk-aes256-cbc-sha384", TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384, func(c, s *Config) {}},
		{"tls12-options", TLS_PSK_WITH_AES_256_GCM_SHA384, func(c, s *Config) {
			c.MaxVersion, s.MaxVersion, c.Suites = 0, VersionTLS12, append(c.Suites, TLS_AES_128_GCM_SHA256, TLS_PSK_WITH_AES_128_CBC_SHA)
			c.KeyExchange = PSKOnly
			c.ServerName, c.NextProtos, s.NextProtos = "host.example", []string{"a", "b"}, []string{"b"}
			c.RecordSizeLimit, s.RecordSizeLimit = 1000, 2000
		}},
		{"tls12-beside-tls13", TLS_PSK_WITH_AES_128_GCM_SHA256, func(c, s *Config) {
			// The server's random has the sentinel of RFC 9846 §4.2.3 in it.
			c.MaxVersion, s.MaxVersion = VersionTLS12, VersionTLS13
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := configs(t, external)
			in12(tc.id, nil)(t, c, s)
			ticketed(c, s)
			tc.more(c, s)
			got := transcriptOf(t, "first connection", c, s) + transcriptOf(t, "resumed", c, s)
			compareGolden(t, tc.name, got)
		})
	}
	// Without encrypt-then-MAC, against a raw end.
	for _, rawServer := range []bool{false, true} {
		name := "tls12-mac-then-encrypt-server"
		if rawServer {
			name = "tls12-mac-then-encrypt-client"
		}
		t.Run(name, func(t *testing.T) {
			d := rawDuel(t, TLS_PSK_WITH_AES_128_CBC_SHA256, suite.MACThenEncrypt, true, rawServer)
			d.raw.afterwards = func() []byte { return d.raw.seal(record.ApplicationData, []byte(textUp)) }
			d.mustComplete()
			if got, err := drain(d.victim, testNow); string(got) != textUp || err != ErrNeedInput {
				t.Fatalf("The engine read %q: %v.", got, err)
			}
			sealed, _, err := d.victim.Seal(nil, []byte(textDown), 1<<14)
			if err != nil {
				t.Fatal(err)
			}
			d.victim.CloseWrite()
			sealed = append(sealed, d.victim.Output(nil)...)
			compareGolden(t, name, fmt.Sprintf("# raw end\n%s# our end\n%s", wrapped(d.toVictim), wrapped(append(d.fromVictim, sealed...))))
		})
	}
}
