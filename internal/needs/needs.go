// Package needs says what tests do where something that they need is missing. It
// is for tests alone.
package needs

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
)

// Required reports whether nothing may be missing, as in CI.
func Required() bool { return os.Getenv("WATCHWORD_REQUIRE_PEERS") == "1" }

// Missing skips the test by the name of what is missing, or fails it where
// nothing may be.
func Missing(t testing.TB, what string) {
	t.Helper()
	if Required() {
		t.Fatalf("%s is missing, and WATCHWORD_REQUIRE_PEERS=1 requires it", what)
	}
	t.Skipf("%s is missing", what)
}

// Address returns an address of this machine at which nobody listens. It is below
// the ports that systems give to connections, so that it stays free while a test
// lets go of it.
func Address(t testing.TB) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("There is no free port.")
	return ""
}
