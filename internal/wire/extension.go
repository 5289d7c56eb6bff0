package wire

// Extensions: their names, where each is defined, and the block of them that
// several messages carry (RFC 9846 §4.3).

import "strconv"

// ExtensionType names an extension (RFC 9846 §4.3).
type ExtensionType uint16

// Extension types that this package knows.
const (
	ExtServerName           ExtensionType = 0
	ExtMaxFragmentLength    ExtensionType = 1
	ExtStatusRequest        ExtensionType = 5
	ExtSupportedGroups      ExtensionType = 10
	ExtECPointFormats       ExtensionType = 11
	ExtSignatureAlgorithms  ExtensionType = 13
	ExtALPN                 ExtensionType = 16
	ExtSignedCertTimestamps ExtensionType = 18
	ExtClientCertType       ExtensionType = 19
	ExtServerCertType       ExtensionType = 20
	ExtPadding              ExtensionType = 21
	ExtEncryptThenMAC       ExtensionType = 22
	ExtExtendedMainSecret   ExtensionType = 23
	ExtRecordSizeLimit      ExtensionType = 28
	ExtSessionTicket        ExtensionType = 35
	ExtPreSharedKey         ExtensionType = 41
	ExtEarlyData            ExtensionType = 42
	ExtSupportedVersions    ExtensionType = 43
	ExtCookie               ExtensionType = 44
	ExtPSKKeyExchangeModes  ExtensionType = 45
	ExtCertAuthorities      ExtensionType = 47
	ExtOIDFilters           ExtensionType = 48
	ExtPostHandshakeAuth    ExtensionType = 49
	ExtSignatureAlgsCert    ExtensionType = 50
	ExtKeyShare             ExtensionType = 51
	ExtRenegotiationInfo    ExtensionType = 0xff01
)

// extensionsSection defines an extension's frame, and lists their types.
const extensionsSection = "RFC 9846 §4.3"

// extensionTable has each extension's name in the IANA registry and the
// section that defines its content.
var extensionTable = map[ExtensionType]struct{ name, section string }{
	ExtServerName:           {"server_name", "RFC 6066 §3"},
	ExtMaxFragmentLength:    {"max_fragment_length", "RFC 6066 §4"},
	ExtStatusRequest:        {"status_request", "RFC 6066 §8"},
	ExtSupportedGroups:      {"supported_groups", "RFC 9846 §4.3.7"},
	ExtECPointFormats:       {"ec_point_formats", "RFC 8422 §5.1.2"},
	ExtSignatureAlgorithms:  {"signature_algorithms", "RFC 9846 §4.3.3"},
	14:                      {"use_srtp", "RFC 5764 §4.1.1"},
	15:                      {"heartbeat", "RFC 6520 §2"},
	ExtALPN:                 {"application_layer_protocol_negotiation", "RFC 7301 §3.1"},
	ExtSignedCertTimestamps: {"signed_certificate_timestamp", "RFC 6962 §3.3.1"},
	ExtClientCertType:       {"client_certificate_type", "RFC 7250 §3"},
	ExtServerCertType:       {"server_certificate_type", "RFC 7250 §3"},
	ExtPadding:              {"padding", "RFC 7685 §3"},
	ExtEncryptThenMAC:       {"encrypt_then_mac", "RFC 7366 §2"},
	ExtExtendedMainSecret:   {"extended_main_secret", "RFC 7627 §5.1"},
	27:                      {"compress_certificate", "RFC 8879 §3"},
	ExtRecordSizeLimit:      {"record_size_limit", "RFC 8449 §4"},
	34:                      {"delegated_credential", "RFC 9345 §4.1.1"},
	ExtSessionTicket:        {"session_ticket", "RFC 5077 §3.2"},
	ExtPreSharedKey:         {"pre_shared_key", "RFC 9846 §4.3.11"},
	ExtEarlyData:            {"early_data", "RFC 9846 §4.3.10"},
	ExtSupportedVersions:    {"supported_versions", "RFC 9846 §4.3.1"},
	ExtCookie:               {"cookie", "RFC 9846 §4.3.2"},
	ExtPSKKeyExchangeModes:  {"psk_key_exchange_modes", "RFC 9846 §4.3.9"},
	ExtCertAuthorities:      {"certificate_authorities", "RFC 9846 §4.3.4"},
	ExtOIDFilters:           {"oid_filters", "RFC 9846 §4.3.5"},
	ExtPostHandshakeAuth:    {"post_handshake_auth", "RFC 9846 §4.3.6"},
	ExtSignatureAlgsCert:    {"signature_algorithms_cert", "RFC 9846 §4.3.3"},
	ExtKeyShare:             {"key_share", "RFC 9846 §4.3.8"},
	57:                      {"quic_transport_parameters", "RFC 9001 §8.2"},
	58:                      {"ticket_request", "RFC 9149 §3"},
	0xfe0d:                  {"encrypted_client_hello", "RFC 9849 §5"},
	ExtRenegotiationInfo:    {"renegotiation_info", "RFC 5746 §3.2"},
}

func (t ExtensionType) String() string {
	if e, ok := extensionTable[t]; ok {
		return e.name
	}
	if isGREASE(uint16(t)) {
		return greaseName(uint16(t))
	}
	return "extension " + strconv.Itoa(int(t))
}

// extension is one extension of a message, its content not yet read.
type extension struct {
	Type ExtensionType
	body *reader
}

// readExtensions reads the block of extensions and hands each to visit, which
// reads the content or leaves it alone. It returns their types in order. A
// repeated extension is refused (RFC 9846 §4.3): well formed, but not allowed.
func readExtensions(r *reader, visit func(extension)) []ExtensionType {
	block := r.open("extensions", 2, 0, 1<<16-1)
	var order []ExtensionType
	var seen valueSet
	var body reader
	for block.more() {
		var e extension
		e.Type, body = readExtension(&block)
		if !block.ok() {
			break
		}
		if !seen.add(uint16(e.Type)) {
			block.illegal(e.Type.String(), "it stands there twice")
			break
		}
		order = append(order, e.Type)
		e.body = &body
		visit(e)
	}
	return order
}

// readExtension reads the frame of one extension, and returns a reader of its
// content. The field that contains both is recorded first.
func readExtension(block *reader) (ExtensionType, reader) {
	block.section = extensionsSection
	at := block.begin("extension")
	t := ExtensionType(block.uint16("extension_type"))
	describe(block, t, ExtensionType.String)
	data := block.vector("extension_data", 2, 0, 1<<16-1)
	// Without a name the content is unknown: nobody reads it, so no error
	// can be in it.
	body := block.nest(extensionTable[t].name, data, block.offset())
	block.end(at)
	if block.rec != nil && block.ok() {
		f := &block.rec.List[at]
		f.Name = t.String()
		if e, ok := extensionTable[t]; ok {
			f.Section, body.section = e.section, e.section
		}
	}
	return t, body
}

func appendExtension(b []byte, t ExtensionType, body func([]byte) []byte) []byte {
	return appendVector(appendUint16(b, uint16(t)), 2, body)
}

// valueSet is a set of 16-bit values. It finds a repetition without comparing
// each value with all before it, which a peer that sends thousands in one
// message could turn into work.
type valueSet [1 << 16 / 64]uint64

// add puts v into the set and reports whether it was not there yet.
func (s *valueSet) add(v uint16) bool {
	word, bit := &s[v/64], uint64(1)<<(v%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}
