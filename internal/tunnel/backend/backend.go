// Package backend chooses one of the addresses that a service connects to, and
// connects. It remembers which of them failed, counts the connections of each,
// and checks, where there are several, which of them answer.
package backend

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Options say how a [Set] chooses and connects.
type Options struct {
	Balance settings.Balance
	// ConnectTimeout bounds the connecting of one Dial, over all addresses and
	// retries, and each check of Watch; 0 leaves it to the system. An attempt
	// gets its share of what is left, so that one address that never answers
	// does not take the time of the others.
	ConnectTimeout time.Duration
	// Retries is how many times all addresses are tried again after each of
	// them failed.
	Retries int
	// HealthInterval is how long an address that failed is left alone while
	// others answer, and how often [Set.Watch] checks; 0 for neither.
	HealthInterval time.Duration
	// Changed, if set, hears of each address that went down (with the reason)
	// or came up. The calls are in order, one at a time. It may call Status but
	// not Dial.
	Changed func(address string, up bool, err error)
	// Failed, if set, hears of each attempt that failed by the address's fault,
	// those of Watch too.
	Failed func(address string)
	// Resolver, if set, finds the addresses of names in place of the system's.
	Resolver *net.Resolver
	// Dial takes the place of net.Dialer in tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Previous is the Set that this one takes the place of, if any: addresses in
	// both keep what is known of them, and connections made by the old Set are
	// counted on.
	Previous *Set
}

// A Set is the backends of one service. All methods may be called at once.
type Set struct {
	options  Options
	locks    *locks
	backends []*backend

	next    int // guarded by locks.state: where the search begins, so that ties go round
	watched int // guarded by locks.state: running calls of Watch
}

// locks are shared by a Set and the one that it took the place of, because
// their backends are.
type locks struct {
	changes sync.Mutex // held around a change of up and the call of Changed; taken before state
	state   sync.Mutex
}

// A backend is what is known of one address. locks.state guards all of it but
// the address.
type backend struct {
	address     settings.Address
	down        bool
	retryAt     time.Time // until then it is left alone
	connections int       // including attempts under way
	lastError   error     // of the last attempt, nil after a success
}

// Status is what is known of one address.
type Status struct {
	Address     string
	Up          bool  // false after a failure, until an attempt succeeds
	Connections int   // open ones and attempts under way
	LastError   error // why it is down
}

// New returns the backends at these addresses, of which there is at least one.
// Each counts as up until an attempt fails.
func New(to []settings.Address, o Options) *Set {
	s := &Set{options: o, locks: new(locks)}
	s.options.Previous = nil // what it knew is taken over here; it shall not be kept for ever
	if s.options.Dial == nil {
		// A name is resolved at each call: it may move to another machine.
		s.options.Dial = (&net.Dialer{Resolver: o.Resolver, KeepAliveConfig: net.KeepAliveConfig{Enable: true}}).DialContext
	}
	known := make(map[settings.Address]*backend)
	if o.Previous != nil {
		s.locks = o.Previous.locks
		for _, b := range o.Previous.backends {
			known[b.address] = b
		}
	}
	for _, address := range to {
		b := known[address]
		if b == nil {
			b = &backend{address: address}
		}
		s.backends = append(s.backends, b)
	}
	return s
}

// Status returns what is known of each address, in the order in which they
// were given.
func (s *Set) Status() []Status {
	s.locks.state.Lock()
	defer s.locks.state.Unlock()
	all := make([]Status, len(s.backends))
	for i, b := range s.backends {
		all[i] = Status{b.address.String(), !b.down, b.connections, b.lastError}
	}
	return all
}

// pick chooses the next backend to try of those that were not tried yet, and
// counts a connection for it. Those that are left alone come last: when all
// others failed, they may have recovered. It returns nil when all were tried.
func (s *Set) pick(tried []*backend) *backend {
	s.locks.state.Lock()
	defer s.locks.state.Unlock()
	now := time.Now()
	best, bestAlone := -1, false
	for i := range s.backends {
		i = (s.next + i) % len(s.backends)
		b := s.backends[i]
		if slices.Contains(tried, b) {
			continue
		}
		alone := s.leftAlone(b, now)
		switch {
		case best < 0, bestAlone && !alone:
			best, bestAlone = i, alone
		case alone == bestAlone && s.options.Balance == settings.LeastConnections &&
			b.connections < s.backends[best].connections:
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	s.next = (best + 1) % len(s.backends)
	s.backends[best].connections++
	return s.backends[best]
}

// leftAlone reports whether b is to be tried only if no other is left. While
// Watch checks it, no client needs to wait for it to fail once more. The caller
// holds locks.state.
func (s *Set) leftAlone(b *backend, now time.Time) bool {
	return b.down && (s.watched > 0 || now.Before(b.retryAt))
}

// uncount takes back what pick counted.
func (s *Set) uncount(b *backend) {
	s.locks.state.Lock()
	defer s.locks.state.Unlock()
	b.connections--
}

// up reports whether b is up.
func (s *Set) up(b *backend) bool {
	s.locks.state.Lock()
	defer s.locks.state.Unlock()
	return !b.down
}

// failed counts a failure.
func (s *Set) failed(b *backend) {
	if s.options.Failed != nil {
		s.options.Failed(b.address.String())
	}
}

// record notes how an attempt at b ended.
func (s *Set) record(b *backend, err error) {
	if err == nil && s.up(b) {
		return // as nearly always, and without waiting for what Changed does
	}
	s.locks.changes.Lock()
	defer s.locks.changes.Unlock()
	s.locks.state.Lock()
	changed := b.down != (err != nil)
	b.down, b.lastError = err != nil, err
	if err != nil {
		b.retryAt = time.Now().Add(s.options.HealthInterval)
	}
	s.locks.state.Unlock()
	if err != nil {
		s.failed(b)
	}
	if changed && s.options.Changed != nil {
		s.options.Changed(b.address.String(), err == nil, err)
	}
}
