package watchword

// A Conn as a net.Conn: what golang.org/x/net/nettest asks of one, as far as TLS
// can give it (a Write that timed out breaks the connection, as in crypto/tls).

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
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// carriers are the connections beneath: a socket, which is read in a way of its
// own, a socket behind a type that hides it, and a pipe in memory.
var carriers = map[string]func(t testing.TB) (a, b net.Conn){
	"TCP":         tcpPair,
	"wrapped TCP": func(t testing.TB) (net.Conn, net.Conn) { a, b := tcpPair(t); return hiddenConn{a}, hiddenConn{b} },
	"pipe": func(t testing.TB) (net.Conn, net.Conn) {
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		return a, b
	},
}

type hiddenConn struct{ net.Conn }

// connPair returns both ends of a connection after their handshakes. There are
// no tickets: a pipe would block on one that nobody reads.
func connPair(t testing.TB, a, b net.Conn) (client, server *Conn) {
	t.Helper()
	k := keyWith(t, "alice", 1, KeyOptions{})
	client = Client(a, &Config{Keys: []*Key{k}, Groups: []Group{X25519}})
	server = Server(b, &Config{Keys: []*Key{k}, AllowSameProcess: true, Tickets: &Tickets{Disabled: true}})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatalf("The handshake fails: %v", err)
	}
	return client, server
}

// overEach runs a test over each kind of carrier.
func overEach(t *testing.T, test func(t *testing.T, client, server *Conn)) {
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			a, b := carrier(t)
			client, server := connPair(t, a, b)
			test(t, client, server)
		})
	}
}

// Large streams cross in both directions at once, and both ends see the end.
func TestConnCarriesLargeStreams(t *testing.T) {
	size := 8 << 20
	if testing.Short() {
		size = 1 << 20
	}
	overEach(t, func(t *testing.T, client, server *Conn) {
		var all sync.WaitGroup
		for i, c := range []*Conn{client, server} {
			all.Add(2)
			go func() {
				defer all.Done()
				sum := sha256.New()
				source := io.LimitReader(rand.NewChaCha8([32]byte{byte(i)}), int64(size))
				if n, err := io.Copy(c, io.TeeReader(source, sum)); n != int64(size) || err != nil {
					t.Errorf("End %d wrote %d bytes: %v.", i, n, err)
				}
				if err := c.CloseWrite(); err != nil {
					t.Errorf("End %d cannot close its half: %v.", i, err)
				}
			}()
			go func() {
				defer all.Done()
				got, want := sha256.New(), sha256.New()
				if n, err := io.Copy(got, c); n != int64(size) || err != nil {
					t.Errorf("End %d read %d bytes: %v.", i, n, err)
				}
				io.Copy(want, io.LimitReader(rand.NewChaCha8([32]byte{byte(1 - i)}), int64(size)))
				if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
					t.Errorf("End %d read other bytes than were written.", i)
				}
			}()
		}
		all.Wait()
		if err := errors.Join(client.Close(), server.Close()); err != nil {
			t.Errorf("Closing fails: %v.", err)
		}
	})
}

// Every size of Read and Write gives the same bytes.
func TestConnReadSizes(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		text := make([]byte, 100_000)
		rand.NewChaCha8([32]byte{}).Read(text)
		for _, size := range []int{1, 7, 100, 16383, 16384, 16385, 40_000, 200_000} {
			go func() {
				for at := 0; at < len(text); {
					n := min(size, len(text)-at)
					if _, err := client.Write(text[at : at+n]); err != nil {
						t.Errorf("Writes of %d bytes: %v.", size, err)
						return
					}
					if size == 1 && at > 1000 {
						n = len(text) - at // enough of that
						client.Write(text[at+1:])
					}
					at += n
				}
			}()
			got, buf := []byte(nil), make([]byte, size)
			for len(got) < len(text) {
				n, err := server.Read(buf)
				if err != nil || n == 0 {
					t.Fatalf("Reads of %d bytes: %d, %v after %d bytes.", size, n, err, len(got))
				}
				got = append(got, buf[:n]...)
			}
			if !bytes.Equal(got, text) {
				t.Errorf("In pieces of %d bytes other bytes arrive.", size)
			}
		}
	})
}

