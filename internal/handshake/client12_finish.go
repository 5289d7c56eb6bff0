package handshake

// The end of the client's handshake in TLS 1.2: the server's ticket,
// change_cipher_spec and Finished.

import (
	"bytes"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/wire"
)

// client12Finish is what the client's last states have in common.
type client12Finish struct {
	c       *ClientConfig
	hello12 *hello12
	keys    keys12
	ticket  *wire.NewSessionTicket12 // received
}

// next returns the state that waits for what the server sends next.
func (f *client12Finish) next() state {
	if f.hello12.ticket && f.ticket == nil {
		return &client12WaitNewSessionTicket{f}
	}
	return &client12WaitChangeCipherSpec{f}
}

// client12WaitNewSessionTicket waits for the ticket that the ServerHello
// announced (RFC 5077 §3.3).
type client12WaitNewSessionTicket struct{ *client12Finish }

func (s *client12WaitNewSessionTicket) name() string { return "WAIT_NST" }

func (s *client12WaitNewSessionTicket) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeNewSessionTicket}
}

func (s *client12WaitNewSessionTicket) handle(m *Machine, raw []byte) (state, error) {
	rec := m.recording()
	ticket, err := wire.ParseNewSessionTicket12(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	ticket.Ticket = bytes.Clone(ticket.Ticket)
	s.ticket = ticket
	s.hello12.transcript.add(raw)
	return s.next(), nil
}

// client12WaitChangeCipherSpec waits for the server's change_cipher_spec.
type client12WaitChangeCipherSpec struct{ *client12Finish }

func (s *client12WaitChangeCipherSpec) name() string                  { return "WAIT_CCS" }
func (s *client12WaitChangeCipherSpec) accepts() []wire.HandshakeType { return nil }
func (s *client12WaitChangeCipherSpec) handle(*Machine, []byte) (state, error) {
	panic("handshake: WAIT_CCS accepts no message")
}

func (s *client12WaitChangeCipherSpec) changeCipherSpec(m *Machine) (state, error) {
	m.do(SetReadKey12{s.hello12.suite, s.keys.server, s.hello12.form})
	return &client12WaitFinished{s.client12Finish}, nil
}

// client12WaitFinished waits for the server's Finished.
type client12WaitFinished struct{ *client12Finish }

func (s *client12WaitFinished) name() string { return "WAIT_FINISHED" }

func (s *client12WaitFinished) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeFinished}
}

func (s *client12WaitFinished) handle(m *Machine, raw []byte) (state, error) {
	h, master := s.hello12, s.keys.master
	if err := h.receiveFinished(m, raw, master.VerifyServerFinished); err != nil {
		return nil, err
	}
	if m.result.Resumed {
		h.sendFinished(m, s.keys.client, master.ClientFinished(h.transcript.sum()))
	}
	m.do(Done{})
	switch t := s.ticket; {
	case !s.c.WantTickets:
	case t != nil && len(t.Ticket) > 0 && len(t.Ticket) <= limits.MaxTicketLen:
		m.do(TicketReceived12{t, m.result.Session12})
	case t == nil && m.result.Resumed:
		m.do(TicketGoesOn12{})
	}
	return &connected12{client}, nil
}
