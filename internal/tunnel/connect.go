package tunnel

// The other side of a connection: opened, and made ready.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/backend"
	"github.com/watchword-tls/watchword/internal/tunnel/proxyproto"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// secure connects and does the handshake. A server that ends the connection in
// the handshake without an alert has no part in it yet: that is tried again, or
// elsewhere, like an address that nobody listens at.
func (a *attempt) secure(ctx context.Context, c *session) error {
	_, err := a.dial(ctx, c, func(raw net.Conn) error {
		began := time.Now()
		conn := watchword.Client(raw, a.g.clients[c.backend])
		err := conn.HandshakeContext(ctx)
		switch {
		case err == nil:
			a.meters.Handshaken(time.Since(began), versionName(conn), conn.Session().Suite.String())
			c.tls = conn
			return nil
		case wasReset(err):
			return &backend.Unanswered{Err: fmt.Errorf("it reset the connection in the handshake; %s", unansweredMeans)}
		case errors.Is(err, watchword.ErrTruncated):
			return &backend.Unanswered{Err: fmt.Errorf("it closed the connection in the handshake without an alert; %s", unansweredMeans)}
		}
		return fmt.Errorf("no connection with %s: %w", c.backend, err)
	})
	return err
}

const unansweredMeans = "it may be ending, or have reached a limit, or not know the key, or speak no TLS: its own log says"

// dial opens the other side, and makes it ready.
func (a *attempt) dial(ctx context.Context, c *session, ready func(net.Conn) error) (net.Conn, error) {
	routes := len(a.routes)
	conn, release, err := a.g.backends.Dial(ctx, func(conn net.Conn, address string) error {
		a.forgetTo(routes) // of an attempt before this one
		if a.remember(a.dialed, a.taken, conn.LocalAddr(), conn.RemoteAddr()) {
			return errItself
		}
		c.backend = address
		if ready == nil {
			return nil
		}
		return ready(conn)
	})
	var unreachable *backend.Unreachable
	switch {
	case errors.As(err, &unreachable):
		if ctx.Err() == nil { // or it is we who gave up
			a.meters.BackendFailed("")
		}
		return nil, &dialError{err}
	case err != nil:
		return nil, err
	}
	a.undo = append(a.undo, release)
	return conn, nil
}

// dialError marks what went wrong on the connecting side.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// route is a TCP connection, from the end that opened it. One end alone would
// not do: a port may belong to several connections with different far ends.
type route struct{ from, to netip.AddrPort }

func routeOf(from, to net.Addr) (r route, ok bool) {
	a, ok1 := from.(*net.TCPAddr)
	b, ok2 := to.(*net.TCPAddr)
	if !ok1 || !ok2 {
		return r, false
	}
	return route{unmapped(a), unmapped(b)}, true
}

func unmapped(a *net.TCPAddr) netip.AddrPort {
	p := a.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// remember puts a connection among those dialed or taken while the attempt lasts,
// and reports whether it is among the others: then this very service is at both
// of its ends. Whichever end comes first, the second one finds it: neither gets
// any further without the other.
func (a *attempt) remember(mine, others map[route]bool, from, to net.Addr) bool {
	r, ok := routeOf(from, to)
	if !ok {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	mine[r] = true
	a.routes = append(a.routes, func() { delete(mine, r) })
	return others[r]
}

// forgetTo undoes remember, but for the first ones.
func (a *attempt) forgetTo(routes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, undo := range a.routes[routes:] {
		undo()
	}
	a.routes = a.routes[:routes]
}

// sendHeader tells the service who is there: after the handshake, and before
// anything else.
func (a *attempt) sendHeader(c *session) error {
	o := &a.g.settings
	if o.ProxyOut == settings.ProxyNone {
		return nil
	}
	h := a.header
	if !h.Source.IsValid() {
		h = headerOf(a.raw)
	}
	var info *proxyproto.TLSInfo
	var to net.Conn = c.tls
	if o.Direction == settings.Server {
		to = c.plain
		s := c.tls.Session()
		info = &proxyproto.TLSInfo{Version: versionName(c.tls), Cipher: s.Suite.String(), Identity: s.Identity, ServerName: s.ServerName, NextProto: s.NextProto}
	}
	line, err := proxyproto.Append(nil, o.ProxyOut, h, info)
	if err != nil {
		return err
	}
	_ = to.SetWriteDeadline(time.Now().Add(limits.ProxyHeaderSeconds * time.Second))
	if _, err := to.Write(line); err != nil {
		return &dialError{fmt.Errorf("%s takes no PROXY protocol header: %w", c.backend, systemReason(err))}
	}
	return to.SetWriteDeadline(time.Time{})
}

// headerOf is what is known without a balancer: of a Unix socket no addresses,
// but all that TLS told.
func headerOf(raw net.Conn) proxyproto.Header {
	from, ok1 := raw.RemoteAddr().(*net.TCPAddr)
	to, ok2 := raw.LocalAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return proxyproto.Header{}
	}
	return proxyproto.Header{Source: from.AddrPort(), Destination: to.AddrPort()}
}
