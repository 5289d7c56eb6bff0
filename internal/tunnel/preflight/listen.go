package preflight

// Where the tunnel would listen. All of it is held open at once until the check
// ends, as it would be: two addresses that are free may not be free together.

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/watchword-tls/watchword/internal/network"
	"github.com/watchword-tls/watchword/internal/system"
	"github.com/watchword-tls/watchword/internal/tunnel"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// place is one address that something listens at.
type place struct {
	service  int // -1 for the metrics
	tcp      netip.AddrPort
	path     string       // of a Unix socket, in its shortest form
	listener net.Listener // nil where it is not held open
}

func (c *check) close() {
	for _, p := range c.places {
		if p.listener != nil {
			p.listener.Close()
		}
	}
}

func (c *check) listening() {
	for _, a := range c.settings().Listen {
		switch {
		case a.Network == "unix" && !a.Abstract():
			c.socketPath(a)
		case a.Network != "systemd":
			c.open("listen", a)
		}
	}
}

// open holds the address open, or says why it cannot be.
func (c *check) open(option string, a settings.Address) {
	p := place{service: c.service}
	if a.Network == "unix" {
		p.path = a.Host
	} else if resolved, err := net.ResolveTCPAddr("tcp", a.Host); err == nil {
		p.tcp = resolved.AddrPort()
	}
	l, err := net.Listen(a.Network, a.Host)
	p.listener = l
	switch {
	case err == nil:
	case !network.InUse(err):
		c.wrong(option, "%v", tunnel.ListenFailure(a, err))
		return
	default:
		if other, found := c.takenBy(p); found {
			c.wrong(option, "%s is taken by %s", a, other)
		} else if !c.options.Running {
			c.wrong(option, "%v", tunnel.ListenFailure(a, err))
		}
	}
	c.places = append(c.places, p)
}

// takenBy says which address of this very file keeps from listening at p.
func (c *check) takenBy(p place) (who string, found bool) {
	for _, other := range c.places {
		switch {
		case !other.overlaps(p):
		case other.service < 0:
			return "the metrics", true
		case other.service == p.service:
			return "another address of this service", true
		default:
			return fmt.Sprintf("the service in line %d", c.file.Line(other.service, "")), true
		}
	}
	return "", false
}

// overlaps reports whether one process cannot listen at both.
func (p place) overlaps(other place) bool {
	if p.path != "" || other.path != "" {
		return p.path == other.path
	}
	a, b := p.tcp.Addr().Unmap(), other.tcp.Addr().Unmap()
	if p.tcp.Port() != other.tcp.Port() || p.tcp.Port() == 0 {
		return false
	}
	// Without a host the address is none, and stands for all.
	everywhere := !a.IsValid() || a.IsUnspecified() || !b.IsValid() || b.IsUnspecified()
	return everywhere || a == b
}

// maxSocketPath is the longest path of a Unix socket in bytes that every system
// takes.
const maxSocketPath = 103

// socketPath checks a socket that is a file without making it.
func (c *check) socketPath(a settings.Address) {
	p := place{service: c.service, path: filepath.Clean(a.Host)}
	folder := filepath.Dir(a.Host)
	info, err := os.Stat(folder)
	other, taken := c.takenBy(p)
	c.places = append(c.places, p)
	switch {
	case taken:
		c.wrong("listen", "%s is taken by %s", a, other)
	case len(a.Host) > maxSocketPath:
		c.wrong("listen", "the path of the socket has %d bytes, at most %d are allowed", len(a.Host), maxSocketPath)
	case err != nil || !info.IsDir():
		c.wrong("listen", "there is no folder %s for the socket", folder)
	default:
		info, err := os.Lstat(a.Host)
		switch {
		case err == nil && info.Mode()&os.ModeSocket == 0:
			c.wrong("listen", "%s is there already and is no socket", a.Host)
		case c.options.Running && err == nil: // it is the tunnel's own
		case err == nil && !network.LeftBehind(a.Host):
			c.wrong("listen", "%s is in use by another program", a)
		case !system.MayMake(folder):
			c.wrong("listen", "%v", tunnel.ListenFailure(a, os.ErrPermission))
		}
	}
}
