package tunnel

// Two connections joined, until their end and the line about it.

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/socket"
	"github.com/watchword-tls/watchword/internal/tunnel/meter"
)

// session is a connection that is joined with another one.
type session struct {
	*attempt
	tls      *watchword.Conn
	plain    net.Conn
	socket   syscall.RawConn // of plain, or nil
	identity string
	backend  string // the address that was connected to

	flow
	queue
	halves atomic.Int32 // directions that have not ended
	sealed atomic.Bool  // close_notify was sent
	end    atomic.Pointer[end]
}

// end is why a session ended. Only the first one counts.
type end struct {
	word  string
	cause error

	// Of a session that was cut, inOrder from when told is closed.
	inOrder bool          // like a whole one
	told    chan struct{} // the side of TLS knows
}

// The words of ends are those of the metrics.
const (
	endDone       = meter.Done
	endIdle       = meter.IdleTimeout
	endDrained    = meter.Drained
	endRemovedKey = meter.Removed
)

func (c *session) describe() { c.identity = c.tls.Session().Identity }

// start lets the bytes flow, in goroutines whose stacks are small.
func (c *session) start() {
	t := c.tunnel
	t.enter(c.service) // the attempt's own is still counted
	c.over = make(chan struct{})
	c.socket = socket.Of(c.plain)
	c.touch()
	c.forgetTo(0)
	c.halves.Store(2)
	c.mu.Lock()
	c.sessions[c] = struct{}{}
	c.mu.Unlock()
	c.meters.Opened()
	t.carriers.do(t.ctx, c.upload)
	t.carriers.do(t.ctx, c.download)
	// What ends connections may have missed this one.
	switch {
	case t.ctx.Err() != nil:
		c.cut(endDrained, nil)
	case c.removed():
		c.cut(endRemovedKey, nil)
	}
}

// removed reports whether the identity was removed, with its service or alone,
// and its connections are to end.
func (c *session) removed() bool {
	g := c.now()
	return g.settings.EndRemoved && (c.retired.Load() || g.keys != nil && !g.keys.knows(c.identity))
}

// idleTooLong reports whether nothing moved for too long: for want of bytes, or of
// somebody who takes them, but not because the rate's limit holds them back.
func (c *session) idleTooLong() bool {
	most := c.now().settings.IdleTimeout
	if most <= 0 || c.paying.Load() > 0 {
		return false
	}
	if c.queueMoved() { // a slow reader: our write ends only when there is much room, or long before it
		c.taken.Store(monotonic())
	}
	return min(c.quiet(), since(c.taken.Load())) >= most
}

// queue is what the system held for the other ends when a sweep looked last.
type queue struct {
	bytes atomic.Int64
	empty atomic.Int64 // flow.active when nothing was held, there or by us
	taken atomic.Int64 // when it was seen to move; not flow.active, which is of what we hold
}

// queueMoved reports whether that is another number of bytes since the last call.
// Where they become more, we have written; less, somebody has taken some.
func (c *session) queueMoved() bool {
	active := c.active.Load() // first: what is held no more has changed it
	ours := c.held.Load() != 0
	if !ours && active == c.empty.Load() {
		return false // nothing was written since, so that the system need not be asked
	}
	now := queued(c.plain)
	if c.tls != nil {
		now += queued(c.tls.NetConn())
	}
	if now == 0 && !ours {
		c.empty.Store(active)
	}
	return int64(now) != c.bytes.Swap(int64(now))
}

// upload carries plain bytes into TLS.
func (c *session) upload() {
	err := c.copyIn()
	if err == nil {
		c.sealed.Store(true)
		err = c.tls.CloseWrite()
		c.passed()
	}
	c.endHalf(err)
}

// download carries what comes out of TLS.
func (c *session) download() {
	w := &plainWriter{c: c}
	_, err := c.tls.WriteTo(w)
	switch {
	case w.err != nil:
		err = &plainError{w.err}
	case err == nil:
		if half, ok := c.plain.(interface{ CloseWrite() error }); ok {
			if e := half.CloseWrite(); e != nil && !errors.Is(e, net.ErrClosed) {
				err = &plainError{e}
			}
		}
	}
	c.endHalf(err)
}

// plainError is a fault of the plain side.
type plainError struct{ err error }

func (e *plainError) Error() string { return e.err.Error() }
func (e *plainError) Unwrap() error { return e.err }

// endHalf ends one direction; the second one ends the session. A direction that
// fails takes the other one with it.
func (c *session) endHalf(err error) {
	if err != nil {
		c.cut(endWord(err), err)
	}
	if c.halves.Add(-1) > 0 {
		return
	}
	c.end.CompareAndSwap(nil, &end{word: endDone})
	c.finish()
}

