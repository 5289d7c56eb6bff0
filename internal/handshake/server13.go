package handshake

// The server's states (RFC 9846 §A.2):
//
//	START -> RECVD_CH -> [HelloRetryRequest, START again] -> WAIT_FINISHED -> CONNECTED
//
// RECVD_CH waits for the application to look up keys. The binder of the first
// ClientHello is verified before anything is answered, a HelloRetryRequest
// included: whoever holds no key sees the same alert and nothing else.

import (
	"bytes"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// NewServer makes a server's machine.
func NewServer(c *ServerConfig) *Machine {
	m := &Machine{hooks: c.Hooks}
	m.enter(&serverStart{c}, nil)
	return m
}

// serverStart waits for the first ClientHello.
type serverStart struct{ c *ServerConfig }

func (s *serverStart) name() string { return "START" }

func (s *serverStart) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeClientHello}
}

func (s *serverStart) handle(m *Machine, raw []byte) (state, error) {
	raw = bytes.Clone(raw) // it outlives this step, and the hello aliases it
	rec := m.recording()
	hello, err := wire.ParseClientHello(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	version, err := chooseVersion(hello, s.c.Versions)
	if err != nil {
		return nil, err
	}
	if version == wire.VersionTLS12 {
		return s.start12(m, hello, raw)
	}
	if err := checkHello13(hello); err != nil {
		return nil, err
	}
	if err := checkPSKOffer(hello); err != nil {
		return nil, err
	}
	next := &serverReceivedClientHello{c: s.c, hello: hello, raw: raw}
	next.offer.group, next.offer.share = chooseGroup(hello, s.c.Groups)
	if next.offer.mode, err = chooseMode(hello, s.c, next.offer.group); err != nil {
		return nil, err
	}
	if next.offer.mode == wire.PSKOnly {
		next.offer.group, next.offer.share = 0, nil
	}
	if m.result.NextProto, err = chooseProtocol(hello.ALPN, s.c.NextProtos); err != nil {
		return nil, err
	}
	if hello.RecordSizeLimit != nil {
		if next.maxContent, err = readLimit(*hello.RecordSizeLimit); err != nil {
			return nil, err
		}
	}
	m.result.ClientRandom = hello.Random
	if hello.ServerName != nil {
		m.result.ServerName = *hello.ServerName
	}
	want := WantPSK{Version: wire.VersionTLS13, Random: hello.Random, ServerName: m.result.ServerName, NextProto: m.result.NextProto, Mode: next.offer.mode}
	want.Identities = hello.PreSharedKey.Identities
	for _, b := range hello.PreSharedKey.Binders {
		want.BinderLens = append(want.BinderLens, len(b))
	}
	m.do(want)
	return next, nil
}

// exchangeOffer is what was chosen for the key exchange. A nil share of a
// group means that a HelloRetryRequest must ask for it.
type exchangeOffer struct {
	mode  wire.PSKKeyExchangeMode
	group wire.NamedGroup
	share []byte
}

// serverReceivedClientHello waits for the application to answer WantPSK.
type serverReceivedClientHello struct {
	c          *ServerConfig
	hello      *wire.ClientHello
	raw        []byte
	offer      exchangeOffer
	maxContent int // the client's record_size_limit, zero if none
}

func (s *serverReceivedClientHello) name() string { return "RECVD_CH" }

func (s *serverReceivedClientHello) accepts() []wire.HandshakeType { return nil }

func (s *serverReceivedClientHello) handle(*Machine, []byte) (state, error) {
	panic("handshake: RECVD_CH accepts no message")
}

// Answer continues a server that paused with WantPSK.
func (m *Machine) Answer(a Answer) error {
	if m.err != nil {
		return m.err
	}
	s, ok := m.state.(interface {
		answered(*Machine, Answer) (state, error)
	})
	if !ok {
		panic("handshake: Answer without WantPSK")
	}
	return m.enter(s.answered(m, a))
}

func (s *serverReceivedClientHello) answered(m *Machine, a Answer) (state, error) {
	choice, ok := choosePSK(s.hello, s.c.Suites, a.Candidates)
	if !ok {
		return nil, alert.New(alert.HandshakeFailure, "no suite in common that goes with an offered key")
	}
	truncated := s.raw[:s.hello.PreSharedKey.BindersOffset]
	found := verifyBinders(choice, a.Tries, s.c.Dummies[choice.suite.Hash], choice.suite.Hash.Sum(truncated), s.hello.PreSharedKey.Binders[choice.identity])
	if found < 0 {
		evenOut(s.hello, s.c.Suites, choice, a.Tries, s.c.Dummies, truncated)
		// One alert for both, so that nobody can ask which identities exist
		// (RFC 9846 §4.3.11 leaves the alert open, §6.2 names decrypt_error).
		cause := a.Wrong
		if len(choice.candidates) == 0 {
			cause = a.Unknown
		}
		return nil, alert.Wrap(alert.DecryptError, cause)
	}
	candidate := choice.candidates[found]
	m.result.Suite, m.result.PSK, m.result.Tag = choice.suite, candidate.PSK, candidate.Tag
	m.result.Version, m.result.Resumed = wire.VersionTLS13, candidate.PSK.Kind() == schedule.ResumptionPSK
	m.result.Mode, m.result.Group = s.offer.mode, s.offer.group
	if s.offer.mode == wire.PSKWithECDHE && s.offer.share == nil {
		return s.retry(m, choice)
	}
	t := newTranscript(choice.suite.Hash)
	t.add(s.raw)
	if s.hello.EarlyData {
		m.do(SkipEarlyData{})
	}
	flight := serverFlight{s.c, s.hello, t, s.offer.share, choice.identity, s.maxContent, true}
	return flight.send(m)
}

// retry asks for a share of the chosen group.
func (s *serverReceivedClientHello) retry(m *Machine, choice chosen) (state, error) {
	version, group := wire.VersionTLS13, s.offer.group
	hrr := &wire.ServerHello{
		HelloRetryRequest:   true,
		LegacyVersion:       wire.VersionTLS12,
		LegacySessionIDEcho: s.hello.LegacySessionID,
		CipherSuite:         uint16(choice.suite.ID),
		SelectedVersion:     &version,
		SelectedGroup:       &group,
	}
	raw := hrr.Append(nil)
	m.send(raw, func(rec *wire.Fields) { wire.ParseServerHello(raw, rec) })
	m.result.Retried = true
	if len(s.hello.LegacySessionID) > 0 {
		m.do(SendChangeCipherSpec{})
	}
	if s.hello.EarlyData {
		m.do(SkipPlainEarlyData{})
	}
	identity := s.hello.PreSharedKey.Identities[choice.identity].Identity
	return &serverWaitClientHello2{s.c, s.hello, retried(choice.suite.Hash, s.raw, raw), identity, s.maxContent}, nil
}

// serverWaitClientHello2 waits for the ClientHello that answers a
// HelloRetryRequest.
type serverWaitClientHello2 struct {
	c          *ServerConfig
	first      *wire.ClientHello
	transcript *transcript
	identity   []byte // the chosen one
	maxContent int
}

func (s *serverWaitClientHello2) name() string { return "START" }

func (s *serverWaitClientHello2) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeClientHello}
}

