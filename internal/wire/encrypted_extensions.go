package wire

// EncryptedExtensions: the server's answers that need no key to be agreed
// (RFC 9846 §4.4.1).

// EncryptedExtensions holds what a server says under the handshake key.
type EncryptedExtensions struct {
	ServerName      bool // the server used the name (RFC 6066 §3)
	ALPN            *string
	RecordSizeLimit *uint16

	Extensions []ExtensionType
}

// ParseEncryptedExtensions parses a whole message. Extensions that it does not
// know are listed, not read.
func ParseEncryptedExtensions(raw []byte, rec *Fields) (*EncryptedExtensions, error) {
	r := start(raw, TypeEncryptedExtensions, "RFC 9846 §4.4.1", rec)
	m := &EncryptedExtensions{}
	m.Extensions = readExtensions(r, 0, m.parseExtension)
	r.done()
	return m, *r.err
}

func (m *EncryptedExtensions) parseExtension(e extension) {
	r := e.body
	switch e.Type {
	case ExtServerName:
		r.section = "RFC 6066 §3"
		m.ServerName = true
	case ExtALPN:
		r.section = "RFC 7301 §3.1"
		names := readProtocolNames(r)
		if r.ok() && len(names) != 1 {
			r.fail("protocol_name_list", "a server selects exactly one protocol")
			return
		}
		if r.ok() {
			m.ALPN = &names[0]
		}
	case ExtRecordSizeLimit:
		r.section = "RFC 8449 §4"
		m.RecordSizeLimit = readRecordSizeLimit(r)
	case ExtSupportedGroups:
		// The server's own preference, which a client may learn from but must
		// not act on in this handshake (RFC 9846 §4.3.7).
		r.section = "RFC 9846 §4.3.7"
		r.vector("named_group_list", 2, 2, 1<<16-1)
	default:
		return
	}
	r.done()
}

// Append appends the whole message.
func (m *EncryptedExtensions) Append(b []byte) []byte {
	return frame(b, TypeEncryptedExtensions, func(b []byte) []byte {
		return appendVector(b, 2, func(b []byte) []byte {
			if m.ServerName {
				b = appendExtension(b, ExtServerName, func(b []byte) []byte { return b })
			}
			if m.ALPN != nil {
				b = appendExtension(b, ExtALPN, func(b []byte) []byte { return appendProtocolNames(b, []string{*m.ALPN}) })
			}
			if m.RecordSizeLimit != nil {
				b = appendExtension(b, ExtRecordSizeLimit, func(b []byte) []byte { return appendUint16(b, *m.RecordSizeLimit) })
			}
			return b
		})
	})
}
