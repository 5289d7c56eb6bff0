//go:build unix

// Package socket reads from and writes to sockets of the kernel that do not wait:
// a wait is Go's own, and needs no buffer.
//
// Where it is asked to ([BeDirect]), and can, it tells Go's scheduler nothing of most
// such calls (direct.go). One that is told of wakes a thread that watches over
// goroutines, if that sleeps, and where messages go to and fro that is a sixth of all
// the time.
package socket

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// Of returns the socket of conn, or nil. Types that embed one of these are left
// out on purpose: their Read and Write may do more.
func Of(conn net.Conn) syscall.RawConn {
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

// BeDirect has most calls of this process not told to Go's scheduler. That is for a
// program alone whose goroutines never compute for long: what each call wakes is the
// thread that gives others their turn.
func BeDirect() { direct.Store(true) }

var direct atomic.Bool

// A Caller makes system calls, for one goroutine at a time.
type Caller struct{ calls }

// Read reads what there is. The error is [syscall.EAGAIN] where there is nothing,
// or another one of the system; at the end of the stream n is 0.
func (c *Caller) Read(fd uintptr, b []byte) (n int, err error) {
	for {
		if n, err = c.receive(fd, b); err != syscall.EINTR {
			return n, err
		}
	}
}

// Write writes all of b to conn, whose socket is given. It waits for room, and
// fails, as conn.Write does.
func Write(conn net.Conn, socket syscall.RawConn, b []byte) (n int, err error) {
	if socket == nil {
		return conn.Write(b)
	}
	w := writings.Get().(*writing)
	w.rest = b
	err = socket.Write(w.try)
	if err == nil {
		err = w.err
	}
	n = len(b) - len(w.rest)
	w.rest, w.err = nil, nil
	writings.Put(w)
	if err != nil {
		err = Failure("write", conn, err)
	}
	return n, err
}

// A writing is one Write under way. It comes from a pool, so that neither it nor
// its function is allocated for each.
type writing struct {
	Caller
	try  func(fd uintptr) (done bool)
	rest []byte
	err  error
}

var writings = sync.Pool{New: func() any {
	w := &writing{}
	w.try = w.attempt
	return w
}}

// longest is how many bytes one call is given: none may take for long.
const longest = 512 << 10

// attempt writes what there is room for, and reports false if it must be called
// again when there is more.
func (w *writing) attempt(fd uintptr) (done bool) {
	for len(w.rest) > 0 {
		n, err := w.send(fd, w.rest[:min(len(w.rest), longest)])
		switch {
		case err == nil:
			w.rest = w.rest[n:]
		case err == syscall.EAGAIN:
			return false
		case err != syscall.EINTR:
			w.err = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

// Failure returns an error of a socket, or of the wait for it, as the methods of
// net.Conn have it.
func Failure(op string, conn net.Conn, err error) error {
	e := &net.OpError{Op: op, Net: conn.LocalAddr().Network(), Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: err}
	var waiting *net.OpError // the wait has another name for it
	if errors.As(err, &waiting) {
		e.Net, e.Err = waiting.Net, waiting.Err
	}
	return e
}
