package tunnel

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// grace is after when an attempt may be pushed out by a newer one.
const grace = limits.TunnelHandshakeGraceSeconds*time.Second + 100*time.Millisecond

// An attempt of a client that has to go for a newer one ends, with its connection
// to a server that says nothing: max-handshakes counts what there is.
func TestPushedClientsEnd(t *testing.T) {
	var open atomic.Int32
	silent := backendOf(t, func(c *net.TCPConn) {
		open.Add(1)
		_, _ = io.Copy(io.Discard, c)
		open.Add(-1)
	})
	s := one(settings.Client, silent)
	s.MaxHandshakes = 1
	client := start(t, keyA, s)
	for range 3 {
		dial(t, client.address("client"))
		within(t, "the attempt reaches the server", func() bool { return open.Load() > 0 })
		time.Sleep(grace)
	}
	client.counts(`watchword_refused_total{service="client",limit="max-handshakes"} 2`)
	within(t, "one attempt is left", func() bool { return open.Load() == 1 && client.tunnel.Connections() == 1 })
}

// One that still waits for a server to come is no failure of the server's.
func TestPushedClientWithoutAServer(t *testing.T) {
	var asked atomic.Int32
	s := one(settings.Client, backendOf(t, func(c *net.TCPConn) {
		asked.Add(1)
		_ = c.SetLinger(0) // it is tried again, and again
	}))
	s.MaxHandshakes, s.ConnectRetries, s.ConnectTimeout = 1, 1000, time.Minute
	client := start(t, keyA, s)
	for range 2 {
		dial(t, client.address("client"))
		within(t, "the attempt reaches the server", func() bool { return asked.Swap(0) > 0 })
		time.Sleep(grace)
	}
	client.counts(`watchword_refused_total{service="client",limit="max-handshakes"} 1`)
	if page := client.metrics(); strings.Contains(page, `watchword_backend_failures_total{service="client",backend=""}`) {
		t.Errorf("The attempt that had to go counts as one without a server:\n%s", page)
	}
}

// One whose handshake succeeds when it has to go is refused like the others, and
// is no connection.
func TestPushedClientOfASlowServer(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	release := make(chan struct{})
	slow := backendOf(t, func(c *net.TCPConn) {
		<-release
		up, err := net.Dial("tcp", server.address("server"))
		if err != nil {
			return
		}
		defer up.Close()
		go func() { _, _ = io.Copy(up, c) }()
		_, _ = io.Copy(c, up)
	})
	s := one(settings.Client, slow)
	s.MaxHandshakes = 1
	client := start(t, keyA, s)
	first := dial(t, client.address("client"))
	client.counts(`watchword_handshakes_in_progress{service="client"} 1`)
	time.Sleep(grace)
	second := dial(t, client.address("client"))
	client.counts(`watchword_refused_total{service="client",limit="max-handshakes"} 1`)
	close(release)
	roundTrip(t, second)
	if _, err := first.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("The connection that had to go ends with %v.", err)
	}
	client.counts(`watchword_connections{service="client"} 1`)
}
