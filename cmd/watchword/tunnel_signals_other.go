//go:build !unix

package main

import "os"

// notifyHangup does nothing where there is no SIGHUP: changes of files are seen
// all the same.
func notifyHangup(chan<- os.Signal) {}

// ignoreBrokenPipe does nothing where there is no such signal.
func ignoreBrokenPipe() {}
