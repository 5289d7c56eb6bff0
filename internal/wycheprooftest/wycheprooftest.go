// Package wycheprooftest reads the test vectors of Project Wycheproof for the
// tests of other packages. Nothing but tests may import it.
//
// The vectors are not in this repository. They come as a Go module, in one
// version whose checksum is written down here. Where it cannot be had, the
// test is skipped; with WATCHWORD_REQUIRE_PEERS=1, as CI has it, it fails.
package wycheprooftest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword/internal/needs"
)

const (
	module  = "github.com/C2SP/wycheproof"
	version = "v0.0.0-20250901140545-b51abcfb8daf"
	sum     = "h1:5BKKVVVj676FUWirLcouEEL6GCYR9X0opkMlEUck8FY="
)

// Hex is bytes that stand in a file as hex digits.
type Hex []byte

// UnmarshalJSON implements json.Unmarshaler.
func (h *Hex) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	var err error
	*h, err = hex.DecodeString(s)
	return err
}

// A Vector is what each vector has; the vectors of a file embed it.
type Vector struct {
	ID      int      `json:"tcId"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	// Result is "valid", "invalid", or "acceptable" where either is right.
	Result string `json:"result"`
}

// String names the vector in a message.
func (v Vector) String() string {
	return fmt.Sprintf("vector %d (%s, %s)", v.ID, v.Comment, v.Result)
}

// A Group is vectors with the same parameters; sizes are in bits.
type Group[V any] struct {
	KeySize int `json:"keySize"`
	IVSize  int `json:"ivSize"`
	TagSize int `json:"tagSize"`
	Tests   []V `json:"tests"`
}

// Load returns the groups of one file of testvectors_v1.
func Load[V any](t testing.TB, file string) []Group[V] {
	t.Helper()
	dir, err := fetch()
	if err != nil {
		needs.Missing(t, fmt.Sprintf("Project Wycheproof's vectors (%v)", err))
	}
	text, err := os.ReadFile(filepath.Join(dir, "testvectors_v1", file))
	if err != nil {
		t.Fatalf("The Wycheproof module lacks the file: %v", err)
	}
	var content struct {
		NumberOfTests int        `json:"numberOfTests"`
		TestGroups    []Group[V] `json:"testGroups"`
	}
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatalf("The Wycheproof file %s is not as expected: %v", file, err)
	}
	n := 0
	for _, g := range content.TestGroups {
		n += len(g.Tests)
	}
	if n == 0 || n != content.NumberOfTests {
		t.Fatalf("The Wycheproof file %s has %d vectors and says %d.", file, n, content.NumberOfTests)
	}
	return content.TestGroups
}

// Counts says how many vectors of each file fit what TLS uses, in the version
// above; CONTRIBUTING.md has the same numbers.
var Counts = map[string]int{
	"aes_cbc_pkcs5_test.json":          144, // the rest is AES-192
	"aes_gcm_test.json":                133, // nonces of 12 bytes, tags of 16
	"chacha20_poly1305_test.json":      316,
	"ecdh_secp256r1_ecpoint_test.json": 355,
	"hmac_sha1_test.json":              170,
	"hmac_sha256_test.json":            174,
	"hmac_sha384_test.json":            174,
	"x25519_test.json":                 518,
}

// Ran fails the test unless that many vectors of a file were run.
func Ran(t testing.TB, file string, n int) {
	t.Helper()
	if n != Counts[file] {
		t.Errorf("%s: %d vectors were run, want %d.", file, n, Counts[file])
	}
}

// fetch returns the folder of the module, which it downloads if need be.
var fetch = sync.OnceValues(func() (dir string, err error) {
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = os.TempDir() // so that no go.sum is changed
	// The checksum is compared here, no database has to be asked.
	cmd.Env = append(os.Environ(), "GONOSUMDB="+module, "GO111MODULE=on", "GOWORK=off", "GOFLAGS=")
	out, runErr := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(out, &got); err != nil && runErr == nil {
		return "", fmt.Errorf("go mod download answered no JSON: %w", err)
	}
	switch {
	case got.Error != "":
		return "", fmt.Errorf("go mod download: %s", got.Error)
	case runErr != nil:
		return "", fmt.Errorf("go mod download: %w", runErr)
	case got.Sum != sum:
		return "", fmt.Errorf("%s %s has the checksum %s, not %s", module, version, got.Sum, sum)
	}
	return got.Dir, nil
})
