//go:build race

package record

// raceDetector: the detector makes allocations of its own, so that none are
// counted beside it.
const raceDetector = true
