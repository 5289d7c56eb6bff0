//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup has SIGHUP call for a reload.
func notifyHangup(c chan<- os.Signal) (stop func()) {
	signal.Notify(c, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}
