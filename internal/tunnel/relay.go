package tunnel

// The bytes of one direction. No buffer is held where there is nothing to carry
// (relay_unix.go; elsewhere a small one is): a thousand idle connections share
// the few buffers of those that move.

import (
	"io"
	"sync"

	"github.com/watchword-tls/watchword/internal/bulk"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/socket"
)

// relayBuffer is how many plain bytes are read at once, until they come faster
// than that (bulk.Get).
const relayBuffer = 4 * limits.MaxPlaintext

var relayBuffers = sync.Pool{New: func() any { return new([relayBuffer]byte) }}

// getBuffer returns a large buffer if data comes faster than small ones take it.
func getBuffer(rush bool) []byte {
	if rush {
		if b := bulk.Get(); b != nil {
			return b[:]
		}
	}
	return relayBuffers.Get().(*[relayBuffer]byte)[:]
}

func putBuffer(b []byte) {
	switch len(b) {
	case relayBuffer:
		relayBuffers.Put((*[relayBuffer]byte)(b))
	case bulk.Bytes:
		bulk.Put((*bulk.Buffer)(b))
	}
}

// copyIn carries plain bytes into TLS until their end, which it leaves held.
func (c *session) copyIn() error {
	r := newPlainReader(c.plain, c.socket, &c.flow)
	for {
		buf, n, err := r.read()
		if n > 0 {
			werr := c.inPieces(buf[:n], c.seal)
			if werr != nil || err != io.EOF {
				c.passed()
			}
			if werr != nil {
				putBuffer(buf)
				return werr
			}
		}
		putBuffer(buf)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return &plainError{err}
		}
	}
}

// seal writes plain bytes into TLS.
func (c *session) seal(p []byte) error {
	n, err := c.tls.Write(p)
	c.out.Add(int64(n))
	c.meters.Bytes(0, n)
	c.touch()
	return err
}

// deliver writes what came out of TLS to the plain side.
func (c *session) deliver(p []byte) error {
	n, err := socket.Write(c.plain, c.socket, p)
	c.in.Add(int64(n))
	c.meters.Bytes(n, 0)
	c.touch()
	return err
}

// inPieces writes all of p: at once, or record by record as the service's rate
// allows, so that its connections take turns.
func (c *session) inPieces(p []byte, write func([]byte) error) error {
	for len(p) > 0 {
		if c.pace.Load() == nil {
			return write(p)
		}
		n := min(len(p), limits.MaxPlaintext)
		if !c.pay(n) {
			return errStopped
		}
		if err := write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// plainWriter takes what comes out of TLS.
type plainWriter struct {
	c   *session
	err error
}

func (w *plainWriter) Write(p []byte) (int, error) {
	c := w.c
	if !c.hold() {
		c.late.Store(true) // they were on their way when the session was ended
		return 0, errStopped
	}
	w.err = c.inPieces(p, c.deliver)
	c.passed()
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}
