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
	m.Extensions = readExtensions(r, m.parseExtension)
	r.done()
	return m, *r.err
}

func (m *EncryptedExtensions) parseExtension(e extension) {
	r := e.body
	switch e.Type {
	case ExtServerName:
		m.ServerName = true // its content is empty (RFC 6066 §3)
	case ExtALPN:
		m.ALPN = readSelectedProtocol(r)
	case ExtRecordSizeLimit:
		m.RecordSizeLimit = readRecordSizeLimit(r)
	case ExtSupportedGroups:
		// The server's own preference, which a client may learn from but must
		// not act on in this handshake (RFC 9846 §4.3.7).
		readNamedGroups(r)
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
