//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup has SIGHUP call for a reload.
func notifyHangup(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }

// ignoreBrokenPipe keeps the process alive when nobody reads its log any more.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }
