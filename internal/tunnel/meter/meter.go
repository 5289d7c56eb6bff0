// Package meter counts what a tunnel does and shows it to Prometheus: [Meters]
// holds the figures, [Handler] answers requests for them.
//
// The figures are a fixed table (families.go), written in Prometheus' text
// format by a few lines (format.go). Every label has few values, all known from
// the configuration or from this package: an identity or an address of a peer
// is never one, for peers would then decide how much memory the figures take.
package meter

import (
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Meters are the figures of one process. All methods may be called at once.
type Meters struct {
	started        time.Time
	reloaded       atomic.Uint64
	reloadsFailed  atomic.Uint64
	lastReload     atomic.Int64 // of the last success, in nanoseconds since 1970
	reloadBroken   atomic.Bool  // the last one failed
	maxConnections atomic.Int64

	mu       sync.Mutex
	services map[string]*Service
}

// New returns meters at zero, of a process that starts now.
func New() *Meters {
	m := &Meters{started: time.Now(), services: make(map[string]*Service)}
	m.lastReload.Store(m.started.UnixNano())
	return m
}

// Service returns the meters of the service of that name, new ones if there are
// none. Its direction is "server" or "client"; the last one said counts.
func (m *Meters) Service(name, direction string) *Service {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.services[name]
	if s == nil {
		s = newService(name)
		m.services[name] = s
	}
	s.direction.Store(&direction)
	return s
}

// Remove forgets a service, which then is no longer written. What still counts
// on its meters does no harm.
func (m *Meters) Remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.services, name)
}

// MaxConnections says how many connections the process carries at most.
func (m *Meters) MaxConnections(n int) { m.maxConnections.Store(int64(n)) }

// Reloaded says that the configuration was read again, and whether it is used.
func (m *Meters) Reloaded(ok bool) {
	m.reloadBroken.Store(!ok)
	if !ok {
		m.reloadsFailed.Add(1)
		return
	}
	m.reloaded.Add(1)
	m.lastReload.Store(time.Now().UnixNano())
}

// Write writes all figures in Prometheus' text format, version 0.0.4. An error
// of the writer means that nobody reads them; there is nothing to do about it.
func (m *Meters) Write(w io.Writer) {
	m.mu.Lock()
	now := figures{Meters: m, process: readProcess()}
	for _, s := range m.services {
		now.services = append(now.services, s)
	}
	m.mu.Unlock()
	slices.SortFunc(now.services, func(a, b *Service) int { return strings.Compare(a.name, b.name) })

	var out output
	for _, f := range families {
		out.begin(f)
		f.collect(&now, &out)
	}
	_, _ = w.Write(out.text)
}
