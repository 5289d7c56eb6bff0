package backend

// Checking, without a client, which backends answer.

import (
	"context"
	"sync"
	"time"
)

// Watch checks each backend at once and then every HealthInterval, by connecting
// and closing, until ctx ends. Without an interval it returns at once.
//
// A single address is checked only while it is down. Up, there is nothing to
// choose, the next client finds out just as well, and a connection without a
// word is a cost: a line in the service's log, or its only turn where it takes one
// client. Down, its clients may have gone to where things are ready, so that none
// of them would find out that it is back.
func (s *Set) Watch(ctx context.Context) {
	if s.options.HealthInterval <= 0 {
		return
	}
	s.countWatch(1)
	defer s.countWatch(-1)
	var all sync.WaitGroup
	for _, b := range s.backends {
		// Each on its own: one that does not answer shall not keep the others
		// from being checked.
		all.Go(func() { s.watch(ctx, b) })
	}
	all.Wait()
}

func (s *Set) countWatch(n int) {
	s.locks.state.Lock()
	defer s.locks.state.Unlock()
	s.watched += n
}

// watch checks b until ctx ends.
func (s *Set) watch(ctx context.Context, b *backend) {
	ticker := time.NewTicker(s.options.HealthInterval)
	defer ticker.Stop()
	for {
		if len(s.backends) > 1 || !s.up(b) {
			if conn, err := s.try(ctx, b, s.options.ConnectTimeout); err == nil {
				conn.Close()
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
