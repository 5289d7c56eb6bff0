package tunnel

// What goes wrong around a tunnel: of what was accepted nothing is lost, and
// nothing is left over.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// leftOver fails where goroutines or descriptors stay behind.
func leftOver(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), descriptors()
	t.Cleanup(func() {
		t.Helper()
		within(t, fmt.Sprintf("%d goroutines and %d descriptors are left", goroutines, files), func() bool {
			return runtime.NumGoroutine() <= goroutines && descriptors() <= files
		})
	})
}

// descriptors counts those that are open, where the system tells.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// A million writes of a few bytes arrive in order, whoever gathers them on the
// way.
func TestTinyWrites(t *testing.T) {
	leftOver(t)
	writes := 1_000_000
	if testing.Short() {
		writes = 20_000
	}
	client, _ := pair(t, backendOf(t, echo), nil)
	c := dial(t, client.address("client"))
	want := sha256.New()
	go func() {
		random := rand.New(rand.NewPCG(1, 2))
		b := make([]byte, 3)
		for i := range writes {
			n := 1 + i%3
			for j := range n {
				b[j] = byte(random.Uint32())
			}
			want.Write(b[:n])
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}
		_ = c.CloseWrite()
	}()
	got := sha256.New()
	if _, err := io.Copy(got, c); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Error("Of many small writes other bytes come back.")
	}
}

// A service that takes next to nothing holds its own connection up, and nobody
// else's; what it takes in the end is exact.
func TestSlowService(t *testing.T) {
	leftOver(t)
	const size = 4 << 20
	sum := make(chan [32]byte, 1)
	release := make(chan struct{})
	var first atomic.Bool
	to := backendOf(t, func(c *net.TCPConn) {
		if !first.CompareAndSwap(false, true) {
			echo(c)
			return
		}
		<-release
		h := sha256.New()
		_, _ = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{c}, make([]byte, 777))
		sum <- [32]byte(h.Sum(nil))
	})
	client, _ := pair(t, to, nil)
	slow := dial(t, client.address("client"))
	want := sha256.New()
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.MultiWriter(struct{ io.Writer }{slow}, want), io.LimitReader(rand.NewChaCha8([32]byte{5}), size))
		_ = slow.CloseWrite()
		done <- err
	}()
	within(t, "the slow service has its connection", first.Load)
	roundTrip(t, dial(t, client.address("client")))
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := <-sum; !bytes.Equal(got[:], want.Sum(nil)) {
		t.Error("The slow service gets other bytes.")
	}
}

// stopper is a proxy that can be told to stop: it drops nothing and reorders
// nothing, but splits everything into small pieces.
type stopper struct {
	stopped atomic.Bool
	mu      sync.Mutex
	again   *sync.Cond
}

func networkTo(t *testing.T, to string) (address string, n *stopper) {
	n = &stopper{}
	n.again = sync.NewCond(&n.mu)
	t.Cleanup(n.resume)
	return backendOf(t, func(c *net.TCPConn) {
		d, err := net.Dial("tcp", to)
		if err != nil {
			_ = c.SetLinger(0)
			return
		}
		defer d.Close()
		var both sync.WaitGroup
		both.Go(func() { n.carry(d.(*net.TCPConn), c) })
		both.Go(func() { n.carry(c, d.(*net.TCPConn)) })
		both.Wait()
	}), n
}

func (n *stopper) carry(to, from *net.TCPConn) {
	buf := make([]byte, 701)
	for {
		m, err := from.Read(buf)
		n.mu.Lock()
		for n.stopped.Load() {
			n.again.Wait()
		}
		n.mu.Unlock()
		if _, werr := to.Write(buf[:m]); werr != nil || err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}

func (n *stopper) stop() { n.stopped.Store(true) }

func (n *stopper) resume() {
	n.mu.Lock()
	n.stopped.Store(false)
	n.again.Broadcast()
	n.mu.Unlock()
}

// A network that stops for a while costs time and no byte.
func TestNetworkStops(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	middle, n := networkTo(t, server.address("server"))
	client := start(t, keyA, one(settings.Client, middle))
	c := dial(t, client.address("client"))
	const size = 1 << 20
	want := sha256.New()
	go func() {
		source := io.LimitReader(rand.NewChaCha8([32]byte{6}), size)
		for i := range 16 {
			_, _ = io.CopyN(io.MultiWriter(struct{ io.Writer }{c}, want), source, size/16)
			if i == 8 {
				n.stop()
				time.AfterFunc(50*time.Millisecond, n.resume)
			}
		}
		_ = c.CloseWrite()
	}()
	got := sha256.New()
	if _, err := io.Copy(got, c); err != nil || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("After the network stopped and went on, other bytes come back, or: %v", err)
	}
}

