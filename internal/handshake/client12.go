package handshake

// The client's states in TLS 1.2 (RFC 5246 §7.3, RFC 4279 §2, RFC 5077 §3.1):
//
//	WAIT_SH -> WAIT_SKE -> WAIT_SHD -> [WAIT_NST ->] WAIT_CCS -> WAIT_FINISHED -> CONNECTED
//	or, resumed:                       [WAIT_NST ->] WAIT_CCS -> WAIT_FINISHED -> CONNECTED

import (
	"bytes"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// offer12 adds what a ClientHello says for the sake of TLS 1.2.
func offer12(hello *wire.ClientHello, c *ClientConfig) {
	for _, id := range c.Suites12 {
		hello.CipherSuites = append(hello.CipherSuites, uint16(id))
	}
	hello.ExtendedMasterSecret = true
	hello.RenegotiationInfo = []byte{} // RFC 5746 §3.4
	hello.EncryptThenMAC = usesCBC(c.Suites12)
	if uses12(c.Suites12, suite.ECDHEPSK) {
		hello.ECPointFormats = []byte{wire.PointUncompressed} // RFC 8422 §5.1.2
		if hello.SupportedGroups == nil {
			hello.SupportedGroups = groups12(c.Groups)
		}
	}
	if c.WantTickets {
		hello.SessionTicket = []byte{}
	}
	if c.Ticket12 != nil {
		hello.SessionTicket = c.Ticket12.Ticket
	}
}

// accepted12 goes on from a ServerHello of TLS 1.2.
func (s *clientWaitServerHello) accepted12(m *Machine, sh *wire.ServerHello, raw []byte) (state, error) {
	chosen, err := s.check12(m, sh)
	if err != nil {
		return nil, err
	}
	h := &hello12{
		suite: chosen, clientRandom: s.hello.Random, serverRandom: sh.Random,
		extendedMasterSecret: sh.ExtendedMasterSecret, ticket: sh.SessionTicket, transcript: newTranscript(chosen.Hash),
	}
	if sh.EncryptThenMAC && chosen.Cipher == suite.BlockCBC {
		h.form = suite.EncryptThenMAC
	}
	h.transcript.add(s.raw)
	h.transcript.add(raw)
	h.settle(m, mode12(chosen))
	if err := s.extensions12(m, sh); err != nil {
		return nil, err
	}
	if len(s.hello.LegacySessionID) > 0 && bytes.Equal(sh.LegacySessionIDEcho, s.hello.LegacySessionID) {
		return s.resumed12(m, h)
	}
	m.result.Tag = s.c.Key12.Tag
	return &client12WaitServerKeyExchange{c: s.c, hello12: h, shares: s.shares12}, nil
}

// prepare makes the share that the client will send in TLS 1.2, while the server
// makes its own. Where TLS 1.3 or a session is offered too, it would most likely
// be for nothing; and so it is, at the cost of one share, if the server chooses
// another group.
func (s *clientWaitServerHello) prepare() {
	if s.shares12 != nil || s.hello.KeyShare != nil || len(s.hello.SessionTicket) > 0 || !uses12(s.c.Suites12, suite.ECDHEPSK) {
		return
	}
	// Without randomness it stays nil, and is an error where it is needed.
	s.shares12, _ = newShares(groups12(s.c.Groups)[:1], s.c.Rand)
}

// check12 tests a ServerHello of TLS 1.2.
func (s *clientWaitServerHello) check12(m *Machine, sh *wire.ServerHello) (*suite.Suite, error) {
	allowed := []wire.ExtensionType{wire.ExtServerName, wire.ExtEncryptThenMAC, wire.ExtExtendedMainSecret,
		wire.ExtSessionTicket, wire.ExtRenegotiationInfo, wire.ExtECPointFormats, wire.ExtALPN, wire.ExtRecordSizeLimit}
	if err := checkExtensions(sh.Extensions, allowed, s.hello); err != nil {
		return nil, err
	}
	chosen, ok := suite.ByID(suite.ID(sh.CipherSuite))
	switch {
	case s.c.Versions[0] > wire.VersionTLS12 && downgraded(sh.Random):
		// RFC 9846 §4.2.3.
		return nil, alert.New(alert.IllegalParameter, "the server says that it speaks TLS 1.3, but was asked for TLS 1.2: somebody changed our ClientHello")
	case m.earlyChange:
		return nil, alert.New(alert.UnexpectedMessage, "a change_cipher_spec before the ServerHello of TLS 1.2")
	case !ok || !slices.Contains(s.hello.CipherSuites, sh.CipherSuite) || chosen.Version != wire.VersionTLS12:
		return nil, alert.New(alert.IllegalParameter, "the server selected a suite that was not offered for TLS 1.2")
	case sh.LegacyCompressionMethod != 0:
		return nil, alert.New(alert.IllegalParameter, "the server selected compression")
	case len(sh.RenegotiationInfo) > 0:
		return nil, alert.New(alert.HandshakeFailure, "the server's renegotiation_info speaks of an earlier handshake, but this is the first")
	case sh.RenegotiationInfo == nil && !s.c.Legacy:
		return nil, alert.New(alert.HandshakeFailure, "the server does not know renegotiation_info (RFC 5746), so that it may take another's data for ours: only the policy legacy goes without")
	case !sh.ExtendedMasterSecret && !s.c.Legacy:
		return nil, alert.New(alert.HandshakeFailure, "the server does not do the extended master secret (RFC 7627), which only the policy legacy goes without")
	}
	return chosen, nil
}

// extensions12 acts on what the server answered to our extensions.
func (s *clientWaitServerHello) extensions12(m *Machine, sh *wire.ServerHello) error {
	m.result.ServerName = s.c.ServerName
	if sh.ALPN != nil {
		if !slices.Contains(s.c.NextProtos, *sh.ALPN) {
			return alert.New(alert.IllegalParameter, "the server selected an application protocol that was not offered")
		}
		m.result.NextProto = *sh.ALPN
	}
	if sh.RecordSizeLimit != nil {
		n, err := readLimit12(*sh.RecordSizeLimit)
		if err != nil {
			return err
		}
		// Where TLS 1.3 was offered too, ours is a byte more than was asked for,
		// and the server may use it.
		m.do(LimitSent{n}, LimitRead{int(*s.hello.RecordSizeLimit)})
	}
	return nil
}

// resumed12 goes on with the session of a ticket.
func (s *clientWaitServerHello) resumed12(m *Machine, h *hello12) (state, error) {
	t := s.c.Ticket12
	switch {
	case t == nil:
		return nil, alert.New(alert.IllegalParameter, "the server resumes a session, but none was offered")
	case t.Session.Suite != h.suite:
		return nil, alert.New(alert.IllegalParameter, "the server resumes the session with another suite")
	case t.Session.ExtendedMasterSecret != h.extendedMasterSecret:
		// RFC 7627 §5.3.
		return nil, alert.New(alert.HandshakeFailure, "the server resumes the session with another form of the master secret")
	}
	m.result.Resumed, m.result.Tag, m.result.Group = true, t.Tag, t.Session.Group
	keys := h.keys(t.Session.Master)
	h.established(m, t.Session.Master)
	return (&client12Finish{s.c, h, keys, nil}).next(), nil
}

// client12WaitServerKeyExchange waits for the ServerKeyExchange, which a
// server with plain PSK leaves out where it has no hint (RFC 4279 §2).
type client12WaitServerKeyExchange struct {
	c       *ClientConfig
	hello12 *hello12
	shares  []privateShare // prepared, or none
}

func (s *client12WaitServerKeyExchange) name() string { return "WAIT_SKE" }

func (s *client12WaitServerKeyExchange) accepts() []wire.HandshakeType {
	if s.hello12.suite.KeyExchange == suite.PSKOnly {
		return []wire.HandshakeType{wire.TypeServerKeyExchange, wire.TypeServerHelloDone}
	}
	return []wire.HandshakeType{wire.TypeServerKeyExchange}
}

func (s *client12WaitServerKeyExchange) handle(m *Machine, raw []byte) (state, error) {
	done := &client12WaitServerHelloDone{c: s.c, hello12: s.hello12, shares: s.shares}
	if wire.TypeOf(raw) == wire.TypeServerHelloDone {
		return done.handle(m, raw)
	}
	rec := m.recording()
	ske, err := parseServerKeyExchange(raw, s.hello12.suite, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	m.result.IdentityHint = string(ske.Hint)
	if s.hello12.suite.KeyExchange == suite.ECDHEPSK {
		if !slices.Contains(groups12(s.c.Groups), ske.Group) {
			return nil, alert.New(alert.IllegalParameter, "the server selected "+ske.Group.String()+", which was not offered for TLS 1.2")
		}
		m.result.Group, done.point = ske.Group, bytes.Clone(ske.Point)
	}
	s.hello12.transcript.add(raw)
	return done, nil
}

// client12WaitServerHelloDone waits for the end of the server's flight.
type client12WaitServerHelloDone struct {
	c       *ClientConfig
	hello12 *hello12
	shares  []privateShare // prepared, or none
	point   []byte         // the server's, nil with plain PSK
}

func (s *client12WaitServerHelloDone) name() string { return "WAIT_SHD" }

func (s *client12WaitServerHelloDone) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeServerHelloDone}
}

