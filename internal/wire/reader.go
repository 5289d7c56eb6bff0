package wire

// The reader of messages: every field is read under its RFC name, once, by the
// code that acts on it. An error therefore names the field, and a recording of
// the fields with their bytes comes from the very run that parsed them. There
// is no second parser for display.

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"golang.org/x/crypto/cryptobyte"

	"github.com/watchword-tls/watchword/alert"
)

// Field is one named part of a message.
type Field struct {
	Name    string // the RFC's name, such as legacy_session_id
	Offset  int    // in bytes from the start of the message
	Length  int    // in bytes
	Depth   int    // of nesting: 0 is the message itself
	Value   string // the value in words or numbers; empty for opaque bytes
	Section string // where the RFC defines it, such as "RFC 9846 §4.2.2"
}

// Fields records the fields of one message in wire order. A nil *Fields
// records nothing and costs nothing.
type Fields struct {
	List []Field
}

// reader reads one message. Its first error sticks: later reads return zero
// values, so that a parser checks once, at its end. Loops test ok.
type reader struct {
	s       cryptobyte.String
	end     int // offset of the end of s in the message
	depth   int
	section string
	path    string // names the enclosing structures, for errors
	rec     *Fields
	err     *error // shared with nested readers
}

func newReader(raw []byte, name, section string, rec *Fields) *reader {
	return &reader{s: raw, end: len(raw), path: name, section: section, rec: rec, err: new(error)}
}

func (r *reader) ok() bool    { return *r.err == nil }
func (r *reader) more() bool  { return *r.err == nil && !r.s.Empty() }
func (r *reader) offset() int { return r.end - len(r.s) }

// fail keeps the first error, a decode_error that names the field.
func (r *reader) fail(field, reason string) {
	if *r.err == nil {
		*r.err = alert.New(alert.DecodeError, r.path+"."+field+": "+reason)
	}
	r.s = nil
}

// illegal keeps an illegal_parameter error: well formed, but not allowed.
func (r *reader) illegal(field, reason string) {
	if *r.err == nil {
		*r.err = alert.New(alert.IllegalParameter, r.path+"."+field+": "+reason)
	}
	r.s = nil
}

func (r *reader) record(name string, offset, length int, value string) int {
	if r.rec == nil {
		return 0
	}
	r.rec.List = append(r.rec.List, Field{Name: name, Offset: offset, Length: length, Depth: r.depth, Value: value, Section: r.section})
	return len(r.rec.List) - 1
}

// note says in words what the field read last means.
func (r *reader) note(value func() string) {
	if r.rec != nil && len(r.rec.List) > 0 && r.ok() {
		r.rec.List[len(r.rec.List)-1].Value = value()
	}
}

func (r *reader) uint8(name string) uint8 {
	off := r.offset()
	var v uint8
	if !r.s.ReadUint8(&v) {
		r.fail(name, "the message ends before it")
		return 0
	}
	if r.rec != nil {
		r.record(name, off, 1, strconv.Itoa(int(v)))
	}
	return v
}

func (r *reader) uint16(name string) uint16 {
	off := r.offset()
	var v uint16
	if !r.s.ReadUint16(&v) {
		r.fail(name, "the message ends before it")
		return 0
	}
	if r.rec != nil {
		r.record(name, off, 2, fmt.Sprintf("0x%04x", v))
	}
	return v
}

func (r *reader) uint24(name string) uint32 {
	off := r.offset()
	var v uint32
	if !r.s.ReadUint24(&v) {
		r.fail(name, "the message ends before it")
		return 0
	}
	if r.rec != nil {
		r.record(name, off, 3, strconv.Itoa(int(v)))
	}
	return v
}

func (r *reader) uint32(name string) uint32 {
	off := r.offset()
	var v uint32
	if !r.s.ReadUint32(&v) {
		r.fail(name, "the message ends before it")
		return 0
	}
	if r.rec != nil {
		r.record(name, off, 4, strconv.FormatUint(uint64(v), 10))
	}
	return v
}

// bytes reads n bytes; the result aliases the message.
func (r *reader) bytes(name string, n int) []byte {
	off := r.offset()
	var v []byte
	if !r.s.ReadBytes(&v, n) {
		r.fail(name, fmt.Sprintf("%d bytes wanted, %d are left", n, len(r.s)))
		return nil
	}
	r.record(name, off, n, "")
	return v
}

// vector reads a vector of the presentation language (RFC 9846 §3.4): a length
// of lengthLen bytes and as many bytes as it says, between least and most.
func (r *reader) vector(name string, lengthLen, least, most int) []byte {
	off := r.offset()
	var v cryptobyte.String
	var ok bool
	switch lengthLen {
	case 1:
		ok = r.s.ReadUint8LengthPrefixed(&v)
	case 2:
		ok = r.s.ReadUint16LengthPrefixed(&v)
	}
	if !ok {
		r.fail(name, "its length goes beyond the end of the message")
		return nil
	}
	if len(v) < least || len(v) > most {
		r.fail(name, fmt.Sprintf("%d bytes, %d to %d are allowed", len(v), least, most))
		return nil
	}
	if r.rec != nil {
		r.record(name+" length", off, lengthLen, strconv.Itoa(len(v)))
		r.record(name, off+lengthLen, len(v), "")
	}
	return v
}

// open reads a vector and returns a reader of its content, nested below name.
func (r *reader) open(name string, lengthLen, least, most int) *reader {
	v := r.vector(name, lengthLen, least, most)
	return r.nest(name, v, r.offset())
}

// nest returns a reader of content, which ends at offset end of the message.
func (r *reader) nest(name string, content []byte, end int) *reader {
	return &reader{s: content, end: end, depth: r.depth + 1, section: r.section, path: r.path + "." + name, rec: r.rec, err: r.err}
}

// done reports an error unless everything was read.
func (r *reader) done() {
	if r.ok() && !r.s.Empty() {
		n := len(r.s)
		r.fail("end", fmt.Sprintf("%d bytes are left over", n))
	}
}

// HexValue formats opaque bytes for display.
func HexValue(b []byte) string { return hex.EncodeToString(b) }

// appendVector appends content with a length of lengthLen bytes before it. A
// content of ours that does not fit is a broken invariant.
func appendVector(b []byte, lengthLen int, content func([]byte) []byte) []byte {
	start := len(b)
	for range lengthLen {
		b = append(b, 0)
	}
	b = content(b)
	n := len(b) - start - lengthLen
	if n >= 1<<(8*lengthLen) {
		panic("wire: a vector of ours is too long")
	}
	for i := range lengthLen {
		b[start+i] = byte(n >> (8 * (lengthLen - 1 - i)))
	}
	return b
}

func appendBytes(b []byte, lengthLen int, content []byte) []byte {
	return appendVector(b, lengthLen, func(b []byte) []byte { return append(b, content...) })
}

func appendUint16(b []byte, v uint16) []byte { return append(b, byte(v>>8), byte(v)) }

func appendUint32(b []byte, v uint32) []byte {
	return append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}
