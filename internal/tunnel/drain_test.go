package tunnel

// The end of the drain time: what was whole ends whole, and nothing else looks so.

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// each calls f with every session.
func (b *bench) each(f func(c *session)) {
	for _, s := range b.tunnel.allServices() {
		s.mu.Lock()
		for c := range s.sessions {
			f(c)
		}
		s.mu.Unlock()
	}
}

// quieten has the last bytes of every connection be long ago.
func (b *bench) quieten() {
	long := monotonic() - int64(3*limits.DrainQuietSeconds*time.Second)
	b.each(func(c *session) { c.active.Store(long) })
}

// settled waits until nothing has moved for a while. That is for a test to meet what
// it is about; it has to hold at every other moment too.
func (b *bench) settled(what string) {
	b.t.Helper()
	last, since := int64(-1), time.Now()
	within(b.t, what, func() bool {
		if n := b.moved() + b.sent(); n != last {
			last, since = n, time.Now()
		}
		return last > 0 && time.Since(since) > 200*time.Millisecond
	})
}

// end drains without any time, and fails where that does not end.
func (b *bench) end() (cut int) {
	b.t.Helper()
	ended := make(chan int, 1)
	go func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		ended <- b.tunnel.Drain(ctx)
	}()
	select {
	case cut = <-ended:
	case <-time.After(time.Minute):
		b.t.Fatal("The drain does not end.")
	}
	return cut
}

// more is more than all the buffers between two ends have room for.
const more = 64 << 20

func sendMore(c *net.TCPConn) {
	chunk := make([]byte, 1<<20)
	for range more / len(chunk) {
		if _, err := c.Write(chunk); err != nil {
			return
		}
	}
	_ = c.CloseWrite()
}

// A stream that a slow reader holds up is quiet, and not whole: on whichever side
// the drain time ends.
func TestDrainWhileAReaderIsSlow(t *testing.T) {
	for _, side := range []string{"client", "server"} {
		for _, way := range []string{"down", "up"} {
			t.Run(side+" "+way, func(t *testing.T) {
				t.Parallel()
				seen := make(chan error, 1)
				goOn := make(chan struct{})
				client, server := pair(t, backendOf(t, func(c *net.TCPConn) {
					if way == "down" {
						sendMore(c)
						return
					}
					_, _ = io.CopyN(io.Discard, c, 1)
					<-goOn
					_, err := io.Copy(io.Discard, c)
					seen <- err
				}), nil)
				c := dial(t, client.address("client"))
				if way == "up" {
					go sendMore(c)
				}
				ending := map[string]*bench{"client": client, "server": server}[side]
				ending.settled("the reader holds the stream up")
				ending.quieten()
				if n := ending.end(); n != 1 {
					t.Errorf("Drain cut %d connections, want 1.", n)
				}
				close(goOn)
				if way == "down" {
					_, err := io.Copy(io.Discard, c)
					seen <- err
				}
				if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("A part of a stream ends in %v, want a reset.", err)
				}
				ending.says("end=drained")
			})
		}
	}
}

// Bytes that wait for the rate's limit are under way as well.
func TestDrainWhileTheRateHoldsBytes(t *testing.T) {
	seen := make(chan error, 1)
	client, server := pair(t, backendOf(t, func(c *net.TCPConn) {
		_, err := io.Copy(io.Discard, c)
		seen <- err
	}), func(_, s *settings.Service) { s.BytesPerSecond = 1 })
	c := dial(t, client.address("client"))
	if _, err := c.Write(make([]byte, 2*limits.TunnelBurstBytes)); err != nil {
		t.Fatal(err)
	}
	server.settled("the rate holds the bytes")
	server.quieten()
	server.end()
	if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("A part of a stream ends in %v, want a reset.", err)
	}
}

