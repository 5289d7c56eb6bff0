package tunnel

import (
	"net"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/needs"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// A single address that was down is ready again by itself: whoever asks /readyz
// sends no client meanwhile. Its failures are counted.
func TestReadyAgain(t *testing.T) {
	address := needs.Address(t)
	o := one(settings.Client, address)
	o.HealthInterval, o.ConnectRetries = 10*time.Millisecond, 0
	b := start(t, keyA, o)
	if err := b.tunnel.Ready(); err != nil {
		t.Errorf("Before anybody tried it is not ready: %v", err)
	}
	if err := readAll(b.address("client")); err == nil {
		t.Error("The client sees a clean end.")
	}
	within(t, "the tunnel is not ready", func() bool { return b.tunnel.Ready() != nil })
	b.counts(`watchword_backend_failures_total{service="client",backend=""} 1`)
	if n := b.figure(`watchword_backend_failures_total{service="client",backend="` + address + `"}`); n < 1 {
		t.Errorf("%v failures are counted for the address.", n)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	within(t, "the tunnel is ready again", func() bool { return b.tunnel.Ready() == nil })
	b.counts(`watchword_backend_up{service="client",backend="` + address + `"} 1`)
}
