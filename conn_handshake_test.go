package watchword

// The handshake of a Conn: time limits, contexts, lookups that wait, peers that
// are silent or no TLS, and what is left when it fails.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchword-tls/watchword/alert"
)

// oneKey is the key of these tests as a configuration of either side.
func oneKey(t testing.TB) *Config {
	t.Helper()
	return &Config{Keys: []*Key{keyWith(t, "alice", 1, KeyOptions{})}, KeyExchange: PSKOnly, AllowSameProcess: true, Tickets: &Tickets{Disabled: true}}
}

// A peer that says nothing is waited for as long as the configuration says.
func TestHandshakeTimeout(t *testing.T) {
	for _, c := range []struct {
		set, want time.Duration
	}{{0, 10 * time.Second}, {time.Second, time.Second}, {time.Hour, time.Hour}} {
		for _, server := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				defer b.Close()
				go io.Copy(io.Discard, b) // it hears, and is silent
				config := oneKey(t)
				config.HandshakeTimeout = c.set
				conn := Client(a, config)
				if server {
					conn = Server(a, config)
				}
				start := time.Now()
				err := conn.Handshake()
				if took := time.Since(start); took != c.want {
					t.Errorf("HandshakeTimeout %v: it took %v, want %v.", c.set, took, c.want)
				}
				if !errors.Is(err, ErrHandshakeTimeout) || !strings.Contains(err.Error(), "silent") {
					t.Errorf("HandshakeTimeout %v: the error is %v.", c.set, err)
				}
				again := conn.Handshake()
				_, readErr := conn.Read(make([]byte, 1))
				_, writeErr := conn.Write([]byte("x"))
				if again != err || readErr != err || writeErr != err {
					t.Errorf("After the time-out: %v, %v, %v; want the same error.", again, readErr, writeErr)
				}
				if _, err := a.Write([]byte("x")); err == nil {
					t.Error("The connection beneath is still open.")
				}
			})
		}
	}
}

// A peer that is slow, a byte at a time, cannot stretch the limit.
func TestHandshakeTimeoutWithASlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		client, err := NewClientEngine(oneKey(t), "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, c := range client.Output(nil) {
				time.Sleep(time.Second)
				if _, err := b.Write([]byte{c}); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		conn := Server(a, oneKey(t))
		if err := conn.Handshake(); !errors.Is(err, ErrHandshakeTimeout) || time.Since(start) != 10*time.Second {
			t.Errorf("After %v: %v.", time.Since(start), err)
		}
		<-done
	})
}

// The limit is one of the handshake: a connection may be idle for a year after.
func TestNoTimeoutAfterTheHandshake(t *testing.T) {
	bubble(t, func(t *testing.T, client, server *Conn, _, _ net.Conn) {
		time.Sleep(365 * 24 * time.Hour)
		go io.WriteString(client, "still there")
		buf := make([]byte, 20)
		if n, err := server.Read(buf); string(buf[:n]) != "still there" || err != nil {
			t.Errorf("After a year: %q, %v.", buf[:n], err)
		}
	})
}

func TestHandshakeWithoutTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		config := oneKey(t)
		config.HandshakeTimeout = -1
		done := make(chan error, 1)
		go func() { done <- Server(a, config).Handshake() }()
		time.Sleep(1000 * time.Hour)
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("It ended: %v.", err)
		default:
		}
		b.Close()
		if err := <-done; !errors.Is(err, ErrTruncated) {
			t.Errorf("The end of the stream is %v, want ErrTruncated.", err)
		}
	})
}

