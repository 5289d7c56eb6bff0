package wire

// ClientHello (RFC 9846 §4.2.2) and the extensions that only it carries in
// this form.

// ClientHello is the first message of a handshake. For extensions whose body
// cannot be empty, nil means absent; for the others a pointer says so, or, where
// the type is a slice, what is not nil and empty.
type ClientHello struct {
	LegacyVersion            uint16
	Random                   [32]byte
	LegacySessionID          []byte
	CipherSuites             []uint16
	LegacyCompressionMethods []byte

	ServerName          *string // RFC 6066 §3: the host_name
	SupportedGroups     []NamedGroup
	SignatureAlgorithms []byte // the list as it stands there; we have no use for it
	ALPN                []string
	RecordSizeLimit     *uint16 // RFC 8449 §4
	EarlyData           bool
	SupportedVersions   []uint16
	Cookie              []byte
	PSKKeyExchangeModes []PSKKeyExchangeMode
	KeyShare            *ClientKeyShare
	PreSharedKey        *OfferedPSKs // always last

	// Of TLS 1.2 alone.
	RenegotiationInfo    []byte // renegotiated_connection, empty in a first handshake (RFC 5746 §3.2)
	EncryptThenMAC       bool
	ExtendedMasterSecret bool
	SessionTicket        []byte // empty asks for a ticket (RFC 5077 §3.2)
	ECPointFormats       []byte

	// Extensions lists the types in the order in which they were read.
	Extensions []ExtensionType
}

// ClientKeyShare is the client's list of shares, which may be empty
// (RFC 9846 §4.3.8).
type ClientKeyShare struct {
	Shares []KeyShareEntry
}

// KeyShareEntry is a group and a share of it.
type KeyShareEntry struct {
	Group       NamedGroup
	KeyExchange []byte
}

// Share returns the share of group g, nil if there is none.
func (k *ClientKeyShare) Share(g NamedGroup) []byte {
	if k != nil {
		for _, e := range k.Shares {
			if e.Group == g {
				return e.KeyExchange
			}
		}
	}
	return nil
}

// hostNameType is the only NameType that is defined (RFC 6066 §3).
const hostNameType = 0

// clientHelloExtensions is the table of extensions that are read. Any other
// is ignored, as a server must (RFC 9846 §4.2.2).
var clientHelloExtensions = map[ExtensionType]func(*ClientHello, *reader){
	ExtServerName:          parseServerNameList,
	ExtSupportedGroups:     func(m *ClientHello, r *reader) { m.SupportedGroups = readNamedGroups(r) },
	ExtSignatureAlgorithms: parseSignatureAlgorithms,
	ExtALPN:                func(m *ClientHello, r *reader) { m.ALPN = readProtocolNames(r) },
	ExtRecordSizeLimit:     func(m *ClientHello, r *reader) { m.RecordSizeLimit = readRecordSizeLimit(r) },
	ExtEarlyData:           func(m *ClientHello, _ *reader) { m.EarlyData = true }, // its content is empty
	ExtSupportedVersions:   parseSupportedVersions,
	ExtCookie:              func(m *ClientHello, r *reader) { m.Cookie = r.vector("cookie", 2, 1, 1<<16-1) },
	ExtPSKKeyExchangeModes: parsePSKKeyExchangeModes,
	ExtKeyShare:            parseClientKeyShare,
	ExtPreSharedKey:        parseOfferedPSKs,

	ExtRenegotiationInfo:  func(m *ClientHello, r *reader) { m.RenegotiationInfo = readRenegotiatedConnection(r) },
	ExtEncryptThenMAC:     func(m *ClientHello, _ *reader) { m.EncryptThenMAC = true },       // its content is empty
	ExtExtendedMainSecret: func(m *ClientHello, _ *reader) { m.ExtendedMasterSecret = true }, // and here
	ExtSessionTicket:      func(m *ClientHello, r *reader) { m.SessionTicket = r.rest("ticket") },
	ExtECPointFormats:     func(m *ClientHello, r *reader) { m.ECPointFormats = readPointFormats(r) },
}

// ParseClientHello parses a whole message. It reads that of an older version
// too, which may have no extensions; one of TLS 1.3 has supported_versions at
// least, so that its least length needs no check of its own.
func ParseClientHello(raw []byte, rec *Fields) (*ClientHello, error) {
	r := start(raw, TypeClientHello, "RFC 9846 §4.2.2", rec)
	m := &ClientHello{LegacyVersion: r.uint16("legacy_version")}
	describe(r, m.LegacyVersion, VersionName)
	copy(m.Random[:], r.bytes("random", 32))
	m.LegacySessionID = r.vector("legacy_session_id", 1, 0, 32)
	suites := r.open("cipher_suites", 2, 2, 1<<16-2)
	for suites.more() {
		id := suites.uint16("cipher_suite")
		describe(&suites, id, SuiteName)
		m.CipherSuites = append(m.CipherSuites, id)
	}
	m.LegacyCompressionMethods = r.vector("legacy_compression_methods", 1, 1, 1<<8-1)
	describe(r, m.LegacyCompressionMethods, compressionNames)
	if !r.more() {
		return m, *r.err // no extensions at all: older than TLS 1.3, but well formed
	}
	m.Extensions = readExtensions(r, m.parseExtension)
	r.done()
	return m, *r.err
}

