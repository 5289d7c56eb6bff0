package main

// How a pipe that listens lets in the first client that proves its key.
// Handshakes run beside each other, so that a silent or a hostile one holds up
// nobody; how many at once is bounded as for the verb server.

import (
	"container/list"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// door is one wait for a client.
type door struct {
	env      *ui
	config   *watchword.Config
	failures *failureLog
	keys     string // the option that names the key file
	verbose  bool
	winner   chan *watchword.Conn // holds the one

	mu       sync.Mutex // guards what follows
	unproven unprovenList
	shut     bool // nobody else comes in
}

func newDoor(env *ui, config *watchword.Config, keys string) *door {
	return &door{
		env: env, config: config, keys: keys,
		failures: &failureLog{say: func(s string) { env.say("%s", s) }},
		winner:   make(chan *watchword.Conn, 1),
	}
}

// first returns the first client that proves its key. Then, or when ctx ends,
// the listener is closed and every other handshake is ended.
func (d *door) first(ctx context.Context, l net.Listener) (*watchword.Conn, error) {
	handshakes, stop := context.WithCancel(ctx)
	defer stop()
	go d.accept(handshakes, l)
	var conn *watchword.Conn
	select {
	case conn = <-d.winner:
	case <-ctx.Done():
	}
	l.Close()
	stop() // nothing is said about those that end now
	d.close()
	d.failures.flush()
	if conn != nil {
		return conn, nil
	}
	select {
	case conn := <-d.winner: // it came at the last moment
		go conn.Abort("stopped")
	default:
	}
	return nil, errNobodyCame
}

// close ends the handshakes under way, and lets no more begin.
func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
	for d.unproven.Len() > 0 {
		d.unproven.dropOldest()
	}
}

// accept takes connections until the listener is closed. Every other error
// passes, such as that of a system short of descriptors.
func (d *door) accept(ctx context.Context, l net.Listener) {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause, said := shortest, false
	for {
		raw, err := l.Accept()
		if err == nil {
			pause, said = shortest, false
			d.start(ctx, raw)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		if !said {
			said = true
			d.env.say("a connection cannot be accepted: %v; trying again", systemReason(err))
		}
		d.mu.Lock()
		d.unproven.dropOldest()
		d.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

// start begins a handshake in a goroutine of its own, which ends with it.
func (d *door) start(ctx context.Context, raw net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		raw.Close()
		return
	}
	if d.unproven.Len() >= limits.MaxUnproven {
		d.unproven.dropOldest()
	}
	place := d.unproven.PushBack(&unproven{raw: raw})
	go d.handshake(ctx, raw, place)
}

func (d *door) handshake(ctx context.Context, raw net.Conn, place *list.Element) {
	conn := watchword.Server(&pipeSocket{raw}, d.config)
	begin := time.Now()
	err := conn.HandshakeContext(ctx)
	took := time.Since(begin)
	if err = d.admit(conn, place, err); err == nil {
		if d.verbose {
			d.env.say("%s", describeSession(raw.RemoteAddr().String(), conn.Session(), took))
		}
		new(oldPeerNotes).add(d.env, "the other end at "+raw.RemoteAddr().String(), conn.Session())
		d.winner <- conn
		return
	}
	if ctx.Err() == nil {
		d.failures.add(refusal(raw.RemoteAddr().String(), err, d.keys))
	}
	// Its own error was said. Where the handshake was complete, the peer must
	// not take the end for a clean one.
	conn.Abort("not admitted")
}

// admit takes a connection off the list, and lets it in if it is the first
// whose handshake succeeded.
func (d *door) admit(conn *watchword.Conn, place *list.Element, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if place.Value.(*unproven).pushed {
		return errPushedOut
	}
	d.unproven.Remove(place)
	switch {
	case err != nil:
		return err
	case d.shut:
		return errServed
	}
	d.shut = true
	return nil
}

var errServed = errors.New("another client is served already, and a pipe is for one")

// pipeSocket is a connection whose Close takes in for a moment what the peer
// still sends. A system that closes while there is something unread sends a
// reset, which may overtake the alert that says why. A pipe in full flow has
// many megabytes on the way, so time is the only bound.
type pipeSocket struct {
	net.Conn
}

func (s *pipeSocket) Close() error {
	if tcp, ok := s.Conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil &&
		tcp.SetReadDeadline(time.Now().Add(limits.LingerSeconds*time.Second)) == nil {
		// Whatever ends it, the connection is closed.
		_, _ = io.Copy(io.Discard, tcp)
	}
	return s.Conn.Close()
}
