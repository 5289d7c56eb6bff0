package main

// What lies between the two ends: TCP on the loopback interface, or memory.

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A link makes pairs of connected ends.
type link interface {
	pair() (client, server net.Conn, err error)
	Close() error
}

// loopback is TCP over 127.0.0.1.
type loopback struct{ net.Listener }

func newLoopback() (link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	return loopback{l}, err
}

func (l loopback) pair() (client, server net.Conn, err error) {
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	// The handshake of TCP is the kernel's: the connection waits already.
	if server, err = l.Accept(); err != nil {
		return nil, nil, err
	}
	// Thousands of closed connections must not use up the ports.
	return client, server, client.(*net.TCPConn).SetLinger(0)
}

// memory is a pipe in each direction that holds about as many bytes as the
// kernel's buffers do.
type memory struct{}

func newMemory() (link, error) { return memory{}, nil }

func (memory) Close() error { return nil }

func (memory) pair() (client, server net.Conn, err error) {
	a, b := newPipe(), newPipe()
	return &memoryConn{a, b}, &memoryConn{b, a}, nil
}

const pipeRoom = 256 << 10 // bytes

type pipe struct {
	mu      sync.Mutex
	changed *sync.Cond
	data    []byte
	start   int
	closed  bool
}

func newPipe() *pipe {
	p := &pipe{}
	p.changed = sync.NewCond(&p.mu)
	return p
}

type memoryConn struct{ in, out *pipe }

func (c *memoryConn) Read(b []byte) (int, error) {
	p := c.in
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.start == len(p.data) && !p.closed {
		p.changed.Wait()
	}
	if p.start == len(p.data) {
		return 0, io.EOF
	}
	n := copy(b, p.data[p.start:])
	if p.start += n; p.start == len(p.data) {
		p.data, p.start = p.data[:0], 0
	}
	p.changed.Signal()
	return n, nil
}

func (c *memoryConn) Write(b []byte) (int, error) {
	p := c.out
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.data) > 0 && len(p.data)+len(b) > pipeRoom && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		return 0, os.ErrClosed
	}
	p.data = append(p.data, b...)
	p.changed.Signal()
	return len(b), nil
}

func (c *memoryConn) Close() error {
	for _, p := range []*pipe{c.in, c.out} {
		p.mu.Lock()
		p.closed = true
		p.changed.Broadcast()
		p.mu.Unlock()
	}
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr              { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr             { return memoryAddr{} }
func (c *memoryConn) SetDeadline(time.Time) error      { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// memoryAddr is always the same: a client's ticket cache goes by the address.
type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }
