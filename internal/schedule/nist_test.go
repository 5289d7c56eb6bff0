package schedule

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/suite"
)

type nistCase struct {
	name   string
	values map[string][]byte
}

func nistCases(t *testing.T) []nistCase {
	t.Helper()
	data, err := os.ReadFile("testdata/nist_tls13_kdf.txt")
	if err != nil {
		t.Fatalf("The vectors cannot be read: %v", err)
	}
	var cases []nistCase
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		if name == "case" {
			cases = append(cases, nistCase{value, map[string][]byte{}})
			continue
		}
		raw, err := hex.DecodeString(value)
		if err != nil {
			t.Fatalf("This line makes no sense: %s", line)
		}
		cases[len(cases)-1].values[name] = raw
	}
	return cases
}

// TestNIST derives what NIST's sample vectors have. They add to RFC 8448 the
// hash SHA-384 and the handshake without a key exchange, psk_ke.
func TestNIST(t *testing.T) {
	cases := nistCases(t)
	if len(cases) != 10 {
		t.Fatalf("There are %d cases, want 10.", len(cases))
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.name, " ", "/"), func(t *testing.T) {
			v := c.values
			h := suite.SHA256
			if strings.HasPrefix(c.name, "SHA2-384") {
				h = suite.SHA384
			}
			transcript := h.New()
			next := func(message string) []byte {
				transcript.Write(v[message])
				return transcript.Sum(nil)
			}
			psk := NewPSK(h, ExternalPSK, v["psk"])
			if v["psk"] == nil {
				psk = NewPSK(h, ExternalPSK, make([]byte, h.Size()))
			}
			clientHello := next("helloClientRandom")
			handshake := psk.Handshake(v["dhe"])
			hello := next("helloServerRandom")
			main := handshake.Main()
			serverDone := next("finishedServerRandom")
			done := next("finishedClientRandom")
			for name, got := range map[string]secret{
				"clientEarlyTrafficSecret":       psk.early.derive("c e traffic", clientHello),
				"earlyExporterMasterSecret":      psk.early.derive("e exp master", clientHello),
				"clientHandshakeTrafficSecret":   handshake.ClientTraffic(hello).secret,
				"serverHandshakeTrafficSecret":   handshake.ServerTraffic(hello).secret,
				"clientApplicationTrafficSecret": main.ClientTraffic(serverDone).secret,
				"serverApplicationTrafficSecret": main.ServerTraffic(serverDone).secret,
				"exporterMasterSecret":           main.Exporter(serverDone).secret,
				"resumptionMasterSecret":         main.Resumption(done).secret,
			} {
				if len(v[name]) == 0 || !bytes.Equal(got.Expose(), v[name]) {
					t.Errorf("%s is %x, NIST has %x.", name, got.Expose(), v[name])
				}
			}
		})
	}
}