func TestConnPingPong(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		go func() {
			io.Copy(server, server)
			server.Close()
		}()
		buf := make([]byte, 8)
		for i := range 300 {
			want := fmt.Sprintf("%08d", i)
			if _, err := io.WriteString(client, want); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(client, buf); err != nil || string(buf) != want {
				t.Fatalf("%q came back for %q: %v.", buf, want, err)
			}
		}
		if err := client.CloseWrite(); err != nil {
			t.Error(err)
		}
		if n, err := client.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("After the end: %d, %v, want io.EOF.", n, err)
		}
	})
}

// The buffers of Read and Write are the caller's again as soon as they return.
func TestConnKeepsNoBuffer(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		go func() {
			buf := make([]byte, 3000)
			for i := range 200 {
				for j := range buf {
					buf[j] = byte(i)
				}
				if _, err := client.Write(buf); err != nil {
					t.Error(err)
				}
				clear(buf)
			}
			client.CloseWrite()
		}()
		buf, at := make([]byte, 1000), 0
		for {
			n, err := server.Read(buf)
			for _, b := range buf[:n] {
				if b != byte(at/3000) {
					t.Fatalf("Byte %d is %d, want %d.", at, b, at/3000)
				}
				at++
			}
			clear(buf)
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if at != 600_000 {
			t.Errorf("%d bytes were read.", at)
		}
	})
}

// Buffers come from pools that all connections share: none ever shows what
// belongs to another, whatever sizes are read and however data waits.
func TestConnsShareNoBuffers(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	var all sync.WaitGroup
	for i := range 9 {
		carrier := []string{"TCP", "wrapped TCP", "pipe"}[i%3]
		a, b := carriers[carrier](t)
		client, server := connPair(t, a, b)
		all.Add(2)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range rounds {
				if _, err := client.Write(bytes.Repeat([]byte{byte(i)}, 1+random.IntN(40_000))); err != nil {
					t.Errorf("Connection %d: %v.", i, err)
				}
			}
			client.CloseWrite()
		}()
		go func() {
			defer all.Done()
			random := rand.New(rand.NewPCG(uint64(i), 2))
			for {
				buf := make([]byte, 1+random.IntN([]int{10, 1000, 50_000}[random.IntN(3)]))
				n, err := server.Read(buf)
				if !bytes.Equal(buf[:n], bytes.Repeat([]byte{byte(i)}, n)) {
					t.Errorf("Connection %d over %s read what belongs to another.", i, carrier)
					return
				}
				if err == io.EOF {
					return
				} else if err != nil {
					t.Errorf("Connection %d: %v.", i, err)
					return
				}
			}
		}()
	}
	all.Wait()
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout() && errors.Is(err, os.ErrDeadlineExceeded)
}

var past, never = time.Unix(1, 0), time.Time{}

// A Read that timed out may be tried again, and nothing is lost: not even where
// the deadline falls into the middle of a record.
func TestConnReadDeadline(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		buf := make([]byte, 100)
		for range 3 {
			server.SetReadDeadline(past)
			if n, err := server.Read(buf); n != 0 || !isTimeout(err) {
				t.Errorf("Read after the deadline: %d, %v.", n, err)
			}
			server.SetReadDeadline(never)
			go client.Write([]byte("still alive"))
			if n, err := server.Read(buf); string(buf[:n]) != "still alive" || err != nil {
				t.Errorf("After a time-out: %q, %v.", buf[:n], err)
			}
		}
	})
}

func TestConnReadDeadlineWithinARecord(t *testing.T) {
	for name, carrier := range carriers {
		a, b := carrier(t)
		client, server := connPair(t, a, b)
		client.engineMu.Lock()
		rec, _, err := client.engine.Seal(nil, []byte("in two pieces"), 1000)
		client.engineMu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		for _, part := range [][]byte{rec[:3], rec[3:20]} {
			written := make(chan struct{})
			go func() {
				a.Write(part)
				close(written)
			}()
			for arrived := false; !arrived; {
				server.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
				if n, err := server.Read(buf); n != 0 || !isTimeout(err) {
					t.Errorf("%s: Read of a part of a record: %d, %v.", name, n, err)
				}
				select {
				case <-written:
					arrived = true
				default: // a pipe needs its reader
				}
			}
		}
		server.SetReadDeadline(never)
		go a.Write(rec[20:])
		if n, err := server.Read(buf); string(buf[:n]) != "in two pieces" || err != nil {
			t.Errorf("%s: %q, %v.", name, buf[:n], err)
		}
	}
}

