package wire

// What numbers on the wire are called: the RFCs' and IANA's names, for errors
// and for a recording of fields. Nothing here decides anything.

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

var handshakeNames = map[HandshakeType]string{
	TypeHelloRequest:        "hello_request",
	TypeClientHello:         "client_hello",
	TypeServerHello:         "server_hello",
	TypeNewSessionTicket:    "new_session_ticket",
	TypeEndOfEarlyData:      "end_of_early_data",
	TypeEncryptedExtensions: "encrypted_extensions",
	TypeCertificate:         "certificate",
	TypeServerKeyExchange:   "server_key_exchange",
	TypeCertificateRequest:  "certificate_request",
	TypeServerHelloDone:     "server_hello_done",
	TypeCertificateVerify:   "certificate_verify",
	TypeClientKeyExchange:   "client_key_exchange",
	TypeFinished:            "finished",
	TypeKeyUpdate:           "key_update",
	TypeMessageHash:         "message_hash",
}

func (t HandshakeType) String() string {
	if s, ok := handshakeNames[t]; ok {
		return s
	}
	return "handshake message " + strconv.Itoa(int(t))
}

// Beside the groups that this library speaks, those that others offer
// (RFC 9846 §4.3.7 and the IANA registry of TLS supported groups).
var groupNames = map[NamedGroup]string{
	GroupP256:           "secp256r1",
	0x0018:              "secp384r1",
	0x0019:              "secp521r1",
	GroupX25519:         "x25519",
	0x001e:              "x448",
	0x0100:              "ffdhe2048",
	0x0101:              "ffdhe3072",
	0x0102:              "ffdhe4096",
	0x0103:              "ffdhe6144",
	0x0104:              "ffdhe8192",
	0x11eb:              "SecP256r1MLKEM768",
	GroupX25519MLKEM768: "X25519MLKEM768",
	0x11ed:              "SecP384r1MLKEM1024",
}

func (g NamedGroup) String() string {
	if s, ok := groupNames[g]; ok {
		return s
	}
	return numberName("group", uint16(g))
}

func (m PSKKeyExchangeMode) String() string {
	switch m {
	case PSKOnly:
		return "psk_ke"
	case PSKWithECDHE:
		return "psk_dhe_ke"
	}
	return "mode " + strconv.Itoa(int(m))
}

// VersionName names a protocol version for people.
func VersionName(v uint16) string {
	switch v {
	case VersionTLS13:
		return "TLS 1.3"
	case VersionTLS12:
		return "TLS 1.2"
	case 0x0302:
		return "TLS 1.1"
	case VersionTLS10:
		return "TLS 1.0"
	}
	return numberName("version", v)
}

// RFC 9846 §4.3.3.
var signatureSchemeNames = map[uint16]string{
	0x0201: "rsa_pkcs1_sha1",
	0x0203: "ecdsa_sha1",
	0x0401: "rsa_pkcs1_sha256",
	0x0403: "ecdsa_secp256r1_sha256",
	0x0501: "rsa_pkcs1_sha384",
	0x0503: "ecdsa_secp384r1_sha384",
	0x0601: "rsa_pkcs1_sha512",
	0x0603: "ecdsa_secp521r1_sha512",
	0x0804: "rsa_pss_rsae_sha256",
	0x0805: "rsa_pss_rsae_sha384",
	0x0806: "rsa_pss_rsae_sha512",
	0x0807: "ed25519",
	0x0808: "ed448",
	0x0809: "rsa_pss_pss_sha256",
	0x080a: "rsa_pss_pss_sha384",
	0x080b: "rsa_pss_pss_sha512",
}

func signatureSchemeName(v uint16) string {
	if s, ok := signatureSchemeNames[v]; ok {
		return s
	}
	return numberName("scheme", v)
}

// kdfName names a target_kdf of an imported key (RFC 9258 §10).
func kdfName(v uint16) string {
	switch v {
	case 1:
		return "HKDF_SHA256"
	case 2:
		return "HKDF_SHA384"
	}
	return numberName("KDF", v)
}

func levelName(v uint8) string {
	switch v {
	case 1:
		return "warning"
	case 2:
		return "fatal"
	}
	return "level " + strconv.Itoa(int(v))
}

func nameTypeName(v uint8) string {
	if v == hostNameType {
		return "host_name"
	}
	return "name type " + strconv.Itoa(int(v))
}

func compressionNames(v []byte) string {
	if len(v) == 1 && v[0] == 0 {
		return "null"
	}
	return ""
}

func compressionName(v uint8) string { return compressionNames([]byte{v}) }

// curveTypeName names an ECCurveType (RFC 8422 §5.4).
func curveTypeName(v uint8) string {
	if v == namedCurve {
		return "named_curve"
	}
	return "curve type " + strconv.Itoa(int(v))
}

// pointFormatName names an ECPointFormat (RFC 8422 §5.1.2).
func pointFormatName(v uint8) string {
	if v == PointUncompressed {
		return "uncompressed"
	}
	return "point format " + strconv.Itoa(int(v))
}

// textName shows what reads as text, and nothing else.
func textName(b []byte) string {
	if utf8.Valid(b) {
		return quoted(b)
	}
	return ""
}

// identityName shows an offered identity. Whether it is an imported one, a
// ticket or simply a name only the owner of its key knows (RFC 9258 §5.1), so
// this says what it reads as.
func identityName(b []byte) string {
	id, err := ParseImportedIdentity(b, nil)
	if err == nil && id.TargetProtocol == VersionTLS13 {
		s := "imported " + quoted(id.ExternalIdentity) + ", for TLS 1.3 and " + kdfName(id.TargetKDF)
		if len(id.Context) > 0 {
			s += ", with a context"
		}
		return s
	}
	return textName(b)
}

// isGREASE reports whether v is one of the values that mean nothing and are
// sent so that peers go on ignoring what they do not know (RFC 8701 §2).
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

func greaseName(v uint16) string { return fmt.Sprintf("GREASE 0x%04x", v) }

func numberName(kind string, v uint16) string {
	if isGREASE(v) {
		return greaseName(v)
	}
	return fmt.Sprintf("%s 0x%04x", kind, v)
}
