package tunnel

// The bytes of one direction. No buffer is held where there is nothing to carry
// (relay_unix.go; elsewhere a small one is): a thousand idle connections share
// the few buffers of those that move.

import (
	"io"
	"sync"

	"github.com/watchword-tls/watchword/internal/bulk"
	"github.com/watchword-tls/watchword/internal/limits"
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

// copyIn carries plain bytes into TLS until their end.
func (c *session) copyIn() error {
	r := newPlainReader(c.plain)
	for {
		buf, n, err := r.read()
		if n > 0 {
			if werr := c.sealBytes(buf[:n]); werr != nil {
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

func (c *session) sealBytes(p []byte) error {
	c.pay(len(p))
	n, err := c.tls.Write(p)
	c.out.Add(int64(n))
	c.meters.Bytes(0, n)
	c.touch()
	return err
}

// pay waits until the service's rate allows n bytes.
func (c *session) pay(n int) {
	if r := c.now().rate; r != nil {
		_ = r.WaitN(c.tunnel.ctx, n) // an error means that all is ending
	}
}

// plainWriter takes what comes out of TLS.
type plainWriter struct {
	c   *session
	err error
}

func (w *plainWriter) Write(p []byte) (int, error) {
	c := w.c
	c.pay(len(p))
	n, err := c.plain.Write(p)
	c.in.Add(int64(n))
	c.meters.Bytes(n, 0)
	c.touch()
	w.err = err
	return n, err
}