// A Write that timed out broke the connection: later ones return the same, and
// no half of it is ever taken for data. Reading goes on.
func TestConnWriteDeadline(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		client.SetWriteDeadline(past)
		n, first := client.Write(make([]byte, 1024))
		if n != 0 || !isTimeout(first) {
			t.Errorf("Write after the deadline: %d, %v.", n, first)
		}
		client.SetWriteDeadline(never)
		if _, err := client.Write([]byte("more")); err != first {
			t.Errorf("The next Write returns %v, want the same error as before: %v.", err, first)
		}
		go server.Write([]byte("down"))
		buf := make([]byte, 10)
		if n, err := client.Read(buf); string(buf[:n]) != "down" || err != nil {
			t.Errorf("Reading after that: %q, %v.", buf[:n], err)
		}
		go client.Close()
		if n, err := server.Read(buf); n != 0 || err == nil || err == io.EOF {
			t.Errorf("The other end: %d, %v, want an error that is no clean end.", n, err)
		}
	})
}

// bubble runs a test where time is virtual and "blocked" is a fact.
func bubble(t *testing.T, test func(t *testing.T, client, server *Conn, a, b net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		client, server := connPair(t, a, b)
		test(t, client, server, a, b)
	})
}

// A deadline that is set while a Read or a Write waits ends it.
func TestConnDeadlineUnblocks(t *testing.T) {
	bubble(t, func(t *testing.T, client, server *Conn, _, _ net.Conn) {
		ends := make(chan error, 2)
		go func() { _, err := client.Read(make([]byte, 10)); ends <- err }()
		synctest.Wait()
		client.SetReadDeadline(past)
		if err := <-ends; !isTimeout(err) {
			t.Errorf("A waiting Read ends in %v.", err)
		}
		go func() { _, err := client.Write(make([]byte, 100_000)); ends <- err }()
		synctest.Wait()
		client.SetWriteDeadline(past)
		if err := <-ends; !isTimeout(err) {
			t.Errorf("A waiting Write ends in %v.", err)
		}
	})
	bubble(t, func(t *testing.T, client, server *Conn, _, _ net.Conn) {
		start := time.Now()
		client.SetDeadline(start.Add(time.Hour))
		if _, err := client.Read(make([]byte, 10)); !isTimeout(err) || time.Since(start) != time.Hour {
			t.Errorf("A Read ends after %v in %v.", time.Since(start), err)
		}
	})
}

// Close ends whatever waits.
func TestConnCloseUnblocks(t *testing.T) {
	bubble(t, func(t *testing.T, client, server *Conn, _, _ net.Conn) {
		ends := make(chan error, 2)
		go func() { _, err := client.Read(make([]byte, 10)); ends <- err }()
		synctest.Wait()
		go io.Copy(io.Discard, server)
		if err := client.Close(); err != nil {
			t.Errorf("Close: %v.", err)
		}
		if err := <-ends; err == nil || err == io.EOF {
			t.Errorf("A waiting Read ends in %v.", err)
		}
		if err := client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("The second Close: %v, want net.ErrClosed.", err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v, want net.ErrClosed.", err)
		}
		if _, err := client.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("Read after Close: %v.", err)
		}
	})
}

// Where nobody reads at the other end, Close waits up to five seconds for the
// Write under way and for its own alert, and ends both then.
func TestConnCloseWaitsForSeconds(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	set := make(chan time.Duration, 1)
	client, _ := connPair(t, impatient{a, set}, b)
	begun, ended := make(chan bool), make(chan error, 1)
	go func() {
		client.writeMu.Lock() // as a Write that goes on
		close(begun)
		_, err := a.Write(make([]byte, 10))
		client.writeMu.Unlock()
		ended <- err
	}()
	<-begun
	client.Close()
	if wait := <-set; wait <= 0 || wait > 5*time.Second {
		t.Errorf("Close would wait %v.", wait)
	}
	if err := <-ended; !isTimeout(err) {
		t.Errorf("The Write under way ends in %v.", err)
	}
}

// impatient tells how long a write deadline is away, and then sets one that has
// passed.
type impatient struct {
	net.Conn
	set chan time.Duration
}

func (c impatient) SetWriteDeadline(t time.Time) error {
	c.set <- time.Until(t)
	return c.Conn.SetWriteDeadline(past)
}

