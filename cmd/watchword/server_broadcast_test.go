package main

// Peers that take nothing of what is sent to them.

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

func TestStuckPeersAreWaitedForTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{peers: make(map[*peer]bool)}
		add := func(queued int) *peer {
			a, b := net.Pipe()
			t.Cleanup(func() { a.Close(); b.Close() })
			p := &peer{conn: watchword.Server(a, &watchword.Config{}), queued: queued,
				more: make(chan struct{}, 1), room: make(chan struct{}, 1), sent: make(chan struct{})}
			s.peers[p] = true
			return p
		}
		var stuck []*peer
		for range 10 {
			stuck = append(stuck, add(limits.MaxQueuedBytes))
		}
		honest := add(0)
		began := time.Now()
		if n := s.broadcast("hello"); n != 1 || strings.Join(honest.queue, "") != "hello\n" {
			t.Errorf("%d peers took the line, the honest one has %q waiting.", n, honest.queue)
		}
		if took := time.Since(began); took != limits.QueueSeconds*time.Second {
			t.Errorf("Ten stuck peers held the others up for %v.", took)
		}
		for _, p := range stuck {
			if p.brokenOff() == nil {
				t.Error("A stuck peer was not dropped.")
			}
		}
	})
}
