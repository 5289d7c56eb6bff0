package probe

// Questions without a key: the ClientHellos, and what comes back.

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
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

// answer is what came back.
type answer struct {
	hello  *wire.ServerHello  // nil: it refused
	alert  *alert.Description // of the server, in place of the rest
	closed bool               // it ended the connection without an alert

	// Of TLS 1.2:
	curve       wire.NamedGroup // of the ServerKeyExchange
	hint        []byte
	askedTicket bool

	// Of a whole handshake:
	proved bool
	ticket bool // a NewSessionTicket came
	err    error
}

func (a *answer) suite() suite.ID { return suite.ID(a.hello.CipherSuite) }

// group returns the group of the exchange, zero if it has none.
func (a *answer) group() wire.NamedGroup {
	switch {
	case a.hello.KeyShare != nil:
		return a.hello.KeyShare.Group
	case a.hello.SelectedGroup != nil:
		return *a.hello.SelectedGroup
	}
	return a.curve
}

// version returns the version that the server chose.
func (a *answer) version() uint16 {
	if a.hello.SelectedVersion != nil {
		return *a.hello.SelectedVersion
	}
	return a.hello.LegacyVersion
}

// chose reports whether the server accepted something. What it chose is never
// something else than was asked for: see check.
func (a *answer) chose(suites []suite.ID, _ []wire.NamedGroup) bool {
	return a.hello != nil && slices.Contains(suites, a.suite())
}

// refusedWith reports whether the server refused with this alert.
func (a *answer) refusedWith(d alert.Description) bool { return a.alert != nil && *a.alert == d }

// downgraded reports whether the random of a ServerHello says that the server
// speaks TLS 1.3 and was not asked for it (RFC 9846 §4.2.3).
func (a *answer) downgraded() bool {
	return a.hello != nil && string(a.hello.Random[24:31]) == "DOWNGRD"
}

// What is no answer to the question.
var (
	errVersion = errors.New("its answer names a version that was not offered")
	errSuite   = errors.New("its answer names a suite that was not offered")
	errGroup   = errors.New("its answer names a group that was not offered")
)

// check refuses an answer to something else.
func (a *answer) check(h *wire.ClientHello) error {
	if a.hello == nil {
		return nil
	}
	offered := h.SupportedVersions
	if offered == nil {
		offered = []uint16{h.LegacyVersion}
		// An older one may be chosen (RFC 5246 appendix E.1).
		if v := a.version(); v >= 0x0300 && v < h.LegacyVersion {
			offered = append(offered, v)
		}
	}
	switch {
	case !slices.Contains(offered, a.version()):
		return errVersion
	case !slices.Contains(h.CipherSuites, a.hello.CipherSuite):
		return errSuite
	case a.group() != 0 && !slices.Contains(h.SupportedGroups, a.group()):
		return errGroup
	}
	return nil
}

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
	l := &listener{conn: raw, answer: answer{askedTicket: h.SessionTicket != nil}}
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

// listener reads an answer.
type listener struct {
	conn     net.Conn
	buf      []byte // what was read and not yet taken apart
	records  record.Reader
	messages record.Reassembler
	answer   answer
	heard    bool // a whole record of TLS came
	done     bool
	warnings int
}

func (l *listener) listen() error {
	total := 0
	for !l.done {
		chunk := make([]byte, 4096)
		n, err := l.conn.Read(chunk)
		l.buf = append(l.buf, chunk[:n]...)
		if total += n; total > limits.MaxProbeAnswer {
			return ErrEndless
		}
		if n > 0 {
			if err := l.take(); err != nil {
				return err
			}
		}
		if err != nil && !l.done {
			return l.ended(err, total)
		}
	}
	return nil
}

// ended says what the end of the stream means: its close, or that the system
// at the other end broke it off for a program that closed without reading.
func (l *listener) ended(err error, total int) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && total == 0:
		return ErrSilent
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrStalled
	case len(l.buf) > 0 || !l.messages.Empty():
		return errors.New("it closed the connection in the middle of its answer")
	}
	l.answer.closed = true
	return nil
}

// take takes apart the whole records that there are.
func (l *listener) take() error {
	for !l.done {
		_, total, err := l.records.Next(l.buf)
		if err != nil {
			return l.noTLS(err)
		}
		if total == 0 || len(l.buf) < total {
			return nil
		}
		t, content, err := l.records.Open(nil, l.buf[:total])
		if err != nil {
			return err
		}
		l.buf = l.buf[total:]
		l.heard = true
		if err := l.record(t, content); err != nil {
			return err
		}
	}
	return nil
}

// noTLS shows the beginning of what a server says that speaks first, or
// something else.
func (l *listener) noTLS(err error) error {
	const shown = 40 // bytes
	if l.heard || !errors.Is(err, record.ErrVersion) {
		return err
	}
	text := l.buf[:min(len(l.buf), shown)]
	return fmt.Errorf("it speaks something else than TLS, or something else first; its answer begins with %q", text)
}

func (l *listener) record(t record.ContentType, content []byte) error {
	switch t {
	case record.Alert:
		return l.alert(content)
	case record.Handshake:
		if err := l.messages.Add(content); err != nil {
			return err
		}
		for !l.done {
			raw, ok, err := l.messages.Next()
			if err != nil || !ok {
				return err
			}
			if err := l.message(raw); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("its answer holds a record of type " + t.String() + ", which has no place there")
}

// alert takes an alert for the answer, unless it is a mere warning, which some
// servers send about the server name (RFC 6066 §3).
func (l *listener) alert(content []byte) error {
	level, d, err := wire.ParseAlert(content, nil)
	if err != nil {
		return err
	}
	if level == alert.Warning && d != alert.CloseNotify {
		if l.warnings++; l.warnings > limits.MaxWarningAlerts {
			return ErrEndless
		}
		return nil
	}
	l.answer.alert, l.answer.hello, l.done = &d, nil, true
	return nil
}

// message reads one message of the answer. In TLS 1.2 that of a server with
// shared keys ends with ServerHelloDone; in TLS 1.3, and with suites that are
// not ours, ServerHello says all that is asked.
func (l *listener) message(raw []byte) error {
	t := wire.TypeOf(raw)
	if (l.answer.hello == nil) != (t == wire.TypeServerHello) {
		return errors.New("its answer holds a " + t.String() + " that has no place there")
	}
	var err error
	switch t {
	case wire.TypeServerHello:
		own := slices.Clone(raw) // what was parsed aliases it
		if l.answer.hello, err = wire.ParseServerHello(own, nil); err != nil {
			return err
		}
		s, ours := suite.ByID(l.answer.suite())
		l.done = !ours || s.Version != wire.VersionTLS12 || l.answer.version() != wire.VersionTLS12
	case wire.TypeServerKeyExchange:
		err = l.answer.readKeyExchange(raw)
	case wire.TypeServerHelloDone:
		l.done = true
	}
	return err
}

// readKeyExchange reads a ServerKeyExchange (RFC 4279 §2, RFC 5489 §2).
func (a *answer) readKeyExchange(raw []byte) error {
	s, ok := suite.ByID(a.suite())
	if !ok {
		return nil
	}
	parse := wire.ParseServerKeyExchangePSK
	if s.KeyExchange == suite.ECDHEPSK {
		parse = wire.ParseServerKeyExchangeECDHEPSK
	}
	m, err := parse(slices.Clone(raw), nil)
	if err == nil {
		a.curve, a.hint = m.Group, m.Hint
	}
	return err
}
