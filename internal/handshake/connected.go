package handshake

// The state of a complete handshake, and the messages that still come: tickets
// and key updates (RFC 9846 §4.7).

import (
	"bytes"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// side is which end of the connection this is.
type side uint8

const (
	client side = iota
	server
)

// connected is the last state.
type connected struct {
	side       side
	suite      *suite.Suite
	secrets    trafficSecrets
	resumption schedule.Resumption
	epochs     uint64 // key updates that we sent

	wantTickets  bool
	tickets      int // received
	idleUpdates  int // KeyUpdates received since the last application data
	updateOwed   bool
	updateWanted bool // we asked the peer for an update that has not come yet
}

func (s *connected) name() string { return "CONNECTED" }

func (s *connected) accepts() []wire.HandshakeType {
	if s.side == client {
		return []wire.HandshakeType{wire.TypeNewSessionTicket, wire.TypeKeyUpdate}
	}
	return []wire.HandshakeType{wire.TypeKeyUpdate}
}

func (s *connected) handle(m *Machine, raw []byte) (state, error) {
	if wire.TypeOf(raw) == wire.TypeNewSessionTicket {
		return s, s.ticket(m, raw)
	}
	return s, s.keyUpdate(m, raw)
}

func (s *connected) ticket(m *Machine, raw []byte) error {
	rec := m.recording()
	ticket, err := wire.ParseNewSessionTicket(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return err
	}
	if s.tickets++; s.tickets > limits.MaxIdleTickets {
		return alert.New(alert.UnexpectedMessage, "the server sends too many tickets")
	}
	// A lifetime of zero means to discard it, more than seven days is not
	// allowed (RFC 9846 §4.7.1).
	if ticket.TicketLifetime > limits.MaxTicketLifetimeSeconds {
		return alert.New(alert.IllegalParameter, "the server's ticket claims to live for more than seven days")
	}
	if !s.wantTickets || ticket.TicketLifetime == 0 || len(ticket.Ticket) > limits.MaxTicketLen {
		return nil
	}
	ticket.Ticket = bytes.Clone(ticket.Ticket)
	m.do(TicketReceived{ticket, s.resumption.TicketPSK(ticket.TicketNonce)})
	return nil
}

func (s *connected) keyUpdate(m *Machine, raw []byte) error {
	rec := m.recording()
	request, err := wire.ParseKeyUpdate(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return err
	}
	if s.idleUpdates++; s.idleUpdates > limits.MaxIdleKeyUpdates {
		return alert.New(alert.UnexpectedMessage, "too many KeyUpdates without any data between them")
	}
	s.updateWanted = false
	s.secrets.read = s.secrets.read.Next()
	m.do(SetReadKey{s.suite, s.secrets.read})
	// Any number of requests is answered by one update (RFC 9846 §4.7.3).
	if request == wire.UpdateRequested && s.epochs < limits.MaxEpochs {
		s.updateOwed = true
	}
	return nil
}

// DataReceived tells that application data came, which ends a run of idle key
// updates.
func (m *Machine) DataReceived() {
	if s, ok := m.state.(*connected); ok {
		s.idleUpdates = 0
	}
}

// UpdateOwed reports whether a KeyUpdate must be sent before any more
// application data, because the peer asked for it.
func (m *Machine) UpdateOwed() bool {
	s, ok := m.state.(*connected)
	return ok && s.updateOwed
}

// UpdateKey sends a KeyUpdate and changes the write key. A request to the peer
// to do the same is left out while an earlier one is open (RFC 9846 §4.7.3).
func (m *Machine) UpdateKey(request wire.KeyUpdateRequest) error {
	if m.err != nil {
		return m.err
	}
	s, ok := m.state.(*connected)
	if !ok {
		return internalError("a key cannot be updated before the handshake is complete")
	}
	if s.epochs >= limits.MaxEpochs {
		return internalError("the connection has had as many key updates as it may: close it")
	}
	if s.updateWanted {
		request = wire.UpdateNotRequested
	}
	s.updateWanted = s.updateWanted || request == wire.UpdateRequested
	s.updateOwed = false
	s.epochs++
	raw := wire.AppendKeyUpdate(nil, request)
	m.send(raw, func(rec *wire.Fields) { wire.ParseKeyUpdate(raw, rec) })
	s.secrets.write = s.secrets.write.Next()
	m.do(SetWriteKey{s.suite, s.secrets.write})
	return nil
}

// TicketPSK returns the secret that belongs to a ticket with this nonce.
func (m *Machine) TicketPSK(nonce []byte) []byte {
	return m.state.(*connected).resumption.TicketPSK(nonce)
}

// SendTicket sends a NewSessionTicket.
func (m *Machine) SendTicket(t *wire.NewSessionTicket) {
	raw := t.Append(nil)
	m.send(raw, func(rec *wire.Fields) { wire.ParseNewSessionTicket(raw, rec) })
}
