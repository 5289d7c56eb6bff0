//go:build unix

package tunnel

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/watchword-tls/watchword/internal/limits"
)

// reserve is a socket that is good for nothing but its descriptor. It needs no
// path, so a confined process can make it again.
type reserve struct{ fd int }

func newReserve() *reserve {
	r := &reserve{-1}
	r.hold()
	return r
}

func (r *reserve) held() bool { return r.fd >= 0 }

// hold takes a descriptor, and reports whether there was one.
func (r *reserve) hold() bool {
	if r.held() {
		return true
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	unix.CloseOnExec(fd)
	r.fd = fd
	return true
}

func (r *reserve) release() {
	if r.held() {
		_ = unix.Close(r.fd)
		r.fd = -1
	}
}

// waitsAt waits a moment until a connection waits at a listener, and reports
// whether one does. The system tells a process without descriptors of their lack
// even when nobody waits.
func waitsAt(l net.Listener) bool {
	c, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	// A listener's RawConn can do no more than this: no wait by the runtime.
	_ = raw.Control(func(fd uintptr) {
		n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, limits.TunnelRoomMilliseconds)
	})
	return n > 0
}
