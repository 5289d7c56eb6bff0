package wire

// The frame of a handshake message: type, length, body (RFC 9846 §4).

import (
	"github.com/watchword-tls/watchword/alert"
)

// HeaderLen is the size of a handshake message's header in bytes.
const HeaderLen = 4

// TypeOf returns the type of a whole message, which has at least a header.
func TypeOf(raw []byte) HandshakeType { return HandshakeType(raw[0]) }

// start begins to parse a whole message and reads its header. The section is
// that of the message.
func start(raw []byte, want HandshakeType, section string, rec *Fields) *reader {
	return startWith("RFC 9846 §4", raw, want, section, rec)
}

// start12 is start for a message of TLS 1.2, whose header is the same but
// defined elsewhere.
func start12(raw []byte, want HandshakeType, section string, rec *Fields) *reader {
	return startWith("RFC 5246 §7.4", raw, want, section, rec)
}

func startWith(header string, raw []byte, want HandshakeType, section string, rec *Fields) *reader {
	r := newReader(raw, want.String(), section, rec)
	r.section = header
	t := HandshakeType(r.uint8("msg_type"))
	describe(r, t, HandshakeType.String)
	if r.ok() && t != want {
		r.refuse(alert.UnexpectedMessage, "msg_type", "got "+t.String()+", want "+want.String())
	}
	if n := int(r.uint24("length")); r.ok() && n != len(r.s) {
		r.fail("length", "it is not that of the message")
	}
	r.section = section
	return r
}

// frame appends a message of type t with the given body.
func frame(b []byte, t HandshakeType, body func([]byte) []byte) []byte {
	return appendVector(append(b, byte(t)), 3, body)
}

// AppendMessageHash appends the synthetic message that stands for the first
// ClientHello after a HelloRetryRequest (RFC 9846 §4.1).
func AppendMessageHash(b, hash []byte) []byte {
	return frame(b, TypeMessageHash, func(b []byte) []byte { return append(b, hash...) })
}
