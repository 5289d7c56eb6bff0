package tunnel

import (
	"io"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// paying returns a session of a service with a pace, whose burst is used up.
func paying(t *testing.T, perSecond int64) *session {
	t.Helper()
	c := &session{attempt: &attempt{service: &service{}}}
	c.over = make(chan struct{})
	c.active.Store(longQuiet().active.Load())
	c.setPace(perSecond)
	if !c.pay(limits.TunnelBurstBytes) {
		t.Error("What the limit allows is not allowed.")
	}
	return c
}

// wait lets c pay, which has to wait.
func (c *session) wait(t *testing.T, n int) (paid chan bool) {
	t.Helper()
	paid = make(chan bool)
	go func() { paid <- c.pay(n) }()
	within(t, "it waits", func() bool { return c.paying.Load() == 1 })
	return paid
}

// Who waits for its turn ends with the session, and leaves the turn to others.
func TestPayEndsWithTheSession(t *testing.T) {
	c := paying(t, 1)
	paid := c.wait(t, 50)
	close(c.over)
	if <-paid || c.paying.Load() != 0 || c.quiet() > time.Minute {
		t.Error("After the session's end it has paid, or still pays.")
	}
	if left := c.pace.Load().limiter.Tokens(); left < -25 {
		t.Errorf("The pace is left with %v bytes.", left)
	}
}

// Another limit holds at once for those that wait already.
func TestPayAtAnotherPace(t *testing.T) {
	for _, perSecond := range []int64{0, 1 << 40} {
		c := paying(t, 1)
		paid := c.wait(t, 50)
		c.setPace(1) // nothing has changed
		if c.paying.Load() != 1 {
			t.Error("It does not wait any more.")
		}
		c.setPace(perSecond)
		if !<-paid {
			t.Errorf("At %d bytes a second it has not paid.", perSecond)
		}
	}
	c := paying(t, 1)
	paid := c.wait(t, 50)
	c.setPace(2)
	within(t, "it waits again", func() bool { return c.paying.Load() == 1 && c.pace.Load().limiter.Tokens() < -40 })
	close(c.over)
	<-paid
}

// A new limit does not give once more what went at once.
func TestNoSecondBurst(t *testing.T) {
	c := paying(t, 1)
	for _, perSecond := range []int64{1, 2, 3, 2, 1} {
		c.setPace(perSecond)
		if left := c.pace.Load().limiter.Tokens(); left > 100 {
			t.Errorf("At %d bytes a second %v can go at once.", perSecond, left)
		}
	}
	c.setPace(0)
	c.setPace(1)
	if left := c.pace.Load().limiter.Tokens(); left < limits.TunnelBurstBytes-1 {
		t.Errorf("After a time without a limit only %v bytes can go at once.", left)
	}
}

// A reload that lifts the limit frees a stream that waits.
func TestReloadLiftsTheLimit(t *testing.T) {
	const size = 2 * limits.TunnelBurstBytes
	client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.BytesPerSecond = 1 })
	c := dial(t, client.address("client"))
	go func() { _, _ = c.Write(make([]byte, size)) }()
	server.settled("the limit holds the bytes")
	if err := server.change(func(s *settings.Settings) { s.Services[0].BytesPerSecond = 0 }); err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Errorf("Of %d bytes %d come back: %v.", size, n, err)
	}
}
