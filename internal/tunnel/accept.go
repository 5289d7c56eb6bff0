package tunnel

// A connection from its first byte until both sides stand.

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/meter"
	"github.com/watchword-tls/watchword/internal/tunnel/proxyproto"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// attempt is a connection that was taken and is not joined yet.
type attempt struct {
	*service
	g      *generation
	raw    net.Conn
	remote net.Addr // the balancer's word for it, where there is one
	header proxyproto.Header
	began  time.Time
	place  *list.Element // in service.pending; nil when it is no longer there
	pushed bool          // it had to go for a newer one
	giveUp func()        // ends the connecting of a client's side; service.mu guards it

	// What gives back the places that it took, last first, and what makes it
	// forget where it is connected.
	undo, routes []func()
}

// overLimit is a refusal by a named limit.
type overLimit string

func (e overLimit) Error() string { return "the limit " + string(e) + " is reached" }

var (
	errItself = errors.New("this tunnel connects to itself: what it connects to leads to where it listens; mend its addresses")
	errPushed = fmt.Errorf("%w, and this handshake was the oldest", overLimit(limitHandshakes))
)

// take begins with a connection that was accepted.
func (s *service) take(raw net.Conn) {
	s.meters.Accepted()
	t := s.tunnel
	if !t.admit(s) {
		reset(raw) // no end of a stream that never began
		return
	}
	a := &attempt{service: s, g: s.now(), raw: raw, remote: raw.RemoteAddr(), began: time.Now()}
	if !a.findPlace() {
		a.refuse(overLimit(limitHandshakes))
		reset(raw)
		t.leave(s)
		return
	}
	t.handshakers.do(t.ctx, func() {
		defer t.leave(s)
		a.run()
	})
}

// findPlace puts the attempt among those under way. When there is no room it
// waits, and so do those that come after it in the listener's queue: in a rush
// the places are taken by handshakes that only wait for their turn. That is for a
// moment alone: where more come than can be served, those that have to go are
// told so at once, or all would wait in the queue until nobody waits for them.
func (a *attempt) findPlace() bool {
	if a.line() {
		return true
	}
	late := time.NewTimer(a.waitsFor())
	defer late.Stop()
	for {
		select {
		case <-a.room:
			if a.line() {
				return true
			}
		case <-late.C:
			return a.line()
		case <-a.tunnel.ctx.Done():
			return false
		}
	}
}

// waitsFor is what is left of the moment.
func (a *attempt) waitsFor() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return limits.TunnelRoomMilliseconds*time.Millisecond - a.began.Sub(a.fullSince)
}

// line puts the attempt among those under way, if there is room or the oldest
// has had its time. Where a reload lowered the limit, all that are above it and have
// had their time go, whether that makes room or not.
func (a *attempt) line() bool {
	s := a.service
	s.mu.Lock()
	defer s.mu.Unlock()
	most := a.g.settings.MaxHandshakes
	if s.pending.Len() <= most*3/4 {
		s.fullSince = time.Time{}
	}
	for s.pending.Len() >= most { // more than one where a reload lowered the limit
		if s.fullSince.IsZero() {
			s.fullSince = a.began
		}
		oldest := s.pending.Front().Value.(*attempt)
		if a.began.Sub(oldest.began) < limits.TunnelHandshakeGraceSeconds*time.Second {
			return false
		}
		oldest.push()
	}
	a.place = s.pending.PushBack(a)
	s.meters.HandshakeStarted()
	return true
}

// push ends an attempt for a newer one; s.mu is held.
func (a *attempt) push() {
	a.pushed = true
	a.pending.Remove(a.place)
	a.place = nil
	a.meters.HandshakeEnded()
	reset(a.raw)
	if a.giveUp != nil {
		a.giveUp() // nobody reads raw meanwhile
	}
}

// mayBePushed says how to end the attempt, and reports whether it has to.
func (a *attempt) mayBePushed(giveUp func()) (pushed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveUp = giveUp
	return a.pushed
}

// makeRoom ends the oldest attempt if it has had its time, where the system is
// short of descriptors.
func (s *service) makeRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.pending.Front()
	if oldest == nil || time.Since(oldest.Value.(*attempt).began) < limits.TunnelHandshakeGraceSeconds*time.Second {
		return false
	}
	oldest.Value.(*attempt).push()
	return true
}

// leaveLine ends the attempt's time among those under way.
func (a *attempt) leaveLine() (pushed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveUp = nil // it may live as long as the connection
	if a.place != nil {
		a.pending.Remove(a.place)
		a.place = nil
		a.meters.HandshakeEnded()
		select {
		case a.room <- struct{}{}:
		default:
		}
	}
	return a.pushed
}

// run joins the connection with another one, or says why not.
func (a *attempt) run() {
	c, err := a.join()
	if err != nil {
		a.giveBack()
		if a.leaveLine() {
			err = errPushed
		}
		a.refuse(err)
		return
	}
	c.start()
}

func (a *attempt) join() (*session, error) {
	ctx := a.tunnel.ctx
	if err := a.greet(ctx); err != nil {
		reset(a.raw)
		return nil, err
	}
	if a.g.settings.Direction == settings.Server {
		return a.joinServer(ctx)
	}
	return a.joinClient(ctx)
}

// greet reads the balancer's header and counts the source.
func (a *attempt) greet(ctx context.Context) error {
	if a.remember(a.taken, a.dialed, a.raw.RemoteAddr(), a.raw.LocalAddr()) {
		return errItself
	}
	if err := a.readHeader(ctx); err != nil {
		return err
	}
	source := sourceOf(a.remote)
	return a.count(a.sources, source, a.g.settings.MaxPerSource, limitSource)
}

