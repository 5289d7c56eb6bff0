package tunnel

// New settings in place of old ones. Everything that can fail is done before
// anything is changed: a mistake leaves all as it was.

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Reload loads the settings and the key files again. Connections that are open
// stay, but for those of removed identities where a service says so.
func (t *Tunnel) Reload() error {
	t.reloading.Lock()
	defer t.reloading.Unlock()
	return t.reloadAndSay()
}

// reloadAndSay, like reload, needs t.reloading held.
func (t *Tunnel) reloadAndSay() error {
	err := t.reload()
	t.options.Meters.Reloaded(err == nil)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; a tunnel that gave up its rights at the start (user, confine) gets at new folders and at ports below 1024 only by a restart", err)
	}
	ending := t.ending()
	if told := t.options.Reloaded; told != nil && !ending {
		told(err)
	}
	switch {
	case err != nil:
		t.log.Error("not reloaded: what was in force stays in force", "error", err.Error())
	case ending:
		t.log.Info("the tunnel is ending: of the reload only removed keys and services, allow, deny, end-removed and idle-timeout count")
	default:
		t.log.Info("reloaded", "services", len(t.Settings().Services))
	}
	return err
}

func (t *Tunnel) ending() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.draining
}

// plan is a reload that has not failed yet.
type plan struct {
	settings    settings.Settings
	services    map[string]*service
	generations map[string]*generation
	listeners   map[settings.Address]*listener
	back        []*service // that were removed before, and are kept till the plan's end
	opened      []*listener
	late        []late      // still to be opened
	closed      []*listener // for those
}

func (t *Tunnel) reload() error {
	seen := t.see()
	defer t.use(seen)
	if t.ending() {
		return t.reloadAdmission()
	}
	p, err := t.prepare()
	if err == nil {
		err = t.commit(p)
	}
	if errors.Is(err, errEnding) {
		return t.reloadAdmission()
	}
	return err
}

func (t *Tunnel) prepare() (*plan, error) {
	s, err := t.options.Load()
	if err != nil {
		return nil, err
	}
	t.watcher.read = s
	p := &plan{
		settings: s, services: make(map[string]*service),
		generations: make(map[string]*generation), listeners: make(map[settings.Address]*listener),
	}
	files := make(map[string]*keyfile.File)
	for _, o := range s.Services {
		if err := t.prepareService(p, o, files); err != nil {
			t.giveUp(p)
			return nil, fmt.Errorf("service %s: %w", o.Name, err)
		}
	}
	if err := t.openLate(p); err != nil {
		t.giveUp(p)
		t.reopen(p)
		return nil, err
	}
	t.warn(files)
	return p, nil
}

func (t *Tunnel) warn(files map[string]*keyfile.File) {
	for name, f := range files {
		for _, w := range f.Warnings() {
			t.log.Warn(w, "keys", name)
		}
	}
}

func (t *Tunnel) prepareService(p *plan, o settings.Service, files map[string]*keyfile.File) error {
	s := t.serviceFor(p, o)
	g, err := s.newGeneration(o, files)
	if err != nil {
		return err
	}
	p.services[o.Name], p.generations[o.Name] = s, g
	for _, a := range o.Listen {
		if err := t.prepareListener(p, o, a); err != nil {
			return err
		}
	}
	return nil
}

// serviceFor returns the service that goes on as o: of this name and direction, in
// force or removed by an earlier reload and with connections still, so that they
// count and end with the others; or a new one.
func (t *Tunnel) serviceFor(p *plan, o settings.Service) *service {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.services[o.Name]; s != nil && s.now().settings.Direction == o.Direction {
		return s
	}
	for _, s := range slices.Backward(t.retired) {
		if s.name == o.Name && s.now().settings.Direction == o.Direction {
			s.users++ // nobody forgets it meanwhile
			p.back = append(p.back, s)
			return s
		}
	}
	return t.newService(o.Name)
}

// letGo gives back the services that a plan has kept; t.mu is held.
func (p *plan) letGo() {
	for _, s := range p.back {
		s.users--
	}
	p.back = nil
}

func (t *Tunnel) prepareListener(p *plan, o settings.Service, a settings.Address) error {
	if _, twice := p.listeners[a]; twice {
		return fmt.Errorf("%s is listened at twice", a)
	}
	t.mu.Lock()
	l, ending := t.listeners[a], t.draining
	t.mu.Unlock()
	if ending {
		return errEnding
	}
	if l == nil {
		var err error
		var taken *takenError
		switch l, err = t.open(a, o.SocketMode); {
		case err == nil:
			p.opened = append(p.opened, l)
		case errors.As(err, &taken) && a.Network == "tcp":
			l, p.late = nil, append(p.late, late{o.Name, a})
		default:
			return err
		}
	}
	p.listeners[a] = l
	return nil
}