func (s *client12WaitServerHelloDone) handle(m *Machine, raw []byte) (state, error) {
	rec := m.recording()
	err := wire.ParseServerHelloDone(raw, rec)
	m.received(raw, rec)
	if err != nil {
		return nil, err
	}
	h := s.hello12
	h.transcript.add(raw)
	cke := wire.ClientKeyExchange{Identity: s.c.Key12.Identity}
	shared, err := s.exchange(m, &cke)
	if err != nil {
		return nil, err
	}
	sent := cke.Append(nil)
	m.send(sent, func(rec *wire.Fields) { parseClientKeyExchange(sent, h.suite, rec) })
	h.transcript.add(sent)
	master := h.master(s.c.Key12.Key.Premaster(shared))
	keys := h.keys(master)
	h.established(m, master)
	h.sendFinished(m, keys.client, master.ClientFinished(h.transcript.sum()))
	return (&client12Finish{s.c, h, keys, nil}).next(), nil
}

// exchange does the client's half of ECDHE. It returns nil with plain PSK.
func (s *client12WaitServerHelloDone) exchange(m *Machine, cke *wire.ClientKeyExchange) ([]byte, error) {
	if s.hello12.suite.KeyExchange == suite.PSKOnly {
		return nil, nil
	}
	if len(s.shares) == 0 || s.shares[0].group != m.result.Group {
		var err error
		if s.shares, err = newShares([]wire.NamedGroup{m.result.Group}, s.c.Rand); err != nil {
			return nil, err
		}
	}
	cke.Point = s.shares[0].ecdh.PublicKey().Bytes()
	return s.shares[0].sharedSecret(s.point)
}

func parseClientKeyExchange(raw []byte, s *suite.Suite, rec *wire.Fields) (*wire.ClientKeyExchange, error) {
	if s.KeyExchange == suite.ECDHEPSK {
		return wire.ParseClientKeyExchangeECDHEPSK(raw, rec)
	}
	return wire.ParseClientKeyExchangePSK(raw, rec)
}
