package tunnel

// What is under way, and the limit of the rate.

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// longQuiet is a flow on which nothing has moved for longer than an end in order asks.
func longQuiet() *flow {
	f := &flow{over: make(chan struct{})}
	f.active.Store(monotonic() - int64(3*limits.DrainQuietSeconds*time.Second))
	return f
}

func TestStop(t *testing.T) {
	f := longQuiet()
	if !f.hold() || f.stop() {
		t.Error("A direction that holds bytes is stopped.")
	}
	if !f.hold() {
		t.Error("After it was not stopped the other direction can take nothing.")
	}
	f.letGo()
	f.letGo()
	if !f.stop() || f.hold() {
		t.Error("What is quiet is not stopped, or goes on.")
	}
	if n, err := f.holdRead(5, nil); n != 0 || err != errStopped || !f.late.Load() {
		t.Errorf("Bytes that come late are %d, with %v.", n, err)
	}
	if _, err := f.holdRead(0, io.EOF); err != errStopped || !f.late.Load() {
		t.Errorf("After the end of a stream, with %v, the other direction's late bytes are forgotten.", err)
	}
	f = longQuiet()
	f.hold()
	f.passed()
	if f.stop() || f.hold() {
		t.Error("What has just moved is called quiet, or goes on after its end.")
	}
}

// A stream that comes faster than the rate is held to it, however large the pieces
// are in which it comes.
func TestBytesPerSecondHolds(t *testing.T) {
	for _, way := range []string{"up", "down"} {
		client, server := pair(t, backendOf(t, func(c *net.TCPConn) {
			go sendMore(c)
			_, _ = io.Copy(io.Discard, c)
		}), func(_, s *settings.Service) {
			s.BytesPerSecond = 1
			if way == "up" {
				s.To[0].Host = backendOf(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
			}
		})
		c := dial(t, client.address("client"))
		if way == "up" {
			go sendMore(c)
		}
		server.settled("the rate holds the bytes")
		if n := server.moved() + server.sent(); n > limits.TunnelBurstBytes+limits.MaxPlaintext {
			t.Errorf("%s: %d bytes went where one a second may, after %d at once.", way, n, limits.TunnelBurstBytes)
		}
	}
}

// To wait for the rate's limit is not to be idle.
func TestIdleTimeoutUnderARate(t *testing.T) {
	const size = limits.TunnelBurstBytes + 2*limits.MaxPlaintext
	received := make(chan int64, 1)
	client, _ := pair(t, backendOf(t, func(c *net.TCPConn) {
		n, _ := io.Copy(io.Discard, c)
		received <- n
	}), func(_, s *settings.Service) {
		// A record takes longer than the time-out, and a sweep comes in between.
		s.BytesPerSecond = limits.MaxPlaintext / 4
		s.IdleTimeout = 3 * time.Second
	})
	c := dial(t, client.address("client"))
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	if n := <-received; n != size {
		t.Errorf("Of %d bytes %d arrive: who waited for the rate was ended as idle.", size, n)
	}
}

// Who takes nothing is idle, whatever waits for him.
func TestIdleTimeoutOfAReaderThatStops(t *testing.T) {
	client, server := pair(t, backendOf(t, func(c *net.TCPConn) {
		_, _ = io.Copy(c, rand.NewChaCha8([32]byte{11}))
	}), func(_, s *settings.Service) { s.IdleTimeout = time.Hour })
	c := dial(t, client.address("client"))
	server.settled("nothing more fits")
	within(t, "the connection is idle", func() bool {
		server.each(func(c *session) {
			c.active.Store(monotonic() - int64(2*time.Hour))
			c.taken.Store(monotonic() - int64(2*time.Hour))
		})
		server.tunnel.services["server"].sweep()
		return strings.Contains(server.log.String(), "end=idle-timeout")
	})
	if _, err := io.Copy(io.Discard, c); err == nil {
		t.Error("A stream that was cut looks whole.")
	}
}

// What time-outs and durations are measured from has the clock that nobody sets in it:
// where that is lost, a jump of the time of day ends connections, or keeps them.
func TestTimesHaveTheMonotonicClock(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	roundTrip(t, dial(t, client.address("client")))
	times := map[string]time.Time{"the process began": processBegan}
	server.each(func(c *session) { times["the connection came"] = c.began })
	b := server.tunnel.services["server"].failures
	b.warn("a line")
	times["the lines began"] = b.began
	if len(times) != 3 {
		t.Fatalf("There are only %d times.", len(times))
	}
	for what, at := range times {
		if !strings.Contains(at.String(), " m=") { // as the documentation of time.Time says
			t.Errorf("When %s is the time of day alone: %v.", what, at)
		}
	}
}
