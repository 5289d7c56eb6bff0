// Package tunnel carries TCP and Unix connections between two ends that share
// a key: plain bytes on one side, TLS on the other.
//
// A [Tunnel] runs the services of its settings. Each service listens, and joins
// every connection that it takes with one that it opens. The files:
//
//	tunnel.go    starting, ending, draining
//	reload.go    new settings in place of old ones, all or nothing
//	watch.go     which files call for that
//	listen.go    listeners, which services hand to each other in a reload
//	overlap.go   those that are in each other's way
//	service.go   one service, and what of it a reload replaces
//	keyring.go   which keys and identities it takes
//	hands.go     goroutines that do one thing after the other
//	accept.go    a connection from its first byte until both sides stand
//	connect.go   the side that it opens
//	gate.go      how many there may be
//	session.go   both sides joined: the end, and what it is called
//	flow.go      what is under way between them
//	pace.go      how fast it may go
//	relay.go     the bytes of one direction
//
// It takes settings, and a clock and files only through the system; what it
// has to say goes to a [slog.Logger] and to meters.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/meter"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Options are what a Tunnel needs beside its settings.
type Options struct {
	// Load returns the settings, again at each reload. It reads every file but
	// the key files.
	Load func() (settings.Settings, error)
	// Files are the files behind Load, whose changes call for a reload.
	Files []string
	// Keys says how key files are read.
	Keys keyfile.LoadOptions
	// Listeners returns the sockets of that name that were handed to the
	// process. Nil means that there are none.
	Listeners Inherited
	// Reloaded, if set, hears how each reload ended, but for those while the tunnel
	// ends.
	Reloaded func(error)
	// OwnSocket gives a Unix socket to the user that the process becomes when all
	// is open. Nil means that it stays who it is.
	OwnSocket func(path string) error
	Log       *slog.Logger
	Meters    *meter.Meters
	// TuneMemory adapts the garbage collector of the process to the number of
	// connections.
	TuneMemory bool
	// AllowSameProcess is for tests that have both ends.
	AllowSameProcess bool
}

// Tunnel is the services of one process.
type Tunnel struct {
	options Options
	log     *slog.Logger
	gate    *gate // of all services together

	// The context of health checks and handshakes; ended by Close.
	ctx context.Context
	end context.CancelFunc

	reloading sync.Mutex // one reload at a time; guards watcher
	watcher   watcher

	mu        sync.Mutex // guards what follows
	settings  settings.Settings
	services  map[string]*service
	listeners map[settings.Address]*listener
	retired   []*service // removed by a reload, with connections that came before
	draining  bool

	work     sync.WaitGroup // goroutines that accept, watch or sweep
	sessions sync.WaitGroup // connections

	handshakers, carriers *hands
}

// Start loads the settings, opens every listener and begins to serve. What
// fails is said in one error, and then nothing is open.
func Start(o Options) (*Tunnel, error) {
	t := &Tunnel{
		options: o, log: o.Log,
		gate:      newGate(),
		watcher:   watcher{looks: make(map[string]look)},
		services:  make(map[string]*service),
		listeners: make(map[settings.Address]*listener),

		handshakers: newHands(limits.TunnelFreeHandshakers),
		carriers:    newHands(limits.TunnelFreeCarriers),
	}
	t.ctx, t.end = context.WithCancel(context.Background())
	t.reloading.Lock()
	err := t.reload()
	t.reloading.Unlock()
	if err != nil {
		t.end()
		return nil, err
	}
	t.work.Go(t.sweep)
	return t, nil
}

// Settings returns those in force.
func (t *Tunnel) Settings() settings.Settings {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settings
}

// Addresses returns where a service listens: the address that it really has
// where port 0 was asked for.
func (t *Tunnel) Addresses(service string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	if s := t.services[service]; s != nil {
		for _, a := range s.now().settings.Listen {
			if l := t.listeners[a]; l != nil {
				list = append(list, l.names()...)
			}
		}
	}
	return list
}

// Ready says why connections cannot be served, nil if they can.
func (t *Tunnel) Ready() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return errors.New("the tunnel is ending: it takes no new connections")
	}
	for name, s := range t.services {
		up := 0
		status := s.now().backends.Status()
		for _, b := range status {
			if b.Up {
				up++
			}
		}
		if up == 0 && len(status) > 0 {
			return fmt.Errorf("service %s: none of its addresses to connect to is up: %s", name, status[0].LastError)
		}
	}
	return nil
}

// Connections returns how many are open.
func (t *Tunnel) Connections() int { return t.gate.total() }

// Refuse takes no more connections.
func (t *Tunnel) Refuse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draining = true
	for _, l := range t.listeners {
		l.close()
	}
}

// Drain takes no more connections and lets those that are open end by
// themselves, until ctx ends. It returns how many it cut then.
func (t *Tunnel) Drain(ctx context.Context) (cut int) {
	t.Refuse()
	done := make(chan struct{})
	go func() { t.sessions.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		t.end() // ends handshakes
		for _, s := range t.allServices() {
			cut += s.cutAll(endDrained)
		}
		<-done
	}
	t.end()
	t.work.Wait()
	for _, s := range t.allServices() {
		s.flushBursts()
	}
	return cut
}

// admit counts a connection that came to a service, unless the tunnel is ending.
func (t *Tunnel) admit(s *service) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return false
	}
	if s.retired.Load() && !slices.Contains(t.retired, s) {
		t.retired = append(t.retired, s) // the listener had it in its hands still
	}
	t.sessions.Add(1)
	s.users++
	return true
}

// enter counts what a connection has become, which leaves for itself.
func (t *Tunnel) enter(s *service) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions.Add(1)
	s.users++
}

func (t *Tunnel) leave(s *service) {
	t.mu.Lock()
	s.users--
	t.mu.Unlock()
	t.sessions.Done()
}

func (t *Tunnel) allServices() []*service {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.Clone(t.retired)
	for _, s := range t.services {
		list = append(list, s)
	}
	return list
}

// Close ends everything now.
func (t *Tunnel) Close() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	t.Drain(now)
}

// sweep ends what has been idle for too long, until the tunnel ends.
func (t *Tunnel) sweep() {
	tick := time.NewTicker(limits.TunnelSweepMilliseconds * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
			for _, s := range t.allServices() {
				s.sweep()
			}
			t.forgetRetired()
			if t.options.TuneMemory {
				tuneMemory(t.Connections())
			}
		}
	}
}

// forgetRetired lets go of services that are gone and have no connection left, nor
// one that comes about: whoever ends connections has to find it.
func (t *Tunnel) forgetRetired() {
	t.mu.Lock()
	defer t.mu.Unlock()
	var gone []*service
	t.retired = slices.DeleteFunc(t.retired, func(s *service) bool {
		if s.users > 0 {
			return false
		}
		gone = append(gone, s)
		return true
	})
	for _, s := range gone {
		s.flushBursts()
		named := func(other *service) bool { return other.name == s.name }
		if t.services[s.name] == nil && !slices.ContainsFunc(t.retired, named) {
			t.options.Meters.Remove(s.name)
		}
	}
}
