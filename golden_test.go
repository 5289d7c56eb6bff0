package watchword

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden transcripts anew")

// TestGoldenTranscripts: with injected randomness and time a connection is the
// same to the byte, so whatever changes the bytes on the wire shows. The group
// X25519MLKEM768 is missing: the standard library takes no randomness for its
// encapsulation (internal/handshake has vectors for it).
func TestGoldenTranscripts(t *testing.T) {
	cases := []struct {
		name   string
		key    KeyOptions
		change func(client, server *Config)
	}{
		{"x25519", KeyOptions{}, func(c, s *Config) { c.KeyShares = []Group{X25519}; c.Groups = []Group{X25519} }},
		{"p256", KeyOptions{}, func(c, s *Config) { c.Groups = []Group{P256} }},
		{"psk_ke", KeyOptions{}, func(c, s *Config) { c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly }},
		{"retry", KeyOptions{}, func(c, s *Config) { c.Groups, s.Groups = []Group{X25519, P256}, []Group{P256} }},
		{"external", KeyOptions{Kind: External}, func(c, s *Config) { c.Groups = []Group{X25519} }},
		{"external-sha384", KeyOptions{Kind: External, Hash: SHA384}, func(c, s *Config) { c.Groups = []Group{X25519} }},
		{"context", KeyOptions{Context: []byte("a context")}, func(c, s *Config) { c.Groups = []Group{X25519} }},
		{"options", KeyOptions{}, func(c, s *Config) {
			c.Groups = []Group{X25519}
			c.ServerName, c.NextProtos, s.NextProtos = "host.example", []string{"a", "b"}, []string{"b"}
			c.RecordSizeLimit, s.RecordSizeLimit, s.PadRecords = 1000, 2000, 64
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, s := configs(t, tc.key)
			// The order of suites depends on the processor otherwise.
			c.Suites = []SuiteID{TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256}
			s.Suites = c.Suites
			c.Tickets = &Tickets{Cache: NewTicketCache()}
			tc.change(c, s)
			got := transcriptOf(t, "first connection", c, s) + transcriptOf(t, "resumed", c, s)
			compareGolden(t, tc.name, got)
		})
	}
}

// transcriptOf runs a connection with one message and its answer.
func transcriptOf(t *testing.T, name string, c, s *Config) string {
	p := connected(t, c, s)
	buf := make([]byte, 1<<14)
	if _, err := p.client.Read(buf, p.now); err != ErrNeedInput { // takes the ticket
		t.Fatalf("The client read what nobody sent: %v", err)
	}
	p.toServer, _, _ = p.client.Seal(p.toServer, []byte("ping"), 1<<14)
	p.toClient, _, _ = p.server.Seal(p.toClient, []byte("pong"), 1<<14)
	p.client.CloseWrite()
	p.server.CloseWrite()
	p.collect()
	return fmt.Sprintf("# %s: client to server\n%s# server to client\n%s", name, wrapped(p.toServer), wrapped(p.toClient))
}

func wrapped(b []byte) string {
	var lines strings.Builder
	for ; len(b) > 32; b = b[32:] {
		lines.WriteString(hex.EncodeToString(b[:32]) + "\n")
	}
	return lines.String() + hex.EncodeToString(b) + "\n"
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("The golden transcript is missing (go test -run Golden -update . writes it): %v", err)
	}
	if strings.ReplaceAll(string(want), "\r\n", "\n") != got {
		t.Errorf("The bytes on the wire are not those of %s; go test -run Golden -update . takes the new ones, where the change is meant.", file)
	}
}
