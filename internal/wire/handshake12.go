package wire

// The other messages of TLS 1.2: two that have no content, and its
// NewSessionTicket.

// ParseHelloRequest parses a whole message: a server asks for a renegotiation
// (RFC 5246 §7.4.1.1).
func ParseHelloRequest(raw []byte, rec *Fields) error {
	return parseEmpty(raw, TypeHelloRequest, "RFC 5246 §7.4.1.1", rec)
}

// AppendHelloRequest appends a whole message.
func AppendHelloRequest(b []byte) []byte { return appendEmptyMessage(b, TypeHelloRequest) }

// ParseServerHelloDone parses a whole message, the end of the server's first
// flight (RFC 5246 §7.4.5).
func ParseServerHelloDone(raw []byte, rec *Fields) error {
	return parseEmpty(raw, TypeServerHelloDone, "RFC 5246 §7.4.5", rec)
}

// AppendServerHelloDone appends a whole message.
func AppendServerHelloDone(b []byte) []byte { return appendEmptyMessage(b, TypeServerHelloDone) }

func parseEmpty(raw []byte, t HandshakeType, section string, rec *Fields) error {
	r := start12(raw, t, section, rec)
	r.done()
	return *r.err
}

func appendEmptyMessage(b []byte, t HandshakeType) []byte {
	return frame(b, t, func(b []byte) []byte { return b })
}

// NewSessionTicket12 gives a client a ticket for a later connection; an empty
// one says that the server has thought better of it (RFC 5077 §3.3).
type NewSessionTicket12 struct {
	LifetimeHint uint32 // in seconds; 0 says nothing
	Ticket       []byte
}

// ParseNewSessionTicket12 parses a whole message.
func ParseNewSessionTicket12(raw []byte, rec *Fields) (*NewSessionTicket12, error) {
	r := start12(raw, TypeNewSessionTicket, "RFC 5077 §3.3", rec)
	m := &NewSessionTicket12{LifetimeHint: r.uint32("ticket_lifetime_hint")}
	describe(r, m.LifetimeHint, inSeconds)
	m.Ticket = r.vector("ticket", 2, 0, 1<<16-1)
	r.done()
	return m, *r.err
}

// Append appends the whole message.
func (m *NewSessionTicket12) Append(b []byte) []byte {
	return frame(b, TypeNewSessionTicket, func(b []byte) []byte {
		return appendBytes(appendUint32(b, m.LifetimeHint), 2, m.Ticket)
	})
}
