package watchword

// Tickets of TLS 1.2 (RFC 5077), on both sides. They are sealed, bound and
// limited as those of TLS 1.3 are.

import (
	"slices"
	"time"

	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// newTicket12 makes a ticket for what was negotiated. An empty one says that
// there is none after all.
func (e *Engine) newTicket12(r *handshake.Result) (*wire.NewSessionTicket12, error) {
	m, ok := r.Tag.(*match)
	if !ok {
		return &wire.NewSessionTicket12{}, nil
	}
	state := newTicketState(r, m, e.now)
	state.psk = r.Session12.Master.Raw()
	ticket, lifetime, err := e.config.sealTicket(state, e.now)
	if err != nil {
		return nil, err
	}
	return &wire.NewSessionTicket12{LifetimeHint: uint32(lifetime / time.Second), Ticket: ticket}, nil
}

// session12 returns the session that a ticket stands for.
func (t *ticketState) session12() (*handshake.Session12, bool) {
	s, ok := suite.ByID(t.suite)
	if !ok || s.Version != VersionTLS12 {
		return nil, false
	}
	master, err := schedule.NewMaster12(s.Hash, t.psk)
	if err != nil {
		return nil, false
	}
	return &handshake.Session12{Suite: s, Group: t.group, Master: master, ExtendedMasterSecret: t.extendedMasterSecret}, true
}

// keepTicket12 puts a received ticket into the cache.
func (e *Engine) keepTicket12(f handshake.TicketReceived12, now time.Time) {
	k := e.provenKey()
	if k == nil {
		return
	}
	// A hint of zero leaves the lifetime to us (RFC 5077 §3.3).
	lifetime := time.Duration(f.Message.LifetimeHint) * time.Second
	if lifetime == 0 {
		lifetime = limits.TicketLifetimeSeconds * time.Second
	}
	began := now
	if t := e.client.ticket; t != nil && e.machine.Result().Resumed {
		began = t.began // the master secret stays the same
	}
	expires := now.Add(lifetime)
	if last := began.Add(limits.MaxTicketLifetimeSeconds * time.Second); expires.After(last) {
		expires = last
	}
	e.config.Tickets.Cache.Put(e.client.server, &ClientTicket{
		identity: k.identity, keyTag: k.ticketTag,
		ticket: f.Message.Ticket, received: now, began: began, expires: expires, session: f.Session,
	})
}

// offerIn adds the ticket to what a client offers.
func (t *ClientTicket) offerIn(hc *handshake.ClientConfig, keys []*Key, now time.Time) {
	if t.session == nil {
		if slices.Contains(hc.Versions, VersionTLS13) {
			hc.PSKs = slices.Insert(hc.PSKs, 0, t.offer(now))
		}
		return
	}
	if !slices.Contains(hc.Versions, VersionTLS12) {
		return
	}
	for _, k := range keys {
		if t.belongsTo(k) {
			hc.Ticket12 = &handshake.OfferedTicket12{Ticket: t.ticket, Session: t.session, Tag: k}
			return
		}
	}
}

// usable12 reports whether the configuration allows the version and the suite
// of the ticket's session, and going without the extended master secret if it
// did.
func (t *ClientTicket) usable12(c *Config) bool {
	versions := c.versions()
	allowed, err := c.allowedSuites(versions)
	return err == nil && slices.Contains(versions, VersionTLS12) && slices.Contains(allowed, t.session.Suite.ID) &&
		(t.session.ExtendedMasterSecret || c.Policy == Legacy)
}