// A network that stops for good: handshakes end by their time-out, connections
// by theirs.
func TestNetworkIsGone(t *testing.T) {
	server := start(t, keyA, one(settings.Server, backendOf(t, echo)))
	middle, n := networkTo(t, server.address("server"))
	client := start(t, keyA, one(settings.Client, middle))
	open := dial(t, client.address("client"))
	roundTrip(t, open)
	n.stop()
	if err := client.change(func(s *settings.Settings) {
		o := &s.Services[0]
		o.HandshakeTimeout, o.IdleTimeout = 100*time.Millisecond, 100*time.Millisecond
	}); err != nil {
		t.Fatal(err)
	}
	if err := readAll(client.address("client")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("With the network gone, a new connection ends in %v, want a reset.", err)
	}
	if _, err := io.ReadAll(open); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("With the network gone, an open connection ends in %v, want a reset.", err)
	}
	client.says("handshake", "end=idle-timeout")
}

// A peer that takes no byte does not hold up the end of others, nor the end of
// the tunnel.
func TestStuckPeer(t *testing.T) {
	leftOver(t)
	to := backendOf(t, func(c *net.TCPConn) {
		_, _ = io.Copy(c, rand.NewChaCha8([32]byte{7}))
	})
	client, server := pair(t, to, nil)
	stuck := dial(t, client.address("client"))
	within(t, "both ends are full", func() bool {
		before := server.sent()
		time.Sleep(20 * time.Millisecond)
		return before > 0 && server.sent() == before
	})
	began := time.Now()
	server.tunnel.Close()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("The end takes %v.", took)
	}
	if _, err := io.Copy(io.Discard, stuck); err == nil {
		t.Error("A stream that was cut looks whole.")
	}
}

// sent is how many bytes went into TLS on open connections.
func (b *bench) sent() (n int64) {
	for _, s := range b.tunnel.allServices() {
		s.mu.Lock()
		for c := range s.sessions {
			n += c.out.Load()
		}
		s.mu.Unlock()
	}
	return n
}

// Half of the clients are hostile, the files are loaded again and again, and
// every honest stream is exact.
func TestHostileAndReloads(t *testing.T) {
	leftOver(t)
	client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) {
		// Long: on a busy machine the honest need time too. hostility ends its
		// silent connections itself.
		s.HandshakeTimeout = time.Minute
	})
	rounds := 200
	if testing.Short() {
		rounds = 40
	}
	done := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { hostility(server.address("server"), done) })
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
			server.writeKeys([]string{keyA + keyB, keyB + keyA, newKeyA + keyA}[i%3])
			if err := server.tunnel.Reload(); err != nil {
				t.Errorf("A reload under load fails: %v", err)
			}
		}
	})
	var honest sync.WaitGroup
	for i := range 4 {
		honest.Go(func() {
			for j := range rounds {
				exact(t, client.address("client"), uint64(i*rounds+j))
			}
		})
	}
	honest.Wait()
	close(done)
	others.Wait()
	if n := strings.Count(server.log.String(), "end=done"); n < 4*rounds {
		within(t, "each connection has its line", func() bool { return strings.Count(server.log.String(), "end=done") == 4*rounds })
	}
}

// exact sends a stream and compares what comes back.
func exact(t *testing.T, address string, seed uint64) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Errorf("The tunnel takes no connection: %v", err)
		return
	}
	defer c.Close()
	size := int64(seed*7919) % 100_000
	source := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}), size) }
	go func() {
		_, _ = io.Copy(struct{ io.Writer }{c}, source())
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	want, _ := io.ReadAll(source())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Stream %d: %d bytes of %d come back, or others: %v", seed, len(got), size, err)
	}
}

// hostility sends rubbish, or nothing, or half of something.
func hostility(address string, done chan struct{}) {
	random := rand.New(rand.NewPCG(3, 4))
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			continue
		}
		junk := make([]byte, random.IntN(600))
		for j := range junk {
			junk[j] = byte(random.Uint32())
		}
		switch i % 4 {
		case 0: // silent
		case 1:
			_, _ = c.Write(junk)
		case 2:
			_, _ = c.Write(append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}, junk...))
		case 3:
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
			continue
		}
		if open = append(open, c); len(open) > 50 {
			open[0].Close()
			open = open[1:]
		}
	}
}