// cut ends the session out of order, unless it has ended already. Neither side
// shall take its end for a clean one, but at the end of the drain time, where
// nothing was under way. It reports whether this is the session's end.
func (c *session) cut(word string, cause error) bool {
	e := &end{word: word, cause: cause, told: make(chan struct{})}
	if !c.end.CompareAndSwap(nil, e) {
		return false
	}
	// Once, for both sides: between two looks a byte may pass.
	e.inOrder = word == endDrained && c.stop() && c.tls.Buffered() == 0
	close(c.over)
	if !e.inOrder {
		reset(c.plain)
	}
	// The side of TLS may have to wait for a peer that takes nothing.
	go func() {
		defer close(e.told)
		if e.inOrder {
			_ = c.tls.Close()
			_ = c.plain.SetReadDeadline(time.Now()) // wakes upload
			return
		}
		c.abort(word)
	}()
	return true
}

// abort tells the peer that this is no clean end.
func (c *session) abort(word string) {
	switch {
	case c.sealed.Load(): // Abort does so too, but waits for a write that may hang
		reset(c.tls.NetConn())
	case word == endRemovedKey:
		_ = c.tls.AbortWith(alert.AccessDenied, "the identity was removed")
	default:
		_ = c.tls.Abort("the other side of the tunnel ended: " + word)
	}
}

// finish gives everything back and writes the line.
func (c *session) finish() {
	e := c.end.Load()
	if e.word == endDone {
		_ = c.tls.Close()
		closeClean(c.plain)
	} else if <-e.told; e.inOrder && !c.late.Load() && c.tls.Buffered() == 0 {
		closeClean(c.plain)
	} else {
		reset(c.plain)
	}
	c.mu.Lock()
	delete(c.sessions, c)
	c.mu.Unlock()
	c.giveBack()
	took := time.Since(c.began)
	c.meters.Closed(e.word, took)
	c.line(e, took)
	c.tunnel.leave(c.service)
}

func (c *session) line(e *end, took time.Duration) {
	s := c.tls.Session()
	args := []any{
		"identity", keyfile.FormatIdentity(c.identity), "remote", c.from(), "to", c.backend,
		"version", versionName(c.tls), "suite", s.Suite.String(),
		"in", c.in.Load(), "out", c.out.Load(), "seconds", took.Round(time.Millisecond).Seconds(), "end", e.word,
	}
	if s.Version == watchword.VersionTLS12 && !s.ExtendedMasterSecret {
		args = append(args, "extended-master-secret", false) // legacy allows it, and says so
	}
	if e.cause != nil {
		args = append(args, "error", sentence(e.cause))
	}
	c.log.Info("connection", args...)
}

// endWord names the end that an error means.
func endWord(err error) string {
	var plain *plainError
	var remote *watchword.RemoteError
	switch {
	case errors.As(err, &plain) && wasReset(err):
		return meter.LocalReset
	case errors.As(err, &plain):
		return meter.Broken
	case errors.As(err, &remote):
		return meter.PeerAlert
	case errors.Is(err, watchword.ErrTruncated):
		return meter.PeerTruncated
	case wasReset(err):
		return meter.PeerReset
	}
	return meter.Broken
}

// failureWord names what a handshake failed by.
func failureWord(err error) string {
	var remote *watchword.RemoteError
	var local *watchword.LocalError
	switch {
	case errors.Is(err, watchword.ErrWrongKey):
		return meter.WrongKey
	case errors.Is(err, watchword.ErrNotAdmitted):
		return meter.NotAdmitted
	case errors.Is(err, watchword.ErrUnknownIdentity):
		return meter.UnknownIdentity
	case errors.Is(err, watchword.ErrHandshakeTimeout):
		return meter.TimedOut
	case errors.Is(err, watchword.ErrNotTLS):
		return meter.NotTLS
	case errors.Is(err, watchword.ErrKeyRejected), errors.As(err, &remote):
		return meter.RefusedByPeer
	case errors.As(err, &local) && (local.Description == alert.HandshakeFailure || local.Description == alert.ProtocolVersion):
		return meter.NoCommon
	}
	return meter.Other
}

// sentence is an error without the names of the layers that it came through.
func sentence(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op != "dial" {
		return strings.ReplaceAll(err.Error(), op.Error(), systemReason(err).Error())
	}
	return strings.ReplaceAll(err.Error(), "watchword: ", "")
}

func versionName(c *watchword.Conn) string {
	if c.Session().Version == watchword.VersionTLS12 {
		return "TLSv1.2"
	}
	return "TLSv1.3"
}

// reset closes a connection so that the other end cannot take it for a clean
// end. A Unix socket knows no reset: its other end sees one only if it sent
// what nobody has read.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// lingering has the system reset a plain connection when this process ends
// without a word, killed or out of memory: by itself the system would end it like
// one that is complete, and plain TCP has no close_notify to tell the difference.
func lingering(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// closeClean ends a plain connection whose last bytes may still be on their way.
func closeClean(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(-1)
	}
	_ = c.Close()
}