func (m *ClientHello) parseExtension(e extension) {
	if m.PreSharedKey != nil {
		// RFC 9846 §4.3.11: servers MUST check that it is the last.
		e.body.parent.illegal("pre_shared_key", "it is not the last extension")
		return
	}
	if parse, known := clientHelloExtensions[e.Type]; known {
		parse(m, e.body)
		e.body.done()
	}
}

func parseServerNameList(m *ClientHello, r *reader) {
	list := r.open("server_name_list", 2, 1, 1<<16-1)
	var seen [1 << 8]bool
	for list.more() {
		at := list.begin("ServerName")
		t := list.uint8("name_type")
		describe(&list, t, nameTypeName)
		if list.ok() && seen[t] {
			list.illegal("name_type", "two names of one type") // RFC 6066 §3
		}
		seen[t] = true
		if t == hostNameType {
			m.ServerName = readHostName(&list)
		} else {
			// A type of the future: RFC 6066 §3 says that it begins with a
			// length of 16 bits too, so it can be skipped like any unknown
			// value of an enum (RFC 9846 §3.5).
			list.vector("name", 2, 0, 1<<16-1)
		}
		list.end(at)
	}
}

// readHostName refuses what no host name has: RFC 6066 §3 wants ASCII, and a NUL,
// a space or an escape sequence would only mislead whoever uses the name. An IP
// address is against that section too, but stunnel, Mosquitto and libnbd send
// one.
func readHostName(r *reader) *string {
	name := r.vector("host_name", 2, 1, 1<<16-1)
	describe(r, name, quoted)
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			r.illegal("host_name", "it is not ASCII text")
		}
	}
	s := string(name)
	return &s
}

// readNamedGroups reads a list of groups. A repeated one is harmless: the RFC
// leaves it to the receiver (RFC 9846 §4.3.7).
func readNamedGroups(r *reader) []NamedGroup {
	var groups []NamedGroup
	list := r.open("named_group_list", 2, 2, 1<<16-1)
	for list.more() {
		g := NamedGroup(list.uint16("named_group"))
		describe(&list, g, NamedGroup.String)
		groups = append(groups, g)
	}
	return groups
}

func parseSignatureAlgorithms(m *ClientHello, r *reader) {
	list := r.open("supported_signature_algorithms", 2, 2, 1<<16-2)
	m.SignatureAlgorithms = list.s
	for list.more() {
		v := list.uint16("signature_scheme")
		describe(&list, v, signatureSchemeName)
	}
}

func parseSupportedVersions(m *ClientHello, r *reader) {
	list := r.open("versions", 1, 2, 254)
	for list.more() {
		v := list.uint16("version")
		describe(&list, v, VersionName)
		m.SupportedVersions = append(m.SupportedVersions, v)
	}
}

func parsePSKKeyExchangeModes(m *ClientHello, r *reader) {
	list := r.open("ke_modes", 1, 1, 255)
	for list.more() {
		mode := PSKKeyExchangeMode(list.uint8("ke_mode"))
		describe(&list, mode, PSKKeyExchangeMode.String)
		m.PSKKeyExchangeModes = append(m.PSKKeyExchangeModes, mode)
	}
}

func parseClientKeyShare(m *ClientHello, r *reader) {
	m.KeyShare = &ClientKeyShare{}
	list := r.open("client_shares", 2, 0, 1<<16-1)
	var seen valueSet
	for list.more() {
		e := readKeyShareEntry(&list, "KeyShareEntry")
		if list.ok() && !seen.add(uint16(e.Group)) {
			list.illegal("group", "two shares of "+e.Group.String()) // RFC 9846 §4.3.8
			return
		}
		m.KeyShare.Shares = append(m.KeyShare.Shares, e)
	}
}

func readKeyShareEntry(r *reader, name string) KeyShareEntry {
	at := r.begin(name)
	e := KeyShareEntry{Group: NamedGroup(r.uint16("group"))}
	describe(r, e.Group, NamedGroup.String)
	e.KeyExchange = r.vector("key_exchange", 2, 1, 1<<16-1)
	r.end(at)
	return e
}

func appendKeyShareEntry(b []byte, e KeyShareEntry) []byte {
	return appendBytes(appendUint16(b, uint16(e.Group)), 2, e.KeyExchange)
}

