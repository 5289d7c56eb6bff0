package tunnel

// Bytes arrive exactly: their order and content, their end, and what is no end.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// within waits for a condition, and fails where it never comes true.
func within(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(end) {
			t.Fatalf("It does not happen that %s.", what)
		}
		time.Sleep(time.Millisecond) // between questions, not for readiness
	}
}

// Both directions at once, each with its own end.
func TestStreams(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	for _, size := range []int64{0, 1, 16383, 16384, 65536, 65537, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := dial(t, client.address("client"))
			want := sha256.New()
			go func() {
				_, _ = io.Copy(io.MultiWriter(struct{ io.Writer }{c}, want), io.LimitReader(rand.NewChaCha8([32]byte{2}), size))
				_ = c.CloseWrite()
			}()
			got := sha256.New()
			if n, err := io.Copy(got, c); n != size || err != nil {
				t.Fatalf("Of %d bytes %d come back: %v", size, n, err)
			}
			if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Error("Other bytes come back.")
			}
		})
	}
	server.says("identity=alice", "end=done", "in=5242880", "out=5242880", "version=TLSv1.3")
	client.says("end=done")
}

// A request is sent, its side closed, and the long answer still arrives whole.
func TestHalfClose(t *testing.T) {
	const size = 3 << 20
	for name, first := range map[string]bool{"client first": true, "service first": false} {
		t.Run(name, func(t *testing.T) {
			received := make(chan string, 1)
			to := backendOf(t, func(c *net.TCPConn) {
				if first {
					request, _ := io.ReadAll(c)
					received <- string(request)
				}
				_, _ = io.CopyN(c, rand.NewChaCha8([32]byte{3}), size)
				_ = c.CloseWrite()
				if !first {
					request, _ := io.ReadAll(c)
					received <- string(request)
				}
			})
			client, _ := pair(t, to, nil)
			c := dial(t, client.address("client"))
			send := func() {
				_, _ = io.WriteString(c, "the request")
				_ = c.CloseWrite()
			}
			if first {
				send()
			}
			if n, err := io.Copy(io.Discard, c); n != size || err != nil {
				t.Errorf("Of the answer of %d bytes, %d arrive: %v", size, n, err)
			}
			if !first {
				send()
			}
			if got := <-received; got != "the request" {
				t.Errorf("The service reads %q.", got)
			}
		})
	}
}

// A reset on either side is a reset on the other, never a clean end.
func TestReset(t *testing.T) {
	for _, side := range []string{"client", "service"} {
		t.Run(side, func(t *testing.T) {
			seen := make(chan error, 1)
			to := backendOf(t, func(c *net.TCPConn) {
				buf := make([]byte, 100)
				if n, err := io.ReadFull(c, buf[:5]); n != 5 {
					seen <- err
					return
				}
				if side == "service" {
					_ = c.SetLinger(0)
					return
				}
				_, err := io.ReadAll(c)
				seen <- err
			})
			client, server := pair(t, to, nil)
			c := dial(t, client.address("client"))
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
			if side == "client" {
				server.says("") // its connection stands once the bytes are there
				within(t, "the bytes arrive", func() bool { return server.moved() == 5 })
				_ = c.SetLinger(0)
				c.Close()
			} else {
				_, err := io.ReadAll(c)
				seen <- err
			}
			if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("The other side sees %v, want a reset.", err)
			}
			client.says("end=")
			server.says("end=")
		})
	}
}

// moved is how many bytes came out of TLS on open connections.
func (b *bench) moved() (n int64) {
	for _, s := range b.tunnel.allServices() {
		s.mu.Lock()
		for c := range s.sessions {
			n += c.in.Load()
		}
		s.mu.Unlock()
	}
	return n
}

// Where TLS is cut between the two ends, both plain sides see a reset.
func TestCutBetween(t *testing.T) {
	seen := make(chan error, 2)
	to := backendOf(t, func(c *net.TCPConn) {
		_, err := io.ReadAll(c)
		seen <- err
	})
	server := start(t, keyA, one(settings.Server, to))
	middle, between := cutter(t, server.address("server"))
	client := start(t, keyA, one(settings.Client, middle))
	c := dial(t, client.address("client"))
	_, _ = io.WriteString(c, "hello")
	within(t, "the bytes arrive", func() bool { return server.moved() == 5 })
	between() // FIN in both directions, without close_notify
	_, err := io.ReadAll(c)
	seen <- err
	for range 2 {
		if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("A plain side sees %v where TLS was cut, want a reset.", err)
		}
	}
	server.says("end=peer-truncated")
	client.says("end=peer-truncated")
}

// cutter is a network that can be cut.
func cutter(t *testing.T, to string) (address string, cut func()) {
	var mu sync.Mutex
	var conns []*net.TCPConn
	address = backendOf(t, func(c *net.TCPConn) {
		d, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		mu.Lock()
		conns = append(conns, c, d.(*net.TCPConn))
		mu.Unlock()
		go func() { _, _ = io.Copy(d, c) }()
		_, _ = io.Copy(c, d)
	})
	return address, func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	}
}

func TestUnixSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "ww") // a short path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", dir+"/service")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(struct{ io.Writer }{c}, c)
		c.Close()
	}()
	client, _ := pair(t, "", func(c, s *settings.Service) {
		s.To[0] = settings.Address{Network: "unix", Host: dir + "/service"}
		c.Listen[0] = settings.Address{Network: "unix", Host: dir + "/local"}
	})
	_ = client
	if info, err := os.Stat(dir + "/local"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("The socket has the mode %v, error %v, want 0600.", info.Mode(), err)
	}
	c, err := net.Dial("unix", dir+"/local")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "hello")
	_ = c.(*net.UnixConn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
		t.Errorf("Through Unix sockets %q comes back: %v", got, err)
	}
}

// Who holds no key of the service gets nothing, and the log says why.
func TestRefusals(t *testing.T) {
	dialed := false
	to := backendOf(t, func(*net.TCPConn) { dialed = true })
	o := one(settings.Server, to)
	o.Deny = []string{"bo*"}
	server := start(t, keyA+keyB, o)
	for name, want := range map[string]string{"alice": "differs", "bob": "not admitted", "carol": "not known here"} {
		k, err := watchword.NewKey(name, bytes.Repeat([]byte{9}, 16), watchword.KeyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = watchword.Dial("tcp", server.address("server"), &watchword.Config{Keys: []*watchword.Key{k}})
		if !errors.Is(err, watchword.ErrKeyRejected) {
			t.Errorf("%s gets %v, want ErrKeyRejected.", name, err)
		}
		server.says(want)
	}
	if dialed {
		t.Error("The service was connected to for a peer that proved nothing.")
	}
}

// The client's plain side learns at once that the service is down.
func TestServiceDown(t *testing.T) {
	client, server := pair(t, "127.0.0.1:1", func(_, s *settings.Service) { s.ConnectRetries = 0 })
	if err := readAll(client.address("client")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("With the service down the client sees %v, want a reset.", err)
	}
	server.says("no connection to the service", "127.0.0.1:1")
	client.says("end=peer-alert")
}

// A service that leads back to itself ends at once, not with the last
// descriptor.
func TestItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	o := one(settings.Client, free)
	o.Listen[0].Host = free
	b := start(t, keyA, o)
	if err := readAll(free); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("The client sees %v, want a reset.", err)
	}
	b.says("connects to itself")
}

// readAll returns how a connection ends. A reset may come before Dial returns.
func readAll(address string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.ReadAll(c)
	return err
}
