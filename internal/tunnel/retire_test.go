package tunnel

// A service that a reload removes keeps its connections, those too that come about:
// whoever ends connections finds all of them.

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

func (b *bench) removeService() {
	b.t.Helper()
	if err := b.change(func(s *settings.Settings) { s.Services = nil }); err != nil {
		b.t.Fatal(err)
	}
	b.tunnel.forgetRetired() // as a sweep does
}

// endsWithAll drains, and fails unless one connection was found to be cut.
func (b *bench) endsWithAll() {
	b.t.Helper()
	if n := b.end(); n != 1 {
		b.t.Errorf("Drain cut %d connections, want 1.", n)
	}
}

func TestAHandshakeOutlivesItsService(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	middle, n := networkTo(t, server.address("server"))
	n.stop()
	client := start(t, keyA, one(settings.Client, middle))
	c := dial(t, client.address("client"))
	server.counts(`watchword_handshakes_in_progress{service="server"} 1`)
	server.removeService()
	server.counts(`watchword_handshakes_in_progress{service="server"} 1`)
	n.resume()
	roundTrip(t, c)
	server.endsWithAll()
	if _, err := io.ReadAll(c); err == nil {
		t.Error("A connection that was moving and was cut looks whole.")
	}
	if server.tunnel.forgetRetired(); len(server.tunnel.retired) != 0 {
		t.Error("The service is never forgotten.")
	}
}

// The idle time-out holds for it as well.
func TestAHandshakeThatOutlivesItsServiceIsSwept(t *testing.T) {
	server := start(t, keyA, func() settings.Service {
		o := one(settings.Server, backendOf(t, echo))
		o.IdleTimeout = 10 * time.Millisecond
		return o
	}())
	middle, n := networkTo(t, server.address("server"))
	n.stop()
	client := start(t, keyA, one(settings.Client, middle))
	dial(t, client.address("client"))
	server.counts(`watchword_handshakes_in_progress{service="server"} 1`)
	server.removeService()
	n.resume()
	server.says("end=idle-timeout")
}

// The client's side, whose connection waits for the server's answer.
func TestAConnectOutlivesItsService(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	middle, n := networkTo(t, server.address("server"))
	n.stop()
	client := start(t, keyA, one(settings.Client, middle))
	c := dial(t, client.address("client"))
	server.counts(`watchword_handshakes_in_progress{service="server"} 1`) // it has connected
	client.removeService()
	n.resume()
	roundTrip(t, c)
	client.tunnel.forgetRetired()
	client.endsWithAll()
	if _, err := io.ReadAll(c); err == nil {
		t.Error("A connection that was moving and was cut looks whole.")
	}
}

// A listener may have a connection in its hands while its service goes.
func TestAConnectionComesAfterItsServiceIsForgotten(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	s := server.tunnel.services["server"]
	server.removeService()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client := start(t, keyA, one(settings.Client, l.Addr().String()))
	c := dial(t, client.address("client"))
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.take(raw)
	roundTrip(t, c)
	server.endsWithAll()
}

// However close to a reload the end comes, it finds what the reload removes.
func TestEndWhileAServiceGoes(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for range rounds {
		client, server := pair(t, backendOf(t, echo), nil)
		roundTrip(t, dial(t, client.address("client")))
		server.mu.Lock()
		server.settings.Services = nil
		server.mu.Unlock()
		reloaded := make(chan struct{})
		go func() {
			defer close(reloaded)
			_ = server.tunnel.Reload() // it may come too late
		}()
		server.endsWithAll()
		<-reloaded
	}
}

// Who takes a service out while the tunnel ends takes its identities out too, where
// it says so.
func TestAServiceGoesWhileTheTunnelEnds(t *testing.T) {
	for _, ends := range []bool{true, false} {
		client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.EndRemoved = ends })
		c := dial(t, client.address("client"))
		roundTrip(t, c)
		ctx, expire := context.WithCancel(context.Background())
		cut := make(chan int)
		go func() { cut <- server.tunnel.Drain(ctx) }()
		within(t, "the tunnel is ending", func() bool { return server.tunnel.Ready() != nil })
		if err := server.change(func(s *settings.Settings) { s.Services = nil }); err != nil {
			t.Fatal(err)
		}
		if ends {
			server.says("end=removed")
			if _, err := io.ReadAll(c); err == nil {
				t.Error("A removed service's connection ends as if it were whole.")
			}
		} else {
			roundTrip(t, c)
		}
		expire()
		if n, want := <-cut, map[bool]int{true: 0, false: 1}[ends]; n != want {
			t.Errorf("Drain cut %d connections, want %d.", n, want)
		}
	}
}
