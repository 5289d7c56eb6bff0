package tunnel

// What the system's errors mean.

import (
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
)

// isErrno reports whether err is the system's error of this number; Windows
// numbers those of the network differently.
func isErrno(err error, number syscall.Errno, windows uintptr) bool {
	var e syscall.Errno
	return errors.As(err, &e) && (e == number || runtime.GOOS == "windows" && uintptr(e) == windows)
}

// InUse reports whether an address is taken.
func InUse(err error) bool { return isErrno(err, syscall.EADDRINUSE, 10048) }

func wasReset(err error) bool {
	return isErrno(err, syscall.ECONNRESET, 10054) || isErrno(err, syscall.EPIPE, 10058)
}

// systemReason leaves out what the layers above the system add.
func systemReason(err error) error {
	var op *net.OpError
	var call *os.SyscallError
	var path *os.PathError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}
