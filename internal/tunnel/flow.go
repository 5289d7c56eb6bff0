package tunnel

// What is under way between the two sides of a session. Whoever ends it has to
// know: a stream is ended like a whole one only where nothing of it is in our hands.

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// flow counts what moves.
type flow struct {
	in, out atomic.Int64 // plain bytes that came out of TLS and that went into it
	active  atomic.Int64 // when the last of them went, since the process began

	held   atomic.Int32  // directions that have bytes in their hands; negative: none may any more
	paying atomic.Int32  // those of them that wait for the rate's limit
	late   atomic.Bool   // bytes came when none might any more
	over   chan struct{} // closed when the session is cut
}

// errStopped ends a direction of a session that has its end.
var errStopped = errors.New("the connection has ended")

// stopped, in held, is what no direction can bring above zero.
const stopped = -1 << 16

var processBegan = time.Now()

// monotonic is the time since the process began, which no change of the clock
// touches.
func monotonic() int64 { return int64(time.Since(processBegan)) }

func (f *flow) touch() { f.active.Store(monotonic()) }

func (f *flow) quiet() time.Duration { return since(f.active.Load()) }

// since is the time since a monotonic one.
func since(then int64) time.Duration { return time.Duration(monotonic() - then) }

// hold takes bytes, or the end of a stream, into a direction's hands. It reports
// false when the session is ended in order: then nothing may be taken any more.
func (f *flow) hold() bool {
	for {
		n := f.held.Load()
		if n < 0 {
			return false
		}
		if f.held.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// holdRead holds what a read has brought already, where holding cannot come first.
func (f *flow) holdRead(n int, err error) (int, error) {
	if (n > 0 || err == io.EOF) && !f.hold() {
		if n > 0 {
			f.late.Store(true) // and never back: the other direction may have said so
		}
		return 0, errStopped
	}
	return n, err
}

// letGo takes back a hold that brought nothing.
func (f *flow) letGo() { f.held.Add(-1) }

// passed ends a hold whose bytes went on.
func (f *flow) passed() {
	f.touch() // first: what is not held any more is not quiet yet
	f.letGo()
}

// stop has no direction take bytes any more, unless one has some in its hands: in a
// write that a slow reader holds up, or waiting for the rate's limit. It reports
// whether nothing moved for as long as an end in order asks for.
func (f *flow) stop() bool {
	return f.held.CompareAndSwap(0, stopped) && f.quiet() > limits.DrainQuietSeconds*time.Second
}
