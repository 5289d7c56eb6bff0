package wire

// The reader of messages: every field is read under its RFC name, once, by the
// code that acts on it. An error therefore names the field, and a recording of
// the fields with their bytes comes from the very run that parsed them. There
// is no second parser for display.

import (
	"fmt"
	"strconv"

	"golang.org/x/crypto/cryptobyte"

	"github.com/watchword-tls/watchword/alert"
)

// reader reads one message, or one structure within it. The first error sticks:
// after it nothing is read or recorded and every read returns a zero value, so
// that a parser checks once, at its end. Loops test more.
type reader struct {
	s       cryptobyte.String
	limit   int    // offset of the end of s in the message
	depth   int    // of the fields that it reads
	name    string // of the structure, for errors
	section string // that defines the fields which it reads
	parent  *reader
	rec     *Fields
	err     *error // shared with nested readers
	first   error  // err points here in the outermost reader
}

// newReader returns the reader of a whole message and records it as the field
// of depth 0, which contains all others.
func newReader(raw []byte, name, section string, rec *Fields) *reader {
	r := &reader{s: raw, limit: len(raw), name: name, section: section, rec: rec}
	r.err = &r.first
	r.record(name, 0, len(raw))
	r.depth = 1
	return r
}

// nest returns a reader of content, which ends at offset limit of the message.
func (r *reader) nest(name string, content []byte, limit int) reader {
	return reader{s: content, limit: limit, depth: r.depth + 1, name: name, section: r.section, parent: r, rec: r.rec, err: r.err}
}

func (r *reader) ok() bool    { return *r.err == nil }
func (r *reader) more() bool  { return *r.err == nil && !r.s.Empty() }
func (r *reader) offset() int { return r.limit - len(r.s) }

// path names the structures around a field, outermost first. It is put
// together only for an error.
func (r *reader) path() string {
	if r.parent == nil {
		return r.name
	}
	return r.parent.path() + "." + r.name
}

// fail keeps a decode_error that names the field: a message that the syntax
// does not allow (RFC 9846 §6).
func (r *reader) fail(field, reason string) {
	r.refuse(alert.DecodeError, field, reason)
}

// illegal keeps an illegal_parameter error: well formed, but not allowed
// (RFC 9846 §6).
func (r *reader) illegal(field, reason string) {
	r.refuse(alert.IllegalParameter, field, reason)
}

func (r *reader) refuse(d alert.Description, field, reason string) {
	if r.ok() {
		*r.err = alert.New(d, r.path()+"."+field+": "+reason)
	}
}

// done reports an error unless everything was read (RFC 9846 §4.3).
func (r *reader) done() {
	if r.more() {
		r.fail("end", inBytes(uint32(len(r.s)))+" left over")
	}
}

// bytes reads n bytes; the result aliases the message.
func (r *reader) bytes(name string, n int) []byte {
	if !r.ok() {
		return nil
	}
	off := r.offset()
	var v []byte
	if !r.s.ReadBytes(&v, n) {
		r.fail(name, inBytes(uint32(n))+" wanted, "+strconv.Itoa(len(r.s))+" left")
		return nil
	}
	r.record(name, off, n)
	return v
}

// number reads an unsigned number of size bytes (RFC 9846 §3.3).
func (r *reader) number(name string, size int) uint32 {
	var v uint32
	for _, b := range r.bytes(name, size) {
		v = v<<8 | uint32(b)
	}
	describe(r, v, decimal)
	return v
}

func (r *reader) uint8(name string) uint8   { return uint8(r.number(name, 1)) }
func (r *reader) uint16(name string) uint16 { return uint16(r.number(name, 2)) }
func (r *reader) uint24(name string) uint32 { return r.number(name, 3) }
func (r *reader) uint32(name string) uint32 { return r.number(name, 4) }

// vector reads a vector of the presentation language (RFC 9846 §3.4): a length
// of lengthLen bytes and as many bytes as it says, between least and most.
func (r *reader) vector(name string, lengthLen, least, most int) []byte {
	if !r.ok() {
		return nil
	}
	off := r.offset()
	var v cryptobyte.String
	var ok bool
	switch lengthLen {
	case 1:
		ok = r.s.ReadUint8LengthPrefixed(&v)
	case 2:
		ok = r.s.ReadUint16LengthPrefixed(&v)
	default:
		panic("wire: no vector has a length field of " + strconv.Itoa(lengthLen) + " bytes")
	}
	if !ok {
		r.fail(name, "its length goes beyond the end of what contains it")
		return nil
	}
	if len(v) < least || len(v) > most {
		r.fail(name, fmt.Sprintf("%s, %d to %d are allowed", inBytes(uint32(len(v))), least, most))
		return nil
	}
	if r.rec != nil {
		r.record(name+" length", off, lengthLen)
		describe(r, uint32(len(v)), decimal)
		r.record(name, off+lengthLen, len(v))
	}
	return v
}

// rest reads all that is left, where a structure is one opaque value without a
// length of its own.
func (r *reader) rest(name string) []byte { return r.bytes(name, len(r.s)) }

// open reads a vector and returns a reader of its content, nested below name.
func (r *reader) open(name string, lengthLen, least, most int) reader {
	v := r.vector(name, lengthLen, least, most)
	return r.nest(name, v, r.offset())
}
