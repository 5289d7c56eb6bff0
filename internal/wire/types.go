// Package wire holds the messages of TLS 1.3: a struct with the RFC's field
// names, a parser and an Append function for each. Parsing needs no connection
// state. Parsed slices alias the message.
package wire

import (
	"fmt"
	"strconv"
)

// Protocol versions.
const (
	VersionTLS10 uint16 = 0x0301
	VersionTLS12 uint16 = 0x0303
	VersionTLS13 uint16 = 0x0304
)

// HandshakeType is the first byte of a handshake message (RFC 9846 §4).
type HandshakeType uint8

// Handshake types (RFC 9846 §4). TypeMessageHash exists only in transcripts.
const (
	TypeClientHello         HandshakeType = 1
	TypeServerHello         HandshakeType = 2
	TypeNewSessionTicket    HandshakeType = 4
	TypeEndOfEarlyData      HandshakeType = 5
	TypeEncryptedExtensions HandshakeType = 8
	TypeCertificate         HandshakeType = 11
	TypeCertificateRequest  HandshakeType = 13
	TypeCertificateVerify   HandshakeType = 15
	TypeFinished            HandshakeType = 20
	TypeKeyUpdate           HandshakeType = 24
	TypeMessageHash         HandshakeType = 254
)

var handshakeNames = map[HandshakeType]string{
	TypeClientHello:         "client_hello",
	TypeServerHello:         "server_hello",
	TypeNewSessionTicket:    "new_session_ticket",
	TypeEndOfEarlyData:      "end_of_early_data",
	TypeEncryptedExtensions: "encrypted_extensions",
	TypeCertificate:         "certificate",
	TypeCertificateRequest:  "certificate_request",
	TypeCertificateVerify:   "certificate_verify",
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

// ExtensionType names an extension (RFC 9846 §4.3).
type ExtensionType uint16

// Extension types that this package knows.
const (
	ExtServerName           ExtensionType = 0
	ExtMaxFragmentLength    ExtensionType = 1
	ExtStatusRequest        ExtensionType = 5
	ExtSupportedGroups      ExtensionType = 10
	ExtSignatureAlgorithms  ExtensionType = 13
	ExtALPN                 ExtensionType = 16
	ExtExtendedMainSecret   ExtensionType = 23
	ExtRecordSizeLimit      ExtensionType = 28
	ExtSessionTicket        ExtensionType = 35
	ExtPreSharedKey         ExtensionType = 41
	ExtEarlyData            ExtensionType = 42
	ExtSupportedVersions    ExtensionType = 43
	ExtCookie               ExtensionType = 44
	ExtPSKKeyExchangeModes  ExtensionType = 45
	ExtSignatureAlgsCert    ExtensionType = 50
	ExtKeyShare             ExtensionType = 51
	ExtRenegotiationInfo    ExtensionType = 0xff01
	ExtEncryptThenMAC       ExtensionType = 22
	ExtECPointFormats       ExtensionType = 11
	ExtClientCertType       ExtensionType = 19
	ExtServerCertType       ExtensionType = 20
	ExtPadding              ExtensionType = 21
	ExtPostHandshakeAuth    ExtensionType = 49
	ExtCertAuthorities      ExtensionType = 47
	ExtOIDFilters           ExtensionType = 48
	ExtSignedCertTimestamps ExtensionType = 18
)

var extensionNames = map[ExtensionType]string{
	ExtServerName:           "server_name",
	ExtMaxFragmentLength:    "max_fragment_length",
	ExtStatusRequest:        "status_request",
	ExtSupportedGroups:      "supported_groups",
	ExtECPointFormats:       "ec_point_formats",
	ExtSignatureAlgorithms:  "signature_algorithms",
	ExtALPN:                 "application_layer_protocol_negotiation",
	ExtSignedCertTimestamps: "signed_certificate_timestamp",
	ExtClientCertType:       "client_certificate_type",
	ExtServerCertType:       "server_certificate_type",
	ExtPadding:              "padding",
	ExtEncryptThenMAC:       "encrypt_then_mac",
	ExtExtendedMainSecret:   "extended_master_secret",
	ExtRecordSizeLimit:      "record_size_limit",
	ExtSessionTicket:        "session_ticket",
	ExtPreSharedKey:         "pre_shared_key",
	ExtEarlyData:            "early_data",
	ExtSupportedVersions:    "supported_versions",
	ExtCookie:               "cookie",
	ExtPSKKeyExchangeModes:  "psk_key_exchange_modes",
	ExtCertAuthorities:      "certificate_authorities",
	ExtOIDFilters:           "oid_filters",
	ExtPostHandshakeAuth:    "post_handshake_auth",
	ExtSignatureAlgsCert:    "signature_algorithms_cert",
	ExtKeyShare:             "key_share",
	ExtRenegotiationInfo:    "renegotiation_info",
}

func (t ExtensionType) String() string {
	if s, ok := extensionNames[t]; ok {
		return s
	}
	return "extension " + strconv.Itoa(int(t))
}

// NamedGroup is a key-exchange group (RFC 9846 §4.3.7).
type NamedGroup uint16

// The groups that this library speaks.
const (
	GroupP256           NamedGroup = 0x0017
	GroupX25519         NamedGroup = 0x001d
	GroupX25519MLKEM768 NamedGroup = 0x11ec
)

func (g NamedGroup) String() string {
	switch g {
	case GroupP256:
		return "secp256r1"
	case GroupX25519:
		return "x25519"
	case GroupX25519MLKEM768:
		return "X25519MLKEM768"
	}
	return fmt.Sprintf("group 0x%04x", uint16(g))
}

// PSKKeyExchangeMode says how a key is used (RFC 9846 §4.3.9).
type PSKKeyExchangeMode uint8

// The two modes: without and with an ephemeral key exchange.
const (
	PSKOnly      PSKKeyExchangeMode = 0 // psk_ke
	PSKWithECDHE PSKKeyExchangeMode = 1 // psk_dhe_ke
)

func (m PSKKeyExchangeMode) String() string {
	switch m {
	case PSKOnly:
		return "psk_ke"
	case PSKWithECDHE:
		return "psk_dhe_ke"
	}
	return "mode " + strconv.Itoa(int(m))
}

func versionName(v uint16) string {
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
	return fmt.Sprintf("0x%04x", v)
}

var suiteNames = map[uint16]string{
	0x1301: "TLS_AES_128_GCM_SHA256",
	0x1302: "TLS_AES_256_GCM_SHA384",
	0x1303: "TLS_CHACHA20_POLY1305_SHA256",
	0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
}

func suiteName(id uint16) string {
	if s, ok := suiteNames[id]; ok {
		return s
	}
	return fmt.Sprintf("suite 0x%04x", id)
}
