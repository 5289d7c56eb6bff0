package tunnel

// Pairs of tunnels in one process, and the services behind them.

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword/internal/tunnel/meter"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Keys that tests use; they are no secrets.
const (
	keyA = "alice:000102030405060708090a0b0c0d0e0f\n"
	keyB = "bob:101112131415161718191a1b1c1d1e1f\n"
)

// logBuffer is a log that a test reads while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// bench is a tunnel under test with what it was told.
type bench struct {
	t    *testing.T
	log  *logBuffer
	keys string // the file

	mu       sync.Mutex
	settings settings.Settings
	tunnel   *Tunnel
}

// start runs the services; the key file has this content.
func start(t *testing.T, keys string, services ...settings.Service) *bench {
	t.Helper()
	return startWith(t, keys, func(*Options) {}, services...)
}

// startWith is start with other options.
func startWith(t *testing.T, keys string, change func(*Options), services ...settings.Service) *bench {
	t.Helper()
	b := &bench{t: t, log: &logBuffer{}, keys: filepath.Join(t.TempDir(), "keys")}
	b.writeKeys(keys)
	b.settings = settings.Default()
	for i := range services {
		services[i].Keys = b.keys
	}
	b.settings.Services = services
	o := b.options()
	change(&o)
	tunnel, err := Start(o)
	if err != nil {
		t.Fatalf("The tunnel does not start: %v", err)
	}
	b.tunnel = tunnel
	t.Cleanup(func() {
		tunnel.Close()
		if n := tunnel.Connections(); n != 0 {
			t.Errorf("%d connections are counted after the end.", n)
		}
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
	return b
}

func (b *bench) options() Options {
	return Options{
		Load: func() (settings.Settings, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.settings, nil
		},
		Log:              slog.New(slog.NewTextHandler(b.log, nil)),
		Meters:           meter.New(),
		AllowSameProcess: true,
	}
}

func (b *bench) writeKeys(keys string) {
	b.t.Helper()
	// As an editor does it, so that nobody sees half of it.
	next := b.keys + ".next"
	if err := os.WriteFile(next, []byte(keys), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(next, b.keys); err != nil {
		b.t.Fatal(err)
	}
}

// change gives the tunnel other settings and reloads.
func (b *bench) change(f func(*settings.Settings)) error {
	b.mu.Lock()
	b.settings.Services = append([]settings.Service(nil), b.settings.Services...)
	f(&b.settings)
	b.mu.Unlock()
	return b.tunnel.Reload()
}

// address is where the service listens.
func (b *bench) address(service string) string {
	b.t.Helper()
	list := b.tunnel.Addresses(service)
	if len(list) == 0 {
		b.t.Fatalf("The service %s listens nowhere.", service)
	}
	return list[0]
}

// says waits until the log has each of these.
func (b *bench) says(words ...string) {
	b.t.Helper()
	within(b.t, fmt.Sprintf("the log has %q", words), func() bool {
		text := b.log.String()
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
}

// counts waits until the metrics have this line.
func (b *bench) counts(line string) {
	b.t.Helper()
	within(b.t, "the metrics have "+line, func() bool { return strings.Contains(b.metrics(), line+"\n") })
}

// figure is the metrics' number of a series, -1 if there is none.
func (b *bench) figure(series string) float64 {
	_, rest, found := strings.Cut(b.metrics(), "\n"+series+" ")
	number, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(number, 64)
	if !found || err != nil {
		return -1
	}
	return n
}

func (b *bench) metrics() string {
	var text strings.Builder
	b.tunnel.options.Meters.Write(&text)
	return text.String()
}

var loopbacks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func one(d settings.Direction, to string) settings.Service {
	s := settings.DefaultService()
	s.Name, s.Direction = d.String(), d
	s.Listen = []settings.Address{{Network: "tcp", Host: "127.0.0.1:0"}}
	s.To = []settings.Address{{Network: "tcp", Host: to}}
	s.Identity = "alice"
	if d == settings.Server {
		s.Identity = ""
	}
	return s
}

// pair starts a server's end before the address, and a client's end before that.
func pair(t *testing.T, to string, change func(client, server *settings.Service)) (client, server *bench) {
	t.Helper()
	s := one(settings.Server, to)
	c := one(settings.Client, "127.0.0.1:1")
	if change != nil {
		change(&c, &s)
	}
	server = start(t, keyA+keyB, s)
	c.To[0].Host = server.address("server")
	return start(t, keyA+keyB, c), server
}

// backendOf serves each connection with f.
func backendOf(t *testing.T, f func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

func echo(c *net.TCPConn) {
	_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
	_ = c.CloseWrite()
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("The tunnel takes no connection: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}