// A context that ends first gives its own error, and closes the connection.
func TestHandshakeContext(t *testing.T) {
	reason := errors.New("the operator gave up")
	synctest.Test(t, func(t *testing.T) {
		for _, server := range []bool{false, true} {
			for _, c := range []struct {
				make func() (context.Context, func())
				want error
			}{
				{func() (context.Context, func()) {
					ctx, cancel := context.WithCancel(context.Background())
					go func() { time.Sleep(time.Second); cancel() }()
					return ctx, cancel
				}, context.Canceled},
				{func() (context.Context, func()) {
					ctx, cancel := context.WithCancelCause(context.Background())
					go func() { time.Sleep(time.Second); cancel(reason) }()
					return ctx, func() { cancel(nil) }
				}, reason},
				{func() (context.Context, func()) {
					return context.WithTimeout(context.Background(), time.Second)
				}, context.DeadlineExceeded},
				{func() (context.Context, func()) {
					ctx, cancel := context.WithCancel(context.Background())
					cancel()
					return ctx, cancel
				}, context.Canceled},
			} {
				a, b := net.Pipe()
				go io.Copy(io.Discard, b)
				conn := Client(a, oneKey(t))
				if server {
					conn = Server(a, oneKey(t))
				}
				ctx, cancel := c.make()
				err := conn.HandshakeContext(ctx)
				cancel()
				if !errors.Is(err, c.want) {
					t.Errorf("The error is %v, want %v.", err, c.want)
				}
				if _, err := a.Write([]byte("x")); err == nil {
					t.Error("The connection beneath is still open.")
				}
				if again := conn.Handshake(); again != err {
					t.Errorf("The next Handshake says %v, want the same: %v.", again, err)
				}
				b.Close()
			}
		}
	})
}

// A context that ends after a handshake does not touch the connection.
func TestContextAfterTheHandshake(t *testing.T) {
	bubbled := func(t *testing.T) {
		a, b := net.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		client, server := Client(a, oneKey(t)), Server(b, oneKey(t))
		done := make(chan error, 1)
		go func() { done <- server.HandshakeContext(ctx) }()
		if err := errors.Join(client.HandshakeContext(ctx), <-done); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		go func() {
			io.WriteString(client, "alive")
			client.Close()
		}()
		if got, err := io.ReadAll(server); string(got) != "alive" || err != nil {
			t.Errorf("After the context ended: %q, %v.", got, err)
		}
	}
	synctest.Test(t, bubbled)
}

// A lookup that waits for a store is told to give up: by the context, by the
// time limit, and by Close.
func TestLookupThatWaits(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(conn *Conn, cancel context.CancelFunc)
		want error
	}{
		{"the context ends", func(_ *Conn, cancel context.CancelFunc) { cancel() }, context.Canceled},
		{"the time is over", func(*Conn, context.CancelFunc) { time.Sleep(time.Minute) }, ErrHandshakeTimeout},
		{"the connection is closed", func(conn *Conn, _ context.CancelFunc) { conn.Close() }, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, b := net.Pipe()
			defer a.Close()
			client := Client(a, oneKey(t))
			go func() {
				client.Handshake()
				io.Copy(io.Discard, a)
			}()
			config := oneKey(t)
			started := make(chan struct{})
			config.Keys, config.Lookup = nil, lookupFunc(func(ctx context.Context, offered []OfferedIdentity) ([]*Key, error) {
				close(started)
				<-ctx.Done()
				return nil, context.Cause(ctx)
			})
			server := Server(b, config)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- server.HandshakeContext(ctx) }()
			<-started
			c.end(server, cancel)
			if err := <-done; err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: the handshake ends in %v, want %v.", c.name, err, c.want)
			}
		})
	}
}

// The lookup is told what was offered, and only that.
func TestLookupIsTold(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	config := oneKey(t)
	imported := keyWith(t, "alice", 1, KeyOptions{Context: []byte("both")})
	external := keyWith(t, "bob", 2, KeyOptions{Kind: External})
	config.Keys = []*Key{imported, external}
	client := Client(a, config)
	var told []OfferedIdentity
	server := Server(b, &Config{KeyExchange: PSKOnly, AllowSameProcess: true, Tickets: &Tickets{Disabled: true},
		Lookup: lookupFunc(func(_ context.Context, offered []OfferedIdentity) ([]*Key, error) {
			told = offered
			return []*Key{external}, nil
		})})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	if len(told) != 3 {
		t.Fatalf("The lookup is told of %+v.", told)
	}
	for i, want := range []OfferedIdentity{
		{Identity: "alice", Kind: Imported, Context: []byte("both")},
		{Identity: "alice", Kind: Imported, Context: []byte("both")},
		{Identity: "bob", Kind: External},
	} {
		if got := told[i]; got.Identity != want.Identity || got.Kind != want.Kind || !bytes.Equal(got.Context, want.Context) || got.Ticket {
			t.Errorf("Identity %d is %+v, want %+v.", i, got, want)
		}
	}
	if s := server.Session(); s.Identity != "bob" || s.Kind != External {
		t.Errorf("The session is %+v.", s)
	}
}

