package watchword

import (
	"fmt"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/wire"
)

// EventKind says what an Event is about.
type EventKind uint8

// The kinds of events.
const (
	EventRecord  EventKind = iota // a record was sent or received
	EventMessage                  // a handshake message was sent or parsed
	EventSecret                   // a secret was derived
	EventAlert                    // an alert was sent or received
	EventState                    // the handshake entered a state
)

// Event is one thing that happened inside a connection, shown to
// Config.Observer in the order in which it happened. The observer is called
// from within the connection: it must not call back into it and should be
// quick. Its slices are valid during the call only.
//
// EVENTS HOLD SECRETS AND PLAINTEXT. Observe only what you may read.
type Event struct {
	Kind EventKind
	// Sent tells what this end sent from what it received.
	Sent bool
	// Name is the record's content type, the message's type, the name of the
	// secret (RFC 9850's label where there is one), the alert, or the state
	// (RFC 9846 §A), in the RFC's words.
	Name string
	// Bytes is the record as it is on the wire, the whole message, or the
	// secret.
	Bytes []byte
	// Content is what a record carries, decrypted; Seq its sequence number
	// under the current key; Protected whether it is encrypted.
	Content   []byte
	Seq       uint64
	Protected bool
	// Fields are the fields of a message with their places in Bytes, from the
	// parser that read it.
	Fields []Field
	// Alert is the description of an alert.
	Alert alert.Description
}

// Field is a named part of a message: Bytes[Offset:Offset+Length].
type Field struct {
	Name    string // the RFC's name
	Offset  int    // in bytes
	Length  int    // in bytes
	Depth   int    // of nesting
	Value   string // in words; empty for opaque bytes
	Section string // where it is defined, such as "RFC 9846 §4.2.2"
}

func fieldsOf(list []wire.Field) []Field {
	fields := make([]Field, len(list))
	for i, f := range list {
		fields[i] = Field(f)
	}
	return fields
}

// String describes the event in one line, without the bytes of secrets.
func (e Event) String() string {
	direction := "received"
	if e.Sent {
		direction = "sent"
	}
	switch e.Kind {
	case EventRecord:
		return fmt.Sprintf("%s record %s, %d bytes", direction, e.Name, len(e.Bytes))
	case EventMessage:
		return fmt.Sprintf("%s %s, %d bytes", direction, e.Name, len(e.Bytes))
	case EventSecret:
		return fmt.Sprintf("derived %s, %d bytes", e.Name, len(e.Bytes))
	case EventAlert:
		return fmt.Sprintf("%s %s", direction, e.Alert.Numbered())
	}
	return "state " + e.Name
}
