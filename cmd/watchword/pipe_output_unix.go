//go:build unix

package main

// The end of standard output where it is a socket, as under inetd or socat.

import (
	"os"
	"syscall"
)

// endSocket ends the sending half of f if that is a socket: as long as standard
// input is the same socket, closing standard output alone would tell nobody.
func endSocket(f *os.File) {
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeSocket != 0 {
		_ = syscall.Shutdown(int(f.Fd()), syscall.SHUT_WR) // it may have been closed from afar
	}
}
