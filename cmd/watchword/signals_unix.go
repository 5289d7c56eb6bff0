//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreTerminalStop keeps a shell from stopping a server that runs in the
// background because it reads from the terminal. It reads an error then.
func ignoreTerminalStop() { signal.Ignore(syscall.SIGTTIN) }
