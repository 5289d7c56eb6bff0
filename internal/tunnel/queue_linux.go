package tunnel

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// queued returns how many bytes the system holds that the other end of a TCP
// connection, or of a Unix socket, has not taken yet.
func queued(c net.Conn) (n int) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	})
	return n
}
