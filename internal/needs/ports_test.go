package needs

import (
	"net"
	"testing"
)

// No address is given out twice, and each is free.
func TestAddresses(t *testing.T) {
	seen := make(map[string]bool)
	check := func(a string) {
		t.Helper()
		if seen[a] {
			t.Fatalf("%s is given out twice.", a)
		}
		seen[a] = true
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Fatalf("%s is not free: %v", a, err)
		}
		l.Close()
	}
	for range blockSize {
		check(Address(t))
		first, second := Ports(t)
		check(local(first))
		check(local(second))
	}
	if len(given.guards) < 3 {
		t.Errorf("%d addresses are of %d blocks.", len(seen), len(given.guards))
	}
	for _, g := range given.guards {
		if l, err := listen(g.Addr().(*net.TCPAddr).Port); err == nil {
			l.Close()
			t.Errorf("The guard %s keeps nobody away.", g.Addr())
		}
	}
}
