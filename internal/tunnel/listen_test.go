package tunnel

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// shortFolder is one whose path a Unix socket's has room for.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ww")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A socket that cannot be given away is closed again.
func TestASocketThatCannotBeGivenAway(t *testing.T) {
	path := filepath.Join(shortFolder(t), "s")
	refused := errors.New("not to you")
	tunnel := &Tunnel{options: Options{OwnSocket: func(string) error { return refused }}}
	if _, err := tunnel.listenUnix(settings.Address{Network: "unix", Host: path}, 0o600); !errors.Is(err, refused) {
		t.Errorf("It listens all the same: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("The socket is still there: %v", err)
	}
}

// What keeps from listening is said in words that fit a port, or a socket.
func TestListenFailure(t *testing.T) {
	denied := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}
	if said := ListenFailure(settings.Address{Network: "tcp", Host: ":81"}, denied).Error(); !strings.Contains(said, "ports below 1024") {
		t.Errorf("Of a port it says %q.", said)
	}
	said := ListenFailure(settings.Address{Network: "unix", Host: filepath.FromSlash("/usr/share/x.sock")}, denied)
	if strings.Contains(said.Error(), "ports") || !strings.HasSuffix(said.Error(), "write to the folder "+filepath.FromSlash("/usr/share")) || !errors.Is(said, fs.ErrPermission) {
		t.Errorf("Of a socket it says %q.", said)
	}
}

// moves has a service listen at one address and then at another one of its port.
func moves(t *testing.T, from, to string) (b *bench, err error) {
	t.Helper()
	o := one(settings.Server, backendOf(t, echo))
	o.Listen[0].Host = from + ":0"
	b = start(t, keyA, o)
	_, port, _ := net.SplitHostPort(b.address("server"))
	// The port by its number, so that a reload knows the address again.
	at := func(host string) []settings.Address {
		return []settings.Address{{Network: "tcp", Host: net.JoinHostPort(host, port)}}
	}
	if err := b.change(func(s *settings.Settings) { s.Services[0].Listen = at(to) }); err != nil {
		return b, err
	}
	if _, p, _ := net.SplitHostPort(b.address("server")); p != port {
		t.Errorf("It listens at port %s, want %s.", p, port)
	}
	return b, nil
}

// From one address to all of them and back, with one port: this process is who has
// it.
func TestListenElsewhereAtThePort(t *testing.T) {
	for _, c := range []struct{ from, to string }{{"127.0.0.1", ""}, {"", "127.0.0.1"}, {"127.0.0.1", "localhost"}} {
		b, err := moves(t, c.from, c.to)
		if err != nil {
			t.Errorf("From %q to %q: %v", c.from, c.to, err)
			continue
		}
		_, port, _ := net.SplitHostPort(b.address("server"))
		client := one(settings.Client, net.JoinHostPort("127.0.0.1", port))
		roundTrip(t, dial(t, start(t, keyA, client).address("client")))
	}
}

// What was closed for a new listener is open again when the reload is refused.
func TestListenElsewhereInVain(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	client := startClient(t, server, keyA)
	open := dial(t, client.address("client"))
	roundTrip(t, open)
	address := server.address("server")
	_, port, _ := net.SplitHostPort(address)
	stranger, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", port)) // keeps :PORT from being opened
	if err != nil {
		t.Skipf("This system has no second loopback address: %v", err)
	}
	defer stranger.Close()
	for range 2 {
		err = server.change(func(s *settings.Settings) {
			s.Services[0].Listen = []settings.Address{{Network: "tcp", Host: ":" + port}}
		})
		if err == nil {
			t.Skip("On this system both are open at once.")
		}
		if !strings.Contains(err.Error(), "in use by another program") {
			t.Errorf("It says %v.", err)
		}
		if got := server.address("server"); got != address {
			t.Errorf("It listens at %s, want %s.", got, address)
		}
		roundTrip(t, open)
		roundTrip(t, dial(t, client.address("client")))
	}
	stranger.Close()
	if err := server.tunnel.Reload(); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, dial(t, client.address("client")))
}

// A mistake elsewhere is found before anything is closed.
func TestListenElsewhereWithAMistake(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	_, port, _ := net.SplitHostPort(server.address("server"))
	l := server.listenerOf("server")
	err := server.change(func(s *settings.Settings) {
		s.Services[0].Listen = []settings.Address{{Network: "tcp", Host: ":" + port}}
		spoiled := s.Services[0]
		spoiled.Name, spoiled.Listen, spoiled.Keys = "spoiled", nil, spoiled.Keys+".gone"
		s.Services = append(s.Services, spoiled)
	})
	if err == nil || !strings.Contains(err.Error(), "spoiled") {
		t.Errorf("The reload ends with %v.", err)
	}
	if server.listenerOf("server") != l {
		t.Error("The listener was closed for nothing.")
	}
	roundTrip(t, dial(t, startClient(t, server, keyA).address("client")))
}

func (b *bench) listenerOf(service string) *listener {
	b.tunnel.mu.Lock()
	defer b.tunnel.mu.Unlock()
	return b.tunnel.listeners[b.tunnel.services[service].now().settings.Listen[0]]
}

// Two addresses that cannot both be open are this process's own doing, and it says
// so.
func TestListenTwiceAtThePort(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	_, port, _ := net.SplitHostPort(server.address("server"))
	err := server.change(func(s *settings.Settings) {
		s.Services[0].Listen = []settings.Address{s.Services[0].Listen[0], {Network: "tcp", Host: ":" + port}}
	})
	if err == nil {
		t.Skip("On this system both are open at once.")
	}
	if want := "this process listens at 127.0.0.1:" + port + " itself"; !strings.Contains(err.Error(), want) {
		t.Errorf("It says %v, want %q.", err, want)
	}
}
