package tunnel

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// Hands do all the work that there is at once, keep no more than so many free, and
// go when their time ends.
func TestHands(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	h := newHands(3)
	for range 20 {
		var done sync.WaitGroup
		var running atomic.Int32
		release := make(chan struct{})
		done.Add(10)
		for range 10 {
			h.do(ctx, func() {
				defer done.Done()
				running.Add(1)
				<-release
			})
		}
		within(t, "all of them are under way", func() bool { return running.Load() == 10 })
		close(release)
		done.Wait()
		within(t, "three stay", func() bool { return h.free.Load() == 3 })
	}
	end()
	within(t, "all have gone", func() bool { return h.free.Load() == 0 })
	worked := make(chan struct{})
	h.do(ctx, func() { close(worked) }) // also after that
	<-worked
}
