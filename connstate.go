package watchword

import (
	"crypto/tls"
	"errors"

	"github.com/watchword-tls/watchword/internal/handshake"
)

// Session is what both ends of a complete connection agreed on and proved.
type Session struct {
	// Version is VersionTLS13 or VersionTLS12.
	Version uint16
	// Identity is the external identity of the key that was proved.
	Identity string
	// Kind says whether that key is imported or external.
	Kind Kind
	// Resumed is set where a ticket was used in place of the key.
	Resumed bool
	// Suite is the cipher suite.
	Suite SuiteID
	// Group is the group of the key exchange. Zero means that there was none:
	// WITHOUT FORWARD SECRECY (psk_ke, or PSK in TLS 1.2). A resumed session of
	// TLS 1.2 has no exchange of its own: this is then the group of its first
	// connection.
	Group Group
	// NextProto is the application protocol, empty if none was negotiated.
	NextProto string
	// ServerName is the name that the client sent as SNI.
	ServerName string
	// Retried is set if there was a HelloRetryRequest.
	Retried bool
	// ExtendedMasterSecret (RFC 7627) and EncryptThenMAC (RFC 7366) say whether
	// TLS 1.2 was used with them. TLS 1.3 needs neither.
	ExtendedMasterSecret bool
	EncryptThenMAC       bool
	// IdentityHint is what a TLS 1.2 server said to its client before it proved
	// anything: show it with care, and believe nothing in it.
	IdentityHint string

	exporter handshake.Exporter
	_        [0]func() // not to be compared
}

// Export returns n bytes of keying material bound to this connection, a label
// and a context (RFC 9846 §7.5; in TLS 1.2 RFC 5705, with the extended master
// secret only). Both ends get the same.
func (s Session) Export(label string, context []byte, n int) ([]byte, error) {
	if s.exporter == nil {
		if s.Version == VersionTLS12 {
			return nil, errors.New("watchword: without the extended master secret, keying material is not bound to one connection (RFC 7627 §5.4), and there is none")
		}
		return nil, errors.New("watchword: there is no keying material before the handshake is complete")
	}
	return s.exporter.Export(label, context, n)
}

// provenKey returns the key that was proved, nil before.
func (e *Engine) provenKey() *Key {
	if e.client == nil {
		if e.matched == nil {
			return nil
		}
		return e.matched.key
	}
	r := e.machine.Result()
	if r.Version == VersionTLS12 {
		k, _ := r.Tag.(*Key)
		return k
	}
	if t := e.client.ticket; t != nil && t.psk != nil && r.PSK == t.psk {
		for _, k := range e.config.Keys {
			if t.belongsTo(k) {
				return k
			}
		}
		return nil
	}
	for _, k := range e.config.Keys {
		for _, p := range k.psks {
			if p.psk == r.PSK {
				return k
			}
		}
	}
	return nil
}

// Session returns what was agreed on; its zero value before the handshake is
// complete.
func (e *Engine) Session() Session {
	if !e.complete {
		return Session{}
	}
	r := e.machine.Result()
	s := Session{
		Version:              r.Version,
		Resumed:              r.Resumed,
		Suite:                SuiteID(r.Suite.ID),
		Group:                Group(r.Group),
		NextProto:            r.NextProto,
		ServerName:           r.ServerName,
		Retried:              r.Retried,
		ExtendedMasterSecret: r.ExtendedMasterSecret,
		EncryptThenMAC:       r.EncryptThenMAC,
		IdentityHint:         r.IdentityHint,
		exporter:             r.Exporter,
	}
	if k := e.provenKey(); k != nil {
		s.Identity, s.Kind = k.identity, k.options.Kind
	}
	return s
}

// connectionState is the standard library's view.
func (e *Engine) connectionState() tls.ConnectionState {
	if !e.complete {
		return tls.ConnectionState{Version: tls.VersionTLS13}
	}
	r := e.machine.Result()
	return tls.ConnectionState{
		Version:            r.Version,
		HandshakeComplete:  true,
		DidResume:          r.Resumed,
		CipherSuite:        uint16(r.Suite.ID),
		CurveID:            tls.CurveID(r.Group),
		NegotiatedProtocol: r.NextProto,
		ServerName:         r.ServerName,
	}
}
