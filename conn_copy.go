package watchword

// Copying a whole stream without a buffer while there is nothing to copy.

import (
	"errors"
	"io"
	"sync"

	"github.com/watchword-tls/watchword/internal/bulk"
	"github.com/watchword-tls/watchword/internal/limits"
)

// copyBuffer holds the content of as many full records as one write of the
// peer's brings.
const copyBuffer = recordsPerWrite * limits.MaxInnerPlaintext

var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// WriteTo reads until the end of the stream and writes all of it to w: it is
// what io.Copy uses. Where Read would wait, no buffer is held, so that ten
// thousand idle copies cost little. It returns nil at the peer's close_notify,
// [ErrTruncated] if the stream ends without, and otherwise the first error of
// either side.
func (c *Conn) WriteTo(w io.Writer) (written int64, err error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.readMu.Lock()
	defer c.readMu.Unlock()
	c.rush = calm
	defer c.endRush()
	for {
		n, err := c.writeSome(w)
		written += n
		switch {
		case err == io.EOF:
			return written, nil
		case err == nil:
		case !errors.Is(err, ErrNeedInput):
			return written, err
		default:
			if err := c.fill(); err != nil {
				return written, err
			}
		}
	}
}

// writeSome passes on what has arrived; readMu is held.
func (c *Conn) writeSome(w io.Writer) (int64, error) {
	if !c.hasInput() {
		return 0, ErrNeedInput
	}
	if c.rush == rushing {
		if large := bulk.Get(); large != nil {
			defer bulk.Put(large)
			return c.writeWhatIsThere(w, large[:])
		}
	}
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	return c.writeWhatIsThere(w, buf[:])
}

func (c *Conn) writeWhatIsThere(w io.Writer, buf []byte) (int64, error) {
	c.engineMu.Lock()
	n, err := c.engine.Read(buf, c.config.now())
	output, failed := c.engine.HasOutput(), c.engine.Err() != nil
	c.engineMu.Unlock()
	if output {
		c.answer(failed)
	}
	if n == 0 {
		return 0, err
	}
	m, err := w.Write(buf[:n])
	if err == nil && m < n {
		err = io.ErrShortWrite
	}
	return int64(m), err
}

// rush says whether data comes faster than large reads take it, which is worth
// larger ones. Only WriteTo asks: it knows when to give them back.
type rush uint8

const (
	unasked rush = iota // nobody asks
	calm                // large reads are not filled
	rushing             // the last one was
)

// noteRush tells how much a read from the socket brought.
func (c *Conn) noteRush(n int) {
	switch {
	case c.rush == unasked:
	case n >= readAhead:
		c.rush = rushing
	case n < readAhead/2:
		c.rush = calm
	}
}

// endRush gives back what a rush has taken.
func (c *Conn) endRush() {
	c.rush = unasked
	c.engineMu.Lock()
	c.engine.input.shrink()
	c.engineMu.Unlock()
}

// hasInput reports whether a read from the engine could give anything.
func (c *Conn) hasInput() bool {
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	e := c.engine
	return e.err != nil || e.peerDone || e.ended || len(e.input.pending) > 0 || e.recordWaits()
}
