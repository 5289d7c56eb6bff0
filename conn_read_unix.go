//go:build unix

package watchword

// A socket of the kernel is waited for without a buffer, so that a connection
// that waits holds none, and then read from into a large one. Errors are those
// of an ordinary Read.

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// socketOf returns the socket of conn. Types that embed one of these are left
// out on purpose: their Read may do more than to read from the socket.
func socketOf(conn net.Conn) syscall.RawConn {
	var socket syscall.RawConn
	var err error
	switch conn := conn.(type) {
	case *net.TCPConn:
		socket, err = conn.SyscallConn()
	case *net.UnixConn:
		socket, err = conn.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return socket
}

// A socketRead is one read under way. It comes from a pool, so that neither it
// nor its function is allocated for each.
type socketRead struct {
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
	// As net.Conn has it: what the wait says of itself is another operation.
	op := &net.OpError{Op: "read", Net: c.conn.LocalAddr().Network(), Source: c.conn.LocalAddr(), Addr: c.conn.RemoteAddr(), Err: err}
	var waiting *net.OpError
	if errors.As(err, &waiting) {
		op.Err = waiting.Err
	}
	return n, op
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
	n, err := syscall.Read(int(fd), space)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), space)
	}
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
