package main

// How a connection becomes a peer: accepting, handshakes, and what is said
// about those that fail.

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
)

// unprovenList holds the connections that have proved no key yet, the oldest
// first.
type unprovenList struct{ list.List }

// unproven is one of them.
type unproven struct {
	raw    net.Conn
	pushed bool // it had to go for a newer one
}

// dropOldest ends the connection that has taken longest.
func (u *unprovenList) dropOldest() {
	oldest := u.Front()
	if oldest == nil {
		return
	}
	c := u.Remove(oldest).(*unproven)
	c.pushed = true
	c.raw.Close()
}

// accept takes connections until the listener is closed. Every other error
// passes, such as that of a system short of descriptors.
func (s *server) accept(ctx context.Context, l net.Listener) {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause, said := shortest, false
	for {
		raw, err := l.Accept()
		if err == nil {
			pause, said = shortest, false
			s.start(ctx, raw)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		if !said {
			said = true
			s.env.say("a connection cannot be accepted: %v; trying again", systemReason(err))
		}
		s.mu.Lock()
		s.unproven.dropOldest()
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

// start serves a connection in a goroutine of its own.
func (s *server) start(ctx context.Context, raw net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		raw.Close()
		return
	}
	if s.unproven.Len() >= limits.MaxUnproven {
		s.unproven.dropOldest()
	}
	place := s.unproven.PushBack(&unproven{raw: raw})
	s.handlers.Go(func() {
		if p := s.handshake(ctx, raw, place); p != nil {
			s.servePeer(p)
		}
	})
}

// handshake returns a peer that has proved its key, or nil.
func (s *server) handshake(ctx context.Context, raw net.Conn, place *list.Element) *peer {
	remote := raw.RemoteAddr().String()
	conn := watchword.Server(&lingering{Conn: raw}, s.config)
	begin := time.Now()
	err := conn.HandshakeContext(ctx)
	took := time.Since(begin)
	p := &peer{conn: conn, remote: remote, more: make(chan struct{}, 1), room: make(chan struct{}, 1), sent: make(chan struct{})}
	if err == nil {
		p.identity = keyfile.FormatIdentity(conn.Session().Identity)
		err = s.admit(p, place)
	} else {
		err = s.leaveQueue(place, err)
	}
	if err == nil {
		if s.verbose {
			s.env.say("%s", describeSession(remote, conn.Session(), took))
		}
		s.old.add(s.env, p.name(), conn.Session())
		return p
	}
	if ctx.Err() == nil {
		s.failures.add(refusal(remote, err, s.keys))
	}
	// Its own error was said. Where the handshake was complete, the peer must
	// not take the end for a clean one.
	conn.Abort("not admitted")
	return nil
}

var (
	errPushedOut = errors.New("too many connections had proved no key, and this was the oldest of them")
	errFull      = fmt.Errorf("%d clients are connected, which is as many as may be", limits.MaxPeers)
	errOnlyOne   = errors.New("another client is served already, and --once is for one")
)

// leaveQueue forgets a connection whose handshake failed, and returns why.
func (s *server) leaveQueue(place *list.Element, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place.Value.(*unproven).pushed {
		return errPushedOut
	}
	s.unproven.Remove(place)
	return err
}

// admit makes a peer of a connection that has proved its key.
func (s *server) admit(p *peer, place *list.Element) error {
	if err := s.leaveQueue(place, nil); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return context.Canceled
	case s.once && s.admitted > 0:
		return errOnlyOne
	case len(s.peers) >= limits.MaxPeers:
		return errFull
	}
	s.admitted++
	s.peers[p] = true
	s.joined.Broadcast()
	return nil
}

// failureLog says what became of connections that proved no key, and counts
// them instead where there are many.
type failureLog struct {
	say func(string)

	mu     sync.Mutex
	said   int
	hidden int
	timer  *time.Timer
}

func (l *failureLog) add(sentence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil {
		l.timer = time.AfterFunc(limits.FailureSeconds*time.Second, l.flush)
	}
	if l.said == limits.FailureBurst {
		l.hidden++
		return
	}
	l.said++
	l.say(sentence)
}

// flush says how many were only counted, and begins anew.
func (l *failureLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.hidden > 0 {
		l.say(fmt.Sprintf("no connection with %d more, for reasons that are not listed", l.hidden))
	}
	l.said, l.hidden, l.timer = 0, 0, nil
}

// lingering is a connection whose Close takes in what the peer still sends, for
// a moment: a system that closes while there is something unread discards what
// it has yet to deliver, such as the alert that says why.
type lingering struct {
	net.Conn
}

func (l *lingering) Close() error {
	if tcp, ok := l.Conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil &&
		tcp.SetReadDeadline(time.Now().Add(limits.LingerSeconds*time.Second)) == nil {
		// Whatever ends it, the connection is closed.
		_, _ = io.Copy(io.Discard, io.LimitReader(tcp, limits.MaxLingerBytes))
	}
	return l.Conn.Close()
}
