//go:build !unix

package main

import "time"

// cpuTime is not to be had here: the columns of processor time say 0.
func cpuTime() time.Duration { return 0 }
