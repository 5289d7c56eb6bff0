package handshake

// The client's states (RFC 9846 §A.1):
//
//	START -> WAIT_SH -> WAIT_EE -> WAIT_FINISHED -> CONNECTED
//
// Certificates have no place here: a server without our key is refused in
// WAIT_SH.

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// ErrNoPSKSelected is the cause where a server answers our keys with a
// handshake that does without them.
var ErrNoPSKSelected = errors.New("the server wants to go on without a pre-shared key")

// NewClient makes a client's machine and its ClientHello.
func NewClient(c *ClientConfig) (*Machine, error) {
	m := &Machine{hooks: c.Hooks}
	s := &clientWaitServerHello{c: c, psks: c.PSKs}
	if err := m.enter(s, s.start(m)); err != nil {
		return nil, err
	}
	return m, nil
}

// clientWaitServerHello waits for ServerHello or HelloRetryRequest.
type clientWaitServerHello struct {
	c      *ClientConfig
	hello  *wire.ClientHello
	raw    []byte       // the encoded hello
	psks   []OfferedPSK // in the order of hello's identities
	shares []privateShare
	// shares12 is the one that prepare made.
	shares12 []privateShare
	// After a HelloRetryRequest: its suite, and the transcript up to it.
	retry      *suite.Suite
	transcript *transcript
}

func (s *clientWaitServerHello) name() string { return "WAIT_SH" }

func (s *clientWaitServerHello) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeServerHello}
}

// start builds and sends the first ClientHello.
func (s *clientWaitServerHello) start(m *Machine) error {
	c := s.c
	hello := &wire.ClientHello{
		LegacyVersion:            wire.VersionTLS12,
		LegacySessionID:          make([]byte, 32), // middlebox compatibility mode (RFC 9846 §E.4), or to recognise a resumption (RFC 5077 §3.4)
		LegacyCompressionMethods: []byte{0},
	}
	if err := random(c.Rand, hello.Random[:]); err != nil {
		return err
	}
	if !slices.Contains(c.Versions, wire.VersionTLS13) && c.Ticket12 == nil {
		hello.LegacySessionID = nil
	}
	if err := random(c.Rand, hello.LegacySessionID); err != nil {
		return err
	}
	if c.ServerName != "" {
		hello.ServerName = &c.ServerName
	}
	if len(c.NextProtos) > 0 {
		hello.ALPN = c.NextProtos
	}
	if c.RecordSizeLimit > 0 {
		limit := uint16(c.RecordSizeLimit)
		if slices.Contains(c.Versions, wire.VersionTLS13) {
			limit++ // there it counts the content type too (RFC 8449 §4)
		}
		hello.RecordSizeLimit = &limit
	}
	s.hello = hello
	if slices.Contains(c.Versions, wire.VersionTLS13) {
		if err := s.offer13(); err != nil {
			return err
		}
	}
	if slices.Contains(c.Versions, wire.VersionTLS12) {
		offer12(hello, c)
	}
	if len(hello.CipherSuites) == 0 {
		return internalError("no configured suite has the hash of a configured key")
	}
	m.result.ClientRandom = hello.Random
	s.sendHello(m)
	return nil
}

// offer13 adds what a ClientHello says for the sake of TLS 1.3. Each state
// that sends it adds the identities with their binders.
func (s *clientWaitServerHello) offer13() error {
	c, hello := s.c, s.hello
	hello.SupportedVersions = c.Versions
	hello.PSKKeyExchangeModes = c.Modes
	for _, id := range c.Suites {
		if suite, ok := suite.ByID(id); ok && offersHash(s.psks, suite.Hash) {
			hello.CipherSuites = append(hello.CipherSuites, uint16(id))
		}
	}
	if !slices.Contains(c.Modes, wire.PSKWithECDHE) {
		return nil
	}
	hello.SupportedGroups = c.Groups
	var err error
	if s.shares, err = newShares(c.KeyShares, c.Rand); err != nil {
		return err
	}
	hello.KeyShare = &wire.ClientKeyShare{}
	for _, share := range s.shares {
		hello.KeyShare.Shares = append(hello.KeyShare.Shares, share.entry())
	}
	return nil
}

func offersHash(psks []OfferedPSK, h suite.Hash) bool {
	return slices.ContainsFunc(psks, func(p OfferedPSK) bool { return p.PSK.Hash() == h })
}