// The other end sees the end of a Close as a clean one, and after Abort as none.
func TestConnCloseAndAbort(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		go func() {
			io.WriteString(client, "goodbye")
			client.Close()
		}()
		if got, err := io.ReadAll(server); string(got) != "goodbye" || err != nil {
			t.Errorf("The other end read %q, %v.", got, err)
		}
	})
	overEach(t, func(t *testing.T, client, server *Conn) {
		go func() {
			io.WriteString(client, "not all of it")
			client.Abort("the disk is full")
		}()
		got, err := io.ReadAll(server)
		var remote *RemoteError
		if string(got) != "not all of it" || !errors.As(err, &remote) {
			t.Errorf("The other end read %q, %v, want an alert.", got, err)
		}
	})
	overEach(t, func(t *testing.T, client, server *Conn) {
		go client.NetConn().Close()
		if _, err := io.ReadAll(server); !errors.Is(err, ErrTruncated) {
			t.Errorf("A connection that was cut ends in %v, want ErrTruncated.", err)
		}
	})
}

// One reader, one writer and a closer at once; all of them end.
func TestConnReaderWriterCloser(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	for _, carrier := range carriers {
		for round := range rounds {
			a, b := carrier(t)
			client, server := connPair(t, a, b)
			var all sync.WaitGroup
			closing := make(chan struct{})
			for i, c := range []*Conn{client, server} {
				all.Add(3)
				go func() {
					defer all.Done()
					io.Copy(io.Discard, c) // however it ends
				}()
				go func() {
					defer all.Done()
					buf := make([]byte, 5000)
					for {
						if _, err := c.Write(buf); err != nil {
							return
						}
					}
				}()
				go func() {
					defer all.Done()
					if i == 1 {
						<-closing
					}
					for i := range 50 * (round + 1) {
						c.ConnectionState()
						c.Session()
						if i < limits.MaxIdleKeyUpdates/4 { // more would be a flood
							_ = c.UpdateKeys(round%2 == 0)
						}
					}
					if i == 0 {
						close(closing)
					}
					c.Close()
				}()
			}
			all.Wait()
		}
	}
}

// Every method may be called at any time from anywhere.
func TestConnMethodsAtOnce(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		go io.Copy(server, server)
		var streams, calls sync.WaitGroup
		streams.Add(2)
		go func() {
			defer streams.Done()
			buf := make([]byte, 1024)
			for {
				if _, err := client.Read(buf); err != nil && !isTimeout(err) {
					return
				}
			}
		}()
		go func() {
			defer streams.Done()
			for {
				if _, err := client.Write([]byte("text")); err != nil {
					return
				}
			}
		}()
		for _, call := range []func(){
			func() { client.SetReadDeadline(time.Now().Add(time.Millisecond)) },
			func() { client.SetWriteDeadline(never) },
			func() { client.LocalAddr(); client.RemoteAddr(); client.NetConn() },
			func() { client.ConnectionState(); client.Session(); _ = client.String() },
			func() { client.Handshake() },
			func() { client.UpdateKeys(true) },
		} {
			calls.Add(1)
			go func() {
				defer calls.Done()
				for range limits.MaxIdleKeyUpdates / 4 {
					call()
				}
			}()
		}
		calls.Wait()
		client.Close()
		streams.Wait()
	})
}

// A Read of nothing and a Write of nothing do nothing.
func TestConnZeroLength(t *testing.T) {
	overEach(t, func(t *testing.T, client, server *Conn) {
		if n, err := client.Read(nil); n != 0 || err != nil {
			t.Errorf("Read of nothing: %d, %v.", n, err)
		}
		if n, err := client.Write(nil); n != 0 || err != nil {
			t.Errorf("Write of nothing: %d, %v.", n, err)
		}
	})
}

// After close_notify there is no place for an alert; the direction that goes on is
// cut all the same, and must not look as if this end had taken all of it.
func TestAbortAfterCloseWrite(t *testing.T) {
	a, b := tcpPair(t)
	client, server := connPair(t, a, b)
	if _, err := server.Write([]byte("for nobody")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("After close_notify the other end reads %d bytes, %v.", n, err)
	}
	if _, err := client.Read(make([]byte, 20)); err != nil { // so that the system has no reason of its own for a reset
		t.Fatal(err)
	}
	if err := client.Abort("a test"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.NetConn().Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("The other end of the TCP connection reads %v, want a reset.", err)
	}
}
