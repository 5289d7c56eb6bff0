package wire

// NewSessionTicket (RFC 9846 §4.7.1).

// NewSessionTicket gives a client a key for a later connection.
type NewSessionTicket struct {
	TicketLifetime uint32 // in seconds
	TicketAgeAdd   uint32
	TicketNonce    []byte
	Ticket         []byte

	// MaxEarlyDataSize is from the early_data extension: bytes that a client
	// may send early, nil if none. We never send early data.
	MaxEarlyDataSize *uint32
}

// ParseNewSessionTicket parses a whole message. Unknown extensions are ignored,
// as RFC 9846 §4.7.1 asks; one that we know from a ClientHello has no place
// here (RFC 9846 §4.3).
func ParseNewSessionTicket(raw []byte, rec *Fields) (*NewSessionTicket, error) {
	r := start(raw, TypeNewSessionTicket, "RFC 9846 §4.7.1", rec)
	m := &NewSessionTicket{TicketLifetime: r.uint32("ticket_lifetime")}
	describe(r, m.TicketLifetime, inSeconds)
	m.TicketAgeAdd = r.uint32("ticket_age_add")
	m.TicketNonce = r.vector("ticket_nonce", 1, 0, 255)
	m.Ticket = r.vector("ticket", 2, 1, 1<<16-1)
	readExtensions(r, m.parseExtension)
	r.done()
	return m, *r.err
}

func (m *NewSessionTicket) parseExtension(e extension) {
	if e.Type == ExtEarlyData {
		n := e.body.uint32("max_early_data_size")
		describe(e.body, n, inBytes)
		m.MaxEarlyDataSize = &n
		e.body.done()
		return
	}
	if _, known := clientHelloExtensions[e.Type]; known {
		e.body.illegal("extension_type", "it does not belong into a NewSessionTicket")
	}
}

// Append appends the whole message.
func (m *NewSessionTicket) Append(b []byte) []byte {
	return frame(b, TypeNewSessionTicket, func(b []byte) []byte {
		b = appendUint32(appendUint32(b, m.TicketLifetime), m.TicketAgeAdd)
		b = appendBytes(b, 1, m.TicketNonce)
		b = appendBytes(b, 2, m.Ticket)
		return appendVector(b, 2, func(b []byte) []byte {
			if m.MaxEarlyDataSize != nil {
				b = appendExtension(b, ExtEarlyData, func(b []byte) []byte { return appendUint32(b, *m.MaxEarlyDataSize) })
			}
			return b
		})
	})
}
