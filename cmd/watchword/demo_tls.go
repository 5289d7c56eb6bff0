package main

// The half of the demonstration that is TLS 1.3.

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/watchword-tls/watchword"
)

// seen collects what the client's observer is shown.
type seen struct {
	mu       sync.Mutex
	messages []watchword.Event
	records  []watchword.Event // of application data, sent
	secrets  int
	alerts   []string
}

func (s *seen) observe(e watchword.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Bytes, e.Content = bytes.Clone(e.Bytes), bytes.Clone(e.Content)
	switch e.Kind {
	case watchword.EventMessage:
		s.messages = append(s.messages, e)
	case watchword.EventSecret:
		s.secrets++
	case watchword.EventAlert:
		s.alerts = append(s.alerts, e.Name)
	case watchword.EventRecord:
		if e.Sent && e.Name == "application_data" {
			s.records = append(s.records, e)
		}
	}
}

// message returns the first handshake message of this name.
func (s *seen) message(name string) watchword.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.messages {
		if e.Name == name {
			return e
		}
	}
	return watchword.Event{}
}

// arrived is what the demonstration's server read, or why it could not.
type arrived struct {
	identity, text string
	err            error
}

// throughTLS sends the message twice over one connection, and then, over
// another, a record and its recorded copy.
func (d *demo) throughTLS(ctx context.Context) (outcome, error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	key, err := watchword.NewKey("demo", secret, watchword.KeyOptions{})
	if err != nil {
		return outcome{}, err
	}
	listener, err := watchword.Listen("tcp", "127.0.0.1:0", &watchword.Config{Keys: []*watchword.Key{key}, AllowSameProcess: true})
	if err != nil {
		return outcome{}, err
	}
	defer listener.Close()
	got := make(chan arrived, 1)
	go serveDemo(listener, got)

	d.heading("TLS 1.3 with a shared key", "  (what watchword server and client do)")
	d.says("both", "have one key: 32 random bytes named %q, fingerprint\n%s", key.Identity(), key.Fingerprint())
	events := &seen{}
	config := &watchword.Config{Keys: []*watchword.Key{key}, Observer: events.observe}
	conn, err := watchword.DialContext(ctx, "tcp", listener.Addr().String(), config)
	if err != nil {
		return outcome{}, err
	}
	defer conn.Close()
	d.showHandshake(events, conn.Session())
	for range 2 {
		if _, err := io.WriteString(conn, demoMessage); err != nil {
			return outcome{}, err
		}
	}
	first, second := events.records[0], events.records[1]
	d.says("client", "%d bytes become one record: %d bytes, encrypted and authenticated\n%s", len(first.Content), len(first.Bytes), startOf(first.Bytes, 20))
	if err := conn.CloseWrite(); err != nil {
		return outcome{}, err
	}
	if _, err := io.ReadAll(conn); err != nil {
		return outcome{}, err
	}
	a := <-got
	if a.err != nil {
		return outcome{}, a.err
	}
	text, ok := strings.CutSuffix(a.text, demoMessage) // it was sent twice
	if !ok || text != demoMessage {
		return outcome{}, fmt.Errorf("%q arrived", a.text)
	}
	d.says("server", "checks it, opens it and shows it: %s", d.bold(a.identity+": "+text))
	d.says("both", "say close_notify: the end of the conversation is authenticated too")
	replayed, err := replayTLS(ctx, listener, config, events, got)
	return outcome{
		sameTwice: bytes.Equal(first.Bytes, second.Bytes),
		replayed:  replayed,
	}, err
}

func (d *demo) showHandshake(events *seen, s watchword.Session) {
	hello, answer := events.message("client_hello"), events.message("server_hello")
	d.says("client", "client_hello, %d bytes: key shares of X25519MLKEM768 and X25519,\nthe key's name, and a binder: proof of the key without showing it", len(hello.Bytes))
	d.says("server", "verifies the binder and answers server_hello, %d bytes:\ngroup %s, suite %s", len(answer.Bytes), s.Group, s.Suite)
	d.says("both", "mix the key with the fresh exchange and derive %d secrets, one for\neach use and direction; the exchange is then forgotten, so that the\nkey alone opens nothing later (forward secrecy)", events.secrets)
	d.says("both", "finished: each has proved that it saw the same handshake")
}

// replayTLS sends a message and then the recorded bytes of its record again.
// It reports whether the server took them.
func replayTLS(ctx context.Context, l net.Listener, config *watchword.Config, events *seen, got chan arrived) (bool, error) {
	go serveDemo(l, got)
	conn, err := watchword.DialContext(ctx, "tcp", l.Addr().String(), config)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, demoMessage); err != nil {
		return false, err
	}
	recorded := events.records[len(events.records)-1].Bytes
	if _, err := conn.NetConn().Write(recorded); err != nil {
		return false, err
	}
	conn.CloseWrite()
	a := <-got
	var found *watchword.LocalError
	if a.err != nil && !errors.As(a.err, &found) {
		return false, a.err
	}
	return a.err == nil, nil
}

// serveDemo serves one connection.
func serveDemo(l net.Listener, got chan<- arrived) {
	accepted, err := l.Accept()
	if err != nil {
		got <- arrived{err: err}
		return
	}
	conn := accepted.(*watchword.Conn)
	defer conn.Close()
	text, err := io.ReadAll(conn)
	got <- arrived{conn.Session().Identity, string(text), err}
}
