package tunnel

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// A server that ends connections before it answers, as one that is just ending
// does, is tried again, and the service's client sees nothing of it.
func TestUnansweredHandshakeIsTriedAgain(t *testing.T) {
	for _, how := range []string{"reset", "end"} {
		t.Run(how, func(t *testing.T) {
			server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
			to := server.address("server")
			var taken atomic.Int32
			front := backendOf(t, func(c *net.TCPConn) {
				if taken.Add(1) <= 2 {
					if how == "reset" {
						c.SetLinger(0)
						return
					}
					_, _ = c.Read(make([]byte, 5000)) // the ClientHello
					return
				}
				through(c, to)
			})
			client := start(t, keyA, one(settings.Client, front))
			roundTrip(t, dial(t, client.address("client")))
			if n := taken.Load(); n != 3 {
				t.Errorf("The server was asked %d times, want 3.", n)
			}
			if n := client.tunnel.services["client"].now().backends.Status()[0].Connections; n != 1 {
				t.Errorf("%d connections are counted at the backend, want 1.", n)
			}
		})
	}
}

// through carries a connection on to an address.
func through(c *net.TCPConn, to string) {
	raw, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	d := raw.(*net.TCPConn)
	defer d.Close()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(d, c); _ = d.CloseWrite() })
	both.Go(func() { _, _ = io.Copy(c, d); _ = c.CloseWrite() })
	both.Wait()
}

// One that never answers is given up, with a sentence that says what was seen.
func TestUnansweredHandshakeIsGivenUp(t *testing.T) {
	var taken atomic.Int32
	front := backendOf(t, func(c *net.TCPConn) {
		taken.Add(1)
		_, _ = c.Read(make([]byte, 5000)) // the ClientHello
	})
	client := start(t, keyA, one(settings.Client, front))
	if err := readAll(client.address("client")); err == nil {
		t.Error("The service's client sees a clean end.")
	}
	client.says("no connection to the service", front+": ", "its own log says")
	if n := taken.Load(); n != 3 {
		t.Errorf("The server was asked %d times, want 3.", n)
	}
}

// A refusal is an answer: it is not tried again.
func TestRefusalIsNotTriedAgain(t *testing.T) {
	server := start(t, keyB, one(settings.Server, backendOf(t, echo)))
	client := start(t, keyA, one(settings.Client, server.address("server")))
	if err := readAll(client.address("client")); err == nil {
		t.Error("The service's client sees a clean end.")
	}
	client.says("does not know the key")
	server.says("no connection")
	if n := client.tunnel.services["client"].now().backends.Status()[0].Connections; n != 0 {
		t.Errorf("%d connections are counted at the backend, want 0.", n)
	}
}

// When there is no room for a handshake, one more waits for a moment.
func TestRoomForAHandshakeIsWaitedFor(t *testing.T) {
	_, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.MaxHandshakes = 1 })
	s := server.tunnel.services["server"]
	first := dial(t, server.address("server"))
	within(t, "the first handshake is under way", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.pending.Len() == 1 })
	near, far := net.Pipe()
	defer near.Close()
	place := func(began time.Time) bool {
		a := &attempt{service: s, g: s.now(), raw: far, began: began}
		return a.findPlace()
	}
	began := time.Now()
	found := make(chan bool, 1)
	go func() { found <- place(began) }()
	within(t, "the second one has seen that there is no room", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return !s.fullSince.IsZero() })
	first.Close()
	if !<-found {
		if time.Since(began) < limits.TunnelRoomMilliseconds*time.Millisecond { // a machine may stand still
			t.Error("The second handshake finds no place.")
		}
		return
	}
	// When the moment is over nobody waits any more.
	if place(began.Add(500 * time.Millisecond)) {
		t.Error("There is a place where there is none.")
	}
}

// Who only looks whether anybody listens is counted, and no line says it.
func TestALookIsNoFailure(t *testing.T) {
	_, server := pair(t, backendOf(t, echo), nil)
	address := server.address("server")
	dial(t, address).Close()
	c := dial(t, address)
	c.SetLinger(0)
	c.Close()
	within(t, "both are counted", func() bool {
		var text strings.Builder
		server.tunnel.options.Meters.Write(&text)
		return strings.Contains(text.String(), `watchword_handshake_failures_total{service="server",reason="nothing-sent"} 2`)
	})
	if strings.Contains(server.log.String(), "no connection") {
		t.Errorf("The log has a line about it:\n%s", server.log)
	}
}
