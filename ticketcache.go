package watchword

// A client's tickets.

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// TicketCache keeps a client's tickets between connections. Its methods may be
// called by several goroutines at once. What name stands for is not for the
// cache to know.
type TicketCache interface {
	// Put keeps a ticket.
	Put(name string, ticket *ClientTicket)
	// Take returns a ticket and forgets it: each is used once
	// (RFC 9846 §C.4). It returns nil if there is none.
	Take(name string) *ClientTicket
}

// ClientTicket is a ticket with the secret that belongs to it. It is used
// within one process and cannot be written down.
type ClientTicket struct {
	identity string
	keyTag   []byte
	ticket   []byte
	ageAdd   uint32
	received time.Time
	began    time.Time // of TLS 1.2: when the session's master secret was made
	expires  time.Time
	psk      *schedule.PSK        // of TLS 1.3
	session  *handshake.Session12 // of TLS 1.2
}

// String names the ticket without its secret.
func (t ClientTicket) String() string { return fmt.Sprintf("ticket of key %q", t.identity) }

// Format keeps every verb of package fmt from reaching the secret.
func (t ClientTicket) Format(s fmt.State, _ rune) { fmt.Fprint(s, t.String()) }

// offer returns the ticket as a key to be offered.
func (t *ClientTicket) offer(now time.Time) handshake.OfferedPSK {
	// Modulo 2^32 on purpose (RFC 9846 §4.3.11.1).
	age := uint32(now.Sub(t.received).Milliseconds()) + t.ageAdd
	return handshake.OfferedPSK{Identity: t.ticket, ObfuscatedTicketAge: age, PSK: t.psk}
}

// usable reports whether the ticket may be offered with configuration c.
func (t *ClientTicket) usable(c *Config, now time.Time) bool {
	if now.Before(t.received) || !now.Before(t.expires) {
		return false
	}
	if t.session != nil {
		if !t.usable12(c) {
			return false
		}
	} else if !t.usable13(c) {
		return false
	}
	return slices.ContainsFunc(c.Keys, t.belongsTo)
}

// belongsTo reports whether the ticket goes back to key k. The tag covers the
// identity, as it does for a server (ticketState.belongsTo).
func (t *ClientTicket) belongsTo(k *Key) bool {
	return hmac.Equal(k.ticketTag, t.keyTag)
}

// usable13 reports whether the configuration allows the version and a suite
// with the hash of the ticket.
func (t *ClientTicket) usable13(c *Config) bool {
	if !slices.Contains(c.versions(), VersionTLS13) {
		return false
	}
	hasHash := func(id SuiteID) bool {
		s, ok := suite.ByID(suite.ID(id))
		return ok && s.Version == VersionTLS13 && s.Hash == t.psk.Hash()
	}
	return c.Suites == nil || slices.ContainsFunc(c.Suites, hasHash)
}

// ticketName is what tickets for a server are kept under: they are bound to
// everything that both ends agreed on.
func (c *Config) ticketName(server, serverName string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %d %s", server, serverName, c.NextProtos, c.KeyExchange, c.Policy)
	return fmt.Sprintf("%s %x", server, h.Sum(nil)[:8])
}

// takeTicket returns a ticket to offer, nil if there is none.
func (c *Config) takeTicket(name string, now time.Time) *ClientTicket {
	if c.Tickets == nil || c.Tickets.Cache == nil {
		return nil
	}
	for range limits.TicketsPerServer {
		t := c.Tickets.Cache.Take(name)
		if t == nil || t.usable(c, now) {
			return t
		}
	}
	return nil
}

// keepTicket puts a received ticket into the cache.
func (e *Engine) keepTicket(f handshake.TicketReceived, now time.Time) {
	k := e.provenKey()
	if k == nil {
		return
	}
	lifetime := time.Duration(f.Message.TicketLifetime) * time.Second
	e.config.Tickets.Cache.Put(e.client.server, &ClientTicket{
		identity: k.identity, keyTag: k.ticketTag,
		ticket: f.Message.Ticket, ageAdd: f.Message.TicketAgeAdd,
		received: now, expires: now.Add(lifetime),
		psk: schedule.NewPSK(e.machine.Result().Suite.Hash, schedule.ResumptionPSK, f.PSK),
	})
}

// NewTicketCache returns a cache in memory for up to 64 servers, with up to 4
// tickets each; the server unused for longest goes first.
func NewTicketCache() TicketCache { return &memoryCache{} }

type memoryCache struct {
	mu      sync.Mutex
	servers []*cachedServer // the one used last at the end
}

type cachedServer struct {
	name    string
	tickets []*ClientTicket
}

// touch returns the entry of name, moved to the end; nil if there is none.
func (m *memoryCache) touch(name string) *cachedServer {
	for i, s := range m.servers {
		if s.name == name {
			m.servers = append(slices.Delete(m.servers, i, i+1), s)
			return s
		}
	}
	return nil
}

func (m *memoryCache) Put(name string, t *ClientTicket) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.touch(name)
	if s == nil {
		if len(m.servers) == limits.CachedServers {
			m.servers = slices.Delete(m.servers, 0, 1)
		}
		s = &cachedServer{name: name}
		m.servers = append(m.servers, s)
	}
	if len(s.tickets) == limits.TicketsPerServer {
		s.tickets = slices.Delete(s.tickets, 0, 1)
	}
	s.tickets = append(s.tickets, t)
}

func (m *memoryCache) Take(name string) *ClientTicket {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.touch(name)
	if s == nil || len(s.tickets) == 0 {
		return nil
	}
	last := len(s.tickets) - 1
	t := s.tickets[last]
	s.tickets[last] = nil
	s.tickets = s.tickets[:last]
	return t
}
