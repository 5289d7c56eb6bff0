package handshake

// Where a message meets a state. There is no other such place.

import (
	"io"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/wire"
)

const minRecordSizeLimit = limits.MinRecordSizeLimit

// A state is one place in the handshake. It holds what exists there and
// nothing else.
type state interface {
	// name is the state's name in RFC 9846 §A.
	name() string
	// accepts lists the messages that may come. Any other is refused before
	// the state sees it.
	accepts() []wire.HandshakeType
	// handle acts on one message and returns the next state.
	handle(m *Machine, raw []byte) (state, error)
}

// Machine is one side of one connection's handshake, and of the handshake
// messages that follow it.
type Machine struct {
	hooks   Hooks
	state   state
	effects []Effect
	result  Result
	err     error
	// earlyChange: a change_cipher_spec came before the version was known.
	earlyChange bool
}

// Step hands a whole handshake message to the current state. raw may be
// overwritten afterwards. After an error the machine accepts nothing more.
func (m *Machine) Step(raw []byte) error {
	if m.err != nil {
		return m.err
	}
	t := wire.TypeOf(raw)
	if !slices.Contains(m.state.accepts(), t) {
		m.err = alert.New(alert.UnexpectedMessage, "got "+t.String()+" in state "+m.state.name())
		return m.err
	}
	return m.enter(m.state.handle(m, raw))
}

// Prepare does work now that the peer's next message will need, if there is any.
// It changes nothing that can be seen from outside.
func (m *Machine) Prepare() {
	if s, ok := m.state.(interface{ prepare() }); ok && m.err == nil {
		s.prepare()
	}
}

// enter makes s the current state unless err says otherwise.
func (m *Machine) enter(s state, err error) error {
	if err != nil {
		m.err = err
		return err
	}
	if m.state != s {
		m.state = s
		if m.hooks.State != nil {
			m.hooks.State(s.name())
		}
	}
	return nil
}

// Effects returns what is to be done since the last call, in order.
func (m *Machine) Effects() []Effect {
	e := m.effects
	m.effects = nil
	return e
}

// State returns the name of the current state.
func (m *Machine) State() string { return m.state.name() }

// Result returns what was negotiated. It is complete after Done.
func (m *Machine) Result() *Result { return &m.result }

// Complete reports whether the handshake is over: handshake messages that
// come now are post-handshake ones.
func (m *Machine) Complete() bool {
	switch m.state.(type) {
	case *connected, *connected12:
		return true
	}
	return false
}

// do asks for effects.
func (m *Machine) do(e ...Effect) {
	if m.effects == nil {
		m.effects = make([]Effect, 0, mostAtOnce)
	}
	m.effects = append(m.effects, e...)
}

// mostAtOnce is how many effects a message has at most, but for a few.
const mostAtOnce = 8

// send sends a message of ours; parse is its parser, for the observer.
func (m *Machine) send(raw []byte, observe func(rec *wire.Fields)) {
	m.do(Send{raw})
	if m.hooks.Message != nil {
		rec := &wire.Fields{}
		observe(rec)
		m.hooks.Message(true, raw, rec.List)
	}
}

// recording returns where a parser is to record the fields of a received
// message: nowhere if nobody observes.
func (m *Machine) recording() *wire.Fields {
	if m.hooks.Message == nil {
		return nil
	}
	return &wire.Fields{}
}

// received shows a received message to the observer.
func (m *Machine) received(raw []byte, rec *wire.Fields) {
	if rec != nil {
		m.hooks.Message(false, raw, rec.List)
	}
}

// exposer is any secret of the schedule.
type exposer interface{ Expose() []byte }

// secret shows a derived secret to the observer and the key log.
func (m *Machine) secret(name string, s exposer) {
	if m.hooks.Secret != nil {
		m.hooks.Secret(name, s.Expose())
	}
}

// random fills b from the configured source.
func random(r io.Reader, b []byte) error {
	if _, err := io.ReadFull(r, b); err != nil {
		return internalError("the source of randomness failed: " + err.Error())
	}
	return nil
}

// trafficSecrets are the two of one epoch, named from this side.
type trafficSecrets struct {
	read, write schedule.Traffic
}
