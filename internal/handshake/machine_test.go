package handshake

// What the tests of the states share: two machines without records between
// them, and their messages by name.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// seeded returns randomness that is the same in every run.
func seeded(seed uint64) io.Reader {
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], seed)
	return rand.NewChaCha8(s)
}

func testPSK(h suite.Hash, fill byte) *schedule.PSK {
	return schedule.NewPSK(h, schedule.ExternalPSK, bytes.Repeat([]byte{fill}, 32))
}

// What the application of the tests says of a key.
var (
	errUnknown = errors.New("the identity is unknown")
	errWrong   = errors.New("the key is wrong")
)

var allGroups = []wire.NamedGroup{wire.GroupX25519MLKEM768, wire.GroupX25519, wire.GroupP256}

// setup is what both machines of a test are configured with.
type setup struct {
	client ClientConfig
	server ServerConfig
	// candidates are what the server's application answers with.
	candidates []Candidate
	tries      int
	// history is the transcript before a second ClientHello.
	history *transcript
}

// newSetup agrees on one external key for SHA-256.
func newSetup() *setup {
	s := &setup{}
	psk := testPSK(suite.SHA256, 1)
	s.client.Common = Common{Versions: []uint16{wire.VersionTLS13}, Suites: suite.Preferred(), Groups: allGroups, Modes: []wire.PSKKeyExchangeMode{wire.PSKWithECDHE}, Rand: seeded(1)}
	s.server.Common = Common{Versions: []uint16{wire.VersionTLS13}, Suites: suite.Preferred(), Groups: allGroups, Modes: []wire.PSKKeyExchangeMode{wire.PSKWithECDHE}, Rand: seeded(2)}
	s.client.PSKs = []OfferedPSK{{Identity: []byte("alice"), PSK: psk}}
	s.client.KeyShares = []wire.NamedGroup{wire.GroupX25519}
	s.client.WantTickets = true
	s.server.Dummies = [2]*schedule.PSK{testPSK(suite.SHA256, 0xd0), testPSK(suite.SHA384, 0xd1)}
	s.candidates, s.tries = []Candidate{{Identity: 0, PSK: psk, Tag: "alice"}}, 4
	return s
}

// machines starts both.
func (s *setup) machines(t testing.TB) (c, srv *Machine) {
	t.Helper()
	client, server := s.client, s.server
	c, err := NewClient(&client)
	if err != nil {
		t.Fatalf("The client's machine cannot be made: %v", err)
	}
	return c, NewServer(&server)
}

// taken sorts a machine's effects: the messages that it sends, and whether it is
// done. A server that wants keys is answered.
type taken struct {
	sent [][]byte
	all  []Effect
	done bool
}

func (s *setup) take(m *Machine) (taken, error) {
	var out taken
	for {
		effects := m.Effects()
		if len(effects) == 0 {
			return out, nil
		}
		for _, e := range effects {
			out.all = append(out.all, e)
			switch f := e.(type) {
			case Send:
				out.sent = append(out.sent, f.Raw)
			case Done:
				out.done = true
			case WantPSK:
				if err := m.Answer(Answer{Candidates: s.candidates, Tries: s.tries, Unknown: errUnknown, Wrong: errWrong}); err != nil {
					return out, err
				}
			}
		}
	}
}

// deliver hands a message to a machine and carries out what follows.
func (s *setup) deliver(m *Machine, raw []byte) (taken, error) {
	if err := m.Step(bytes.Clone(raw)); err != nil {
		return taken{}, err
	}
	return s.take(m)
}

// run is a whole handshake: every message in order, by who sent it.
type run struct {
	toServer, toClient [][]byte
	client, server     *Machine
	clientDone         bool
	serverDone         bool
}

// handshake lets both machines talk until they are silent.
func (s *setup) handshake(t testing.TB) *run {
	t.Helper()
	r := &run{}
	r.client, r.server = s.machines(t)
	first, err := s.take(r.client)
	if err != nil {
		t.Fatal(err)
	}
	up, down := first.sent, [][]byte(nil)
	for len(up)+len(down) > 0 {
		var nextUp, nextDown [][]byte
		for _, raw := range up {
			r.toServer = append(r.toServer, raw)
			out, err := s.deliver(r.server, raw)
			if err != nil {
				t.Fatalf("The server refuses %s: %v", wire.TypeOf(raw), err)
			}
			nextDown = append(nextDown, out.sent...)
			r.serverDone = r.serverDone || out.done
		}
		for _, raw := range down {
			r.toClient = append(r.toClient, raw)
			out, err := s.deliver(r.client, raw)
			if err != nil {
				t.Fatalf("The client refuses %s: %v", wire.TypeOf(raw), err)
			}
			nextUp = append(nextUp, out.sent...)
			r.clientDone = r.clientDone || out.done
		}
		up, down = nextUp, nextDown
	}
	if !r.clientDone || !r.serverDone {
		t.Fatal("The handshake is not complete.")
	}
	return r
}

// finishedEffect tells whether a list of effects completes a handshake.
func finishedEffect(list []Effect) bool {
	return slices.ContainsFunc(list, func(e Effect) bool { _, ok := e.(Done); return ok })
}