func (s *serverWaitClientHello2) handle(m *Machine, raw []byte) (state, error) {
	rec := m.recording()
	hello, err := wire.ParseClientHello(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	if hello.PreSharedKey == nil {
		return nil, alert.New(alert.MissingExtension, "the second ClientHello lacks the pre_shared_key that the first had")
	}
	if err := checkPSKOffer(hello); err != nil {
		return nil, err
	}
	if err := sameHello(s.first, hello); err != nil {
		return nil, err
	}
	g := m.result.Group
	if hello.KeyShare == nil || len(hello.KeyShare.Shares) != 1 || hello.KeyShare.Share(g) == nil {
		return nil, alert.New(alert.IllegalParameter, "the second ClientHello has not exactly the share of "+g.String()+" that was asked for")
	}
	offer := hello.PreSharedKey
	i := slices.IndexFunc(offer.Identities, func(id wire.PSKIdentity) bool { return bytes.Equal(id.Identity, s.identity) })
	if i < 0 {
		return nil, alert.New(alert.IllegalParameter, "the second ClientHello lacks the identity that was chosen from the first")
	}
	sum := s.transcript.sumWith(m.result.Suite.Hash, raw[:offer.BindersOffset])
	if !m.result.PSK.VerifyBinder(sum, offer.Binders[i]) {
		return nil, alert.New(alert.DecryptError, "the binder of the second ClientHello does not verify, though that of the first did")
	}
	s.transcript.add(raw)
	flight := serverFlight{s.c, hello, s.transcript, hello.KeyShare.Share(g), i, s.maxContent, false}
	return flight.send(m)
}

// sameHello refuses a second ClientHello that differs from the first in what
// must not change (RFC 9846 §4.2.2).
func sameHello(a, b *wire.ClientHello) error {
	name := func(m *wire.ClientHello) string {
		if m.ServerName == nil {
			return ""
		}
		return "=" + *m.ServerName
	}
	switch {
	case b.EarlyData:
		return alert.New(alert.IllegalParameter, "the second ClientHello offers early data")
	case b.Cookie != nil:
		return alert.New(alert.IllegalParameter, "the second ClientHello has a cookie, but none was sent")
	case a.Random != b.Random || !bytes.Equal(a.LegacySessionID, b.LegacySessionID) ||
		a.LegacyVersion != b.LegacyVersion || !slices.Equal(a.CipherSuites, b.CipherSuites) ||
		!bytes.Equal(a.LegacyCompressionMethods, b.LegacyCompressionMethods) ||
		!slices.Equal(a.SupportedVersions, b.SupportedVersions) || !slices.Equal(a.SupportedGroups, b.SupportedGroups) ||
		!slices.Equal(a.PSKKeyExchangeModes, b.PSKKeyExchangeModes) || !slices.Equal(a.ALPN, b.ALPN) || name(a) != name(b) ||
		!sameLimit(a.RecordSizeLimit, b.RecordSizeLimit):
		return alert.New(alert.IllegalParameter, "the second ClientHello differs from the first in more than it may")
	}
	return nil
}

func sameLimit(a, b *uint16) bool { return a == b || a != nil && b != nil && *a == *b }

// serverFlight is the server's answer: ServerHello to Finished.
type serverFlight struct {
	c                *ServerConfig
	hello            *wire.ClientHello
	transcript       *transcript // up to the ClientHello
	share            []byte      // the client's, nil for psk_ke
	identity         int
	maxContent       int
	changeCipherSpec bool // not sent yet
}

func (f serverFlight) send(m *Machine) (state, error) {
	chosen := m.result.Suite
	version, selected := wire.VersionTLS13, uint16(f.identity)
	sh := &wire.ServerHello{
		LegacyVersion:       wire.VersionTLS12,
		LegacySessionIDEcho: f.hello.LegacySessionID,
		CipherSuite:         uint16(chosen.ID),
		SelectedVersion:     &version,
		SelectedIdentity:    &selected,
	}
	if err := random(f.c.Rand, sh.Random[:]); err != nil {
		return nil, err
	}
	var shared []byte
	if m.result.Mode == wire.PSKWithECDHE {
		entry, secret, err := answerShare(&f.c.Common, m.result.Group, f.share)
		if err != nil {
			return nil, err
		}
		sh.KeyShare, shared = &entry, secret
	}
	raw := sh.Append(nil)
	m.send(raw, func(rec *wire.Fields) { wire.ParseServerHello(raw, rec) })
	f.transcript.add(raw)
	if f.changeCipherSpec && len(f.hello.LegacySessionID) > 0 {
		m.do(SendChangeCipherSpec{})
	}
	hs := deriveHandshake(m, m.result.PSK, shared, f.transcript.sum())
	secrets := trafficSecrets{read: hs.client, write: hs.server}
	m.do(SetReadKey{chosen, secrets.read}, SetWriteKey{chosen, secrets.write})
	f.sendExtensions(m)
	app := f.sendFinished(m, chosen, hs)
	m.do(SetWriteKey{chosen, app.server})
	return &serverWaitFinished{f.transcript, secrets, app}, nil
}

func (f serverFlight) sendExtensions(m *Machine) {
	ee := &wire.EncryptedExtensions{}
	if m.result.NextProto != "" {
		ee.ALPN = &m.result.NextProto
	}
	// The name has been told to the application. A resumed session has none to
	// be confirmed (RFC 6066 §3).
	ee.ServerName = f.hello.ServerName != nil && m.result.PSK.Kind() != schedule.ResumptionPSK
	if f.maxContent > 0 {
		// A limit takes effect only if both sides name one (RFC 8449 §4).
		own := uint16(limitOrMost(f.c.RecordSizeLimit) + 1)
		ee.RecordSizeLimit = &own
		m.do(LimitSent{f.maxContent}, LimitRead{int(own)})
	}
	raw := ee.Append(nil)
	m.send(raw, func(rec *wire.Fields) { wire.ParseEncryptedExtensions(raw, rec) })
	f.transcript.add(raw)
}

func (f serverFlight) sendFinished(m *Machine, chosen *suite.Suite, hs handshakeSecrets) applicationSecrets {
	finished := wire.AppendFinished(nil, hs.server.Finished(f.transcript.sum()))
	m.send(finished, func(rec *wire.Fields) { wire.ParseFinished(finished, chosen.Hash.Size(), rec) })
	f.transcript.add(finished)
	return deriveApplication(m, hs.secret.Main(), f.transcript.sum())
}

// serverWaitFinished waits for the client's Finished.
type serverWaitFinished struct {
	transcript *transcript
	secrets    trafficSecrets
	app        applicationSecrets
}

func (s *serverWaitFinished) name() string { return "WAIT_FINISHED" }

func (s *serverWaitFinished) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeFinished}
}

func (s *serverWaitFinished) handle(m *Machine, raw []byte) (state, error) {
	if err := checkFinished(m, raw, s.secrets.read, s.transcript.sum()); err != nil {
		return nil, err
	}
	s.transcript.add(raw)
	resumption := s.app.main.Resumption(s.transcript.sum())
	m.secret(nameResumption, resumption)
	chosen := m.result.Suite
	secrets := trafficSecrets{read: s.app.client, write: s.app.server}
	m.do(SetReadKey{chosen, secrets.read}, Done{})
	return &connected{side: server, suite: chosen, secrets: secrets, resumption: resumption}, nil
}