// sendHello encodes the hello with its identities and binders.
func (s *clientWaitServerHello) sendHello(m *Machine) {
	if len(s.psks) == 0 {
		s.raw = s.hello.Append(nil) // TLS 1.2 only
	} else {
		s.hello.PreSharedKey = &wire.OfferedPSKs{}
		for _, p := range s.psks {
			s.hello.PreSharedKey.Identities = append(s.hello.PreSharedKey.Identities,
				wire.PSKIdentity{Identity: p.Identity, ObfuscatedTicketAge: p.ObfuscatedTicketAge})
		}
		s.raw = bindPSKs(s.hello, s.psks, s.transcript)
	}
	m.send(s.raw, func(rec *wire.Fields) { wire.ParseClientHello(s.raw, rec) })
}

func (s *clientWaitServerHello) handle(m *Machine, raw []byte) (state, error) {
	rec := m.recording()
	sh, err := wire.ParseServerHello(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	if sh.SelectedVersion == nil && sh.LegacyVersion == wire.VersionTLS12 && slices.Contains(s.c.Versions, wire.VersionTLS12) &&
		!sh.HelloRetryRequest && s.retry == nil {
		return s.accepted12(m, sh, raw)
	}
	chosen, err := s.check(sh)
	if err != nil {
		return nil, err
	}
	if sh.HelloRetryRequest {
		return s.retried(m, sh, chosen, raw)
	}
	return s.accepted(m, sh, chosen, raw)
}

// check tests what ServerHello and HelloRetryRequest have in common
// (RFC 9846 §4.2.3 and §4.2.4).
func (s *clientWaitServerHello) check(sh *wire.ServerHello) (*suite.Suite, error) {
	switch {
	case sh.SelectedVersion != nil:
	case s.retry != nil:
		return nil, alert.New(alert.IllegalParameter, "the server changed the version after its HelloRetryRequest") // RFC 9846 §4.2.4
	default:
		return nil, alert.New(alert.ProtocolVersion, s.onlyOlder(sh))
	}
	allowed := []wire.ExtensionType{wire.ExtSupportedVersions, wire.ExtKeyShare, wire.ExtPreSharedKey}
	if sh.HelloRetryRequest {
		allowed = []wire.ExtensionType{wire.ExtSupportedVersions, wire.ExtKeyShare, wire.ExtCookie}
	}
	if err := checkExtensions(sh.Extensions, allowed, s.hello); err != nil {
		return nil, err
	}
	chosen, ok := suite.ByID(suite.ID(sh.CipherSuite))
	switch {
	case sh.LegacyVersion != wire.VersionTLS12:
		return nil, alert.New(alert.ProtocolVersion, "the server's legacy_version is not that of TLS 1.2")
	case *sh.SelectedVersion != wire.VersionTLS13:
		return nil, alert.New(alert.IllegalParameter, "the server selected a version that was not offered")
	case !bytes.Equal(sh.LegacySessionIDEcho, s.hello.LegacySessionID):
		return nil, alert.New(alert.IllegalParameter, "the server did not echo our legacy_session_id")
	case sh.LegacyCompressionMethod != 0:
		return nil, alert.New(alert.IllegalParameter, "the server selected compression")
	case !ok || !slices.Contains(s.hello.CipherSuites, sh.CipherSuite) || chosen.Version != wire.VersionTLS13:
		return nil, alert.New(alert.IllegalParameter, "the server selected a suite that was not offered")
	case s.retry != nil && chosen != s.retry:
		return nil, alert.New(alert.IllegalParameter, "the server changed the suite after its HelloRetryRequest")
	}
	return chosen, nil
}

// onlyOlder says what a server that speaks no TLS 1.3 can be met with.
func (s *clientWaitServerHello) onlyOlder(sh *wire.ServerHello) string {
	if sh.LegacyVersion != wire.VersionTLS12 {
		return "the server speaks " + wire.VersionName(sh.LegacyVersion) + " only"
	}
	return "the server does not speak TLS 1.3, only TLS 1.2: " + s.c.Without12
}

// checkExtensions refuses an answer to what was not asked, and an extension in
// a message where it does not belong (RFC 9846 §4.3).
func checkExtensions(got, allowed []wire.ExtensionType, hello *wire.ClientHello) error {
	for _, t := range got {
		if t != wire.ExtCookie && !offered(hello, t) {
			return alert.New(alert.UnsupportedExtension, "the server sent "+t.String()+", which was not offered")
		}
		if !slices.Contains(allowed, t) {
			return alert.New(alert.IllegalParameter, "the server sent "+t.String()+" in a message where it does not belong")
		}
	}
	return nil
}

// offered reports whether our ClientHello has extension t.
func offered(hello *wire.ClientHello, t wire.ExtensionType) bool {
	switch t {
	case wire.ExtServerName:
		return hello.ServerName != nil
	case wire.ExtALPN:
		return hello.ALPN != nil
	case wire.ExtRecordSizeLimit:
		return hello.RecordSizeLimit != nil
	case wire.ExtSupportedGroups:
		return hello.SupportedGroups != nil
	case wire.ExtKeyShare:
		return hello.KeyShare != nil
	case wire.ExtEncryptThenMAC:
		return hello.EncryptThenMAC
	case wire.ExtExtendedMainSecret:
		return hello.ExtendedMasterSecret
	case wire.ExtSessionTicket:
		return hello.SessionTicket != nil
	case wire.ExtRenegotiationInfo:
		return hello.RenegotiationInfo != nil
	case wire.ExtECPointFormats:
		return hello.ECPointFormats != nil
	case wire.ExtCookie:
		return hello.Cookie != nil
	case wire.ExtSupportedVersions:
		return hello.SupportedVersions != nil
	case wire.ExtPSKKeyExchangeModes:
		return hello.PSKKeyExchangeModes != nil
	case wire.ExtPreSharedKey:
		return hello.PreSharedKey != nil
	}
	return false
}

// retried answers a HelloRetryRequest with a second ClientHello.
func (s *clientWaitServerHello) retried(m *Machine, hrr *wire.ServerHello, chosen *suite.Suite, raw []byte) (state, error) {
	switch {
	case s.retry != nil:
		return nil, alert.New(alert.UnexpectedMessage, "the server sent a second HelloRetryRequest")
	case len(hrr.Cookie) > limits.MaxCookieLen:
		return nil, alert.New(alert.IllegalParameter, fmt.Sprintf("the server's cookie has %d bytes, more than the %d that we echo", len(hrr.Cookie), limits.MaxCookieLen))
	case hrr.SelectedGroup == nil && hrr.Cookie == nil:
		return nil, alert.New(alert.IllegalParameter, "the server's HelloRetryRequest asks for no change")
	}
	hello := *s.hello
	next := &clientWaitServerHello{c: s.c, hello: &hello, shares: s.shares, retry: chosen}
	if hrr.SelectedGroup != nil {
		g := *hrr.SelectedGroup
		if !slices.Contains(hello.SupportedGroups, g) || hello.KeyShare.Share(g) != nil {
			return nil, alert.New(alert.IllegalParameter, "the server's HelloRetryRequest asks for "+g.String()+", which was not offered or already sent")
		}
		var err error
		if next.shares, err = newShares([]wire.NamedGroup{g}, s.c.Rand); err != nil {
			return nil, err
		}
		hello.KeyShare = &wire.ClientKeyShare{Shares: []wire.KeyShareEntry{next.shares[0].entry()}}
	}
	if hrr.Cookie != nil {
		hello.Cookie = bytes.Clone(hrr.Cookie)
	}
	// Keys of another hash cannot be selected any more (RFC 9846 §4.2.4).
	for _, p := range s.psks {
		if p.PSK.Hash() == chosen.Hash {
			if p.PSK.Kind() == schedule.ResumptionPSK && s.c.Elapsed != nil {
				p.ObfuscatedTicketAge += s.c.Elapsed() // RFC 9846 §4.2.2
			}
			next.psks = append(next.psks, p)
		}
	}
	next.transcript = retried(chosen.Hash, s.raw, raw)
	m.result.Retried = true
	m.do(SendChangeCipherSpec{})
	next.sendHello(m)
	return next, nil
}

// accepted goes on from a ServerHello to the handshake keys.
func (s *clientWaitServerHello) accepted(m *Machine, sh *wire.ServerHello, chosen *suite.Suite, raw []byte) (state, error) {
	psk, err := s.selected(m, sh, chosen)
	if err != nil {
		return nil, err
	}
	shared, err := s.exchange(m, sh)
	if err != nil {
		return nil, err
	}
	t := s.transcript
	if t == nil {
		t = newTranscript(chosen.Hash)
	}
	t.add(s.raw)
	t.add(raw)
	m.result.Version, m.result.Suite, m.result.PSK = wire.VersionTLS13, chosen, psk
	m.result.Resumed = psk.Kind() == schedule.ResumptionPSK
	hs := deriveHandshake(m, psk, shared, t.sum())
	if s.retry == nil {
		m.do(SendChangeCipherSpec{})
	}
	secrets := trafficSecrets{read: hs.server, write: hs.client}
	m.do(SetReadKey{chosen, secrets.read}, SetWriteKey{chosen, secrets.write})
	return &clientWaitEncryptedExtensions{c: s.c, hello: s.hello, transcript: t, handshake: hs.secret, secrets: secrets}, nil
}

// selected returns the PSK that the server selected (RFC 9846 §4.3.11).
func (s *clientWaitServerHello) selected(m *Machine, sh *wire.ServerHello, chosen *suite.Suite) (*schedule.PSK, error) {
	if sh.SelectedIdentity == nil {
		return nil, alert.Wrap(alert.HandshakeFailure, ErrNoPSKSelected)
	}
	i := int(*sh.SelectedIdentity)
	if i >= len(s.psks) {
		return nil, alert.New(alert.IllegalParameter, "the server selected an identity that was not offered")
	}
	psk := s.psks[i]
	if psk.PSK.Hash() != chosen.Hash {
		return nil, alert.New(alert.IllegalParameter, "the server selected a key and a suite of different hashes")
	}
	m.result.Selected = slices.IndexFunc(s.c.PSKs, func(p OfferedPSK) bool { return bytes.Equal(p.Identity, psk.Identity) && p.PSK == psk.PSK })
	return psk.PSK, nil
}

// exchange completes the key exchange. It returns nil for psk_ke.
func (s *clientWaitServerHello) exchange(m *Machine, sh *wire.ServerHello) ([]byte, error) {
	if sh.KeyShare == nil {
		if !slices.Contains(s.c.Modes, wire.PSKOnly) {
			return nil, alert.New(alert.IllegalParameter, "the server sent no key_share, but psk_ke was not offered")
		}
		m.result.Mode = wire.PSKOnly
		return nil, nil
	}
	m.result.Mode, m.result.Group = wire.PSKWithECDHE, sh.KeyShare.Group
	for _, share := range s.shares {
		if share.group == sh.KeyShare.Group {
			return share.sharedSecret(sh.KeyShare.KeyExchange)
		}
	}
	return nil, alert.New(alert.IllegalParameter, "the server sent a share of "+sh.KeyShare.Group.String()+", of which we sent none")
}

// clientWaitEncryptedExtensions waits for EncryptedExtensions.
type clientWaitEncryptedExtensions struct {
	c          *ClientConfig
	hello      *wire.ClientHello
	transcript *transcript
	handshake  schedule.Handshake
	secrets    trafficSecrets
}

func (s *clientWaitEncryptedExtensions) name() string { return "WAIT_EE" }

func (s *clientWaitEncryptedExtensions) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeEncryptedExtensions}
}

