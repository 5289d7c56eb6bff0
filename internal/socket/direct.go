//go:build linux && !race && !msan && !asan && !386 && !s390x

package socket

import (
	"syscall"
	"unsafe"
)

// calls counts, so that one of so many is told of: goroutines that read and write
// and never wait need the thread that makes them take turns.
type calls struct{ n int }

// toldOf is one of how many calls, or of how many times toldBytes in them: those
// before it take about as long as Go lets a goroutine run, ten milliseconds.
const (
	toldOf    = 64
	toldBytes = 16 << 10
)

func (c *calls) receive(fd uintptr, b []byte) (int, error) {
	return c.call(syscall.SYS_RECVFROM, fd, b, syscall.MSG_DONTWAIT)
}

func (c *calls) send(fd uintptr, b []byte) (int, error) {
	return c.call(syscall.SYS_SENDTO, fd, b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

// call does not wait for bytes or for room, whatever mode the socket is in:
// MSG_DONTWAIT says so. It may wait for a lock or for memory, as any call, and where
// Go is not told of it, Go may wait for it.
func (c *calls) call(number, fd uintptr, b []byte, flags uintptr) (int, error) {
	var n uintptr
	var e syscall.Errno
	if c.n++; c.n >= toldOf || !direct.Load() {
		c.n = 0
		n, _, e = syscall.Syscall6(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	} else {
		n, _, e = syscall.RawSyscall6(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	}
	if e != 0 {
		return 0, e
	}
	c.n += int(n / toldBytes)
	return int(n), nil
}
