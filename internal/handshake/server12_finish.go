package handshake

// The end of the server's handshake in TLS 1.2: trying keys, and Finished.

import (
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/wire"
)

// server12ReceivedClientKeyExchange waits for the application to look up keys.
type server12ReceivedClientKeyExchange struct {
	c       *ServerConfig
	hello12 *hello12
	shared  []byte // the result of ECDH, nil with plain PSK
}

func (s *server12ReceivedClientKeyExchange) name() string                  { return "RECVD_CKE" }
func (s *server12ReceivedClientKeyExchange) accepts() []wire.HandshakeType { return nil }
func (s *server12ReceivedClientKeyExchange) handle(*Machine, []byte) (state, error) {
	panic("handshake: RECVD_CKE accepts no message")
}

// answered derives the keys of every candidate. A key that nobody knows stands
// in for each one that is missing, so that an unknown identity goes the way of a
// wrong key (RFC 4279 §2), and takes the time of it.
func (s *server12ReceivedClientKeyExchange) answered(_ *Machine, a Answer) (state, error) {
	t := trial{cause: a.Unknown}
	for _, c := range a.Candidates {
		if c.Key12 != nil && len(t.candidates) < limits.RotationKeys {
			t.candidates = append(t.candidates, c)
			t.cause = a.Wrong
		}
	}
	for i := range max(a.Tries, len(t.candidates)) {
		key := s.c.Dummy12
		if i < len(t.candidates) {
			key = t.candidates[i].Key12
		}
		t.keys = append(t.keys, s.hello12.keys(s.hello12.master(key.Premaster(s.shared))))
	}
	return &server12WaitChangeCipherSpec{s.c, s.hello12, t}, nil
}

// trial is the keys that the client's first protected record may be under.
type trial struct {
	keys       []keys12
	candidates []Candidate // of the first keys; the others are of no candidate
	cause      error       // to be told where none fits
	resumed    bool        // there is one key, that of the session
}

// server12WaitChangeCipherSpec waits for the client's change_cipher_spec.
type server12WaitChangeCipherSpec struct {
	c       *ServerConfig
	hello12 *hello12
	trial   trial
}

func (s *server12WaitChangeCipherSpec) name() string                  { return "WAIT_CCS" }
func (s *server12WaitChangeCipherSpec) accepts() []wire.HandshakeType { return nil }
func (s *server12WaitChangeCipherSpec) handle(*Machine, []byte) (state, error) {
	panic("handshake: WAIT_CCS accepts no message")
}

func (s *server12WaitChangeCipherSpec) changeCipherSpec(m *Machine) (state, error) {
	if s.trial.resumed {
		m.do(SetReadKey12{s.hello12.suite, s.trial.keys[0].client, s.hello12.form})
	} else {
		var keys []schedule.Keys12
		for _, k := range s.trial.keys {
			keys = append(keys, k.client)
		}
		m.do(TryReadKeys12{s.hello12.suite, keys, s.hello12.form})
	}
	return &server12WaitFinished{s.c, s.hello12, s.trial}, nil
}

// server12WaitFinished waits for the client's Finished.
type server12WaitFinished struct {
	c       *ServerConfig
	hello12 *hello12
	trial   trial
}

func (s *server12WaitFinished) name() string { return "WAIT_FINISHED" }

func (s *server12WaitFinished) accepts() []wire.HandshakeType {
	return []wire.HandshakeType{wire.TypeFinished}
}

// KeyTried tells which of the keys of TryReadKeys12 opened the first record.
func (m *Machine) KeyTried(i int) {
	s, ok := m.state.(*server12WaitFinished)
	if !ok || s.trial.resumed || i < 0 || i >= len(s.trial.candidates) {
		return
	}
	s.trial.keys, s.trial.candidates = s.trial.keys[i:i+1], s.trial.candidates[i:i+1]
	s.trial.cause = nil
}

// TrialError returns what to say where the client's first protected record
// opens with no key: that the identity is unknown, or its key differs. It is nil
// everywhere else.
func (m *Machine) TrialError() error {
	if s, ok := m.state.(*server12WaitFinished); ok && s.trial.cause != nil {
		return alert.Wrap(alert.BadRecordMAC, s.trial.cause)
	}
	return nil
}

func (s *server12WaitFinished) handle(m *Machine, raw []byte) (state, error) {
	if !s.trial.resumed && s.trial.cause != nil {
		return nil, internalError("the client's Finished was opened with a key of nobody")
	}
	h, keys := s.hello12, s.trial.keys[0]
	if err := h.receiveFinished(m, raw, keys.master.VerifyClientFinished); err != nil {
		return nil, err
	}
	if !s.trial.resumed {
		m.result.Tag = s.trial.candidates[0].Tag
		h.established(m, keys.master)
		if err := sendTicket12(m, s.c, h); err != nil {
			return nil, err
		}
		h.sendFinished(m, keys.server, keys.master.ServerFinished(h.transcript.sum()))
	}
	m.do(Done{})
	return &connected12{server}, nil
}
