package watchword

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/record"
)

// LocalError is a fault that this end found and told the peer about.
type LocalError = alert.LocalError

// RemoteError is an alert that the peer sent.
type RemoteError = alert.RemoteError

// Errors to be matched with errors.Is. What is returned says more: which key,
// which peer, what to do.
var (
	// ErrTruncated: the stream ended without close_notify. What was received
	// may not be all that was sent; it is never a clean end.
	ErrTruncated = errors.New("the connection ended without close_notify: data may be missing")

	// ErrNothingReceived (server): the other end connected and went away
	// without a byte, as those do who only want to know whether somebody
	// listens. errors.Is finds ErrTruncated in it too.
	ErrNothingReceived error = &causeError{"the other end closed the connection without sending anything", ErrTruncated}

	// ErrKeyRejected (client): the server does not know the key, or its key
	// differs, or no suite or group is in common. No client can tell which.
	ErrKeyRejected = errors.New("the other end rejected the key")

	// ErrUnknownIdentity (server): no key is known for an offered identity.
	ErrUnknownIdentity = errors.New("unknown identity")

	// ErrWrongKey (server): the identity is known, but the peer's key is not
	// the one known here.
	ErrWrongKey = errors.New("the other end's key differs")

	// ErrNotAdmitted: a [KeyLookup] wraps it to refuse an identity that it
	// knows. The peer sees what it would see for an unknown one.
	ErrNotAdmitted = errors.New("identity not admitted")

	// ErrReflected (server): the ClientHello came from a client in this very
	// process. Either somebody sends our messages back to us (RFC 9257 §4.1),
	// or this process connects to itself.
	ErrReflected = errors.New("the ClientHello came from this very process: it was reflected, or the process connects to itself (see Config.AllowSameProcess)")

	// ErrNotTLS: what arrived is no TLS.
	ErrNotTLS = record.ErrVersion

	// ErrClosed: the connection was closed by this end.
	// errors.Is finds net.ErrClosed in it.
	ErrClosed error = &causeError{"use of a closed connection", net.ErrClosed}

	// ErrHandshakeTimeout: the handshake took longer than
	// Config.HandshakeTimeout.
	ErrHandshakeTimeout = errors.New("the handshake took too long")
)

// keyRejected is what a client makes of a refusal before the server's
// Finished.
type keyRejected struct {
	identities []string
	cause      error
}

func (e *keyRejected) Error() string {
	what := "it closed the connection without an alert, which is most likely its way to say so"
	var remote *alert.RemoteError
	var local *alert.LocalError
	switch {
	case errors.As(e.cause, &remote):
		what = remote.Description.Numbered()
	case errors.As(e.cause, &local):
		what = local.Why()
	}
	return fmt.Sprintf("the other end does not know the key %s, or its key differs, or no suite or group is in common (%s): compare the fingerprints of the key on both ends, and whether its kind (imported or external), hash and context are the same",
		quoted(e.identities), what)
}

func (e *keyRejected) Is(target error) bool { return target == ErrKeyRejected }
func (e *keyRejected) Unwrap() error        { return e.cause }

// rejectsKey reports whether alert d, received before the server's Finished,
// is a way to refuse a key: OpenSSL sends 40 or 47, or 109 because it falls back
// on certificates and finds no signature_algorithms; GnuTLS 47; others 20, 51
// or 115.
func rejectsKey(d alert.Description) bool {
	switch d {
	case alert.BadRecordMAC, alert.HandshakeFailure, alert.IllegalParameter, alert.DecryptError, alert.MissingExtension, alert.UnknownPSKIdentity:
		return true
	}
	return false
}

// causeError is a sentence with a sentinel beneath it.
type causeError struct {
	sentence string
	is       error
}

func (e *causeError) Error() string { return e.sentence }
func (e *causeError) Unwrap() error { return e.is }

// lateError is a causeError whose sentence is put together only when it is
// wanted: those of a server's refusals are at hand in every handshake.
type lateError struct {
	once     sync.Once
	sentence func() string
	said     string
	is       error
}

// late returns a lateError.
func late(is error, sentence func() string) error { return &lateError{sentence: sentence, is: is} }

func (e *lateError) Error() string {
	e.once.Do(func() {
		e.said = e.sentence()
		e.sentence = nil // and what it holds
	})
	return e.said
}

func (e *lateError) Unwrap() error { return e.is }

func quoted(names []string) string {
	var q []string
	for _, n := range names {
		q = append(q, quotedStart(n))
	}
	return strings.Join(q, ", ")
}

// quotedStart quotes a name, of which a peer may have sent thousands of bytes. A long
// one ends after a whole character.
func quotedStart(name string) string {
	const most, more = 80, `..."`
	if len(name) <= most {
		if q := strconv.Quote(name); len(q) <= most {
			return q
		}
	}
	q := []byte{'"'}
	for {
		_, size := utf8.DecodeRuneInString(name)
		character := strconv.Quote(name[:size])
		character = character[1 : len(character)-1]
		if len(q)+len(character)+len(more) > most {
			return string(q) + more
		}
		q, name = append(q, character...), name[size:]
	}
}