// A record of which a part has come is under way too.
func TestDrainWithHalfARecord(t *testing.T) {
	seen := make(chan error, 1)
	server := start(t, keyA, one(settings.Server, backendOf(t, func(c *net.TCPConn) {
		_, err := io.Copy(io.Discard, c)
		seen <- err
	})))
	var most atomic.Int64 // bytes that pass
	most.Store(1 << 40)
	client := start(t, keyA, one(settings.Client, narrow(t, server.address("server"), &most)))
	c := dial(t, client.address("client"))
	_, _ = c.Write([]byte("hello"))
	within(t, "the bytes arrive", func() bool { return server.moved() == 5 })
	most.Store(100)
	_, _ = c.Write(make([]byte, 10_000))
	within(t, "half a record has come", func() (half bool) {
		server.each(func(c *session) { half = c.tls.Buffered() == 100 })
		return half
	})
	server.quieten()
	server.end()
	if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("A part of a stream ends in %v, want a reset.", err)
	}
}

// narrow is a network that lets only so many more bytes of the client's through.
func narrow(t *testing.T, to string, most *atomic.Int64) (address string) {
	return backendOf(t, func(c *net.TCPConn) {
		d, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer d.Close()
		go func() { _, _ = io.Copy(c, d); c.Close() }()
		buf := make([]byte, 1000)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			n = int(min(int64(n), most.Load()))
			most.Add(-int64(n))
			if _, err := d.Write(buf[:n]); err != nil {
				return
			}
		}
	})
}

// What went to a reader before the end is his, though he reads it after the tunnel is
// gone: the system has it, whoever ended the connection.
func TestBytesOutliveTheTunnel(t *testing.T) {
	const size = 50_000 // any buffer of the system has room for it
	for name, ends := range map[string]bool{"the service": true, "the drain": false} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			client, server := pair(t, backendOf(t, func(c *net.TCPConn) {
				_, _ = c.Write(make([]byte, size))
				if !ends {
					_, _ = io.Copy(io.Discard, c)
				}
				close(gone)
			}), nil)
			c := dial(t, client.address("client"))
			if ends {
				_ = c.CloseWrite()
				client.says("end=done")
				server.says("end=done")
			} else {
				within(t, "the bytes are at the reader's", func() bool { return client.moved() == size })
				within(t, "nothing is under way", func() (none bool) {
					client.each(func(c *session) { none = c.held.Load() == 0 })
					return none
				})
				client.quieten()
			}
			if n, want := client.end(), map[bool]int{true: 0, false: 1}[ends]; n != want {
				t.Errorf("Drain cut %d connections, want %d.", n, want)
			}
			<-gone // the service's side ends too
			if n, err := io.Copy(io.Discard, c); n != size || err != nil {
				t.Errorf("Of %d bytes %d arrive, and then %v.", size, n, err)
			}
		})
	}
}

// However close to the end a byte comes, both sides end, and so does the drain.
func TestDrainWhileBytesCome(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		client, server := pair(t, backendOf(t, echo), nil)
		const connections = 8
		ended := make(chan struct{}, connections)
		for range connections {
			c := dial(t, client.address("client"))
			roundTrip(t, c)
			go func() {
				defer func() { ended <- struct{}{} }()
				var b [1]byte
				for {
					if _, err := c.Write(b[:]); err != nil {
						return
					}
					if _, err := io.ReadFull(c, b[:]); err != nil {
						return
					}
					server.quieten()
				}
			}()
		}
		if n := server.end(); n != connections {
			t.Errorf("Drain cut %d connections, want %d.", n, connections)
		}
		for range connections {
			<-ended
		}
	}
}

// A tunnel that takes no more connections says so at once, to a reload too, and those
// that are open go on.
func TestRefuse(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	address := server.address("server")
	open := dial(t, client.address("client"))
	roundTrip(t, open)
	server.tunnel.Refuse()
	if server.tunnel.Ready() == nil {
		t.Error("It is ready.")
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("It still listens.")
	}
	if err := server.tunnel.Reload(); err != nil {
		t.Error(err)
	}
	server.says("the tunnel is ending: of the reload only")
	roundTrip(t, open)
}
