package handshake

// The server's states in TLS 1.2 (RFC 5246 §7.3, RFC 4279 §2, RFC 5077 §3.1):
//
//	START -> [RECVD_TICKET ->] WAIT_CKE -> RECVD_CKE -> WAIT_CCS -> WAIT_FINISHED -> CONNECTED
//	                           or, resumed: WAIT_CCS -> WAIT_FINISHED -> CONNECTED
//
// RECVD_TICKET and RECVD_CKE wait for the application to look up keys. Whoever
// holds no key or a wrong one is refused in one place: the first record after
// its change_cipher_spec does not open.

import (
	"bytes"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// start12 answers a ClientHello with TLS 1.2.
func (s *serverStart) start12(m *Machine, hello *wire.ClientHello, raw []byte) (state, error) {
	if err := checkHello12(hello, s.c); err != nil {
		return nil, err
	}
	var err error
	if m.result.NextProto, err = chooseProtocol(hello.ALPN, s.c.NextProtos); err != nil {
		return nil, err
	}
	m.result.Version, m.result.ClientRandom = wire.VersionTLS12, hello.Random
	if hello.ServerName != nil {
		m.result.ServerName = *hello.ServerName
	}
	full := &server12ReceivedTicket{c: s.c, hello: hello, raw: raw}
	if hello.RecordSizeLimit != nil {
		if full.maxContent, err = readLimit12(*hello.RecordSizeLimit); err != nil {
			return nil, err
		}
	}
	if len(hello.SessionTicket) == 0 || s.c.NewTicket == nil {
		return full.answer(m)
	}
	m.do(WantPSK{
		Version: wire.VersionTLS12, Identities: []wire.PSKIdentity{{Identity: hello.SessionTicket}}, Ticket: true,
		Random: hello.Random, ServerName: m.result.ServerName, NextProto: m.result.NextProto,
	})
	return full, nil
}

// checkHello12 refuses a ClientHello that cannot lead to a connection over
// TLS 1.2, whatever the key.
func checkHello12(m *wire.ClientHello, c *ServerConfig) error {
	switch {
	case !slices.Contains(m.LegacyCompressionMethods, 0):
		return alert.New(alert.IllegalParameter, "the client does not offer to go without compression, as every client must (RFC 5246 §7.4.1.2)")
	case len(m.RenegotiationInfo) > 0:
		// RFC 5746 §3.6.
		return alert.New(alert.HandshakeFailure, "the client's renegotiation_info speaks of an earlier handshake, but this is the first")
	case !m.ExtendedMasterSecret && !c.Legacy:
		return alert.New(alert.HandshakeFailure, "the client does not offer the extended master secret (RFC 7627), which only the policy legacy goes without")
	}
	return nil
}

// server12ReceivedTicket waits for the application to say whether the key
// behind a ticket is still good. It is also what every handshake starts from.
type server12ReceivedTicket struct {
	c          *ServerConfig
	hello      *wire.ClientHello
	raw        []byte
	maxContent int // the client's record_size_limit, zero if none
}

func (s *server12ReceivedTicket) name() string                  { return "RECVD_TICKET" }
func (s *server12ReceivedTicket) accepts() []wire.HandshakeType { return nil }
func (s *server12ReceivedTicket) handle(*Machine, []byte) (state, error) {
	panic("handshake: RECVD_TICKET accepts no message")
}

// answered resumes the session of a ticket that is good, or goes on as if
// there were none (RFC 5077 §3.4).
func (s *server12ReceivedTicket) answered(m *Machine, a Answer) (state, error) {
	for _, c := range a.Candidates {
		if c.Session12 == nil || !s.resumable(c.Session12) {
			continue
		}
		if c.Session12.ExtendedMasterSecret && !s.hello.ExtendedMasterSecret {
			// RFC 7627 §5.3.
			return nil, alert.New(alert.HandshakeFailure, "the client resumes a session that had the extended master secret, and now goes without it")
		}
		return s.resume(m, c)
	}
	return s.answer(m)
}

// resumable reports whether a session goes with the hello. One without the
// extended master secret is not resumed by a client that has it (RFC 7627 §5.3).
func (s *server12ReceivedTicket) resumable(t *Session12) bool {
	return slices.Contains(s.hello.CipherSuites, uint16(t.Suite.ID)) && slices.Contains(s.c.Suites12, t.Suite.ID) &&
		(t.ExtendedMasterSecret || !s.hello.ExtendedMasterSecret && s.c.Legacy)
}

// answer sends the flight of a full handshake: ServerHello, ServerKeyExchange
// where it says anything, ServerHelloDone.
func (s *server12ReceivedTicket) answer(m *Machine) (state, error) {
	chosen, group, err := chooseSuite12(s.hello, s.c)
	if err != nil {
		return nil, err
	}
	sh, h, err := s.serverHello(m, chosen, s.hello.ExtendedMasterSecret)
	if err != nil {
		return nil, err
	}
	h.settle(m, mode12(chosen))
	m.result.Group = group
	s.send(m, sh, h)
	next := &server12WaitClientKeyExchange{c: s.c, hello12: h}
	ske := wire.ServerKeyExchange{Hint: []byte(s.c.IdentityHint), Group: group}
	if group != 0 {
		shares, err := newShares([]wire.NamedGroup{group}, s.c.Rand)
		if err != nil {
			return nil, err
		}
		next.share = &shares[0]
		ske.Point = next.share.ecdh.PublicKey().Bytes()
	}
	if group != 0 || s.c.IdentityHint != "" {
		raw := ske.Append(nil)
		m.send(raw, func(rec *wire.Fields) { parseServerKeyExchange(raw, chosen, rec) })
		h.transcript.add(raw)
	}
	raw := wire.AppendServerHelloDone(nil)
	m.send(raw, func(rec *wire.Fields) { wire.ParseServerHelloDone(raw, rec) })
	h.transcript.add(raw)
	return next, nil
}

// parseServerKeyExchange parses the form that belongs to a suite.
func parseServerKeyExchange(raw []byte, s *suite.Suite, rec *wire.Fields) (*wire.ServerKeyExchange, error) {
	if s.KeyExchange == suite.ECDHEPSK {
		return wire.ParseServerKeyExchangeECDHEPSK(raw, rec)
	}
	return wire.ParseServerKeyExchangePSK(raw, rec)
}

// serverHello makes the ServerHello and what follows from both hellos.
func (s *server12ReceivedTicket) serverHello(m *Machine, chosen *suite.Suite, extended bool) (*wire.ServerHello, *hello12, error) {
	sh := &wire.ServerHello{
		LegacyVersion:        wire.VersionTLS12,
		CipherSuite:          uint16(chosen.ID),
		ExtendedMasterSecret: extended,
		// RFC 7366 §3: only with a CBC suite.
		EncryptThenMAC: s.hello.EncryptThenMAC && chosen.Cipher == suite.BlockCBC,
		SessionTicket:  s.hello.SessionTicket != nil && s.c.NewTicket != nil,
	}
	if err := random(s.c.Rand, sh.Random[:]); err != nil {
		return nil, nil, err
	}
	if s.c.Versions[0] > wire.VersionTLS12 {
		copy(sh.Random[24:], downgrade12[:])
	}
	// RFC 5746 §3.6: the extension answers either form of asking.
	if s.hello.RenegotiationInfo != nil || slices.Contains(s.hello.CipherSuites, wire.RenegotiationSCSV) {
		sh.RenegotiationInfo = []byte{}
	}
	if s.hello.ECPointFormats != nil && chosen.KeyExchange == suite.ECDHEPSK {
		sh.ECPointFormats = []byte{wire.PointUncompressed} // RFC 8422 §5.2
	}
	if m.result.NextProto != "" {
		sh.ALPN = &m.result.NextProto
	}
	if s.maxContent > 0 {
		own := uint16(limitOrMost(s.c.RecordSizeLimit))
		sh.RecordSizeLimit = &own
	}
	h := &hello12{
		suite: chosen, clientRandom: s.hello.Random, serverRandom: sh.Random,
		extendedMasterSecret: extended, ticket: sh.SessionTicket, transcript: newTranscript(chosen.Hash),
	}
	if sh.EncryptThenMAC {
		h.form = suite.EncryptThenMAC
	}
	return sh, h, nil
}

func (s *server12ReceivedTicket) send(m *Machine, sh *wire.ServerHello, h *hello12) {
	raw := sh.Append(nil)
	m.send(raw, func(rec *wire.Fields) { wire.ParseServerHello(raw, rec) })
	h.transcript.add(s.raw)
	h.transcript.add(raw)
	if sh.RecordSizeLimit != nil {
		m.do(LimitSent{s.maxContent}, LimitRead{int(*sh.RecordSizeLimit)})
	}
}

// resume sends the flight of an abbreviated handshake.
func (s *server12ReceivedTicket) resume(m *Machine, c Candidate) (state, error) {
	session := c.Session12
	sh, h, err := s.serverHello(m, session.Suite, session.ExtendedMasterSecret)
	if err != nil {
		return nil, err
	}
	sh.LegacySessionIDEcho = s.hello.LegacySessionID // RFC 5077 §3.4
	h.settle(m, mode12(session.Suite))
	m.result.Resumed, m.result.Tag, m.result.Group = true, c.Tag, session.Group
	s.send(m, sh, h)
	keys := h.keys(session.Master)
	h.established(m, session.Master)
	if err := sendTicket12(m, s.c, h); err != nil {
		return nil, err
	}
	h.sendFinished(m, keys.server, session.Master.ServerFinished(h.transcript.sum()))
	return &server12WaitChangeCipherSpec{c: s.c, hello12: h, trial: trial{keys: []keys12{keys}, resumed: true}}, nil
}

// sendTicket12 sends the NewSessionTicket that the ServerHello announced. An
// empty one says that there is none after all (RFC 5077 §3.3).
func sendTicket12(m *Machine, c *ServerConfig, h *hello12) error {
	if !h.ticket {
		return nil
	}
	ticket, err := c.NewTicket(&m.result)
	if err != nil {
		return err
	}
	raw := ticket.Append(nil)
	m.send(raw, func(rec *wire.Fields) { wire.ParseNewSessionTicket12(raw, rec) })
	h.transcript.add(raw)
	return nil
}

// chooseSuite12 returns our first suite that the client offers, with a group
// where it needs one. Ours list those with forward secrecy first.
func chooseSuite12(hello *wire.ClientHello, c *ServerConfig) (*suite.Suite, wire.NamedGroup, error) {
	offered := hello.SupportedGroups
	if offered == nil {
		// Without the extension any curve may be chosen (RFC 8422 §4).
		offered = []wire.NamedGroup{wire.GroupP256}
	}
	var group wire.NamedGroup
	for _, g := range groups12(c.Groups) {
		if slices.Contains(offered, g) {
			group = g
			break
		}
	}
	for _, id := range c.Suites12 {
		s, ok := suite.ByID(id)
		if !ok || !slices.Contains(hello.CipherSuites, uint16(id)) {
			continue
		}
		if s.KeyExchange == suite.PSKOnly {
			return s, 0, nil
		}
		if group != 0 {
			return s, group, nil
		}
	}
	return nil, 0, alert.New(alert.HandshakeFailure, noSuite12(hello.CipherSuites, offered, c))
}

// noSuite12 says why chooseSuite12 found nothing.
func noSuite12(suites []uint16, groups []wire.NamedGroup, c *ServerConfig) string {
	if offersAny(suites, c.Suites12) {
		// Each of them needs a group, or it would have been chosen.
		return "no group in common for the TLS 1.2 suites that both ends have: the client offers " + joined(groups) + "; here " + joined(groups12(c.Groups)) + " are allowed"
	}
	sentence := "no TLS 1.2 suite in common: the client offers " + suiteNames12(suites) + "; here " + joined(c.Suites12) + " are allowed"
	if !c.Legacy && offersAny(suites, suite.Legacy12()) && !offersAny(suites, suite.Compatible12()) {
		// Else no policy helps, or this one allows it and Config.Suites does not.
		sentence += policyHint(suites)
	}
	return sentence
}

// server12WaitClientKeyExchange waits for the client's identity.
type server12WaitClientKeyExchange struct {
	c       *ServerConfig
	hello12 *hello12
	share   *privateShare // nil with plain PSK
}

func (s *server12WaitClientKeyExchange) name() string { return "WAIT_CKE" }

func (s *server12WaitClientKeyExchange) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeClientKeyExchange}
}

func (s *server12WaitClientKeyExchange) handle(m *Machine, raw []byte) (state, error) {
	parse := wire.ParseClientKeyExchangePSK
	if s.share != nil {
		parse = wire.ParseClientKeyExchangeECDHEPSK
	}
	raw = bytes.Clone(raw) // the identity outlives this step
	rec := m.recording()
	cke, err := parse(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	next := &server12ReceivedClientKeyExchange{c: s.c, hello12: s.hello12}
	if s.share != nil {
		if next.shared, err = s.share.sharedSecret(cke.Point); err != nil {
			return nil, err
		}
	}
	s.hello12.transcript.add(raw)
	m.do(WantPSK{
		Version: wire.VersionTLS12, Identities: []wire.PSKIdentity{{Identity: cke.Identity}},
		Random: s.hello12.clientRandom, ServerName: m.result.ServerName, NextProto: m.result.NextProto, Mode: m.result.Mode,
	})
	return next, nil
}
