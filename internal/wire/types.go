// Package wire holds the messages of TLS 1.3 and of TLS 1.2 with a shared key: a
// struct with the RFC's field names, a parser and an Append function for each.
// Parsing needs no connection state. Parsed slices alias the message.
package wire

// Protocol versions.
const (
	VersionTLS10 uint16 = 0x0301
	VersionTLS12 uint16 = 0x0303
	VersionTLS13 uint16 = 0x0304
)

// HandshakeType is the first byte of a handshake message (RFC 9846 §4).
type HandshakeType uint8

// Handshake types (RFC 9846 §4; those of TLS 1.2 alone, RFC 5246 §7.4).
// TypeMessageHash exists only in transcripts.
const (
	TypeHelloRequest        HandshakeType = 0 // TLS 1.2
	TypeClientHello         HandshakeType = 1
	TypeServerHello         HandshakeType = 2
	TypeNewSessionTicket    HandshakeType = 4
	TypeEndOfEarlyData      HandshakeType = 5
	TypeEncryptedExtensions HandshakeType = 8
	TypeCertificate         HandshakeType = 11
	TypeServerKeyExchange   HandshakeType = 12 // TLS 1.2
	TypeCertificateRequest  HandshakeType = 13
	TypeServerHelloDone     HandshakeType = 14 // TLS 1.2
	TypeCertificateVerify   HandshakeType = 15
	TypeClientKeyExchange   HandshakeType = 16 // TLS 1.2
	TypeFinished            HandshakeType = 20
	TypeKeyUpdate           HandshakeType = 24
	TypeMessageHash         HandshakeType = 254
)

// Values in a list of cipher suites that stand for something else.
const (
	// RenegotiationSCSV says what an empty renegotiation_info says
	// (RFC 5746 §3.3).
	RenegotiationSCSV uint16 = 0x00ff
	// FallbackSCSV says that the client would speak a newer version, but has
	// tried that in vain (RFC 7507 §2).
	FallbackSCSV uint16 = 0x5600
)

// NamedGroup is a key-exchange group (RFC 9846 §4.3.7).
type NamedGroup uint16

// The groups that this library speaks.
const (
	GroupP256           NamedGroup = 0x0017
	GroupX25519         NamedGroup = 0x001d
	GroupX25519MLKEM768 NamedGroup = 0x11ec
)

// PSKKeyExchangeMode says how a key is used (RFC 9846 §4.3.9).
type PSKKeyExchangeMode uint8

// The two modes: without and with an ephemeral key exchange.
const (
	PSKOnly      PSKKeyExchangeMode = 0 // psk_ke
	PSKWithECDHE PSKKeyExchangeMode = 1 // psk_dhe_ke
)
