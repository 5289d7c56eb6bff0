package tunnel

// Goroutines, some of which stay when their work is done. A handshake needs a
// stack of some depth and a new goroutine comes to it by copying a small one again
// and again, which in a rush is some hundredths of all work.

import (
	"context"
	"sync/atomic"
)

// hands do work of one kind, so that those for shallow work, which may last for as
// long as a connection, never hold the deep stack of a handshake.
type hands struct {
	work chan func()
	free atomic.Int32
	most int32 // so many stay free
}

func newHands(most int32) *hands { return &hands{work: make(chan func()), most: most} }

// do has work done at once: by a hand that is free, or by a new one. Free ones go
// when ctx ends.
func (h *hands) do(ctx context.Context, work func()) {
	select {
	case h.work <- work:
	default:
		go h.serve(ctx, work)
	}
}

func (h *hands) serve(ctx context.Context, work func()) {
	for work != nil {
		work()
		work = h.next(ctx)
	}
}

// next waits for more work, and returns nil when there is enough of those who do.
func (h *hands) next(ctx context.Context) (work func()) {
	defer h.free.Add(-1)
	if h.free.Add(1) > h.most {
		return nil
	}
	select {
	case work = <-h.work:
	case <-ctx.Done():
	}
	return work
}
