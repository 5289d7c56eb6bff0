//go:build unix

package tunnel

// Reading from a socket of the kernel: waited for without a buffer, then read
// from into a large one.

import (
	"io"
	"net"
	"os"
	"syscall"

	"github.com/watchword-tls/watchword/internal/socket"
)

// plainReader reads one plain connection.
type plainReader struct {
	socket.Caller
	conn   net.Conn
	flow   *flow
	socket syscall.RawConn // of conn, or nil
	try    func(fd uintptr) (done bool)
	buf    []byte
	n      int
	rush   bool // data comes faster than small buffers take it
	err    error
}

func newPlainReader(conn net.Conn, s syscall.RawConn, f *flow) *plainReader {
	r := &plainReader{conn: conn, flow: f, socket: s}
	r.try = r.attempt
	return r
}

// read returns the next bytes in a buffer that is to be put back. Bytes, and the
// end of the stream, are held.
func (r *plainReader) read() (buf []byte, n int, err error) {
	if r.socket == nil {
		buf = getBuffer(false)
		n, err = r.flow.holdRead(r.conn.Read(buf))
		return buf, n, err
	}
	r.n, r.err = 0, nil
	if err := r.socket.Read(r.try); err != nil && r.err == nil {
		r.err = err
	}
	buf, r.buf = r.buf, nil
	return buf, r.n, r.err
}

// attempt reads without waiting, and reports false if it must be called again
// when there is something to read.
func (r *plainReader) attempt(fd uintptr) (done bool) {
	if !r.flow.hold() { // before the system gives anything out of its hands
		r.err = errStopped
		return true
	}
	r.buf = getBuffer(r.rush)
	n, err := r.Read(fd, r.buf)
	switch {
	case err == syscall.EAGAIN:
		putBuffer(r.buf)
		r.buf = nil
		r.flow.letGo()
		return false
	case err != nil:
		r.flow.letGo()
		r.err = os.NewSyscallError("read", err)
	case n == 0:
		r.err = io.EOF
	default:
		r.n, r.rush = n, n >= relayBuffer
	}
	return true
}
