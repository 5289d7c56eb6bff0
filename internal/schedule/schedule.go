// Package schedule derives the secrets of TLS 1.3, and in tls12.go those of
// TLS 1.2. Each secret is a type of its own, and the only way to a secret is
// through the one above it in the diagram of RFC 9846 §7.1:
//
//	          0
//	          |
//	          v
//	PSK -> HKDF-Extract = Early Secret                 type PSK
//	          |
//	          +--> Derive-Secret(., "ext binder" | "res binder" |
//	          |                     "imp binder", "")
//	          |      = binder_key                      PSK.Binder
//	          v
//	       Derive-Secret(., "derived", "")
//	          |
//	          v
//	(EC)DHE -> HKDF-Extract = Handshake Secret         type Handshake
//	          |
//	          +--> Derive-Secret(., "c hs traffic", ClientHello...ServerHello)
//	          |      = client_handshake_traffic_secret Handshake.ClientTraffic
//	          +--> Derive-Secret(., "s hs traffic", ClientHello...ServerHello)
//	          |      = server_handshake_traffic_secret Handshake.ServerTraffic
//	          v
//	       Derive-Secret(., "derived", "")
//	          |
//	          v
//	0 ->   HKDF-Extract = Main Secret                  type Main
//	          |
//	          +--> Derive-Secret(., "c ap traffic", ClientHello...server Finished)
//	          |      = client_application_traffic_secret_0   Main.ClientTraffic
//	          +--> Derive-Secret(., "s ap traffic", ClientHello...server Finished)
//	          |      = server_application_traffic_secret_0   Main.ServerTraffic
//	          +--> Derive-Secret(., "exp master", ClientHello...server Finished)
//	          |      = exporter_secret                 Main.Exporter
//	          +--> Derive-Secret(., "res master", ClientHello...client Finished)
//	                 = resumption_secret               Main.Resumption
//
// The secrets of early data ("c e traffic", "e exp master") are left out:
// early data can be replayed, and this library neither sends nor accepts it.
//
// Zero values are no secrets, and using one is a fault of the caller: it
// panics. Where th is a parameter it is the transcript hash (RFC 9846 §4.5)
// of the messages that the diagram names.
package schedule

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/watchword-tls/watchword/internal/suite"
)

const (
	labelPrefix = "tls13 "
	// maxLabelLen is the longest label in bytes: with its prefix it has one
	// length byte in HkdfLabel (RFC 9846 §7.1).
	maxLabelLen = 255 - len(labelPrefix)
	// maxExpandBlocks is how many hash values HKDF-Expand gives at most
	// (RFC 5869 §2.3).
	maxExpandBlocks = 255
)

// ExpandLabel is HKDF-Expand-Label (RFC 9846 §7.1). The label goes without
// "tls13 "; label and context each fit one length byte.
func ExpandLabel(h suite.Hash, secret []byte, label string, context []byte, n int) []byte {
	if len(label) > maxLabelLen || len(context) > 255 || n < 0 || n > maxExpandBlocks*h.Size() {
		panic("schedule: a label, a context or a length does not fit HkdfLabel")
	}
	var room [2 + 1 + len(labelPrefix) + 18 + 1 + suite.MaxHashSize]byte
	info := binary.BigEndian.AppendUint16(room[:0], uint16(n))
	info = append(info, byte(len(labelPrefix)+len(label)))
	info = append(info, labelPrefix...)
	info = append(info, label...)
	info = append(info, byte(len(context)))
	info = append(info, context...)
	return h.Expand(secret, info, n)
}

// Handshake is the Handshake Secret.
type Handshake struct{ secret }

// ClientTraffic returns client_handshake_traffic_secret; th covers
// ClientHello to ServerHello.
func (s Handshake) ClientTraffic(th []byte) Traffic {
	return Traffic{s.derive("c hs traffic", th)}
}

// ServerTraffic returns server_handshake_traffic_secret; th covers
// ClientHello to ServerHello.
func (s Handshake) ServerTraffic(th []byte) Traffic {
	return Traffic{s.derive("s hs traffic", th)}
}

// Main returns the Main Secret. The Handshake Secret is not needed after it.
func (s Handshake) Main() Main {
	salt := s.derive("derived", emptyHash(s.hash))
	return Main{newSecret(s.hash, s.hash.Extract(salt.raw(), zeros(s.hash)))}
}

