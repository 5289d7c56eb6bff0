// Package handshake holds the states of TLS 1.3 and 1.2, from the first
// ClientHello to the last KeyUpdate. It does no I/O: a [Machine] takes whole handshake
// messages and answers with effects, which the engine carries out in order.
// It reads no clock, starts no goroutine, and takes randomness only from its
// configuration.
package handshake

import (
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// An Effect is something that a state asks the engine to do.
type Effect interface{ effect() }

// Send sends a whole handshake message under the current write key.
type Send struct{ Raw []byte }

// SendChangeCipherSpec sends the dummy record of middlebox compatibility mode
// (RFC 9846 §E.4), or in TLS 1.2 the record that announces a new key
// (RFC 5246 §7.1).
type SendChangeCipherSpec struct{}

// SetWriteKey protects everything sent from now on.
type SetWriteKey struct {
	Suite  *suite.Suite
	Secret schedule.Traffic
}

// SetReadKey expects everything received from now on to be protected so. No
// part of a message may be left over from before (RFC 9846 §5.1).
type SetReadKey struct {
	Suite  *suite.Suite
	Secret schedule.Traffic
}

// SetWriteKey12 is SetWriteKey for TLS 1.2.
type SetWriteKey12 struct {
	Suite *suite.Suite
	Keys  schedule.Keys12
	Form  suite.CBCForm
}

// SetReadKey12 is SetReadKey for TLS 1.2.
type SetReadKey12 struct {
	Suite *suite.Suite
	Keys  schedule.Keys12
	Form  suite.CBCForm
}

// TryReadKeys12 expects everything received from now on to be protected with
// one of these keys: which, tells the first record (see KeyTried).
type TryReadKeys12 struct {
	Suite *suite.Suite
	Keys  []schedule.Keys12
	Form  suite.CBCForm
}

// SkipEarlyData says that the client sends early data which we refused: until
// a record opens, those that do not are to be skipped, within a limit
// (RFC 9846 §4.3.10).
type SkipEarlyData struct{}

// SkipPlainEarlyData is the same after a HelloRetryRequest, where protected
// records come before the second ClientHello, which is not protected.
type SkipPlainEarlyData struct{}

// LimitSent says how many bytes of content the peer takes in one record
// (RFC 8449). LimitRead is the longest TLSInnerPlaintext that we take.
type LimitSent struct{ MaxContent int }

// LimitRead is the counterpart of LimitSent.
type LimitRead struct{ MaxInner int }

// WantPSK pauses a server until the application has looked up keys and Answer
// is called.
type WantPSK struct {
	// Version is that of the handshake. In TLS 1.2 there is one identity, or
	// one ticket, and no binder.
	Version    uint16
	Ticket     bool // of TLS 1.2: the identity is a ticket, and may be no good
	Identities []wire.PSKIdentity
	BinderLens []int
	Random     [32]byte
	ServerName string
	NextProto  string
	// Mode is how the key will be used.
	Mode wire.PSKKeyExchangeMode
}

// Done says that the handshake is complete and the peer proved its key.
type Done struct{}

// TicketReceived gives a client a ticket. PSK is a secret.
type TicketReceived struct {
	Message *wire.NewSessionTicket
	PSK     []byte
}

// TicketReceived12 gives a client a ticket of TLS 1.2 with its session.
type TicketReceived12 struct {
	Message *wire.NewSessionTicket12
	Session *Session12
}

// TicketGoesOn12 says that the server resumed a session and sent no new ticket:
// the one that was used works on (RFC 5077 §3.3). OpenSSL does so.
type TicketGoesOn12 struct{}

func (TicketGoesOn12) effect()       {}
func (SetWriteKey12) effect()        {}
func (SetReadKey12) effect()         {}
func (TryReadKeys12) effect()        {}
func (TicketReceived12) effect()     {}
func (Send) effect()                 {}
func (SendChangeCipherSpec) effect() {}
func (SetWriteKey) effect()          {}
func (SetReadKey) effect()           {}
func (SkipEarlyData) effect()        {}
func (SkipPlainEarlyData) effect()   {}
func (LimitSent) effect()            {}
func (LimitRead) effect()            {}
func (WantPSK) effect()              {}
func (Done) effect()                 {}
func (TicketReceived) effect()       {}
