package wire

// The recording of a message's fields, for an observer.

import (
	"encoding/hex"
	"strconv"
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
//
// Fields form a tree: those that follow a field with a greater depth are its
// parts. In a message that parsed, the parts fill their field without a gap,
// so that each byte belongs to one field without parts. Of a message that did
// not parse, the fields before the error are there.
type Fields struct {
	List []Field
}

// record adds a field at the reader's depth.
func (r *reader) record(name string, offset, length int) {
	if r.rec != nil {
		r.rec.List = append(r.rec.List, Field{Name: name, Offset: offset, Length: length, Depth: r.depth, Section: r.section})
	}
}

// begin records a structure whose fields follow, and whose length is not known
// yet: until end, it reaches as far as it can. It returns where it stands in
// the list, for end.
func (r *reader) begin(name string) int {
	at := 0
	if r.rec != nil && r.ok() {
		at = len(r.rec.List)
		r.record(name, r.offset(), len(r.s))
	}
	r.depth++
	return at
}

// end closes the structure that begin recorded at place at.
func (r *reader) end(at int) {
	r.depth--
	if r.rec != nil && r.ok() {
		f := &r.rec.List[at]
		f.Length = r.offset() - f.Offset
	}
}

// describe says in words what the field read last means. Its arguments are a
// value and a plain function instead of a closure, so that a parser which
// records nothing makes no words and captures no variables either.
func describe[T any](r *reader, v T, words func(T) string) {
	if r.rec != nil && r.ok() {
		r.rec.List[len(r.rec.List)-1].Value = words(v)
	}
}

func decimal(v uint32) string { return strconv.FormatUint(uint64(v), 10) }

func inBytes(v uint32) string {
	if v == 1 {
		return "1 byte"
	}
	return decimal(v) + " bytes"
}

func inSeconds(v uint32) string { return decimal(v) + " s" }

// quoted shows bytes of the peer's so that they cannot drive a terminal.
func quoted(b []byte) string { return strconv.QuoteToASCII(string(b)) }

// HexValue formats opaque bytes for display.
func HexValue(b []byte) string { return hex.EncodeToString(b) }