// Both ends tell why a handshake failed, over a real socket too: the alert
// arrives though the connection is closed at once.
func TestFailedHandshakes(t *testing.T) {
	for _, c := range []struct {
		name           string
		change         func(client, server *Config)
		client, server error
	}{
		{"wrong key", func(c, _ *Config) { c.Keys = []*Key{keyWith(t, "alice", 2, KeyOptions{})} }, ErrKeyRejected, ErrWrongKey},
		{"unknown identity", func(c, _ *Config) { c.Keys = []*Key{keyWith(t, "bob", 2, KeyOptions{})} }, ErrKeyRejected, ErrUnknownIdentity},
		{"not admitted", func(_, s *Config) {
			s.Lookup = lookupFunc(func(context.Context, []OfferedIdentity) ([]*Key, error) { return nil, ErrNotAdmitted })
		}, ErrKeyRejected, ErrNotAdmitted},
		{"reflected", func(_, s *Config) { s.AllowSameProcess = false }, ErrKeyRejected, ErrReflected},
	} {
		a, b := tcpPair(t)
		clientConfig, serverConfig := oneKey(t), oneKey(t)
		c.change(clientConfig, serverConfig)
		client, server := Client(a, clientConfig), Server(b, serverConfig)
		done := make(chan error, 1)
		go func() {
			err := server.Handshake()
			server.Close()
			done <- err
		}()
		cerr, serr := client.Handshake(), <-done
		if !errors.Is(cerr, c.client) || !errors.Is(serr, c.server) {
			t.Errorf("%s: %v at the client and %v at the server.", c.name, cerr, serr)
		}
		if state := server.ConnectionState(); state.HandshakeComplete || server.Session().Identity != "" {
			t.Errorf("%s: the server names its peer: %+v.", c.name, server.Session())
		}
		if err := client.CloseWrite(); err == nil {
			t.Errorf("%s: CloseWrite after a failed handshake succeeds.", c.name)
		}
		client.Close()
	}
}

// A peer that is no TLS is told apart at its first bytes.
func TestPeersThatAreNotTLS(t *testing.T) {
	for name, text := range map[string]string{
		"HTTP":       "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"plain text": "hello, is there anybody?\n",
		"SSH":        "SSH-2.0-OpenSSH_10.0\r\n",
		"zeros":      strings.Repeat("\x00", 32),
		"SSL 2":      "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
	} {
		a, b := tcpPair(t)
		go func() {
			io.WriteString(b, text)
			io.Copy(io.Discard, b)
		}()
		server := Server(a, oneKey(t))
		err := server.Handshake()
		wantLocal(t, name, err, alert.ProtocolVersion)
		if !errors.Is(err, ErrNotTLS) {
			t.Errorf("%s: the error is %v, want ErrNotTLS.", name, err)
		}
		server.Close()
	}
}

