package wire

// ServerHello and HelloRetryRequest, which has its form (RFC 9846 §4.2.3 and
// §4.2.4).

// helloRetryRequestRandom is SHA-256 of "HelloRetryRequest", the random that
// tells one from a ServerHello (RFC 9846 §4.2.3).
var helloRetryRequestRandom = [32]byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// ServerHello is the server's answer. In a HelloRetryRequest, SelectedGroup
// stands in place of KeyShare, and PreSharedKey is absent. Without
// SelectedVersion it is one of TLS 1.2 or older, where legacy_version is the
// version.
type ServerHello struct {
	HelloRetryRequest       bool
	LegacyVersion           uint16
	Random                  [32]byte
	LegacySessionIDEcho     []byte
	CipherSuite             uint16
	LegacyCompressionMethod uint8

	SelectedVersion  *uint16
	KeyShare         *KeyShareEntry
	SelectedGroup    *NamedGroup
	Cookie           []byte
	SelectedIdentity *uint16

	// Of TLS 1.2, where a server has no EncryptedExtensions.
	RenegotiationInfo    []byte // renegotiated_connection, empty in a first handshake; nil is absent
	EncryptThenMAC       bool
	ExtendedMasterSecret bool
	SessionTicket        bool // a NewSessionTicket will come (RFC 5077 §3.2)
	ServerName           bool // the server used the name (RFC 6066 §3)
	ECPointFormats       []byte
	ALPN                 *string
	RecordSizeLimit      *uint16

	Extensions []ExtensionType
}

// ParseServerHello parses a whole message, be it a ServerHello or a
// HelloRetryRequest. Extensions that it does not know are listed, not read.
func ParseServerHello(raw []byte, rec *Fields) (*ServerHello, error) {
	r := start(raw, TypeServerHello, "RFC 9846 §4.2.3", rec)
	m := &ServerHello{LegacyVersion: r.uint16("legacy_version")}
	describe(r, m.LegacyVersion, VersionName)
	copy(m.Random[:], r.bytes("random", 32))
	m.HelloRetryRequest = m.Random == helloRetryRequestRandom
	describe(r, m.HelloRetryRequest, randomName)
	m.LegacySessionIDEcho = r.vector("legacy_session_id_echo", 1, 0, 32)
	m.CipherSuite = r.uint16("cipher_suite")
	describe(r, m.CipherSuite, SuiteName)
	m.LegacyCompressionMethod = r.uint8("legacy_compression_method")
	describe(r, m.LegacyCompressionMethod, compressionName)
	if r.ok() && r.s.Empty() {
		return m, *r.err // without extensions: TLS 1.2 or older
	}
	m.Extensions = readExtensions(r, m.parseExtension)
	r.done()
	return m, *r.err
}

// randomName says that a random is not one.
func randomName(helloRetryRequest bool) string {
	if helloRetryRequest {
		return "HelloRetryRequest"
	}
	return ""
}

func (m *ServerHello) parseExtension(e extension) {
	r := e.body
	switch e.Type {
	case ExtSupportedVersions:
		v := r.uint16("selected_version")
		describe(r, v, VersionName)
		m.SelectedVersion = &v
	case ExtKeyShare:
		if m.HelloRetryRequest {
			g := NamedGroup(r.uint16("selected_group"))
			describe(r, g, NamedGroup.String)
			m.SelectedGroup = &g
		} else {
			share := readKeyShareEntry(r, "server_share")
			m.KeyShare = &share
		}
	case ExtCookie:
		m.Cookie = r.vector("cookie", 2, 1, 1<<16-1)
	case ExtPreSharedKey:
		i := r.uint16("selected_identity")
		m.SelectedIdentity = &i
	default:
		if !m.parseExtension12(e) {
			return
		}
	}
	r.done()
}

// Append appends the whole message.
func (m *ServerHello) Append(b []byte) []byte {
	return frame(b, TypeServerHello, func(b []byte) []byte {
		b = appendUint16(b, m.LegacyVersion)
		random := m.Random
		if m.HelloRetryRequest {
			random = helloRetryRequestRandom
		}
		b = append(b, random[:]...)
		b = appendBytes(b, 1, m.LegacySessionIDEcho)
		b = appendUint16(b, m.CipherSuite)
		b = append(b, m.LegacyCompressionMethod)
		start := len(b)
		b = appendVector(b, 2, m.appendExtensions)
		if len(b) == start+2 {
			// Only TLS 1.2 can be without extensions. It has no block of
			// them then: a client that sent none may know none
			// (RFC 5246 §7.4.1.3).
			b = b[:start]
		}
		return b
	})
}

func (m *ServerHello) appendExtensions(b []byte) []byte {
	b = m.appendExtensions12(b)
	if m.SelectedVersion != nil {
		b = appendExtension(b, ExtSupportedVersions, func(b []byte) []byte { return appendUint16(b, *m.SelectedVersion) })
	}
	if m.KeyShare != nil {
		b = appendExtension(b, ExtKeyShare, func(b []byte) []byte { return appendKeyShareEntry(b, *m.KeyShare) })
	}
	if m.SelectedGroup != nil {
		b = appendExtension(b, ExtKeyShare, func(b []byte) []byte { return appendUint16(b, uint16(*m.SelectedGroup)) })
	}
	if m.Cookie != nil {
		b = appendExtension(b, ExtCookie, func(b []byte) []byte { return appendBytes(b, 2, m.Cookie) })
	}
	if m.SelectedIdentity != nil {
		b = appendExtension(b, ExtPreSharedKey, func(b []byte) []byte { return appendUint16(b, *m.SelectedIdentity) })
	}
	return b
}
