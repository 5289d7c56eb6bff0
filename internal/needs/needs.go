// Package needs has what tests and benchmarks need of the machine, and says what a
// test does where something is missing. Nothing else uses it.
package needs

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
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
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// FreeAddress is Address where there is no testing.TB.
func FreeAddress() (address string, err error) {
	for range ports {
		var l net.Listener
		// One after the other, from anywhere: tests of one process never get the
		// same port twice, those of several hardly ever at once.
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+next.Add(1)%ports)); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("there is no free port: %w", err)
}

const lowest, ports = 20_000, 10_000

var next atomic.Uint32

func init() { next.Store(rand.Uint32N(ports)) }
