// Package network tells the system's errors of connections apart, alike on every
// system.
package network

import (
	"errors"
	"runtime"
	"syscall"
)

// Is reports whether err is the system's error of this number; Windows numbers
// those of the network differently.
func Is(err error, number syscall.Errno, windows uintptr) bool {
	var e syscall.Errno
	return errors.As(err, &e) && (e == number || runtime.GOOS == "windows" && uintptr(e) == windows)
}

// InUse reports whether an address is taken.
func InUse(err error) bool { return Is(err, syscall.EADDRINUSE, 10048) }

// NotHere reports whether an address is none of this machine.
func NotHere(err error) bool { return Is(err, syscall.EADDRNOTAVAIL, 10049) }

// WasReset reports whether the other end has cut a connection.
func WasReset(err error) bool { return Is(err, syscall.ECONNRESET, 10054) }

// Refused reports whether nobody listens at an address.
func Refused(err error) bool { return Is(err, syscall.ECONNREFUSED, 10061) }

// Gone reports whether nobody reads any more what is written.
func Gone(err error) bool { return Is(err, syscall.EPIPE, 10058) }
