package backend

// Connecting: one address after the other, and all of them again after a pause.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// Dial connects to one of the backends and says which. It tries each once, and
// all again after a pause, as often as the options and their time say. It ends at
// once when ctx does. The caller calls release when the connection has ended; without a
// connection there is nothing to release, and release is nil.
//
// ready does what must be done before the connection counts. [Unanswered] from
// it is as if the address could not be connected to; any other error ends Dial.
// It bounds its own time.
func (s *Set) Dial(ctx context.Context, ready func(conn net.Conn, address string) error) (conn net.Conn, release func(), err error) {
	failed := &Unreachable{}
	t := s.newTimer()
	for round := 0; ; round++ {
		var tried []*backend
		for {
			if ctx.Err() != nil {
				return nil, nil, failed.givenUp(ctx)
			}
			b := s.pick(tried)
			if b == nil {
				break
			}
			share, some := t.share(len(s.backends) - len(tried))
			if !some {
				s.uncount(b)
				return nil, nil, failed.late(s.options.ConnectTimeout)
			}
			tried = append(tried, b)
			conn, err := s.try(ctx, b, share)
			if err == nil {
				if err = ready(conn, b.address.String()); err == nil {
					return conn, sync.OnceFunc(func() { s.uncount(b) }), nil
				}
				conn.Close()
				var again *Unanswered
				if !errors.As(err, &again) {
					s.uncount(b)
					return nil, nil, err
				}
				s.failed(b)
				err = fmt.Errorf("%s: %w", b.address, err)
			}
			s.uncount(b)
			failed.note(b, err)
		}
		if round >= s.options.Retries {
			return nil, nil, failed
		}
		wait := pauseAfter(round)
		if !t.has(wait) {
			return nil, nil, failed.late(s.options.ConnectTimeout)
		}
		if !pause(ctx, wait) {
			return nil, nil, failed.givenUp(ctx)
		}
	}
}

// timer is what is left of a Dial's time.
type timer struct{ end time.Time } // zero for one without an end

func (s *Set) newTimer() timer {
	if s.options.ConnectTimeout <= 0 {
		return timer{}
	}
	return timer{time.Now().Add(s.options.ConnectTimeout)}
}

func (t timer) has(d time.Duration) bool { return t.end.IsZero() || time.Until(t.end) > d }

// share is how long the next attempt may take where so many addresses are left
// to try, and whether there is any time; 0 for as long as the system says.
func (t timer) share(addresses int) (d time.Duration, some bool) {
	if t.end.IsZero() {
		return 0, true
	}
	left := time.Until(t.end)
	return min(left, max(left/time.Duration(addresses), leastShare)), left > 0
}

const leastShare = limits.TunnelConnectShareSeconds * time.Second

// try makes one attempt at b and notes how it ended, where that says something
// about b.
func (s *Set) try(ctx context.Context, b *backend, within time.Duration) (net.Conn, error) {
	attempt, cancel := ctx, context.CancelFunc(func() {})
	if within > 0 {
		attempt, cancel = context.WithTimeout(ctx, within)
	}
	defer cancel()
	conn, err := s.options.Dial(attempt, b.address.Network, b.address.Host)
	if err == nil {
		s.record(b, nil)
		return conn, nil
	}
	named := fmt.Errorf("%s: %w", b.address, &sentence{reason(err), err})
	// What was left of the time may have been too little for anybody.
	hurried := attempt.Err() != nil && within < min(leastShare, s.options.ConnectTimeout)
	if ctx.Err() == nil && !ours(err) && !hurried {
		s.record(b, named)
	}
	return nil, named
}

// pauseAfter is how long to wait after a round: each time longer.
func pauseAfter(round int) time.Duration {
	const first, longest = limits.TunnelRetryMilliseconds * time.Millisecond, limits.MaxTunnelRetryMilliseconds * time.Millisecond
	if round >= 8 { // no shift that overflows
		return longest
	}
	return min(first<<round, longest)
}

// pause waits. It returns false if ctx ended.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
