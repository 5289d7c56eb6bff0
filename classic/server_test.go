package classic

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
)

// running is a server on loopback whose calls can be waited for.
type running struct {
	addr    string
	key     *Key
	shown   chan string
	refused chan error
	result  chan error
	stop    context.CancelFunc
}

func start(t *testing.T, once bool) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listening failed: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &running{l.Addr().String(), NewKey(), make(chan string, 100), make(chan error, 100), make(chan error, 1), stop}
	s := &Server{
		Key:    func() (*Key, error) { return r.key, nil },
		Show:   func(_ net.Addr, m []byte) error { r.shown <- string(m); return nil },
		Refuse: func(_ net.Addr, err error) { r.refused <- err },
		Once:   once,
	}
	go func() { r.result <- s.Serve(ctx, l) }()
	return r
}

func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatalf("Connecting failed: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// raw sends wire as it is and waits until the server has closed.
func (r *running) raw(t *testing.T, wire []byte) {
	t.Helper()
	c := r.dial(t)
	if _, err := c.Write(wire); err != nil {
		t.Fatalf("Writing failed: %v", err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatalf("Ending the stream failed: %v", err)
	}
	if n, err := io.Copy(io.Discard, c); err != nil || n != 0 {
		t.Errorf("The server sent %d bytes, error %v; it should only close.", n, err)
	}
}

func TestMessagesAreShownAndBadOnesRefused(t *testing.T) {
	r := start(t, false)
	for _, message := range []string{"hello", "", strings.Repeat("x", MaxMessage)} {
		if err := Send(r.dial(t), r.key, []byte(message)); err != nil {
			t.Fatalf("Sending %d bytes failed: %v", len(message), err)
		}
		if got := <-r.shown; got != message {
			t.Errorf("The server showed %d bytes, %d were sent.", len(got), len(message))
		}
	}

	wire := mustSeal(t, r.key, []byte("hello"))
	wire[3] ^= 1
	r.raw(t, wire)
	if err := <-r.refused; !errors.Is(err, ErrMAC) {
		t.Errorf("A flipped bit was refused with %v, want ErrMAC.", err)
	}
	r.raw(t, []byte("GET / HTTP/1.0\r\n\r\n"))
	if err := <-r.refused; err == nil || errors.Is(err, ErrMAC) {
		t.Errorf("An HTTP request was refused with %v, want a sentence about its length.", err)
	}

	if err := Send(r.dial(t), r.key, []byte("still there")); err != nil {
		t.Fatalf("After bad messages sending failed: %v", err)
	}
	if got := <-r.shown; got != "still there" {
		t.Errorf("After bad messages the server showed %q.", got)
	}
	r.stop()
	if err := <-r.result; err != nil {
		t.Errorf("A server that was told to stop returned %v.", err)
	}
}

func TestOnceCountsOnlyWhatWasShown(t *testing.T) {
	r := start(t, true)
	silent := r.dial(t) // does not keep the server from ending
	r.raw(t, []byte("rubbish"))
	<-r.refused
	if err := Send(r.dial(t), r.key, []byte("hello")); err != nil {
		t.Fatalf("Sending failed: %v", err)
	}
	if err := <-r.result; err != nil {
		t.Errorf("The server returned %v after one message, want nil.", err)
	}
	if n, err := silent.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("The server left a connection open when it ended.")
	}
}

func TestShowsErrorEndsTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listening failed: %v", err)
	}
	broken := errors.New("broken pipe")
	key := NewKey()
	s := &Server{Key: func() (*Key, error) { return key, nil }, Show: func(net.Addr, []byte) error { return broken }}
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			Send(c, key, []byte("hello"))
		}
	}()
	if err := s.Serve(t.Context(), l); !errors.Is(err, broken) {
		t.Errorf("Serve returned %v, want the error of Show.", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	r := start(t, false)
	for range MaxConns / 2 {
		r.dial(t) // silent ones
	}
	const clients = 20
	errs := make(chan error)
	for range clients {
		go func() {
			c, err := net.Dial("tcp", r.addr)
			if err == nil {
				err = Send(c, r.key, []byte("hello"))
			}
			errs <- err
		}()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Errorf("One of many clients failed: %v", err)
		}
	}
	r.stop()
	if err := <-r.result; err != nil || len(r.shown) != clients || len(r.refused) != 0 {
		t.Errorf("The server returned %v, showed %d of %d messages and refused %d.", err, len(r.shown), clients, len(r.refused))
	}
}

// errNotAsked is what a key function returns that must not be reached.
var errNotAsked = errors.New("the key was asked for before the message was complete")

func noKey() (*Key, error) { return nil, errNotAsked }

func TestReceiveRefuses(t *testing.T) {
	t.Run("a silent peer, after the timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			_, err := Receive(server, noKey)
			if err == nil || !strings.Contains(err.Error(), "did not end within 10 seconds") {
				t.Errorf("A silent peer gave %v.", err)
			}
		})
	})
	t.Run("a message that does not end", func(t *testing.T) {
		client, server := net.Pipe()
		go func() {
			client.Write(make([]byte, MaxWire+1))
			client.Close()
		}()
		defer server.Close()
		if _, err := Receive(server, noKey); err == nil || errors.Is(err, errNotAsked) {
			t.Errorf("A message above the limit gave %v.", err)
		}
	})
	t.Run("any message without a key", func(t *testing.T) {
		client, server := net.Pipe()
		go Send(client, vectorKey, []byte("hello"))
		if _, err := Receive(server, noKey); !errors.Is(err, errNotAsked) {
			t.Errorf("The error of the key function came back as %v.", err)
		}
	})
}

func TestSendSaysWhatThePeerDid(t *testing.T) {
	peer := func(t *testing.T, do func(net.Conn)) net.Conn {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("Listening failed: %v", err)
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				io.Copy(io.Discard, c)
				do(c)
				c.Close()
			}
			l.Close()
		}()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatalf("Connecting failed: %v", err)
		}
		return c
	}
	err := Send(peer(t, func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n")) }), vectorKey, []byte("hello"))
	if err == nil || !strings.Contains(err.Error(), "sent something too") {
		t.Errorf("A peer that answers gave %v.", err)
	}
	err = Send(peer(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }), vectorKey, []byte("hello"))
	if err == nil || !strings.Contains(err.Error(), "did not close the connection in order") {
		t.Errorf("A peer that resets gave %v.", err)
	}
	err = Send(peer(t, func(net.Conn) {}), vectorKey, make([]byte, MaxMessage+1))
	if err == nil || !strings.Contains(err.Error(), "at most 1048576 are allowed") {
		t.Errorf("A message above the limit gave %v.", err)
	}
}
