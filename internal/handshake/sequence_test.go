package handshake

// Every legal sequence of messages, and every way to break it. What must come
// of a broken one stands in tables here, taken from RFC 9846 §A and §4, not
// from the states that are tested.

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/wire"
)

// A message by the name that the tables use. HelloRetryRequest and the two
// ClientHellos have one type, but not one meaning.
type msg string

const (
	ch1 msg = "ClientHello"
	ch2 msg = "second ClientHello"
	hrr msg = "HelloRetryRequest"
	sh  msg = "ServerHello"
	ee  msg = "EncryptedExtensions"
	fin msg = "Finished"
	nst msg = "NewSessionTicket"
	ku  msg = "KeyUpdate"
)

// sequence is one legal sequence of what a side receives.
type sequence struct {
	name    string
	server  bool // the side that receives
	receive []msg
	set     func(*setup)
}

func retrySetup(s *setup) { s.server.Groups = []wire.NamedGroup{wire.GroupP256} }

func pskOnly(s *setup) {
	s.client.Modes, s.server.Modes = []wire.PSKKeyExchangeMode{wire.PSKOnly}, []wire.PSKKeyExchangeMode{wire.PSKOnly}
}

func noTickets(s *setup) { s.client.WantTickets = false }

func plain(*setup) {}

// sequences are all that are legal without certificates and early data.
var sequences = []sequence{
	{"client", false, []msg{sh, ee, fin}, plain},
	{"client, retried", false, []msg{hrr, sh, ee, fin}, retrySetup},
	{"client, psk_ke", false, []msg{sh, ee, fin}, pskOnly},
	{"client, a ticket", false, []msg{sh, ee, fin, nst}, plain},
	{"client, tickets", false, []msg{sh, ee, fin, nst, nst, nst}, plain},
	{"client, a ticket that it does not want", false, []msg{sh, ee, fin, nst}, noTickets},
	{"client, key updates", false, []msg{sh, ee, fin, ku, ku}, plain},
	{"client, tickets and key updates", false, []msg{sh, ee, fin, nst, ku, nst, ku}, plain},
	{"client, retried, a ticket and a key update", false, []msg{hrr, sh, ee, fin, nst, ku}, retrySetup},
	{"server", true, []msg{ch1, fin}, plain},
	{"server, retried", true, []msg{ch1, ch2, fin}, retrySetup},
	{"server, psk_ke", true, []msg{ch1, fin}, pskOnly},
	{"server, key updates", true, []msg{ch1, fin, ku, ku}, plain},
	{"server, retried, a key update", true, []msg{ch1, ch2, fin, ku}, retrySetup},
}

// expected is what must come of the first message that differs from the legal
// sequence: an alert, or "legal" where it may stand there.
type expected int

const legal expected = -1

func alerted(d alert.Description) expected { return expected(d) }

// place is a point of a sequence: the message before which something wrong
// comes, or what came last.
type place string

const (
	beforeHello    place = "client: before ServerHello"         // WAIT_SH
	afterRetry     place = "client: after HelloRetryRequest"    // WAIT_SH again
	beforeEE       place = "client: before EncryptedExtensions" // WAIT_EE
	beforeFin      place = "client: before Finished"            // WAIT_FINISHED
	clientDone     place = "client: connected"                  // CONNECTED
	start          place = "server: before ClientHello"         // START
	afterRetrySent place = "server: after HelloRetryRequest"    // START again
	serverFin      place = "server: before Finished"            // WAIT_FINISHED
	serverDone     place = "server: connected"                  // CONNECTED
)

// oracle says, for each place, which messages are not refused with
// unexpected_message, which is what RFC 9846 §4 wants for all others.
var oracle = map[place]map[msg]expected{
	// An HRR for a ClientHello that was never answered by one is legal in
	// itself; a ServerHello meant for the second ClientHello has a share of
	// a group that the first did not send one of (RFC 9846 §4.2.3, RFC 9846 §4.3.8).
	beforeHello: {sh: legal, hrr: legal},
	// A second HelloRetryRequest is the one ServerHello type that is out of
	// order (RFC 9846 §4.2.4).
	afterRetry: {sh: legal, hrr: alerted(alert.UnexpectedMessage)},
	beforeEE:   {ee: legal},
	beforeFin:  {fin: legal},
	clientDone: {nst: legal, ku: legal},
	start:      {ch1: legal, ch2: legal},
	// The first ClientHello again is one that was not changed as asked
	// (RFC 9846 §4.2.2, §4.3.8: the share must be replaced).
	afterRetrySent: {ch2: legal, ch1: alerted(alert.IllegalParameter)},
	serverFin:      {fin: legal},
	serverDone:     {ku: legal},
}