// errEnding is a reload that comes too late.
var errEnding = errors.New("the tunnel is ending")

// commit changes everything over. Nothing in it can fail, but that the tunnel may
// have begun to end.
func (t *Tunnel) commit(p *plan) error {
	oldServices, oldListeners := t.services, t.listeners // nobody but a reload changes them
	if !t.publish(p) {
		t.giveUp(p)
		return errEnding
	}
	for a, l := range oldListeners {
		if p.listeners[a] != l {
			l.close()
		}
	}
	for _, o := range p.settings.Services {
		for _, a := range o.Listen {
			if oldListeners[a] == p.listeners[a] && p.listeners[a].setMode(fs.FileMode(o.SocketMode)) != nil {
				p.services[o.Name].log.Warn("the mode of the socket cannot be changed any more: it stays as it was", "at", a.String())
			}
		}
	}
	for _, s := range oldServices {
		if s.retired.Load() {
			s.retire()
		}
	}
	for _, s := range p.services {
		s.endRemoved()
	}
	return nil
}

// publish begins with what is new and shows it to everybody in one step: who finds
// a service finds its generation and its meters too. It reports whether the tunnel
// is not ending.
func (t *Tunnel) publish(p *plan) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return false
	}
	t.options.Meters.MaxConnections(p.settings.MaxConnections)
	for _, s := range p.back { // before its new settings hold: they may end what is retired
		s.retired.Store(false)
		t.retired = slices.DeleteFunc(t.retired, func(r *service) bool { return r == s })
	}
	for _, o := range p.settings.Services {
		s := p.services[o.Name]
		s.begin(p.generations[o.Name])
		for _, a := range o.Listen {
			p.listeners[a].owner.Store(s)
		}
	}
	for _, l := range p.opened {
		for _, socket := range l.sockets {
			t.work.Go(func() { l.serve(t.ctx, socket) })
		}
	}
	p.letGo()
	for name, s := range t.services {
		if p.services[name] != s {
			s.retired.Store(true)
			t.retired = append(t.retired, s)
		}
	}
	t.settings, t.services, t.listeners = p.settings, p.services, p.listeners
	return true
}

// giveUp gives back what a plan has taken.
func (t *Tunnel) giveUp(p *plan) {
	t.mu.Lock()
	p.letGo()
	t.mu.Unlock()
	for _, l := range p.opened {
		l.close()
	}
}

// reloadAdmission is what a reload is while the tunnel ends, which may take hours:
// it says whose connections may stay, and for how long. It too is all or nothing.
func (t *Tunnel) reloadAdmission() error {
	s, err := t.options.Load()
	if err != nil {
		return err
	}
	t.watcher.read = s
	files := make(map[string]*keyfile.File)
	next := make(map[*service]*generation)
	for _, o := range s.Services {
		of := t.services[o.Name]
		if of == nil || of.now().settings.Direction != o.Direction {
			continue
		}
		read, err := of.newGeneration(o, files)
		if err != nil {
			return fmt.Errorf("service %s: %w", o.Name, err)
		}
		g := *of.now()
		g.keys = read.keys
		g.settings.Allow, g.settings.Deny = o.Allow, o.Deny
		g.settings.EndRemoved, g.settings.IdleTimeout = o.EndRemoved, o.IdleTimeout
		next[of] = &g
	}
	t.warn(files)
	for of, g := range next {
		of.retired.Store(false) // a reload before this one may have left it out
		of.generation.Store(g)
		of.countKeys(g)
		of.endRemoved()
	}
	for name, gone := range t.services {
		named := func(o settings.Service) bool { return o.Name == name }
		if !slices.ContainsFunc(s.Services, named) && gone.now().settings.EndRemoved {
			gone.retired.Store(true) // for connections that come about
			gone.cutAll(endRemovedKey)
		}
	}
	return nil
}

// retire ends a service that is gone: its connections go on, unless its
// identities were to be ended with it.
func (s *service) retire() {
	g := s.now()
	g.end()
	if g.settings.EndRemoved {
		s.cutAll(endRemovedKey)
	}
	s.log.Info("the service was removed", "connections", s.joined())
}
