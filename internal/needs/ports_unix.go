//go:build unix

package needs

import "syscall"

// alone takes back what net.Listen asks for, that a port may have connections.
func alone(_, _ string, c syscall.RawConn) (err error) {
	failed := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
	})
	if failed != nil {
		return failed
	}
	return err
}