// wrongContext are messages of a legal type at a legal place whose content goes
// with another handshake than the one so far. They follow a drop.
var wrongContext = map[place]map[msg]expected{
	// ServerHello without the HelloRetryRequest before it: its share is of a
	// group that the client has not sent a share of.
	beforeHello: {sh: alerted(alert.IllegalParameter)},
	// The second ClientHello as the first: its binder covers a transcript
	// that this server never saw (RFC 9846 §4.3.11.2).
	start: {ch2: alerted(alert.DecryptError)},
	// A Finished over another transcript does not verify (RFC 9846 §4.5.3).
	beforeFin: {fin: alerted(alert.DecryptError)},
	serverFin: {fin: alerted(alert.DecryptError)},
}

// at returns the place that a legal prefix of the sequence leads to.
func (q sequence) at(prefix []msg) place {
	has := func(m msg) bool { return slices.Contains(prefix, m) }
	if q.server {
		switch {
		case has(fin):
			return serverDone
		case has(ch2), has(ch1) && !slices.Contains(q.receive, ch2):
			return serverFin
		case has(ch1):
			return afterRetrySent
		}
		return start
	}
	switch {
	case has(fin):
		return clientDone
	case has(ee):
		return beforeFin
	case has(sh):
		return beforeEE
	case has(hrr):
		return afterRetry
	}
	return beforeHello
}

// victim is the side under test, with an honest peer that provides messages.
type victim struct {
	t      testing.TB
	q      sequence
	s      *setup
	m      *Machine
	stored map[msg][]byte
	done   bool
}

// newVictim makes the side under test, with the messages of an honest handshake
// with it: randomness is seeded, so that they fit every victim of a sequence.
func newVictim(t testing.TB, q sequence) *victim {
	t.Helper()
	if honest[q.name] == nil {
		honest[q.name] = q.messages(t)
	}
	v := &victim{t: t, q: q, s: newSetup(), stored: honest[q.name]}
	q.set(v.s)
	client, server := v.s.machines(t)
	v.m = client
	if q.server {
		v.m = server
	}
	if err := v.consume(v.s.take(v.m)); err != nil {
		t.Fatal(err)
	}
	return v
}

// honest has the messages of each sequence.
var honest = map[string]map[msg][]byte{}

// messages runs an honest handshake and names what was sent in it.
func (q sequence) messages(t testing.TB) map[msg][]byte {
	t.Helper()
	s := newSetup()
	q.set(s)
	r := s.handshake(t)
	stored := map[msg][]byte{ch1: r.toServer[0]}
	up, down := r.toServer[1:], r.toClient
	if r.server.Result().Retried {
		stored[ch2], up = up[0], up[1:]
		stored[hrr], down = down[0], down[1:]
	}
	stored[sh], stored[ee], stored[fin] = down[0], down[1], down[2]
	if q.server {
		stored[fin] = up[0]
	}
	stored[nst] = (&wire.NewSessionTicket{TicketLifetime: 3600, TicketNonce: []byte{0}, Ticket: []byte("ticket")}).Append(nil)
	stored[ku] = wire.AppendKeyUpdate(nil, wire.UpdateNotRequested)
	return stored
}

func (v *victim) consume(out taken, err error) error {
	v.done = v.done || finishedEffect(out.all)
	return err
}

// feed hands a stored message to the victim.
func (v *victim) feed(m msg) error {
	raw, ok := v.stored[m]
	if !ok {
		v.t.Fatalf("There is no %s in this sequence.", m)
	}
	return v.consume(v.s.deliver(v.m, raw))
}

// prefix feeds what must be accepted.
func (v *victim) prefix(list []msg) {
	v.t.Helper()
	for i, m := range list {
		if err := v.feed(m); err != nil {
			v.t.Fatalf("%s: message %d, %s, of a legal sequence is refused: %v", v.q.name, i, m, err)
		}
	}
}

// check holds an outcome against the table.
func (v *victim) check(what string, err error, want expected) {
	v.t.Helper()
	if want == legal {
		if err != nil {
			v.t.Errorf("%s: %s: refused with %v, though it may stand there.", v.q.name, what, err)
		}
		return
	}
	var local *alert.LocalError
	if !errors.As(err, &local) || expected(local.Description) != want {
		v.t.Errorf("%s: %s: the outcome is %v, want alert %s.", v.q.name, what, err, alert.Description(want))
	}
	if again := v.m.Step(wire.AppendKeyUpdate(nil, 0)); again == nil || again.Error() != err.Error() {
		v.t.Errorf("%s: %s: after its error the machine says %v to the next message.", v.q.name, what, again)
	}
}

func TestLegalSequences(t *testing.T) {
	for _, q := range sequences {
		v := newVictim(t, q)
		complete := len(q.receive)
		for complete > 0 && (q.receive[complete-1] == nst || q.receive[complete-1] == ku) {
			complete--
		}
		v.prefix(q.receive[:complete-1])
		if v.done || v.m.Complete() {
			t.Errorf("%s: the handshake is complete before its last message.", q.name)
		}
		v.prefix(q.receive[complete-1:])
		if !v.done || !v.m.Complete() || v.m.State() != "CONNECTED" {
			t.Errorf("%s: the handshake is not complete after its last message.", q.name)
		}
	}
}

