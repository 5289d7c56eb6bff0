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
// all again after a pause, as often as the options say. It ends at once when ctx
// does. The caller calls release when the connection has ended; without a
// connection there is nothing to release, and release is nil.
//
// ready does what must be done before the connection counts. [Unanswered] from
// it is as if the address could not be connected to; any other error ends Dial.
func (s *Set) Dial(ctx context.Context, ready func(conn net.Conn, address string) error) (conn net.Conn, release func(), err error) {
	failed := &Unreachable{}
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
			tried = append(tried, b)
			conn, err := s.try(ctx, b)
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
				err = fmt.Errorf("%s: %w", b.address, err)
			}
			s.uncount(b)
			failed.note(b, err)
		}
		if round >= s.options.Retries {
			return nil, nil, failed
		}
		if !pause(ctx, round) {
			return nil, nil, failed.givenUp(ctx)
		}
	}
}

// try makes one attempt at b and notes how it ended, where that says something
// about b.
func (s *Set) try(ctx context.Context, b *backend) (net.Conn, error) {
	attempt, cancel := ctx, context.CancelFunc(func() {})
	if s.options.ConnectTimeout > 0 {
		attempt, cancel = context.WithTimeout(ctx, s.options.ConnectTimeout)
	}
	defer cancel()
	conn, err := s.options.Dial(attempt, b.address.Network, b.address.Host)
	if err == nil {
		s.record(b, nil)
		return conn, nil
	}
	named := fmt.Errorf("%s: %w", b.address, &sentence{reason(err), err})
	if ctx.Err() == nil && !ours(err) {
		s.record(b, named)
	}
	return nil, named
}

// pause waits before the round that comes after this one, each time longer. It
// returns false if ctx ended.
func pause(ctx context.Context, round int) bool {
	const first, longest = limits.TunnelRetryMilliseconds * time.Millisecond, limits.MaxTunnelRetryMilliseconds * time.Millisecond
	wait := longest
	if round < 8 { // no shift that overflows
		wait = min(first<<round, longest)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
