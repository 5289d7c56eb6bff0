package tunnel

// How many connections there may be.

import (
	"net"
	"net/netip"
	"sync"
)

// The names of limits: in log lines, in metrics, and in the configuration.
const (
	limitConnections = "max-connections"
	limitHandshakes  = "max-handshakes"
	limitIdentity    = "max-per-identity"
	limitSource      = "max-per-source"
	limitTotal       = "max-connections of all services"
	limitFiles       = "open files" // the system's, not the configuration's
)

// gate counts connections in all and by a key of one kind.
type gate struct {
	mu  sync.Mutex
	all int
	by  map[string]int
}

func newGate() *gate { return &gate{by: make(map[string]int)} }

// enter counts one more of name unless there are as many as may be. Zero is no
// limit.
func (g *gate) enter(name string, most int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if most > 0 && g.by[name] >= most {
		return false
	}
	g.by[name]++
	g.all++
	return true
}

func (g *gate) leave(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.by[name]--; g.by[name] <= 0 {
		delete(g.by, name)
	}
}

func (g *gate) total() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

// sourceOf returns what counts as one source: an IPv4 address, or the /64 of an
// IPv6 address, of which one host has as many as it likes. Others are one
// source together.
func sourceOf(a net.Addr) string {
	var ip netip.Addr
	switch a := a.(type) {
	case *net.TCPAddr:
		ip = a.AddrPort().Addr().Unmap()
	default:
		return ""
	}
	if !ip.Is6() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}
