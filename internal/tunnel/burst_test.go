package tunnel

// The log in a flood: what it leaves out it says, and one kind of line takes no
// room from another.

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// setClock stops the clock of lines about peers that proved nothing.
func (b *bench) setClock(now time.Time) {
	f := b.tunnel.services["server"].failures
	f.mu.Lock()
	f.now = func() time.Time { return now }
	f.mu.Unlock()
}

// flood has more peers without TLS than there are lines for, all at one time.
func flood(t *testing.T, b *bench, more int) {
	t.Helper()
	b.setClock(floodTime)
	for range limits.FailureBurst + more {
		c := dial(t, b.address("server"))
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	b.counts(fmt.Sprint(notTLS, " ", limits.FailureBurst+more))
}

var floodTime = time.Now()

const notTLS = `watchword_handshake_failures_total{service="server",reason="not-tls"}`

func TestAFloodHidesNoLimitAndNoFault(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.MaxPerIdentity = 1 })
	flood(t, server, 5)
	open := dial(t, client.address("client"))
	roundTrip(t, open)
	if err := readAll(client.address("client")); err == nil {
		t.Error("One too many ends as if it were whole.")
	}
	server.says("limit=max-per-identity")
	open.Close()
	within(t, "there is room again", func() bool { return server.tunnel.Connections() == 0 })
	if err := server.change(func(s *settings.Settings) {
		s.Services[0].To = []settings.Address{{Network: "tcp", Host: "127.0.0.1:1"}}
	}); err != nil {
		t.Fatal(err)
	}
	if err := readAll(client.address("client")); err == nil {
		t.Error("Without a service the connection ends as if it were whole.")
	}
	server.says(`msg="no connection to the service"`)
	if n := strings.Count(server.log.String(), `msg="no connection"`); n != limits.FailureBurst {
		t.Errorf("There are %d lines about peers that proved nothing, want %d.", n, limits.FailureBurst)
	}
	server.tunnel.Close()
	server.says(`"not written"=5`)
}

// The number that is left out is said though nobody comes any more.
func TestTheSweepSaysWhatWasLeftOut(t *testing.T) {
	_, server := pair(t, backendOf(t, echo), nil)
	flood(t, server, 3)
	server.setClock(floodTime.Add(limits.FailureSeconds * time.Second))
	server.says(`"not written"=3`)
}

// The windows go by the clock that nobody sets: the time of day jumps, and they
// stay as long as they are.
func TestBurstWindows(t *testing.T) {
	var log logBuffer
	now := time.Now()
	b := &burst{log: slog.New(slog.NewTextHandler(&log, nil)), left: "more", now: func() time.Time { return now }}
	for range limits.FailureBurst + 2 {
		b.warn("a line")
	}
	b.sweep()
	if text := log.String(); strings.Count(text, "a line") != limits.FailureBurst || strings.Contains(text, "more") {
		t.Errorf("In the window the log has:\n%s", text)
	}
	now = now.Add(limits.FailureSeconds*time.Second - 1)
	b.warn("too early")
	now = now.Add(1)
	b.sweep()
	b.sweep()
	b.warn("another")
	b.flush()
	if text := log.String(); strings.Count(text, "msg=more") != 1 || !strings.Contains(text, `"not written"=3`) ||
		strings.Contains(text, "too early") || !strings.Contains(text, "another") {
		t.Errorf("After the window the log has:\n%s", text)
	}
}
