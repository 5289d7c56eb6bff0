package handshake

// What both sides of TLS 1.2 share: its session, its keys, and the state after
// its handshake.

import (
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// nameMaster is the label of the master secret in a key log (RFC 9850 §2.2).
const nameMaster = "CLIENT_RANDOM"

// Session12 is what a later TLS 1.2 connection can resume.
type Session12 struct {
	Suite                *suite.Suite
	Group                wire.NamedGroup // zero with plain PSK
	Master               schedule.Master12
	ExtendedMasterSecret bool
}

// hello12 is what the two hellos of TLS 1.2 agreed on.
type hello12 struct {
	suite                      *suite.Suite
	clientRandom, serverRandom [32]byte
	extendedMasterSecret       bool // RFC 7627
	form                       suite.CBCForm
	ticket                     bool // the server will send a NewSessionTicket
	transcript                 *transcript
}

// master derives the master secret. The transcript is that of the session
// hash: up to and with the ClientKeyExchange (RFC 7627 §3).
func (h *hello12) master(p schedule.Premaster) schedule.Master12 {
	if h.extendedMasterSecret {
		return p.ExtendedMaster(h.suite.Hash, h.transcript.sum())
	}
	return p.Master(h.suite.Hash, h.clientRandom, h.serverRandom)
}

// keys12 are those of one connection, named by their sender.
type keys12 struct {
	master         schedule.Master12
	client, server schedule.Keys12
}

func (h *hello12) keys(master schedule.Master12) keys12 {
	client, server := master.Keys(h.suite, h.clientRandom, h.serverRandom)
	return keys12{master, client, server}
}

// settle records what was negotiated.
func (h *hello12) settle(m *Machine, mode wire.PSKKeyExchangeMode) {
	m.result.Version, m.result.Suite, m.result.Mode = wire.VersionTLS12, h.suite, mode
	m.result.ExtendedMasterSecret = h.extendedMasterSecret
	m.result.EncryptThenMAC = h.form == suite.EncryptThenMAC
}

// established records the master secret, which is all that a connection leaves
// behind.
func (h *hello12) established(m *Machine, master schedule.Master12) {
	m.secret(nameMaster, master)
	m.result.Session12 = &Session12{h.suite, m.result.Group, master, h.extendedMasterSecret}
	if h.extendedMasterSecret {
		// Without it, keying material is not bound to one connection
		// (RFC 7627 §5.4).
		m.result.Exporter = master.Exporter(h.clientRandom, h.serverRandom)
	}
}

// sendFinished sends the last message of this side under its new key.
func (h *hello12) sendFinished(m *Machine, write schedule.Keys12, verifyData []byte) {
	m.do(SendChangeCipherSpec{}, SetWriteKey12{h.suite, write, h.form})
	raw := wire.AppendFinished(nil, verifyData)
	m.send(raw, func(rec *wire.Fields) { wire.ParseFinished(raw, wire.VerifyDataLen12, rec) })
	h.transcript.add(raw)
}

// receiveFinished checks the last message of the other side. verify is the
// method of the master secret that belongs to it.
func (h *hello12) receiveFinished(m *Machine, raw []byte, verify func(transcriptHash, got []byte) bool) error {
	rec := m.recording()
	verifyData, err := wire.ParseFinished(raw, wire.VerifyDataLen12, rec)
	m.received(raw, rec)
	if err != nil {
		return err
	}
	if !verify(h.transcript.sum(), verifyData) {
		return alert.New(alert.DecryptError, "the other end's Finished does not verify: the handshake was changed on the way")
	}
	h.transcript.add(raw)
	return nil
}

// changesCipherSpec is a state that waits for change_cipher_spec, which in
// TLS 1.2 is where the read key changes (RFC 5246 §7.1).
type changesCipherSpec interface {
	changeCipherSpec(m *Machine) (state, error)
}

// ChangeCipherSpec tells of a change_cipher_spec record. It returns false
// where the record means nothing: TLS 1.3 ignores it (RFC 9846 §5).
func (m *Machine) ChangeCipherSpec() (meant bool, err error) {
	if m.err != nil {
		return true, m.err
	}
	if s, ok := m.state.(changesCipherSpec); ok {
		return true, m.enter(s.changeCipherSpec(m))
	}
	if m.result.Version == wire.VersionTLS12 {
		m.err = alert.New(alert.UnexpectedMessage, "a change_cipher_spec in state "+m.state.name())
		return true, m.err
	}
	m.earlyChange = true
	return false, nil
}

// connected12 is the last state of TLS 1.2. What may still come asks for a
// renegotiation, which is refused: it has no use here, and was the way of the
// triple handshake (RFC 7627 §1).
type connected12 struct{ side side }

func (s *connected12) name() string { return "CONNECTED" }

func (s *connected12) accepts() []wire.HandshakeType {
	if s.side == client {
		return []wire.HandshakeType{wire.TypeHelloRequest}
	}
	return []wire.HandshakeType{wire.TypeClientHello}
}

func (s *connected12) handle(*Machine, []byte) (state, error) {
	return nil, alert.New(alert.NoRenegotiation, "the other end asks for a renegotiation, which is refused: open a new connection")
}

// groups12 are those of ours that TLS 1.2 has: the hybrid is of TLS 1.3 only.
func groups12(groups []wire.NamedGroup) []wire.NamedGroup {
	return slices.DeleteFunc(slices.Clone(groups), func(g wire.NamedGroup) bool { return g == wire.GroupX25519MLKEM768 })
}

// uses12 reports whether a list of suites has one with this key exchange.
func uses12(ids []suite.ID, k suite.KeyExchange) bool {
	return slices.ContainsFunc(ids, func(id suite.ID) bool { s, ok := suite.ByID(id); return ok && s.KeyExchange == k })
}

// usesCBC reports whether a list of suites has one with CBC.
func usesCBC(ids []suite.ID) bool {
	return slices.ContainsFunc(ids, func(id suite.ID) bool { s, ok := suite.ByID(id); return ok && s.Cipher == suite.BlockCBC })
}

// mode12 is the key exchange of a suite, in the words of TLS 1.3.
func mode12(s *suite.Suite) wire.PSKKeyExchangeMode {
	if s.KeyExchange == suite.ECDHEPSK {
		return wire.PSKWithECDHE
	}
	return wire.PSKOnly
}

// readLimit12 checks a record_size_limit, which in TLS 1.2 counts content alone
// (RFC 8449 §4).
func readLimit12(v uint16) (int, error) {
	if _, err := readLimit(v); err != nil {
		return 0, err
	}
	return min(int(v), limits.MaxPlaintext), nil
}