func (a *attempt) readHeader(ctx context.Context) error {
	o := &a.g.settings
	if o.ProxyIn == settings.ProxyNone || !trusted(o.ProxyTrusted, a.raw.RemoteAddr()) {
		return nil
	}
	_ = a.raw.SetReadDeadline(time.Now().Add(limits.ProxyHeaderSeconds * time.Second))
	wake := context.AfterFunc(ctx, func() { _ = a.raw.SetReadDeadline(time.Now()) })
	h, err := proxyproto.Read(a.raw, o.ProxyIn)
	if !wake() {
		return ctx.Err() // the tunnel ends, and with it this connection
	}
	if errors.Is(err, io.EOF) { // not one byte
		return fmt.Errorf("%w: %w", watchword.ErrNothingReceived, err)
	}
	if err != nil {
		return fmt.Errorf("the balancer sent no PROXY protocol header that can be read: %w", err)
	}
	_ = a.raw.SetReadDeadline(time.Time{})
	a.header = h
	if h.Source.IsValid() && !h.Local {
		a.remote = net.TCPAddrFromAddrPort(h.Source)
	}
	return nil
}

// trusted reports whether a header is taken from this address. A Unix socket is
// guarded by its mode.
func trusted(prefixes []netip.Prefix, a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return true
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// count takes a place under a limit, to be given back at the end.
func (a *attempt) count(g *gate, name string, most int, limit string) error {
	if !g.enter(name, most) {
		return overLimit(limit)
	}
	a.undo = append(a.undo, func() { g.leave(name) })
	return nil
}

// countAll takes a place in the service and in the process.
func (a *attempt) countAll() error {
	total := a.tunnel.Settings().MaxConnections
	if err := a.count(a.tunnel.gate, "", total, limitTotal); err != nil {
		return err
	}
	s := a.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := a.g.settings.MaxConnections; most > 0 && s.open >= most {
		return overLimit(limitConnections)
	}
	s.open++
	a.undo = append(a.undo, func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	})
	return nil
}

func (a *attempt) giveBack() {
	a.forgetTo(0)
	for i := len(a.undo) - 1; i >= 0; i-- {
		a.undo[i]()
	}
	a.undo = nil
}

// joinServer takes TLS in and opens the plain side.
func (a *attempt) joinServer(ctx context.Context) (*session, error) {
	conn := watchword.Server(a.raw, a.g.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		a.raw.Close()
		return nil, err
	}
	pushed := a.leaveLine()
	c := a.newSession(conn)
	if err := a.welcome(c, pushed); err != nil {
		_ = conn.AbortWith(alert.AccessDenied, err.Error())
		return nil, err
	}
	plain, err := a.dial(ctx, c, nil)
	if err == nil {
		lingering(plain)
		c.plain = plain
		err = a.sendHeader(c)
	}
	if err != nil {
		if plain != nil {
			reset(plain)
		}
		_ = conn.AbortWith(alert.InternalError, "the service cannot be reached")
		return nil, err
	}
	return c, nil
}

// welcome counts a peer that proved its key.
func (a *attempt) welcome(c *session, pushed bool) error {
	a.meters.Handshaken(time.Since(a.began), versionName(c.tls), c.tls.Session().Suite.String())
	if pushed {
		return errPushed
	}
	if err := a.countAll(); err != nil {
		return err
	}
	return a.count(a.identities, c.identity, a.g.settings.MaxPerIdentity, limitIdentity)
}

// joinClient takes plain bytes in and opens the side of TLS.
func (a *attempt) joinClient(ctx context.Context) (*session, error) {
	fail := func(err error) (*session, error) {
		reset(a.raw)
		return nil, err
	}
	if err := a.countAll(); err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if a.mayBePushed(cancel) {
		return fail(errPushed)
	}
	lingering(a.raw)
	c := &session{attempt: a, plain: a.raw}
	if err := a.secure(ctx, c); err != nil {
		return fail(err)
	}
	if a.leaveLine() {
		_ = c.tls.Abort("the tunnel gave this connection up")
		return fail(errPushed)
	}
	c.describe()
	if err := a.sendHeader(c); err != nil {
		_ = c.tls.Abort("the PROXY protocol header cannot be sent")
		return fail(err)
	}
	return c, nil
}

func (a *attempt) newSession(conn *watchword.Conn) *session {
	c := &session{attempt: a, tls: conn}
	c.describe()
	return c
}

// refuse says why there is no connection.
func (a *attempt) refuse(err error) {
	if a.tunnel.ctx.Err() != nil {
		return
	}
	if errors.Is(err, watchword.ErrNothingReceived) {
		// A balancer's look, most likely. It is counted, and no line says it.
		a.meters.HandshakeFailed(meter.NothingSent)
		return
	}
	args := []any{"remote", a.from(), "error", sentence(err)}
	var limit overLimit
	if errors.As(err, &limit) {
		a.meters.Refused(string(limit))
		a.refusals.warn("refused", append(args, "limit", string(limit))...)
		return
	}
	var dial *dialError
	if errors.As(err, &dial) {
		a.meters.Closed(meter.BackendFailed, time.Since(a.began))
		a.faults.warn("no connection to the service", args...)
		return
	}
	a.meters.HandshakeFailed(failureWord(err))
	a.failures.warn("no connection", args...)
}

// from says where the connection came from.
func (a *attempt) from() string {
	if name := a.remote.String(); name != "" && name != "@" {
		return name
	}
	return a.raw.LocalAddr().String()
}
