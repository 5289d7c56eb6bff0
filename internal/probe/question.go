package probe

// Questions without a key: the ClientHellos.

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"slices"
	"strconv"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// allGroups are asked for: ours, and those that a server may have in their
// place, so that the report can say why there is none in common.
var allGroups = []wire.NamedGroup{wire.GroupX25519MLKEM768, wire.GroupX25519, wire.GroupP256, groupP384, groupP521, groupX448}

const (
	groupP384 wire.NamedGroup = 0x0018
	groupP521 wire.NamedGroup = 0x0019
	groupX448 wire.NamedGroup = 0x001e
)

// groups12 are those of allGroups that TLS 1.2 has.
func groups12() []wire.NamedGroup { return without(allGroups, wire.GroupX25519MLKEM768) }

// ourGroups returns the groups of the library.
func ourGroups(version uint16) []wire.NamedGroup {
	if version == wire.VersionTLS13 {
		return []wire.NamedGroup{wire.GroupX25519MLKEM768, wire.GroupX25519, wire.GroupP256}
	}
	return []wire.NamedGroup{wire.GroupX25519, wire.GroupP256}
}

// signatureAlgorithms is offered so that a server may go on with a
// certificate: ECDSA with P-256 and P-384, RSA-PSS and PKCS1 with SHA-256, 384
// and 512, Ed25519 (RFC 9846 §4.3.3).
var signatureAlgorithms = []byte{
	0x04, 0x03, 0x05, 0x03, 0x08, 0x07, 0x08, 0x04, 0x08, 0x05, 0x08, 0x06, 0x04, 0x01, 0x05, 0x01, 0x06, 0x01,
}

// helloBase is what the questions have in common.
func (p *prober) helloBase(suites []suite.ID, groups []wire.NamedGroup) *wire.ClientHello {
	h := &wire.ClientHello{
		LegacyVersion:            wire.VersionTLS12,
		CipherSuites:             numbers(suites),
		LegacyCompressionMethods: []byte{0},
		SupportedGroups:          slices.Clone(groups),
		SignatureAlgorithms:      signatureAlgorithms,
	}
	fill(h.Random[:])
	if p.ServerName != "" {
		h.ServerName = &p.ServerName
	}
	return h
}

// hello13 offers TLS 1.3 alone, with a key that the server cannot know. Its
// binder is random: no server can tell before it has looked for the key.
func (p *prober) hello13(suites []suite.ID, groups []wire.NamedGroup) *wire.ClientHello {
	h := p.helloBase(suites, groups)
	h.LegacySessionID = random(32)
	h.SupportedVersions = []uint16{wire.VersionTLS13}
	h.PSKKeyExchangeModes = []wire.PSKKeyExchangeMode{wire.PSKWithECDHE, wire.PSKOnly}
	h.KeyShare = &wire.ClientKeyShare{}
	h.PreSharedKey = &wire.OfferedPSKs{
		Identities: []wire.PSKIdentity{{Identity: []byte(nobody())}},
		Binders:    [][]byte{random(32)},
	}
	return h
}

// withShare adds a share of X25519: any 32 bytes are one, and since the secret
// is never used, nobody needs to know it.
func withShare(h *wire.ClientHello) *wire.ClientHello {
	h.KeyShare.Shares = []wire.KeyShareEntry{{Group: wire.GroupX25519, KeyExchange: random(32)}}
	return h
}

// hello12 offers TLS 1.2 alone, as programs did that knew nothing newer.
func (p *prober) hello12(suites []suite.ID, groups []wire.NamedGroup) *wire.ClientHello {
	h := p.helloBase(suites, groups)
	h.ECPointFormats = []byte{0} // uncompressed (RFC 8422 §5.1.2)
	h.EncryptThenMAC = true
	h.ExtendedMasterSecret = true
	h.SessionTicket = []byte{}
	h.RenegotiationInfo = []byte{}
	return h
}

// nobody is an identity that no server has a key for. It says who asks, for
// whoever finds it in a log.
func nobody() string { return "watchword-probe-" + hex.EncodeToString(random(4)) }

func fill(b []byte) {
	// crypto/rand does not fail (Go 1.24).
	_, _ = rand.Read(b)
}

func random(n int) []byte {
	b := make([]byte, n)
	fill(b)
	return b
}

func numbers(suites []suite.ID) []uint16 {
	var ids []uint16
	for _, s := range suites {
		ids = append(ids, uint16(s))
	}
	return ids
}

func decimal(v uint64) string { return strconv.FormatUint(v, 10) }

// ask sends one ClientHello and returns what comes back.
func (p *prober) ask(h *wire.ClientHello) (*answer, error) {
	raw, err := p.connect()
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	var w record.Writer
	w.SetLegacyVersion(wire.VersionTLS10) // RFC 9846 §5.1
	out, err := w.Append(nil, record.Handshake, h.Append(nil))
	if err != nil {
		return nil, err
	}
	// A server may refuse and close before it has read all of it: what it has
	// to say is read in any case.
	_, _ = raw.Write(out)
	l := &listener{conn: raw, knownTLS: p.heard, answer: answer{askedTicket: h.SessionTicket != nil}}
	err = l.listen()
	p.heard = p.heard || l.heard
	if err == nil && l.answer.closed {
		err = p.over()
	}
	if err == nil {
		err = l.answer.check(h)
	}
	if err != nil {
		return nil, p.cause(err)
	}
	p.trust(&l.answer, h)
	goodbye(raw, &l.answer)
	return &l.answer, nil
}

// goodbye tells a server that waits for the rest of the handshake that there
// will be none (RFC 5246 §7.2.2, RFC 9846 §6.1).
func goodbye(raw net.Conn, a *answer) {
	if a.hello == nil {
		return
	}
	var w record.Writer
	w.SetLegacyVersion(min(a.version(), wire.VersionTLS12))
	out, err := w.Append(nil, record.Alert, wire.AppendAlert(nil, alert.UserCanceled))
	if err == nil {
		out, err = w.Append(out, record.Alert, wire.AppendAlert(nil, alert.CloseNotify))
	}
	if err == nil {
		_, _ = raw.Write(out) // it is on its way out
	}
}
