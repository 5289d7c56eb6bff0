package wire

// The frame of a handshake message: type, length, body (RFC 9846 §4).

import (
	"github.com/watchword-tls/watchword/alert"
)

// HeaderLen is the size of a handshake message's header in bytes.
const HeaderLen = 4

// TypeOf returns the type of a whole message, which has at least a header.
func TypeOf(raw []byte) HandshakeType { return HandshakeType(raw[0]) }

// start begins to parse a whole message and reads its header.
func start(raw []byte, want HandshakeType, section string, rec *Fields) *reader {
	r := newReader(raw, want.String(), section, rec)
	r.record(want.String(), 0, len(raw), "")
	r.depth = 1
	if t := HandshakeType(r.uint8("msg_type")); r.ok() && t != want {
		*r.err = alert.New(alert.UnexpectedMessage, "got "+t.String()+", want "+want.String())
	}
	r.note(want.String)
	if n := int(r.uint24("length")); r.ok() && n != len(raw)-HeaderLen {
		r.fail("length", "it is not that of the message")
	}
	return r
}

// frame appends a message of type t with the given body.
func frame(b []byte, t HandshakeType, body func([]byte) []byte) []byte {
	return appendVector(append(b, byte(t)), 3, body)
}

// message_hash and other synthetic messages.

// AppendMessageHash appends the synthetic message that stands for the first
// ClientHello after a HelloRetryRequest (RFC 9846 §4.1).
func AppendMessageHash(b, hash []byte) []byte {
	return frame(b, TypeMessageHash, func(b []byte) []byte { return append(b, hash...) })
}

// extension is one raw extension of a message.
type extension struct {
	Type ExtensionType
	body *reader
}

// readExtensions reads an extension block and hands each extension to visit.
// A repeated extension is refused (RFC 9846 §4.3).
func readExtensions(r *reader, least int, visit func(extension)) []ExtensionType {
	block := r.open("extensions", 2, least, 1<<16-1)
	var seen []ExtensionType
	for block.more() {
		off := block.offset()
		at := block.record("extension", off, 0, "")
		block.depth++
		t := ExtensionType(block.uint16("extension_type"))
		block.note(t.String)
		data := block.vector("extension_data", 2, 0, 1<<16-1)
		block.depth--
		if !block.ok() {
			break
		}
		if block.rec != nil {
			f := &block.rec.List[at]
			f.Name, f.Length = t.String(), block.offset()-off
		}
		for _, s := range seen {
			if s == t {
				block.illegal(t.String(), "it stands there twice")
				return seen
			}
		}
		seen = append(seen, t)
		body := block.nest(t.String(), data, block.offset())
		body.depth++
		visit(extension{t, body})
	}
	return seen
}

func appendExtension(b []byte, t ExtensionType, body func([]byte) []byte) []byte {
	return appendVector(appendUint16(b, uint16(t)), 2, body)
}
