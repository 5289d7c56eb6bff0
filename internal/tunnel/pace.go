package tunnel

// How fast a service may carry bytes.

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/watchword-tls/watchword/internal/limits"
)

// pace is a service's bytes-per-second, until a reload changes that.
type pace struct {
	perSecond int64
	limiter   *rate.Limiter
	over      chan struct{} // closed when another one is in its place
}

// setPace puts a limit into force, zero for none. Whoever waits under another one
// begins anew; under the same one nothing changes.
func (s *service) setPace(perSecond int64) {
	before := s.pace.Load()
	if before != nil && before.perSecond == perSecond || before == nil && perSecond == 0 {
		return
	}
	var next *pace
	if perSecond > 0 {
		next = &pace{perSecond, rate.NewLimiter(rate.Limit(perSecond), limits.TunnelBurstBytes), make(chan struct{})}
	}
	if next != nil && before != nil {
		// What has been carried at once is not given again, but for what
		// another goroutine takes under the old limit right now.
		left := min(max(int(before.limiter.Tokens()), 0), limits.TunnelBurstBytes)
		next.limiter.AllowN(time.Now(), limits.TunnelBurstBytes-left)
	}
	s.pace.Store(next)
	if before != nil {
		close(before.over)
	}
}

// pay waits until the pace allows n bytes. It reports false if the session is cut
// meanwhile, and true at once where there is no pace any more.
func (c *session) pay(n int) bool {
	for {
		p := c.pace.Load()
		if p == nil {
			return true
		}
		turn := p.limiter.ReserveN(time.Now(), n)
		wait := turn.Delay()
		if wait <= 0 {
			return true
		}
		switch c.waitFor(wait, p.over) {
		case itsTurn:
			return true
		case sessionOver:
			turn.Cancel() // others need not wait for it
			return false
		case otherPace:
			turn.Cancel()
		}
	}
}

type waited uint8

const (
	itsTurn waited = iota
	sessionOver
	otherPace
)

// waitFor waits for a turn, which is not to be idle.
func (f *flow) waitFor(d time.Duration, other <-chan struct{}) waited {
	f.paying.Add(1)
	defer f.paying.Add(-1)
	defer f.touch() // before it pays no more
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return itsTurn
	case <-f.over:
		return sessionOver
	case <-other:
		return otherPace
	}
}