// readProtocolNames reads an ALPN list; an empty name is refused (RFC 7301 §3.1).
func readProtocolNames(r *reader) []string {
	var names []string
	list := r.open("protocol_name_list", 2, 2, 1<<16-1)
	for list.more() {
		name := list.vector("protocol_name", 1, 1, 255)
		describe(&list, name, quoted)
		names = append(names, string(name))
	}
	return names
}

func appendProtocolNames(b []byte, names []string) []byte {
	return appendVector(b, 2, func(b []byte) []byte {
		for _, n := range names {
			b = appendBytes(b, 1, []byte(n))
		}
		return b
	})
}

// readSelectedProtocol reads the list in a server's answer, which has exactly
// one name (RFC 7301 §3.1).
func readSelectedProtocol(r *reader) *string {
	names := readProtocolNames(r)
	if len(names) != 1 {
		r.illegal("protocol_name_list", "a server selects exactly one protocol")
		return nil
	}
	return &names[0]
}

// readRecordSizeLimit reads the limit; its range is the receiver's to check.
func readRecordSizeLimit(r *reader) *uint16 {
	v := r.uint16("record_size_limit")
	describe(r, uint32(v), inBytes)
	return &v
}

// Append appends the whole message. The binders of PreSharedKey must have
// their final lengths, whatever their content; PreSharedKey.BindersOffset is
// set to where they stand from the start of the message.
func (m *ClientHello) Append(b []byte) []byte {
	begin := len(b)
	return frame(b, TypeClientHello, func(b []byte) []byte {
		b = appendUint16(b, m.LegacyVersion)
		b = append(b, m.Random[:]...)
		b = appendBytes(b, 1, m.LegacySessionID)
		b = appendVector(b, 2, func(b []byte) []byte {
			for _, s := range m.CipherSuites {
				b = appendUint16(b, s)
			}
			return b
		})
		b = appendBytes(b, 1, m.LegacyCompressionMethods)
		return appendVector(b, 2, func(b []byte) []byte { return m.appendExtensions(b, begin) })
	})
}

// appendExtensions writes the extensions, pre_shared_key last
// (RFC 9846 §4.3.11). Those of TLS 1.2 come first: of them some are empty, and
// old servers have stumbled over an empty one at the end.
func (m *ClientHello) appendExtensions(b []byte, begin int) []byte {
	b = m.appendExtensions12(b)
	if m.ServerName != nil {
		b = appendExtension(b, ExtServerName, func(b []byte) []byte {
			return appendVector(b, 2, func(b []byte) []byte { return appendBytes(append(b, 0), 2, []byte(*m.ServerName)) })
		})
	}
	if m.SupportedGroups != nil {
		b = appendExtension(b, ExtSupportedGroups, func(b []byte) []byte {
			return appendVector(b, 2, func(b []byte) []byte {
				for _, g := range m.SupportedGroups {
					b = appendUint16(b, uint16(g))
				}
				return b
			})
		})
	}
	if m.SignatureAlgorithms != nil {
		b = appendExtension(b, ExtSignatureAlgorithms, func(b []byte) []byte { return appendBytes(b, 2, m.SignatureAlgorithms) })
	}
	if m.ALPN != nil {
		b = appendExtension(b, ExtALPN, func(b []byte) []byte { return appendProtocolNames(b, m.ALPN) })
	}
	if m.RecordSizeLimit != nil {
		b = appendExtension(b, ExtRecordSizeLimit, func(b []byte) []byte { return appendUint16(b, *m.RecordSizeLimit) })
	}
	if m.EarlyData {
		b = appendExtension(b, ExtEarlyData, func(b []byte) []byte { return b })
	}
	if m.SupportedVersions != nil {
		b = appendExtension(b, ExtSupportedVersions, func(b []byte) []byte {
			return appendVector(b, 1, func(b []byte) []byte {
				for _, v := range m.SupportedVersions {
					b = appendUint16(b, v)
				}
				return b
			})
		})
	}
	if m.Cookie != nil {
		b = appendExtension(b, ExtCookie, func(b []byte) []byte { return appendBytes(b, 2, m.Cookie) })
	}
	if m.PSKKeyExchangeModes != nil {
		b = appendExtension(b, ExtPSKKeyExchangeModes, func(b []byte) []byte {
			return appendVector(b, 1, func(b []byte) []byte {
				for _, mode := range m.PSKKeyExchangeModes {
					b = append(b, byte(mode))
				}
				return b
			})
		})
	}
	if m.KeyShare != nil {
		b = appendExtension(b, ExtKeyShare, func(b []byte) []byte {
			return appendVector(b, 2, func(b []byte) []byte {
				for _, e := range m.KeyShare.Shares {
					b = appendKeyShareEntry(b, e)
				}
				return b
			})
		})
	}
	if m.PreSharedKey != nil {
		b = appendExtension(b, ExtPreSharedKey, func(b []byte) []byte { return m.PreSharedKey.append(b, begin) })
	}
	return b
}
