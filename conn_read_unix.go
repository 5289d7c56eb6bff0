//go:build unix

package watchword

// A socket of the kernel is waited for without a buffer, so that a connection
// that waits holds none, and then read from into a large one. Errors are those
// of an ordinary Read.

import (
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/watchword-tls/watchword/internal/socket"
)

// A socketRead is one read under way. It comes from a pool, so that neither it
// nor its function is allocated for each.
type socketRead struct {
	socket.Caller
	c   *Conn
	try func(fd uintptr) (done bool)
	n   int
	err error
}

var socketReads = sync.Pool{New: func() any {
	r := &socketRead{}
	r.try = r.attempt
	return r
}}

// readSocket reads once, as soon as there is something to read.
func (c *Conn) readSocket() (int, error) {
	r := socketReads.Get().(*socketRead)
	r.c, r.n, r.err = c, 0, nil
	err := c.socket.Read(r.try)
	if err == nil {
		err = r.err
	}
	n := r.n
	r.c, r.err = nil, nil
	socketReads.Put(r)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, socket.Failure("read", c.conn, err)
}

// attempt reads without waiting. It reports false if it must be called again
// when there is something to read, and holds no buffer then, unless a record
// has come in part.
func (r *socketRead) attempt(fd uintptr) (done bool) {
	r.c.engineMu.Lock()
	if r.c.rush == rushing {
		r.c.engine.input.grow()
	}
	space := r.c.engine.Space(max(r.c.engine.Missing(), readAhead))
	r.c.engineMu.Unlock()
	n, err := r.Read(fd, space)
	switch {
	case err == syscall.EAGAIN:
		r.c.engineMu.Lock()
		r.c.engine.input.filled(0)
		r.c.engine.input.shrink()
		r.c.engine.input.settle()
		r.c.engineMu.Unlock()
		return false
	case err != nil:
		r.err = os.NewSyscallError("read", err)
	case n == 0:
		r.err = io.EOF
	default:
		r.n = n
		r.c.noteRush(n)
	}
	return true
}
