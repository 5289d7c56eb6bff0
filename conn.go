package watchword

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/watchword-tls/watchword/internal/bulk"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/socket"
)

// Conn is a connection secured with a shared key. It is a net.Conn, used as
// crypto/tls's is: the first Read or Write does the handshake unless
// [Conn.Handshake] was called. One goroutine may read, one write and one close
// at the same time.
type Conn struct {
	conn   net.Conn
	config *Config
	side   side

	dialed     string // the address that DialContext was given
	serverName string // the SNI from it, where the configuration has none

	handshakeMu   sync.Mutex // one handshake; guards handshakeErr
	handshakeErr  error
	handshakeDone atomic.Bool
	giveUp        atomic.Pointer[context.CancelFunc] // of the lookup in a handshake

	// engineMu guards engine. It is never held across I/O.
	engineMu sync.Mutex
	engine   *Engine

	// readMu is held by the one reader; it guards bulk and rush.
	readMu sync.Mutex
	bulk   bool            // data comes faster than small reads take it
	rush   rush            // data comes faster than large reads take it
	socket syscall.RawConn // of conn, or nil

	// writeMu keeps records in order: whoever holds it takes them from the
	// engine and writes them. It guards writeErr, which sticks: after a
	// failed write the peer may have half a record.
	writeMu  sync.Mutex
	writeErr error

	closed atomic.Bool
}

type side uint8

const (
	clientSide side = iota
	serverSide
)

var _ net.Conn = (*Conn)(nil)

// Client returns a client's end of a connection on conn. The configuration
// needs a key.
func Client(conn net.Conn, config *Config) *Conn {
	return &Conn{conn: conn, config: config, side: clientSide, socket: socket.Of(conn)}
}

// Server returns a server's end of a connection on conn. The configuration
// needs keys, or a lookup of them.
func Server(conn net.Conn, config *Config) *Conn {
	return &Conn{conn: conn, config: config, side: serverSide, socket: socket.Of(conn)}
}

func addrString(conn net.Conn) string {
	if a := conn.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}

// LocalAddr returns the local address of the connection beneath.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the remote address of the connection beneath.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// String names the other end.
func (c *Conn) String() string { return "connection with " + c.peerName() }

// Format keeps every verb of package fmt from reaching keys and plaintext.
func (c *Conn) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

// NetConn returns the connection beneath. Reading from it or writing to it
// breaks the connection on top.
func (c *Conn) NetConn() net.Conn { return c.conn }

// SetDeadline sets the read and write deadlines. After a Write has timed out,
// every later Write returns the same error: the peer may have half a record.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline sets the read deadline. A Read that timed out may be tried
// again.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline sets the write deadline; see [Conn.SetDeadline].
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }

// ConnectionState returns the standard library's description of the
// connection, which net/http and others know. What it has no place for is in
// [Conn.Session]. It holds no certificates, and its ExportKeyingMaterial panics:
// use [Session.Export].
//
// Unlike that of crypto/tls it does the handshake if it has not been done:
// net/http asks for the state of a connection before it reads, and makes
// Request.TLS of it. Where the handshake fails, so does the next Read.
func (c *Conn) ConnectionState() tls.ConnectionState {
	_ = c.Handshake()
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	if c.engine == nil {
		return tls.ConnectionState{}
	}
	return c.engine.connectionState()
}

// Session returns what both ends agreed on and proved. Before the handshake is
// complete it is the zero value.
func (c *Conn) Session() Session {
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	if c.engine == nil {
		return Session{}
	}
	return c.engine.Session()
}

// Handshake does the handshake if it has not been done. Its error says what
// to do and can be matched with errors.Is and errors.As.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

// HandshakeContext does the handshake within ctx. When ctx ends first, the
// connection is closed and the context's error returned.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if c.handshakeDone.Load() {
		return nil
	}
	c.handshakeMu.Lock()
	defer c.handshakeMu.Unlock()
	if c.handshakeErr != nil || c.handshakeDone.Load() {
		return c.handshakeErr
	}
	if err := c.boundedHandshake(ctx); err != nil {
		c.handshakeErr = err
		return err
	}
	c.handshakeDone.Store(true)
	return nil
}

