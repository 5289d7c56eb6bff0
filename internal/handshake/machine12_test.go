package handshake

// What the tests of the states of TLS 1.2 share: both machines with one external
// key, and what passes between them, change_cipher_spec included.

import (
	"bytes"
	"testing"

	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// setup12 is a setup that can only meet in TLS 1.2.
type setup12 struct {
	setup
	// unannounced: the server accepts tickets and gives none, as ours never
	// does.
	unannounced bool
}

func testKey12(fill byte) *schedule.Key12 { return schedule.NewKey12(bytes.Repeat([]byte{fill}, 32)) }

// newSetup12 agrees on one external key, on ECDHE_PSK, and on no tickets.
func newSetup12() *setup12 {
	s := &setup12{setup: *newSetup()}
	key := testKey12(1)
	s.client.Key12 = &OfferedKey12{Identity: []byte("alice"), Key: key, Tag: "alice"}
	s.client.PSKs, s.client.WantTickets = nil, false
	s.server.Dummy12 = testKey12(0xd2)
	s.candidates = append(s.candidates, Candidate{Key12: key, Tag: "alice"})
	for _, c := range []*Common{&s.client.Common, &s.server.Common} {
		c.Versions, c.Suites = []uint16{wire.VersionTLS12}, nil
		c.Groups = []wire.NamedGroup{wire.GroupX25519, wire.GroupP256}
	}
	s.suites(suite.ECDHEPSKAES128GCMSHA256)
	return s
}

func (s *setup12) suites(ids ...suite.ID) { s.client.Suites12, s.server.Suites12 = ids, ids }

func (s *setup12) plainPSK() { s.suites(suite.PSKAES128CBCSHA256) }

func (s *setup12) hint() { s.server.IdentityHint = "a hint" }

// clientBoth lets a client offer TLS 1.3 beside TLS 1.2, serverBoth a server
// speak it.
func (s *setup12) clientBoth() {
	s.client.Versions, s.client.Suites = []uint16{wire.VersionTLS13, wire.VersionTLS12}, suite.Preferred()
	s.client.PSKs = []OfferedPSK{{Identity: []byte("alice"), PSK: testPSK(suite.SHA256, 1)}}
	s.client.KeyShares = []wire.NamedGroup{wire.GroupX25519}
}

func (s *setup12) serverBoth() {
	s.server.Versions, s.server.Suites = []uint16{wire.VersionTLS13, wire.VersionTLS12}, suite.Preferred()
}

// tickets lets the server issue tickets, and the client want them.
func (s *setup12) tickets() {
	s.client.WantTickets = true
	s.server.NewTicket = func(*Result) (*wire.NewSessionTicket12, error) {
		return &wire.NewSessionTicket12{LifetimeHint: 3600, Ticket: []byte("the next ticket")}, nil
	}
}

// session is one that both ends may resume with a ticket.
func (s *setup12) session(extended bool) *Session12 {
	chosen, _ := suite.ByID(s.server.Suites12[0])
	master, err := schedule.NewMaster12(chosen.Hash, bytes.Repeat([]byte{7}, 48))
	if err != nil {
		panic(err)
	}
	return &Session12{Suite: chosen, Master: master, ExtendedMasterSecret: extended}
}

// resumable gives the client a ticket that the server knows.
func (s *setup12) resumable() {
	s.tickets()
	session := s.session(true)
	s.client.Ticket12 = &OfferedTicket12{Ticket: []byte("a ticket"), Session: session, Tag: "alice"}
	s.candidates = append(s.candidates, Candidate{Session12: session, Tag: "alice"})
}

// forgotten is a ticket that the server does not know.
func (s *setup12) forgotten() {
	s.resumable()
	s.candidates = s.candidates[:len(s.candidates)-1]
}

// item is what a side of TLS 1.2 receives: a message, or a change_cipher_spec
// where raw is nil.
type item struct{ raw []byte }

// take carries out a machine's effects. It returns what the other side
// receives, and whether the handshake is done.
func (s *setup12) take(m *Machine) (sent []item, done bool, err error) {
	for {
		effects := m.Effects()
		if len(effects) == 0 {
			return sent, done, nil
		}
		for _, e := range effects {
			switch f := e.(type) {
			case Send:
				sent = append(sent, item{f.Raw})
			case SendChangeCipherSpec:
				sent = append(sent, item{})
			case Done:
				done = true
			case WantPSK:
				if w, ok := m.state.(*server12ReceivedTicket); ok && s.unannounced {
					silent := *w.c
					silent.NewTicket = nil
					w.c = &silent
				}
				if err := m.Answer(Answer{Candidates: s.candidates, Tries: s.tries, Unknown: errUnknown, Wrong: errWrong}); err != nil {
					return sent, done, err
				}
			}
		}
	}
}

// give hands an item to a machine, as the engine does: of the keys to be tried,
// the first is said to have opened the record.
func (s *setup12) give(m *Machine, i item) (sent []item, done bool, err error) {
	if i.raw == nil {
		_, err = m.ChangeCipherSpec()
	} else {
		m.KeyTried(0)
		err = m.Step(bytes.Clone(i.raw))
	}
	if err != nil {
		return nil, false, err
	}
	return s.take(m)
}

// run12 is a handshake of TLS 1.2: what was sent, and how it ended.
type run12 struct {
	client, server         *Machine
	toServer, toClient     []item
	clientErr, serverErr   error
	clientDone, serverDone bool
}

// converse lets both machines talk until they are silent. change, where set,
// sees each item before it is delivered and may replace it.
func (s *setup12) converse(t testing.TB, change func(toServer bool, i item) item) *run12 {
	t.Helper()
	r := &run12{}
	r.client, r.server = s.machines(t)
	up, _, err := s.take(r.client)
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(toServer bool, m *Machine, i item, all *[]item, done *bool, failed *error) []item {
		*all = append(*all, i)
		if *failed != nil {
			return nil
		}
		if change != nil {
			i = change(toServer, i)
		}
		sent, finished, err := s.give(m, i)
		*done, *failed = *done || finished, err
		return sent
	}
	var down []item
	for len(up)+len(down) > 0 {
		var nextUp, nextDown []item
		for _, i := range up {
			nextDown = append(nextDown, deliver(true, r.server, i, &r.toServer, &r.serverDone, &r.serverErr)...)
		}
		for _, i := range down {
			nextUp = append(nextUp, deliver(false, r.client, i, &r.toClient, &r.clientDone, &r.clientErr)...)
		}
		up, down = nextUp, nextDown
	}
	return r
}

// handshake12 is converse where it must succeed.
func (s *setup12) handshake12(t testing.TB) *run12 {
	t.Helper()
	r := s.converse(t, nil)
	if !r.clientDone || !r.serverDone {
		t.Fatalf("The handshake is not complete: client in %s: %v; server in %s: %v.", r.client.State(), r.clientErr, r.server.State(), r.serverErr)
	}
	return r
}
