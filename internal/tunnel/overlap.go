package tunnel

// Listeners of one process that are in each other's way: 127.0.0.1:5432 is a part
// of :5432, and most systems open only one of them.

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// takenError is an address that something listens at.
type takenError struct{ address settings.Address }

func (e *takenError) Error() string {
	return fmt.Sprintf("%s is in use by another program: end it, or listen elsewhere", e.address)
}

// late is an address to open when everything else stands.
type late struct {
	service string
	address settings.Address
}

// openLate opens what an old listener is in the way of, which is closed just
// before. That this can fail at all is why it comes last: the system says that an
// address is taken only where it has nothing else against it, so that what was
// closed can be opened again.
func (t *Tunnel) openLate(p *plan) error {
	for _, o := range p.late {
		l, err := t.open(o.address, 0)
		var taken *takenError
		if errors.As(err, &taken) {
			p.closeOld(t.atPort(o.address))
			l, err = t.open(o.address, 0)
		}
		if err != nil {
			return fmt.Errorf("service %s: %w", o.service, p.whose(o.address, err))
		}
		p.listeners[o.address] = l
		p.opened = append(p.opened, l)
	}
	return nil
}

// closeOld closes the old listeners that the plan does not keep.
func (p *plan) closeOld(old []*listener) {
	for _, l := range old {
		if p.listeners[l.address] == nil && !slices.Contains(p.closed, l) {
			l.close()
			p.closed = append(p.closed, l)
		}
	}
}

// whose names this process as the one that holds the port, where it does.
func (p *plan) whose(a settings.Address, err error) error {
	for _, l := range p.listeners {
		if l != nil && l.holdsPort(a) {
			return fmt.Errorf("%s cannot be listened at: this process listens at %s itself, and one of them is a part of the other; leave one out", a, l.names()[0])
		}
	}
	return err
}

// atPort returns the listeners in force that hold the port of an address.
func (t *Tunnel) atPort(a settings.Address) []*listener {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*listener
	for _, l := range t.listeners {
		if l.holdsPort(a) {
			list = append(list, l)
		}
	}
	return list
}

func (l *listener) holdsPort(a settings.Address) bool {
	_, name, err := net.SplitHostPort(a.Host)
	if l.address.Network != "tcp" || a.Network != "tcp" || err != nil {
		return false
	}
	port, err := net.LookupPort("tcp", name)
	own, ok := l.sockets[0].Addr().(*net.TCPAddr)
	return err == nil && ok && own.Port == port
}

// reopen opens what a plan has closed that came to nothing.
func (t *Tunnel) reopen(p *plan) {
	for _, old := range p.closed {
		socket, err := net.Listen("tcp", old.sockets[0].Addr().String())
		if err != nil {
			t.log.Error("an address that was closed for the reload cannot be listened at again: reload when it is free", "at", old.names()[0], "error", systemReason(err).Error())
		}
		t.replace(old, socket)
	}
}

// replace puts a socket in the place of a listener that was closed, or nothing.
func (t *Tunnel) replace(old *listener, socket net.Listener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.listeners, old.address)
	if socket == nil {
		return
	}
	l := &listener{address: old.address, sockets: []net.Listener{socket}, gone: make(chan struct{})}
	if t.draining {
		l.close()
		return
	}
	l.owner.Store(old.owner.Load())
	t.listeners[l.address] = l
	t.work.Go(func() { l.serve(t.ctx, socket) })
}