func TestSequencesCutShort(t *testing.T) {
	for _, q := range sequences {
		complete := slices.Index(q.receive, fin)
		for n := range complete + 1 {
			v := newVictim(t, q)
			v.prefix(q.receive[:n])
			if v.done || v.m.Complete() {
				t.Errorf("%s: the handshake is complete after %d messages.", q.name, n)
			}
		}
	}
}

// outcome looks up what a message at a place must lead to. Where its content
// belongs to another history than what came before, altered says so.
func outcomeOf(at place, m msg, altered bool) expected {
	if altered {
		if want, ok := wrongContext[at][m]; ok {
			return want
		}
	}
	if want, ok := oracle[at][m]; ok {
		return want
	}
	return alerted(alert.UnexpectedMessage)
}

func TestDroppedMessages(t *testing.T) {
	for _, q := range sequences {
		for i := range q.receive {
			if i == len(q.receive)-1 {
				continue // nothing comes after it: TestSequencesCutShort
			}
			v := newVictim(t, q)
			v.prefix(q.receive[:i])
			next := q.receive[i+1]
			at := q.at(q.receive[:i])
			want := outcomeOf(at, next, true)
			if at == clientDone || at == serverDone {
				want = legal // what comes after the handshake may be left out
			}
			err := v.feed(next)
			v.check(fmt.Sprintf("without message %d, %s", i, q.receive[i]), err, want)
			if want != legal && v.done {
				t.Errorf("%s: the handshake is complete without %s.", q.name, q.receive[i])
			}
		}
	}
}

func TestRepeatedMessages(t *testing.T) {
	for _, q := range sequences {
		for i, m := range q.receive {
			v := newVictim(t, q)
			v.prefix(q.receive[:i+1])
			was := v.done
			want := outcomeOf(q.at(q.receive[:i+1]), m, false)
			v.check(fmt.Sprintf("message %d, %s, twice", i, m), v.feed(m), want)
			if !was && v.done {
				t.Errorf("%s: a repeated %s completes the handshake.", q.name, m)
			}
		}
	}
}

func TestSwappedMessages(t *testing.T) {
	for _, q := range sequences {
		for i := range q.receive {
			for j := i + 1; j < len(q.receive); j++ {
				if q.receive[i] == q.receive[j] {
					continue
				}
				v := newVictim(t, q)
				v.prefix(q.receive[:i])
				at := q.at(q.receive[:i])
				err := v.feed(q.receive[j])
				want := outcomeOf(at, q.receive[j], true)
				if at == clientDone || at == serverDone {
					want = legal
				}
				v.check(fmt.Sprintf("%s and %s swapped", q.receive[i], q.receive[j]), err, want)
				if want != legal && v.done {
					t.Errorf("%s: the handshake is complete with %s and %s swapped.", q.name, q.receive[i], q.receive[j])
				}
			}
		}
	}
}

// foreignTypes are handshake types that no sequence of ours has: those of
// certificates and early data, of older versions, and numbers without meaning
// (RFC 9846 §4, §B.3).
var foreignTypes = []wire.HandshakeType{0, 3, 5, 6, 11, 12, 13, 14, 15, 16, 21, 22, 23, 25, 67, 128, 253, 254, 255}

func TestInsertedMessages(t *testing.T) {
	for _, q := range sequences {
		for i := range len(q.receive) + 1 {
			at := q.at(q.receive[:i])
			// Messages of this very handshake, out of place.
			for _, m := range []msg{ch1, ch2, hrr, sh, ee, fin, nst, ku} {
				v := newVictim(t, q)
				if v.stored[m] == nil {
					continue
				}
				if i < len(q.receive) && m == q.receive[i] || q.server && (at == start && m == ch2) {
					continue // not an insertion, or a drop
				}
				v.prefix(q.receive[:i])
				want := outcomeOf(at, m, true)
				was := v.done
				v.check(fmt.Sprintf("%s inserted at %d", m, i), v.feed(m), want)
				if !was && v.done {
					t.Errorf("%s: %s inserted at %d completes the handshake.", q.name, m, i)
				}
			}
			for _, foreign := range foreignTypes {
				for _, body := range [][]byte{{}, {0}, make([]byte, 40)} {
					v := newVictim(t, q)
					v.prefix(q.receive[:i])
					raw := append([]byte{byte(foreign), 0, 0, byte(len(body))}, body...)
					v.check(fmt.Sprintf("type %d inserted at %d", foreign, i), v.m.Step(raw), alerted(alert.UnexpectedMessage))
				}
			}
		}
	}
}
