package interop

// This file runs our own end of a test: a client that connects to a program,
// or a server that a program connects to.

import (
	"context"
	"crypto/rand"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
)

const identity = "alice"

// A secret is a random key of a test.
type secret []byte

func newSecret(n int) secret {
	s := make(secret, n)
	rand.Read(s)
	return s
}

func (s secret) hex() string { return hex.EncodeToString(s) }

// external returns the key as programs hold it: used as it is.
func (s secret) external(t *testing.T, h watchword.Hash) *watchword.Key {
	t.Helper()
	return s.named(t, identity, h)
}

func (s secret) named(t *testing.T, id string, h watchword.Hash) *watchword.Key {
	t.Helper()
	k, err := watchword.NewKey(id, s, watchword.KeyOptions{Kind: watchword.External, Hash: h})
	if err != nil {
		t.Fatalf("the key is refused: %v", err)
	}
	return k
}

// sessionFile writes the key in the form of an OpenSSL session, which
// "openssl -psk_session" takes and which, unlike -psk, says the suite and so
// the hash that the key belongs to. A session with maxEarlyData makes s_client
// send early data.
func (s secret) sessionFile(t *testing.T, suite watchword.SuiteID, maxEarlyData int) string {
	t.Helper()
	session := struct {
		Version      int
		Protocol     int
		Cipher       []byte
		ID           []byte
		Key          []byte
		MaxEarlyData int `asn1:"optional,explicit,tag:15"`
	}{1, 0x0304, []byte{byte(suite >> 8), byte(suite)}, []byte{}, s, maxEarlyData}
	der, err := asn1.Marshal(session)
	if err != nil {
		t.Fatalf("the session file cannot be made: %v", err)
	}
	return writeFile(t, "session.pem", pem.EncodeToMemory(&pem.Block{Type: "SSL SESSION PARAMETERS", Bytes: der}))
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dial connects to 127.0.0.1:port and completes the handshake.
func dial(t *testing.T, port string, cfg *watchword.Config) *watchword.Conn {
	t.Helper()
	c, err := tryDial(t, port, cfg)
	if err != nil {
		t.Fatalf("our client's handshake fails: %v", err)
	}
	return c
}

// tryDial connects and returns the handshake's error.
func tryDial(t *testing.T, port string, cfg *watchword.Config) (*watchword.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatalf("nobody listens: %v", err)
	}
	raw.SetDeadline(time.Now().Add(testTime))
	t.Cleanup(func() { raw.Close() })
	c := watchword.Client(raw, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// A service is our server, which serves connections one after the other.
type service struct {
	t        *testing.T
	port     string
	listener net.Listener
	results  chan error
}

// serve starts our server. Each connection is handed to handle with its
// handshake done; a failed handshake is the connection's result.
func serve(t *testing.T, cfg *watchword.Config, handle func(*watchword.Conn) error) *service {
	t.Helper()
	return serveAfter(t, nil, cfg, handle)
}

// serveAfter is serve for a protocol in which something comes before TLS.
func serveAfter(t *testing.T, before func(net.Conn) error, cfg *watchword.Config, handle func(*watchword.Conn) error) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &service{t: t, port: port, listener: l, results: make(chan error, 16)}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case s.results <- serveOne(raw, before, cfg, handle):
			case <-ended: // nobody asks any more
			}
		}
	}()
	t.Cleanup(func() { l.Close(); close(ended); <-done })
	return s
}

func serveOne(raw net.Conn, before func(net.Conn) error, cfg *watchword.Config, handle func(*watchword.Conn) error) error {
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(testTime))
	if before != nil {
		if err := before(raw); err != nil {
			return fmt.Errorf("before TLS: %w", err)
		}
	}
	c := watchword.Server(raw, cfg)
	defer c.Close()
	if err := c.Handshake(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	return handle(c)
}

// result waits for the end of the next connection and returns its error.
func (s *service) result() error {
	s.t.Helper()
	select {
	case err := <-s.results:
		return err
	case <-time.After(testTime):
		s.t.Fatal("our server does not end the connection in time")
		return nil
	}
}

// succeeds waits for the end of the next connection, which must be without
// error.
func (s *service) succeeds() {
	s.t.Helper()
	if err := s.result(); err != nil {
		s.t.Fatalf("our server's connection ends with %v", err)
	}
}

// clientTickets keeps tickets under one name for all servers of a test, whose
// ports differ.
func clientTickets() *watchword.Tickets {
	return &watchword.Tickets{Cache: oneServer{watchword.NewTicketCache()}}
}

type oneServer struct{ watchword.TicketCache }

func (c oneServer) Put(_ string, t *watchword.ClientTicket) { c.TicketCache.Put("server", t) }
func (c oneServer) Take(_ string) *watchword.ClientTicket   { return c.TicketCache.Take("server") }