// boundedHandshake gives the handshake its time limit.
func (c *Conn) boundedHandshake(ctx context.Context) error {
	if err := c.start(); err != nil {
		return err
	}
	if limit := c.config.handshakeTimeout(); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, &handshakeTimeout{c, limit})
		defer cancel()
	}
	lookups := ctx
	if c.side == serverSide && c.config.Lookup != nil {
		var giveUp context.CancelFunc
		lookups, giveUp = context.WithCancel(ctx)
		defer giveUp()
		c.giveUp.Store(&giveUp)   // Close ends a lookup under way
		defer c.giveUp.Store(nil) // or an idle connection keeps its context
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		// Closing is the only way to end a Read on any net.Conn without
		// touching the application's deadlines.
		stop = context.AfterFunc(ctx, func() { c.conn.Close() })
	}
	err := c.handshake(lookups)
	// Even after a handshake that succeeded, the connection may be closed, or
	// be about to be: what cannot be stopped any more will happen.
	if !stop() {
		c.engineMu.Lock()
		defer c.engineMu.Unlock()
		c.engine.abandon(context.Cause(ctx))
		return context.Cause(ctx)
	}
	return err
}

// handshakeTimeout is put into words only where it happens.
type handshakeTimeout struct {
	c     *Conn
	limit time.Duration
}

func (e *handshakeTimeout) Error() string {
	return fmt.Sprintf("the handshake with %s was not complete after %v: the other end is silent, or does not speak TLS", e.c.peerName(), e.limit)
}

func (e *handshakeTimeout) Unwrap() error { return ErrHandshakeTimeout }

// start makes the engine.
func (c *Conn) start() error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	var engine *Engine
	var err error
	if c.side == clientSide {
		engine, err = newClientEngine(c.config, c.ticketsOf(), c.serverName, c.configNow())
	} else {
		engine, err = NewServerEngine(c.config)
	}
	if err != nil {
		return err
	}
	c.engineMu.Lock()
	c.engine = engine
	c.engineMu.Unlock()
	return nil
}

// ticketsOf names the server whose tickets a client may use: as it was dialed,
// or else by its address. Without a cache nobody asks.
func (c *Conn) ticketsOf() string {
	if c.dialed != "" || c.config == nil || c.config.Tickets == nil || c.config.Tickets.Cache == nil {
		return c.dialed
	}
	return addrString(c.conn)
}

func (c *Conn) configNow() time.Time {
	if c.config == nil {
		return time.Time{}
	}
	return c.config.now()
}

func (c *Conn) peerName() string {
	if name := addrString(c.conn); name != "" {
		return name
	}
	return "the other end"
}

// handshake reads, looks up keys and writes until the engine is complete.
func (c *Conn) handshake(ctx context.Context) error {
	for {
		if err := c.flush(); err != nil {
			return c.failed(err)
		}
		c.engineMu.Lock()
		err, complete, offered := c.engine.Err(), c.engine.Complete(), c.engine.WantsKeys()
		c.engineMu.Unlock()
		switch {
		case err != nil:
			return err
		case complete:
			// A server's ticket went out with the flush of the next turn.
			return c.failed(c.flush())
		case offered != nil:
			keys, err := c.lookup(ctx, offered)
			c.engineMu.Lock()
			// Its error is kept by the engine, and its alert is flushed.
			_ = c.engine.Answer(keys, err, c.config.now())
			c.engineMu.Unlock()
		default:
			c.prepare()
			if err := c.fill(); err != nil {
				return c.failed(err)
			}
		}
	}
}

func (c *Conn) prepare() {
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	c.engine.Prepare()
}

// failed prefers the engine's error, which says why the network failed: an
// alert that arrived, a stream that ended.
func (c *Conn) failed(err error) error {
	if err == nil {
		return nil
	}
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	if e := c.engine.Err(); e != nil {
		return e
	}
	if errors.Is(err, syscall.ECONNRESET) && c.engine.nothingReceived() {
		err = ErrNothingReceived // some look that way whether anybody listens
	}
	return c.engine.abandon(err)
}

func (c *Conn) lookup(ctx context.Context, offered []OfferedIdentity) ([]*Key, error) {
	if c.config.Lookup != nil {
		return c.config.Lookup.LookupKeys(ctx, offered)
	}
	return c.config.staticKeys(offered), nil
}

