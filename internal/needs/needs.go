// Package needs has what tests and benchmarks need of the machine, and says what a
// test does where something is missing. Nothing else uses it.
package needs

import (
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
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Ports returns two free ports like those of Address that follow each other.
func Ports(t testing.TB) (first, second int) {
	t.Helper()
	first, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	return first, first + 1
}
