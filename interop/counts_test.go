package interop

// The counts that CONTRIBUTING.md tells of tests that others wrote are those
// below which the scripts fail, and those that the tests demand.

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/wycheprooftest"
)

func TestCountsInContributing(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := read("../CONTRIBUTING.md")
	for script, config := range map[string]string{"bogo.sh": "config.json", "bogo_tls12.sh": "config_tls12.json", "bogo_psk.sh": "config_psk.json"} {
		must := regexp.MustCompile(`(?:BOGO_MUST:-|BOGO_MUST=)(\d+)`).FindStringSubmatch(read(script))
		if must == nil {
			t.Fatalf("%s does not say how many tests must pass.", script)
		}
		var c struct{ DisabledTests map[string]string }
		if err := json.Unmarshal([]byte(read("bogoshim/"+config)), &c); err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprintf(`(?m)^\| \[%s\].* \| %s passed, 0 failed \| %d\D.*\|$`, regexp.QuoteMeta(script), must[1], len(c.DisabledTests))
		if !regexp.MustCompile(row).MatchString(page) {
			t.Errorf("CONTRIBUTING.md has no row about %s with %s passed and %d disabled.", script, must[1], len(c.DisabledTests))
		}
	}
	for file, name := range map[string]string{
		"aes_cbc_pkcs5_test.json": "AES-CBC", "aes_gcm_test.json": "AES-GCM", "chacha20_poly1305_test.json": "ChaCha20-Poly1305",
		"hmac_sha1_test.json": "HMAC-SHA1", "hmac_sha256_test.json": "HMAC-SHA256", "hmac_sha384_test.json": "HMAC-SHA384",
		"ecdh_secp256r1_ecpoint_test.json": "ECDH P-256", "x25519_test.json": "X25519",
	} {
		if cell := fmt.Sprintf("| %s | %d |", name, wycheprooftest.Counts[file]); !strings.Contains(page, cell) {
			t.Errorf("CONTRIBUTING.md has no cell %q.", cell)
		}
	}
}