// flush writes what the engine has to send. If another goroutine is writing,
// that one does it: whoever lets go of writeMu looks again.
func (c *Conn) flush() error {
	for c.hasOutput() {
		if !c.writeMu.TryLock() {
			return nil
		}
		err := c.flushLocked()
		c.writeMu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// answer sends what reading has left to send; what could not be sent shows at
// the next Write. An alert goes out before the Read returns that failed, for the
// connection may be closed then. A KeyUpdate needs only to come before the next
// application data (RFC 9846 §4.7.3), so a Read does not wait, beyond its
// deadline, for a peer that asks for one and reads nothing.
func (c *Conn) answer(failed bool) {
	if failed {
		_ = c.flush()
		return
	}
	if !c.writeMu.TryLock() {
		return // whoever holds it looks again, and no goroutine is made for nothing
	}
	go func() {
		_ = c.flushLocked()
		c.writeMu.Unlock()
		_ = c.flush()
	}()
}

func (c *Conn) hasOutput() bool {
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	return c.engine != nil && c.engine.HasOutput()
}

// flushLocked writes the engine's output; writeMu is held.
func (c *Conn) flushLocked() error {
	c.engineMu.Lock()
	out := c.engine.Output(nil)
	c.engineMu.Unlock()
	return c.writeRecords(out)
}

// writeRecords writes whole records; writeMu is held.
func (c *Conn) writeRecords(records []byte) error {
	if c.writeErr != nil {
		return c.writeErr
	}
	if len(records) == 0 {
		return nil
	}
	if _, err := socket.Write(c.conn, c.socket, records); err != nil {
		c.writeErr = err
		return err
	}
	return nil
}

// Read reads application data. It returns io.EOF only after the peer's
// close_notify, and [ErrTruncated] if the stream ends without.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	c.readMu.Lock()
	defer c.readMu.Unlock()
	for {
		c.engineMu.Lock()
		n, err := c.engine.Read(p, c.config.now())
		output, failed := c.engine.HasOutput(), c.engine.Err() != nil
		c.engineMu.Unlock()
		if output {
			c.answer(failed)
		}
		if n > 0 || !errors.Is(err, ErrNeedInput) {
			return n, err
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}

const (
	recordsPerWrite = 4
	writeBuffer     = recordsPerWrite * (limits.RecordHeaderLen + limits.MaxCiphertext)
)

var writeBuffers = sync.Pool{New: func() any { return new([writeBuffer]byte) }}

// Write sends application data, several records in one write to the network.
// After an error nothing more can be written. A Write of nothing sends nothing.
func (c *Conn) Write(p []byte) (written int, err error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	c.writeMu.Lock()
	written, err = c.writeLocked(p)
	c.writeMu.Unlock()
	// The reader may have left something to send while we held writeMu.
	if ferr := c.flush(); err == nil {
		err = ferr
	}
	return written, err
}

func (c *Conn) writeLocked(p []byte) (written int, err error) {
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	if len(p) > recordsPerWrite*limits.MaxPlaintext {
		if large := bulk.Get(); large != nil {
			defer bulk.Put(large)
			return c.writeWith(large[:0], p)
		}
	}
	buf := writeBuffers.Get().(*[writeBuffer]byte)
	defer writeBuffers.Put(buf)
	return c.writeWith(buf[:0], p)
}

// writeWith seals and writes as many records at once as buf has room for.
func (c *Conn) writeWith(buf, p []byte) (written int, err error) {
	for written < len(p) {
		if c.closed.Load() {
			return written, net.ErrClosed // so that Close need not wait for the rest
		}
		c.engineMu.Lock()
		out, n, sealErr := c.engine.Seal(buf, p[written:], cap(buf))
		c.engineMu.Unlock()
		if err := c.writeRecords(out); err != nil {
			return written, err
		}
		written += n
		if sealErr != nil {
			return written, sealErr
		}
	}
	return written, nil
}

// UpdateKeys changes the key that this end sends with, and if both is set asks
// the peer to change its own. It is done automatically before a key has been
// used too much.
func (c *Conn) UpdateKeys(both bool) error {
	if err := c.Handshake(); err != nil {
		return err
	}
	c.engineMu.Lock()
	err := c.engine.UpdateKey(both)
	c.engineMu.Unlock()
	if err != nil {
		return err
	}
	return c.flush()
}
