//go:build !unix

package tunnel

import (
	"net"
	"syscall"
)

// plainReader reads one plain connection: with a small buffer until data comes
// faster than that.
type plainReader struct {
	conn  net.Conn
	flow  *flow
	small []byte
	bulk  bool
	rush  bool
}

const smallRead = 2 << 10

func newPlainReader(conn net.Conn, _ syscall.RawConn, f *flow) *plainReader {
	return &plainReader{conn: conn, flow: f}
}

// read returns the next bytes in a buffer that is to be put back. Bytes, and the
// end of the stream, are held.
func (r *plainReader) read() (buf []byte, n int, err error) {
	if r.bulk {
		buf = getBuffer(r.rush)
	} else {
		if r.small == nil {
			r.small = make([]byte, smallRead)
		}
		buf = r.small
	}
	n, err = r.flow.holdRead(r.conn.Read(buf))
	r.rush = n >= relayBuffer
	r.bulk = n == len(buf) || r.bulk && n > smallRead
	return buf, n, err
}
