package watchword

// Reading from the connection beneath.

import (
	"errors"
	"io"
)

// fill reads once from the network into the engine.
func (c *Conn) fill() error {
	var n int
	var err error
	if c.socket != nil {
		n, err = c.readSocket()
	} else {
		n, err = c.readConn()
	}
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	// The engine keeps its error, and the next Read returns it.
	_ = c.engine.Received(n, c.config.now())
	switch {
	case err == nil || n > 0:
		return nil
	case errors.Is(err, io.EOF):
		// Without an error the engine knows by itself that this is the end.
		return c.engine.ReceivedEOF()
	}
	return err
}

// Buffered returns how many bytes from the peer this end has taken from the network
// that nobody has read, those of a record that is not complete with them.
func (c *Conn) Buffered() int {
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	if c.engine == nil {
		return 0
	}
	return len(c.engine.input.pending) + len(c.engine.input.unread())
}

// readConn reads from any net.Conn. It may have to wait with a buffer in its
// hands, so the buffer is a small one until data comes faster than that.
func (c *Conn) readConn() (int, error) {
	c.engineMu.Lock()
	want := c.engine.Missing()
	if c.bulk {
		want = max(want, readAhead)
	}
	space := c.engine.Space(want)
	c.engineMu.Unlock()
	n, err := c.conn.Read(space)
	c.bulk = n == len(space) || c.bulk && n > smallInput
	return n, err
}
