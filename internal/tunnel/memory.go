package tunnel

// How often garbage is collected. With few connections there is little to keep,
// and collecting it as often as Go does costs a tenth of all handshakes; with
// thousands of idle ones, what waits to be collected would be half of the
// memory.

import "runtime/debug"

const (
	manyConnections  = 1000
	relaxedGCPercent = 300
	thriftyGCPercent = 50
)

// tuneMemory sets Go's GC percentage: how much the heap may grow, compared with
// what was in use, before it is collected.
func tuneMemory(connections int) {
	percent := relaxedGCPercent
	if connections >= manyConnections {
		percent = thriftyGCPercent
	}
	if percent != gcPercent {
		debug.SetGCPercent(percent)
		gcPercent = percent
	}
}

// gcPercent is what was set last; one goroutine sweeps, in one tunnel of a
// process.
var gcPercent = 100