func (s *clientWaitEncryptedExtensions) handle(m *Machine, raw []byte) (state, error) {
	rec := m.recording()
	ee, err := wire.ParseEncryptedExtensions(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	allowed := []wire.ExtensionType{wire.ExtServerName, wire.ExtALPN, wire.ExtRecordSizeLimit, wire.ExtSupportedGroups}
	if err := checkExtensions(ee.Extensions, allowed, s.hello); err != nil {
		return nil, err
	}
	if ee.ALPN != nil {
		if !slices.Contains(s.c.NextProtos, *ee.ALPN) {
			return nil, alert.New(alert.IllegalParameter, "the server selected an application protocol that was not offered")
		}
		m.result.NextProto = *ee.ALPN
	}
	if ee.RecordSizeLimit != nil {
		n, err := readLimit(*ee.RecordSizeLimit)
		if err != nil {
			return nil, err
		}
		m.do(LimitSent{n}, LimitRead{s.c.RecordSizeLimit + 1})
	}
	m.result.ServerName = s.c.ServerName
	s.transcript.add(raw)
	return &clientWaitFinished{s.c, s.transcript, s.handshake, s.secrets}, nil
}

// clientWaitFinished waits for the server's Finished.
type clientWaitFinished struct {
	c          *ClientConfig
	transcript *transcript
	handshake  schedule.Handshake
	secrets    trafficSecrets
}

func (s *clientWaitFinished) name() string { return "WAIT_FINISHED" }

func (s *clientWaitFinished) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeFinished}
}

func (s *clientWaitFinished) handle(m *Machine, raw []byte) (state, error) {
	chosen := m.result.Suite
	if err := checkFinished(m, raw, s.secrets.read, s.transcript.sum()); err != nil {
		return nil, err
	}
	s.transcript.add(raw)
	app := deriveApplication(m, s.handshake.Main(), s.transcript.sum())
	// The read key first: where the server's message goes on beyond its
	// Finished, the alert then goes out in place of ours, and can be read.
	m.do(SetReadKey{chosen, app.server})
	finished := wire.AppendFinished(nil, s.secrets.write.Finished(s.transcript.sum()))
	m.send(finished, func(rec *wire.Fields) { wire.ParseFinished(finished, chosen.Hash.Size(), rec) })
	s.transcript.add(finished)
	secrets := trafficSecrets{read: app.server, write: app.client}
	m.do(SetWriteKey{chosen, secrets.write}, Done{})
	next := &connected{side: client, suite: chosen, secrets: secrets, wantTickets: s.c.WantTickets}
	if s.c.WantTickets {
		next.resumption = app.main.Resumption(s.transcript.sum())
		m.secret(nameResumption, next.resumption)
	}
	return next, nil
}