func TestDialErrors(t *testing.T) {
	if _, err := Dial("tcp", "127.0.0.1:1", nil); err == nil || !strings.Contains(err.Error(), "no configuration") {
		t.Errorf("Dial without a configuration: %v.", err)
	}
	if _, err := Listen("tcp", "127.0.0.1:0", &Config{}); err == nil || !strings.Contains(err.Error(), "needs keys") {
		t.Errorf("Listen without keys: %v.", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var op *net.OpError
	if _, err := Dial("tcp", address, oneKey(t)); !errors.As(err, &op) {
		t.Errorf("Dial where nobody listens: %v.", err)
	}

	// Where the handshake fails, the error names the address.
	l, err = Listen("tcp", "127.0.0.1:0", oneKey(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err == nil {
			conn.(*Conn).Handshake()
			conn.Close()
		}
	}()
	other := oneKey(t)
	other.Keys = []*Key{keyWith(t, "alice", 9, KeyOptions{})}
	if _, err := Dial("tcp", l.Addr().String(), other); !errors.Is(err, ErrKeyRejected) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Dial with a wrong key: %v.", err)
	}
}

// A host name is sent as SNI, and what the configuration comes to is not worked out
// again for it.
func TestDialSendsTheHostName(t *testing.T) {
	l, err := Listen("tcp", "localhost:0", oneKey(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	names := make(chan string, 3)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*Conn).Handshake()
			names <- conn.(*Conn).Session().ServerName
			conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	config := oneKey(t)
	named := oneKey(t)
	named.ServerName = "db.example"
	for _, c := range []struct {
		host   string
		config *Config
		want   string
	}{{"localhost", config, "localhost"}, {"127.0.0.1", config, ""}, {"localhost", named, "db.example"}} {
		conn, err := Dial("tcp", net.JoinHostPort(c.host, port), c.config)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if got := <-names; got != c.want || config.ServerName != "" {
			t.Errorf("Dialed as %s, the server is told the name %q, want %q.", c.host, got, c.want)
		}
	}
}

// A configuration with a mistake can be mended.
func TestAMistakeIsNotKept(t *testing.T) {
	config := oneKey(t)
	config.PadRecords = -1
	if _, err := NewClientEngine(config, "server", testNow); err == nil {
		t.Fatal("A client takes a wrong configuration.")
	}
	if _, err := NewServerEngine(config); err == nil {
		t.Fatal("A server takes a wrong configuration.")
	}
	config.PadRecords = 0
	if _, err := NewClientEngine(config, "server", testNow); err != nil {
		t.Errorf("A client keeps to a mistake that was mended: %v.", err)
	}
	if _, err := NewServerEngine(config); err != nil {
		t.Errorf("A server keeps to a mistake that was mended: %v.", err)
	}
}

// A thousand peers that say nothing cost little, and keep nobody out.
func TestSilentPeers(t *testing.T) {
	silent := 1000
	if testing.Short() {
		silent = 100
	}
	listener, err := Listen("tcp", "127.0.0.1:0", oneKey(t))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, silent+1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				err := conn.(*Conn).Handshake()
				if err == nil {
					_, err = io.Copy(conn, conn)
				}
				conn.Close()
				served <- err
			}()
		}
	}()
	before, goroutines := heap(), runtime.NumGoroutine()
	var conns []net.Conn
	for range silent {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatalf("After %d connections: %v.", len(conns), err)
		}
		conns = append(conns, conn)
	}
	client, err := Dial("tcp", listener.Addr().String(), oneKey(t))
	if err != nil {
		t.Fatalf("An honest client among %d silent ones: %v.", silent, err)
	}
	go func() {
		io.WriteString(client, "anybody there?")
		client.CloseWrite()
	}()
	// The server copies until the end, and then closes.
	if got, err := io.ReadAll(client); string(got) != "anybody there?" || err != nil {
		t.Errorf("The honest client read %q, %v.", got, err)
	}
	client.Close()
	<-served
	after := heap()
	t.Logf("%d silent connections: %d bytes of heap each, %d goroutines.", silent, int64(after-before)/int64(silent), runtime.NumGoroutine()-goroutines)
	if after > before && (after-before)/uint64(silent) > 16<<10 {
		t.Errorf("A silent connection costs %d bytes.", (after-before)/uint64(silent))
	}
	for _, conn := range conns {
		conn.Close()
	}
	for range silent {
		if err := <-served; !errors.Is(err, ErrTruncated) {
			t.Errorf("A silent connection that ends is %v at the server, want ErrTruncated.", err)
		}
	}
	listener.Close()
}

// A Listener serves many at once, and each connection has its own identity.
func TestListenerServesMany(t *testing.T) {
	names := []string{"alice", "bob", "carol", "dave"}
	server := oneKey(t)
	server.Keys = nil
	for i, name := range names {
		server.Keys = append(server.Keys, keyWith(t, name, byte(i), KeyOptions{}))
	}
	listener, err := Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if err := conn.(*Conn).Handshake(); err == nil {
					io.WriteString(conn, conn.(*Conn).Session().Identity)
				}
			}()
		}
	}()
	var all sync.WaitGroup
	for i := range 40 {
		all.Add(1)
		go func() {
			defer all.Done()
			config := oneKey(t)
			config.Keys = []*Key{keyWith(t, names[i%4], byte(i%4), KeyOptions{})}
			conn, err := Dial("tcp", listener.Addr().String(), config)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if got, err := io.ReadAll(conn); string(got) != names[i%4] || err != nil {
				t.Errorf("%s is called %q: %v.", names[i%4], got, err)
			}
		}()
	}
	all.Wait()
}
