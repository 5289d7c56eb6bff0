package main

// One peer of a server: what it sends is shown, what is typed goes to it.

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// peer is a client that has proved its key.
type peer struct {
	conn     *watchword.Conn
	identity string // as a key file has it
	remote   string

	more chan struct{} // holds one when the writer has something to do
	room chan struct{} // holds one when the writer has taken what waited
	sent chan struct{} // closed when the writer has ended

	mu      sync.Mutex // guards what follows
	queue   []string   // lines to be sent
	queued  int        // bytes in queue
	closing bool       // nothing is added to queue, close_notify follows it
	leaving bool       // the server is about to end
	dropped string     // why this end broke off, if it did
}

func (p *peer) name() string { return p.identity + " at " + p.remote }

// servePeer serves p to its end.
func (s *server) servePeer(p *peer) {
	go p.write()
	err := s.read(p)
	if err != nil {
		p.conn.Abort("the connection failed")
	}
	p.close()
	<-p.sent
	if err == nil {
		err = p.brokenOff()
		p.conn.Close()
	}
	s.mu.Lock()
	delete(s.peers, p)
	shown := s.fatal == nil
	s.mu.Unlock()
	if err != nil {
		if shown {
			s.env.say("%v", err)
		}
		if s.once || p.isLeaving() {
			s.failed()
		}
	}
	if s.once {
		s.end()
	}
}

var errNotShown = errors.New("some messages were not shown")

// read shows messages up to the peer's close_notify. It returns nil only if
// all of them were shown.
func (s *server) read(p *peer) error {
	lines := newLineReader(p.conn)
	farewell := farewell{peer: p}
	bad := 0
	for {
		text, err := lines.next()
		var notMessage notMessage
		switch {
		case errors.As(err, &notMessage):
			if bad++; bad == limits.MaxRefusedMessages {
				return fmt.Errorf("%s sent %v: that was number %d, so the connection was ended", p.name(), notMessage, bad)
			}
			s.env.say("%s sent %v: it is not shown, and the client will be told at the end", p.name(), notMessage)
		case err == nil:
			farewell.heard = true
			if err := s.out.show(p.identity, text, p.remote); err != nil {
				s.cannotShow(err)
				return errNotShown
			}
		case errors.Is(err, io.EOF) && bad == 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%s was told that %d of its lines were not shown", p.name(), bad)
		case timedOut(err) && farewell.goesOn():
		default:
			return s.readError(p, lines, err)
		}
	}
}

// readError puts the end of a connection that did not end in order into words.
func (s *server) readError(p *peer, lines *lineReader, err error) error {
	if dropped := p.brokenOff(); dropped != nil {
		return dropped
	}
	if timedOut(err) {
		return fmt.Errorf("%s did not close the connection within %d seconds, and was cut", p.name(), limits.FarewellSeconds)
	}
	sentence := broken(p.name(), err)
	if lines.unfinished() {
		sentence += "; the line that it was sending is not shown"
	}
	return errors.New(sentence)
}

// brokenOff says why this end broke off, if it did.
func (p *peer) brokenOff() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dropped == "" {
		return nil
	}
	return fmt.Errorf("%s %s", p.name(), p.dropped)
}

// enqueue takes a line to be sent. Where too much waits already, it waits for
// some of it to be taken, but not for ever.
func (p *peer) enqueue(line string) bool {
	var stuck <-chan time.Time
	for {
		if added, over := p.add(line); over {
			return added
		}
		if stuck == nil {
			stuck = time.After(limits.QueueSeconds * time.Second)
		}
		select {
		case <-p.room:
		case <-p.sent:
		case <-stuck:
			p.drop(fmt.Sprintf("took nothing of what was sent to it for %d seconds, and was dropped", limits.QueueSeconds))
			return false
		}
	}
}

// add takes a line if there is room for it. over means that there is no use in
// trying again.
func (p *peer) add(line string) (added, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false, true
	}
	if p.queued > 0 && p.queued+len(line) > limits.MaxQueuedBytes {
		return false, false
	}
	p.queue = append(p.queue, line)
	p.queued += len(line)
	wake(p.more)
	return true, true
}

// take returns some of what waits, and whether close_notify is to follow it.
func (p *peer) take() (lines string, closing bool) {
	const batch = limits.MaxPlaintext
	p.mu.Lock()
	defer p.mu.Unlock()
	n, size := 0, 0
	for n < len(p.queue) && size < batch {
		size += len(p.queue[n])
		n++
	}
	lines = strings.Join(p.queue[:n], "")
	p.queue, p.queued = p.queue[n:], p.queued-size
	wake(p.room)
	return lines, p.closing
}

// close sends close_notify after what is queued.
func (p *peer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	wake(p.more)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// drop breaks off. The reader says why.
func (p *peer) drop(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dropped == "" {
		p.dropped = why
	}
	p.closing, p.queue, p.queued = true, nil, 0
	wake(p.more)
	go p.conn.Abort(why)
}

// write sends what is queued until the peer is closed.
func (p *peer) write() {
	defer close(p.sent)
	for {
		lines, closing := p.take()
		switch {
		case len(lines) > 0:
			if err := send(p.conn, lines); err != nil {
				p.writeFailed(err)
				return
			}
		case closing:
			// Best effort: who has closed his end need not wait for it.
			_ = p.conn.SetWriteDeadline(time.Now().Add(limits.CloseTimeoutSeconds * time.Second))
			_ = p.conn.CloseWrite()
			return
		default:
			<-p.more
		}
	}
}

func (p *peer) writeFailed(err error) {
	if timedOut(err) {
		p.drop(fmt.Sprintf("took too little of what was sent to it for %d seconds, and was dropped", limits.StallSeconds))
		return
	}
	// The connection is gone; the reader learns why.
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing, p.queue, p.queued = true, nil, 0
}

// send writes whole lines at once, so that close_notify cannot come in the middle of
// it. Who takes none of it for a while, or less than 8 KiB a second, is not
// waited for.
func send(conn *watchword.Conn, lines string) error {
	const perSecond = 8 << 10
	patience := time.Duration(limits.StallSeconds+len(lines)/perSecond) * time.Second
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.WriteString(conn, lines)
	return err
}

// quiet is how long nothing must come from a peer before the server, told to
// stop, sends it close_notify: what has arrived is shown before.
const quiet = 100 * time.Millisecond

// leave lets the reader say farewell.
func (p *peer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = true
	// A connection that fails here ends by itself.
	_ = p.conn.SetReadDeadline(time.Now().Add(quiet))
}

func (p *peer) isLeaving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaving
}

// farewell is how a reader ends when the server is told to stop. It reads on
// while messages come, then sends close_notify and waits for the peer's. A
// reader that cannot show what it has never gets here, so that its client is
// not told that all is well.
type farewell struct {
	peer  *peer
	heard bool      // since the last timeout
	until time.Time // the end of patience, once it has begun
	said  bool      // close_notify is on its way
}

// goesOn is asked after a timeout and reports whether to read on.
func (f *farewell) goesOn() bool {
	if !f.peer.isLeaving() || f.said {
		return false
	}
	now := time.Now()
	if f.until.IsZero() {
		f.until = now.Add(farewellTime)
	}
	if f.heard && now.Before(f.until) {
		f.heard = false
		return f.peer.conn.SetReadDeadline(now.Add(quiet)) == nil
	}
	f.said = true
	f.peer.close()
	return f.peer.conn.SetReadDeadline(now.Add(farewellTime)) == nil
}
