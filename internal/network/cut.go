package network

// Connecting, where the other end may cut the connection before that is over.

import (
	"errors"
	"net"
	"time"
)

// OrCut takes what a Dialer returned. A connection that was reset is one that the
// other end took: whether the system says so while it connects or at the first
// read is chance, so it is made an error of the first read.
func OrCut(raw net.Conn, err error) (net.Conn, error) {
	if err == nil || !WasReset(err) {
		return raw, err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return &cutConn{err: &net.OpError{Op: "read", Net: "tcp", Err: err}}, nil
}

// cutConn is a connection that the other end has cut.
type cutConn struct {
	err error
}

func (c *cutConn) Read([]byte) (int, error)         { return 0, c.err }
func (c *cutConn) Write([]byte) (int, error)        { return 0, c.err }
func (c *cutConn) Close() error                     { return nil }
func (c *cutConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *cutConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *cutConn) SetDeadline(time.Time) error      { return nil }
func (c *cutConn) SetReadDeadline(time.Time) error  { return nil }
func (c *cutConn) SetWriteDeadline(time.Time) error { return nil }
