package tunnel

// Rotation, reload, drain: nothing that was accepted is dropped.

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

const (
	newKeyA = "alice:202122232425262728292a2b2c2d2e2f\n"
	otherA  = "alice:303132333435363738393a3b3c3d3e3f\n"
)

// roundTrip sends a byte and waits for it to come back.
func roundTrip(t *testing.T, c net.Conn) {
	t.Helper()
	var b [1]byte
	if _, err := c.Write([]byte{7}); err != nil {
		t.Fatalf("A connection that was open is gone: %v", err)
	}
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != 7 {
		t.Fatalf("A connection that was open is gone: %v", err)
	}
}

// A key is changed as the documentation says: the server gets the new one
// beside the old one, the client changes over, the old one goes. No connection
// notices.
func TestRotation(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	var open []net.Conn
	connect := func() {
		c := dial(t, client.address("client"))
		roundTrip(t, c)
		open = append(open, c)
		for _, c := range open {
			roundTrip(t, c)
		}
	}
	connect()
	for _, step := range []struct {
		at   *bench
		keys string
	}{{server, newKeyA + keyA}, {client, newKeyA}, {server, newKeyA}} {
		step.at.writeKeys(step.keys)
		if err := step.at.tunnel.Reload(); err != nil {
			t.Fatal(err)
		}
		connect()
	}
	if err := readAll(startClient(t, server, keyA).address("client")); err == nil {
		t.Error("The old key still works after it is gone.")
	}
}

func startClient(t *testing.T, server *bench, keys string) *bench {
	return start(t, keys, one(settings.Client, server.address("server")))
}

// A mistake leaves everything as it was, and is said.
func TestReloadRefuses(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	open := dial(t, client.address("client"))
	roundTrip(t, open)
	for name, spoil := range map[string]func() error{
		"rubbish in the key file": func() error {
			server.writeKeys("what is this")
			return server.tunnel.Reload()
		},
		"no key file": func() error {
			_ = os.Remove(server.keys)
			return server.tunnel.Reload()
		},
		"an address that is taken": func() error {
			server.writeKeys(keyA)
			taken := client.address("client")
			return server.change(func(s *settings.Settings) {
				s.Services[0].Listen = append([]settings.Address(nil), s.Services[0].Listen...)
				s.Services[0].Listen = append(s.Services[0].Listen, settings.Address{Network: "tcp", Host: "127.0.0.1:0"}, settings.Address{Network: "tcp", Host: taken})
			})
		},
	} {
		before := server.tunnel.Addresses("server")
		if err := spoil(); err == nil {
			t.Errorf("A reload with %s goes through.", name)
		}
		server.says("not reloaded")
		roundTrip(t, open)
		roundTrip(t, dial(t, client.address("client")))
		if after := server.tunnel.Addresses("server"); strings.Join(before, " ") != strings.Join(after, " ") {
			t.Errorf("After a reload with %s it listens at %v, before at %v.", name, after, before)
		}
	}
}

// Services and addresses come and go; what is open stays.
func TestReloadChangesServices(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	open := dial(t, client.address("client"))
	roundTrip(t, open)
	address := server.address("server")
	err := server.change(func(s *settings.Settings) {
		second := s.Services[0]
		second.Name = "second"
		s.Services[0].Listen = []settings.Address{{Network: "tcp", Host: "localhost:0"}}
		s.Services = append(s.Services, second)
	})
	if err != nil {
		t.Fatal(err)
	}
	// The old address belongs to the second service now, and was never closed.
	if got := server.address("second"); got != address {
		t.Errorf("The second service listens at %s, want %s.", got, address)
	}
	c := dial(t, client.address("client"))
	roundTrip(t, c)
	c.CloseWrite()
	if _, err := io.ReadAll(c); err != nil {
		t.Error(err)
	}
	server.says("service=second identity=alice")
	if err := server.change(func(s *settings.Settings) { s.Services = s.Services[:1] }); err != nil {
		t.Fatal(err)
	}
	server.says("the service was removed")
	roundTrip(t, open)
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("The address of a service that was removed still takes connections.")
	}
}

func TestEndRemoved(t *testing.T) {
	for _, ends := range []bool{false, true} {
		client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.EndRemoved = ends })
		open := dial(t, client.address("client"))
		roundTrip(t, open)
		server.writeKeys(keyB)
		if err := server.tunnel.Reload(); err != nil {
			t.Fatal(err)
		}
		if !ends {
			roundTrip(t, open)
			continue
		}
		if _, err := io.ReadAll(open); err == nil {
			t.Error("A removed identity's connection ends as if it were whole.")
		}
		server.says("end=removed")
	}
}

// The key file is used when it has changed, without anybody asking.
func TestWatch(t *testing.T) {
	_, server := pair(t, backendOf(t, echo), nil)
	server.tunnel.Watch()
	server.writeKeys(otherA)
	server.says("msg=reloaded")
	roundTrip(t, dial(t, startClient(t, server, otherA).address("client")))
	server.writeKeys("rubbish")
	server.says("not reloaded")
	server.writeKeys(newKeyA)
	within(t, "the mended file is used", func() bool { return strings.Count(server.log.String(), "msg=reloaded") == 2 })
	roundTrip(t, dial(t, startClient(t, server, newKeyA).address("client")))
}

// SIGTERM: connections end by themselves; the one that does not is cut.
func TestDrain(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	slow, stuck := dial(t, client.address("client")), dial(t, client.address("client"))
	roundTrip(t, slow)
	roundTrip(t, stuck)
	address := server.address("server")
	ctx, expire := context.WithCancel(context.Background())
	cut := make(chan int)
	go func() { cut <- server.tunnel.Drain(ctx) }()
	within(t, "no more connections are taken", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	roundTrip(t, slow)
	roundTrip(t, stuck)
	slow.CloseWrite()
	if _, err := io.ReadAll(slow); err != nil {
		t.Errorf("A connection that ends by itself while the tunnel drains: %v", err)
	}
	within(t, "one connection is left", func() bool { return server.tunnel.Connections() == 1 })
	expire()
	if n := <-cut; n != 1 {
		t.Errorf("Drain cut %d connections, want 1.", n)
	}
	if _, err := io.ReadAll(stuck); err == nil {
		t.Error("A connection that was moving and was cut looks whole.")
	}
	server.says("end=drained")
}

func TestIdleTimeout(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.IdleTimeout = 10 * time.Millisecond })
	c := dial(t, client.address("client"))
	_, _ = io.WriteString(c, "x")
	if _, err := io.ReadAll(c); err == nil {
		t.Error("A connection that was idle too long ends as if it were whole.")
	}
	server.says("end=idle-timeout")
}

// Whoever asks meanwhile finds no service that is not in force yet.
func TestReadyWhileServicesCome(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	done := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := server.tunnel.Ready(); err != nil {
				t.Errorf("Meanwhile the tunnel is not ready: %v", err)
				return
			}
			server.tunnel.Addresses("new 199")
		}
	})
	defer asking.Wait()
	defer close(done)
	for range 3 {
		add := func(s *settings.Settings) {
			for i := range 200 {
				o := s.Services[0]
				o.Name, o.Listen = fmt.Sprint("new ", i), nil
				s.Services = append(s.Services, o)
			}
		}
		if err := server.change(add); err != nil {
			t.Fatal(err)
		}
		if err := server.change(func(s *settings.Settings) { s.Services = s.Services[:1] }); err != nil {
			t.Fatal(err)
		}
	}
}

// What a reload that is refused would have changed is not in the metrics.
func TestReloadThatIsRefusedCountsNothing(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	err := server.change(func(s *settings.Settings) {
		s.Services[0].Direction, s.Services[0].Identity = settings.Client, "alice"
		ghost := s.Services[0]
		ghost.Name, ghost.Listen = "ghost", []settings.Address{{Network: "tcp", Host: "127.0.0.1:00"}}
		spoiled := ghost
		spoiled.Name, spoiled.Keys = "spoiled", ghost.Keys+".gone"
		s.Services = append(s.Services, ghost, spoiled)
	})
	if err == nil {
		t.Fatal("A reload without a key file goes through.")
	}
	server.counts(`watchword_service_info{service="server",side="server"} 1`)
	if text := server.metrics(); strings.Contains(text, "ghost") || strings.Contains(text, "spoiled") {
		t.Errorf("Services that never were are in the metrics:\n%s", text)
	}
	server.counts("watchword_last_reload_successful 0")
}

// A drain may last for hours: who loses the key meanwhile is out, and the others
// stay. Nothing else of the reload counts.
func TestEndRemovedWhileEnding(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.EndRemoved = true })
	bob := one(settings.Client, server.address("server"))
	bob.Identity = "bob"
	other := start(t, keyB, bob)
	removed, stays := dial(t, client.address("client")), dial(t, other.address("client"))
	roundTrip(t, removed)
	roundTrip(t, stays)
	ctx, expire := context.WithCancel(context.Background())
	defer expire()
	cut := make(chan int)
	go func() { cut <- server.tunnel.Drain(ctx) }()
	within(t, "the tunnel is ending", func() bool { return server.tunnel.Ready() != nil })
	server.writeKeys("rubbish")
	if err := server.tunnel.Reload(); err == nil {
		t.Error("A reload with rubbish goes through.")
	}
	roundTrip(t, removed)
	server.writeKeys(keyB)
	if err := server.change(func(s *settings.Settings) {
		second := s.Services[0]
		second.Name = "second"
		s.Services[0].Listen = nil
		s.Services = append(s.Services, second)
	}); err != nil {
		t.Errorf("While the tunnel ends a reload says %v.", err)
	}
	_ = removed.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(removed); err == nil {
		t.Error("A removed identity's connection ends as if it were whole.")
	}
	removed.Close()
	server.says("end=removed", "the tunnel is ending: of the reload only")
	roundTrip(t, stays)
	if len(server.tunnel.Addresses("second")) > 0 || strings.Contains(server.metrics(), `service="second"`) {
		t.Error("While the tunnel ends a service is added.")
	}
	stays.Close()
	if n := <-cut; n != 0 {
		t.Errorf("Drain cut %d connections, want none.", n)
	}
}
