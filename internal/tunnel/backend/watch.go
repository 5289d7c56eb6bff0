package backend

// Checking, without a client, which backends answer.

import (
	"context"
	"sync"
	"time"
)

// Watch checks each backend at once and then every HealthInterval, by connecting
// and closing, until ctx ends. It returns at once where there is nothing to
// choose: with a single address, unless WatchOne is set, or without an interval.
func (s *Set) Watch(ctx context.Context) {
	if s.options.HealthInterval <= 0 || len(s.backends) < 2 && !s.options.WatchOne {
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
		if conn, err := s.try(ctx, b); err == nil {
			conn.Close()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
