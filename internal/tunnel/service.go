package tunnel

// One service: what stays over a reload, and the generation that a reload
// replaces. A connection keeps the generation that it began with.

import (
	"container/list"
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/tunnel/backend"
	"github.com/watchword-tls/watchword/internal/tunnel/meter"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

type service struct {
	name       string
	tunnel     *Tunnel
	log        *slog.Logger
	meters     *meter.Service // from the first generation on: until then nothing counts
	failures   *burst         // of log lines about peers that proved nothing
	refusals   *burst         // about limits
	faults     *burst         // about services that cannot be reached
	sources    *gate
	identities *gate // of connections with a proved key

	generation atomic.Pointer[generation]
	pace       atomic.Pointer[pace] // nil for no limit

	retired atomic.Bool // a reload removed it
	users   int         // connections, those too that come about; Tunnel.mu guards it

	room chan struct{} // a handshake ended: there may be room for another

	mu      sync.Mutex // guards what follows
	pending list.List  // *attempt, the oldest first
	// Since when there has been no room, or next to none, for another.
	fullSince time.Time
	sessions  map[*session]struct{}
	open      int // connections that count for max-connections
	// The connections that this service opened, and those that it took: one in
	// both comes back to where it began.
	dialed, taken map[route]bool
}

// generation is a service as one version of the settings has it.
type generation struct {
	settings settings.Service
	keys     *keyring                     // of a server
	config   *watchword.Config            // of a server
	clients  map[string]*watchword.Config // of a client, by the address that it connects to
	backends *backend.Set
	end      context.CancelFunc
}

func (t *Tunnel) newService(name string) *service {
	s := &service{
		name: name, tunnel: t,
		log:        t.log.With("service", name),
		room:       make(chan struct{}, 1),
		sources:    newGate(),
		identities: newGate(),
		sessions:   make(map[*session]struct{}),
		dialed:     make(map[route]bool),
		taken:      make(map[route]bool),
	}
	s.newBursts()
	return s
}

func (s *service) now() *generation { return s.generation.Load() }

// newGeneration reads the key file and prepares all that can fail.
func (s *service) newGeneration(o settings.Service, files map[string]*keyfile.File) (*generation, error) {
	f := files[o.Keys]
	if f == nil {
		var err error
		if f, err = keyfile.Load(o.Keys, s.tunnel.options.Keys); err != nil {
			return nil, err
		}
		files[o.Keys] = f
	}
	g := &generation{settings: o}
	if o.Direction == settings.Server {
		return g, g.serve(s, f)
	}
	return g, g.connect(f)
}

// serve prepares a server's side. Its configuration asks the keys in force, so
// that it stays the same over reloads.
func (g *generation) serve(s *service, f *keyfile.File) error {
	if err := CheckKeys(&g.settings, f); err != nil {
		return err
	}
	g.keys = newKeyring(&g.settings, f)
	c := g.configuration()
	c.Lookup = currentKeys{s}
	c.AllowSameProcess = s.tunnel.options.AllowSameProcess
	g.config = c
	_, err := watchword.NewServerEngine(c)
	return err
}

// currentKeys looks keys up in the service's newest generation: a handshake
// that began before a reload is held to it too.
type currentKeys struct{ s *service }

func (l currentKeys) LookupKeys(ctx context.Context, offered []watchword.OfferedIdentity) ([]*watchword.Key, error) {
	return l.s.now().keys.LookupKeys(ctx, offered)
}

// KeysPerIdentity implements [watchword.RotationLookup].
func (l currentKeys) KeysPerIdentity() int { return l.s.now().keys.ring.KeysPerIdentity() }

// connect prepares a client's side.
func (g *generation) connect(f *keyfile.File) error {
	key, err := ClientKey(&g.settings, f)
	if err != nil {
		return err
	}
	g.clients = make(map[string]*watchword.Config)
	for _, a := range g.settings.To {
		c := g.configuration()
		c.Keys = []*watchword.Key{key}
		c.ServerName = g.settings.ServerName
		if host, _, err := net.SplitHostPort(a.Host); c.ServerName == "" && err == nil && a.Network == "tcp" {
			if _, err := netip.ParseAddr(host); err != nil {
				c.ServerName = host
			}
		}
		if _, err := watchword.NewClientEngine(c, "", time.Now()); err != nil {
			return err
		}
		g.clients[a.String()] = c
	}
	return nil
}

// configuration is what both directions have in common. There are no tickets:
// resumption saves next to nothing where the key is shared anyway, and costs
// memory on every connection.
func (g *generation) configuration() *watchword.Config {
	o := &g.settings
	return &watchword.Config{
		Policy: o.Policy, Suites: o.Suites, Groups: o.Groups, NextProtos: o.ALPN,
		HandshakeTimeout: o.HandshakeTimeout,
		Tickets:          &watchword.Tickets{Disabled: true},
	}
}

// begin puts a generation into force. Tunnel.mu is held: nobody finds the service
// before, and nobody forgets its meters meanwhile.
func (s *service) begin(g *generation) {
	if s.meters == nil {
		s.meters = s.tunnel.options.Meters.Service(s.name, g.settings.Direction.String())
	}
	ctx, end := context.WithCancel(s.tunnel.ctx)
	g.end = end
	before := s.generation.Load()
	var previous *backend.Set
	if before != nil {
		previous = before.backends
	}
	o := g.settings
	g.backends = backend.New(o.To, backend.Options{
		Balance: o.Balance, ConnectTimeout: o.ConnectTimeout, Retries: o.ConnectRetries,
		HealthInterval: o.HealthInterval, Previous: previous,
		Changed: s.backendChanged, Failed: s.meters.BackendFailed,
	})
	var names []string
	for _, a := range o.To {
		names = append(names, a.String())
	}
	s.meters.Backends(names...) // before anybody tells how they are
	s.generation.Store(g)
	s.setPace(o.BytesPerSecond)
	s.tunnel.work.Go(func() { g.backends.Watch(ctx) })
	if before != nil {
		before.end()
	}
	s.meters.MaxConnections(o.MaxConnections)
	s.countKeys(g)
}

func (s *service) countKeys(g *generation) {
	if g.keys != nil {
		s.meters.Keys(len(g.keys.file.Keys()))
	}
}

func (s *service) backendChanged(address string, up bool, err error) {
	if !s.meters.BackendUp(address, up) {
		return // a reload has removed it
	}
	if up {
		s.log.Info("the address to connect to answers again", "to", address)
		return
	}
	s.log.Warn("the address to connect to does not answer", "to", address, "error", err)
}

// sweep ends connections that have been idle for too long, and says which lines
// were left out of the log.
func (s *service) sweep() {
	for _, b := range s.bursts() {
		b.sweep()
	}
	for _, c := range s.all() {
		if c.idleTooLong() {
			c.cut(endIdle, nil)
		}
	}
}

// cutAll ends every connection and returns how many had no other end.
func (s *service) cutAll(word string) (cut int) {
	for _, c := range s.all() {
		if c.cut(word, nil) {
			cut++
		}
	}
	return cut
}

// all returns the connections that are open.
func (s *service) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.sessions))
}

// joined returns how many connections are open.
func (s *service) joined() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// endRemoved ends the connections of identities that the new keys do not admit.
func (s *service) endRemoved() {
	g := s.now()
	if g.keys == nil || !g.settings.EndRemoved {
		return
	}
	for _, c := range s.all() { // and matches patterns while connections are accepted
		if c.removed() {
			c.cut(endRemovedKey, nil)
		}
	}
}