// Main is the Main Secret ("master" in the labels and in RFC 8446).
type Main struct{ secret }

// ClientTraffic returns client_application_traffic_secret_0; th covers
// ClientHello to the server's Finished.
func (s Main) ClientTraffic(th []byte) Traffic {
	return Traffic{s.derive("c ap traffic", th)}
}

// ServerTraffic returns server_application_traffic_secret_0; th covers
// ClientHello to the server's Finished.
func (s Main) ServerTraffic(th []byte) Traffic {
	return Traffic{s.derive("s ap traffic", th)}
}

// Exporter returns exporter_secret; th covers ClientHello to the server's
// Finished.
func (s Main) Exporter(th []byte) Exporter { return Exporter{s.derive("exp master", th)} }

// Resumption returns resumption_secret; th covers ClientHello to the client's
// Finished.
func (s Main) Resumption(th []byte) Resumption { return Resumption{s.derive("res master", th)} }

// Traffic is one of the four kinds of traffic secret: of one direction, for
// the handshake or for the application.
type Traffic struct{ secret }

// KeyIV returns the key and the IV that protect records of suite s
// (RFC 9846 §7.3).
func (t Traffic) KeyIV(s *suite.Suite) (key, iv []byte) {
	if s.Hash != t.hash {
		panic("schedule: a traffic secret is used with a suite of another hash")
	}
	return ExpandLabel(t.hash, t.raw(), "key", nil, s.KeyLen),
		ExpandLabel(t.hash, t.raw(), "iv", nil, suite.NonceLen)
}

// Finished returns the verify_data of the sender that this secret belongs to
// (RFC 9846 §4.5.3); th covers all messages before the Finished.
func (t Traffic) Finished(th []byte) []byte {
	return t.hash.HMAC(finishedKey(t.secret).raw(), th)
}

// VerifyFinished reports, in constant time, whether got is the verify_data
// that Finished returns.
func (t Traffic) VerifyFinished(th, got []byte) bool {
	return subtle.ConstantTimeCompare(t.Finished(th), got) == 1
}

// Next returns application_traffic_secret_N+1, for a KeyUpdate (RFC 9846 §7.2).
func (t Traffic) Next() Traffic { return Traffic{t.derive("traffic upd", nil)} }

// finishedKey is the finished_key of RFC 9846 §4.5.3.
func finishedKey(base secret) secret { return base.derive("finished", nil) }

// Exporter is exporter_secret.
type Exporter struct{ secret }

// The reasons for which Export refuses.
var (
	ErrExportLabel  = fmt.Errorf("the exporter's label is longer than %d bytes: use a shorter one", maxLabelLen)
	ErrExportLength = errors.New("the exporter cannot give so many bytes: at most 255 times the size of the hash")
)

// Export returns n bytes of keying material for label and context (RFC 9846
// §7.5). No context gives the same as an empty one.
func (e Exporter) Export(label string, context []byte, n int) ([]byte, error) {
	if len(label) > maxLabelLen {
		return nil, ErrExportLabel
	}
	if n < 0 || n > maxExpandBlocks*e.hash.Size() {
		return nil, ErrExportLength
	}
	derived := e.derive(label, emptyHash(e.hash))
	return ExpandLabel(e.hash, derived.raw(), "exporter", e.hash.Sum(context), n), nil
}

// Resumption is resumption_secret.
type Resumption struct{ secret }

// TicketPSK returns the PSK of the ticket with this ticket_nonce, at most 255
// bytes (RFC 9846 §4.7.1).
func (r Resumption) TicketPSK(nonce []byte) []byte {
	return ExpandLabel(r.hash, r.raw(), "resumption", nonce, r.hash.Size())
}

var (
	emptySHA256 = suite.SHA256.Sum(nil)
	emptySHA384 = suite.SHA384.Sum(nil)
	allZeros    [suite.MaxHashSize]byte
)

// emptyHash is Transcript-Hash("").
func emptyHash(h suite.Hash) []byte {
	if h == suite.SHA384 {
		return emptySHA384
	}
	return emptySHA256
}

// zeros is the "0" of the diagram: Hash.length bytes of zero.
func zeros(h suite.Hash) []byte { return allZeros[:h.Size()] }
