package watchword

// The end of a connection: in order, half, or with an alert.

import (
	"errors"
	"net"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
)

// CloseWrite sends close_notify: the peer reads the end of the stream, and this
// end may go on reading. The connection beneath stays as it is.
func (c *Conn) CloseWrite() error {
	if !c.handshakeDone.Load() {
		return errors.New("watchword: CloseWrite before the handshake is complete")
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.engineMu.Lock()
	c.engine.CloseWrite()
	err := c.engine.Err()
	c.engineMu.Unlock()
	if ferr := c.flushLocked(); err == nil {
		err = ferr
	}
	return err
}

// Close sends close_notify and closes the connection beneath. It waits up to
// five seconds for a Write under way, and for the network to take the alert.
func (c *Conn) Close() error {
	return c.close(func(e *Engine) { e.CloseWrite() })
}

// Abort closes the connection with a fatal alert in place of close_notify, so
// that the peer does not take the end for a clean one. reason is what later
// calls on this end return.
func (c *Conn) Abort(reason string) error { return c.AbortWith(alert.InternalError, reason) }

// AbortWith is Abort with another alert, such as access_denied for a peer that
// proved its key and is not wanted all the same (RFC 9846 §6.2). After CloseWrite
// there is no place for an alert: a TCP connection beneath is reset then.
func (c *Conn) AbortWith(d alert.Description, reason string) error {
	return c.close(func(e *Engine) {
		if e.err == nil && e.sentDone {
			if tcp, ok := c.conn.(interface{ SetLinger(seconds int) error }); ok {
				_ = tcp.SetLinger(0)
			}
		}
		e.Fail(d, reason)
	})
}

func (c *Conn) close(end func(*Engine)) error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.engineMu.Lock()
	started := c.engine != nil
	c.engineMu.Unlock()
	var alertErr error
	if started {
		// The timer is for a connection beneath without deadlines, or whose
		// deadline the writer sets again at the same moment.
		backstop := time.AfterFunc(limits.CloseTimeoutSeconds*time.Second, func() { c.conn.Close() })
		defer backstop.Stop()
		_ = c.conn.SetWriteDeadline(time.Now().Add(limits.CloseTimeoutSeconds * time.Second))
		c.writeMu.Lock()
		c.engineMu.Lock()
		end(c.engine)
		c.engineMu.Unlock()
		if giveUp := c.giveUp.Load(); giveUp != nil {
			(*giveUp)()
		}
		alertErr = c.flushLocked()
		c.writeMu.Unlock()
	}
	if err := c.conn.Close(); err != nil {
		return err
	}
	if !c.handshakeDone.Load() {
		return nil
	}
	return alertErr
}
