package tunnel

// A service that a reload removes, and another one brings back.

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// goAndComeBack removes the services of a tunnel and puts them back, changed.
func (b *bench) goAndComeBack(change func(*settings.Service)) {
	b.t.Helper()
	b.mu.Lock()
	back := append([]settings.Service(nil), b.settings.Services...)
	b.mu.Unlock()
	b.removeService()
	change(&back[0])
	if err := b.change(func(s *settings.Settings) { s.Services = back }); err != nil {
		b.t.Fatal(err)
	}
}

// oneOpen starts a tunnel with a connection through it.
func oneOpen(t *testing.T) (server *bench, c *net.TCPConn) {
	t.Helper()
	client, server := pair(t, backendOf(t, echo), nil)
	c = dial(t, client.address("client"))
	roundTrip(t, c)
	return server, c
}

func TestComebackEndsRemovedIdentities(t *testing.T) {
	server, c := oneOpen(t)
	server.writeKeys(keyB)
	server.goAndComeBack(func(s *settings.Service) { s.EndRemoved = true })
	server.says("end=removed")
	if _, err := io.ReadAll(c); err == nil {
		t.Error("The connection of a removed identity ends as if it were whole.")
	}
}

func TestComebackEndsTheIdle(t *testing.T) {
	server, _ := oneOpen(t)
	server.goAndComeBack(func(s *settings.Service) { s.IdleTimeout = 10 * time.Millisecond })
	server.says("end=idle-timeout")
}

func TestComebackCountsWhatIsOpen(t *testing.T) {
	server, c := oneOpen(t)
	server.goAndComeBack(func(s *settings.Service) { s.MaxConnections = 1 })
	other := startClient(t, server, keyA)
	if err := readAll(other.address("client")); err == nil {
		t.Error("A connection beyond the limit looks whole.")
	}
	server.counts(`watchword_refused_total{service="server",limit="max-connections"} 1`)
	roundTrip(t, c)
	c.Close()
	server.counts(`watchword_connections{service="server"} 0`)
	roundTrip(t, dial(t, other.address("client")))
}

// A plan that comes to nothing keeps nothing.
func TestComebackWithAMistake(t *testing.T) {
	server, c := oneOpen(t)
	before := append([]settings.Service(nil), server.settings.Services...)
	server.removeService()
	wrong := append(before, before[0])
	wrong[1].Name, wrong[1].Keys, wrong[1].Listen = "other", server.keys+".none", nil
	if err := server.change(func(s *settings.Settings) { s.Services = wrong }); err == nil {
		t.Fatal("A service without a key file is taken.")
	}
	roundTrip(t, c)
	c.Close()
	within(t, "the service is forgotten", func() bool {
		server.tunnel.forgetRetired()
		return !strings.Contains(server.metrics(), `service="server"`)
	})
}

// The figures stay as long as one connection of the name does.
func TestFiguresOfAServiceRemovedTwice(t *testing.T) {
	server, first := oneOpen(t)
	server.goAndComeBack(func(s *settings.Service) { s.Direction, s.Identity = settings.Client, "alice" })
	server.goAndComeBack(func(s *settings.Service) { s.Direction, s.Identity = settings.Server, "" })
	second := dial(t, startClient(t, server, keyA).address("client"))
	roundTrip(t, second)
	server.removeService()
	first.Close()
	server.counts(`watchword_connections{service="server"} 1`)
	server.tunnel.forgetRetired()
	server.counts(`watchword_connections{service="server"} 1`)
	roundTrip(t, second)
}
