package handshake

// Every legal sequence of TLS 1.2 with a shared key, and every way to break it.
// As with TLS 1.3, what must come of a broken one follows from the grammar of
// the RFCs that is written down here (RFC 5246 §7.3, RFC 4279 §2, RFC 5489 §2,
// RFC 5077 §3.3), not from the states that are tested.

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// What TLS 1.2 has beside the messages of TLS 1.3. change_cipher_spec is no
// message, but its place among them matters as much.
const (
	ske msg = "ServerKeyExchange"
	shd msg = "ServerHelloDone"
	cke msg = "ClientKeyExchange"
	ccs msg = "change_cipher_spec"
	hr  msg = "HelloRequest"
)

// sequence12 is one legal sequence of what a side receives.
type sequence12 struct {
	name    string
	server  bool // the side that receives
	receive []msg
	set     []func(*setup12)
}

// What a sequence is set up with.
var (
	plainPSK, hint     = (*setup12).plainPSK, (*setup12).hint
	tickets, resumable = (*setup12).tickets, (*setup12).resumable
	forgotten          = (*setup12).forgotten
	both, serverBoth   = (*setup12).clientBoth, (*setup12).serverBoth
)

func unannounced(s *setup12) { s.unannounced = true }

type set = []func(*setup12)

// sequences12 are all that are legal with a shared key.
var sequences12 = []sequence12{
	{"client, PSK", false, []msg{sh, shd, ccs, fin}, set{plainPSK}},
	{"client, PSK with a hint", false, []msg{sh, ske, shd, ccs, fin}, set{plainPSK, hint}},
	{"client, ECDHE_PSK", false, []msg{sh, ske, shd, ccs, fin}, nil},
	{"client, ECDHE_PSK with a hint", false, []msg{sh, ske, shd, ccs, fin}, set{hint}},
	{"client, PSK and a ticket", false, []msg{sh, shd, nst, ccs, fin}, set{plainPSK, tickets}},
	{"client, ECDHE_PSK and a ticket", false, []msg{sh, ske, shd, nst, ccs, fin}, set{tickets}},
	{"client, resumed", false, []msg{sh, ccs, fin}, set{resumable, unannounced}},
	{"client, resumed with a new ticket", false, []msg{sh, nst, ccs, fin}, set{resumable}},
	{"client, PSK, resumed with a new ticket", false, []msg{sh, nst, ccs, fin}, set{plainPSK, resumable}},
	{"client, its ticket is refused", false, []msg{sh, ske, shd, nst, ccs, fin}, set{forgotten}},
	{"client, PSK, its ticket is refused and no other given", false, []msg{sh, shd, ccs, fin}, set{plainPSK, forgotten, unannounced}},
	{"client that offers TLS 1.3 too, PSK", false, []msg{sh, shd, ccs, fin}, set{plainPSK, both}},
	{"client that offers TLS 1.3 too, ECDHE_PSK", false, []msg{sh, ske, shd, ccs, fin}, set{both}},
	{"client that offers TLS 1.3 too, a ticket", false, []msg{sh, ske, shd, nst, ccs, fin}, set{both, tickets}},
	{"client that offers TLS 1.3 too, resumed", false, []msg{sh, ccs, fin}, set{both, resumable, unannounced}},
	{"client that offers TLS 1.3 too, resumed with a new ticket", false, []msg{sh, nst, ccs, fin}, set{both, resumable}},

	{"server, PSK", true, []msg{ch1, cke, ccs, fin}, set{plainPSK}},
	{"server, PSK with a hint", true, []msg{ch1, cke, ccs, fin}, set{plainPSK, hint}},
	{"server, ECDHE_PSK", true, []msg{ch1, cke, ccs, fin}, nil},
	{"server, ECDHE_PSK with a hint", true, []msg{ch1, cke, ccs, fin}, set{hint}},
	{"server, a ticket", true, []msg{ch1, cke, ccs, fin}, set{tickets}},
	{"server, resumed", true, []msg{ch1, ccs, fin}, set{resumable, unannounced}},
	{"server, resumed with a new ticket", true, []msg{ch1, ccs, fin}, set{resumable}},
	{"server, PSK, resumed with a new ticket", true, []msg{ch1, ccs, fin}, set{plainPSK, resumable}},
	{"server, a ticket that it does not know", true, []msg{ch1, cke, ccs, fin}, set{forgotten}},
	{"server, a client that offers TLS 1.3 too", true, []msg{ch1, cke, ccs, fin}, set{both}},
	{"server that speaks TLS 1.3 too", true, []msg{ch1, cke, ccs, fin}, set{serverBoth}},
	{"server that speaks TLS 1.3 too, resumed", true, []msg{ch1, ccs, fin}, set{serverBoth, resumable}},
}

func (q sequence12) setup() *setup12 {
	s := newSetup12()
	for _, change := range q.set {
		change(s)
	}
	return s
}

// grammar12 is how far a side is: what came last, and what decides what follows.
type grammar12 struct {
	server, resumed, ecdhe, announced bool
	last                              msg
	early                             bool // a change_cipher_spec before the ServerHello
}

func (q sequence12) grammar() *grammar12 {
	s := q.setup()
	chosen, _ := suite.ByID(s.server.Suites12[0])
	return &grammar12{
		server:    q.server,
		resumed:   !slices.Contains(q.receive, cke) && !slices.Contains(q.receive, shd),
		ecdhe:     chosen.KeyExchange == suite.ECDHEPSK,
		announced: slices.Contains(q.receive, nst),
	}
}

// next says what must come of m: it is legal, or it is refused with an alert.
// ServerHello, ServerKeyExchange and so on are the honest ones.
func (g *grammar12) next(m msg) expected {
	switch {
	case g.last == fin && (m == hr && !g.server || m == ch1 && g.server):
		return alerted(alert.NoRenegotiation) // RFC 5246 §7.2.2
	case g.last == "" && m == ccs && !g.server:
		// The version is not known yet, and in TLS 1.3 it means nothing
		// (RFC 9846 §5). It is held against a ServerHello of TLS 1.2.
		g.early = true
		return legal
	case g.early, !slices.Contains(g.allowed(), m):
		return alerted(alert.UnexpectedMessage)
	}
	g.last = m
	return legal
}

// allowed is what may follow. HelloRequest is not among it: a client in the
// middle of a handshake may ignore one (RFC 5246 §7.4.1.1), ours refuses it,
// since no server has a reason to send it then.
func (g *grammar12) allowed() []msg {
	ticketOr := func(m msg) []msg {
		if g.announced {
			return []msg{nst}
		}
		return []msg{m}
	}
	switch g.last {
	case "":
		if g.server {
			return []msg{ch1}
		}
		return []msg{sh}
	case ch1:
		if g.resumed {
			return []msg{ccs}
		}
		return []msg{cke}
	case sh:
		switch {
		case g.resumed:
			return ticketOr(ccs)
		case g.ecdhe:
			return []msg{ske}
		}
		return []msg{ske, shd} // RFC 4279 §2
	case ske:
		return []msg{shd}
	case shd:
		return ticketOr(ccs)
	case nst, cke:
		return []msg{ccs}
	case ccs:
		return []msg{fin}
	}
	return nil
}

// expect returns which message of a list is refused first, and how: "legal" and
// the length of the list where none is.
func (q sequence12) expect(list []msg) (int, expected) {
	g := q.grammar()
	for i, m := range list {
		want := g.next(m)
		if m == fin && want == legal && !slices.Equal(list[:i], q.receive[:len(q.receive)-1]) {
			want = alerted(alert.DecryptError) // it covers all messages (RFC 5246 §7.4.9)
		}
		if want != legal {
			return i, want
		}
	}
	return len(list), legal
}

// messages names what an honest handshake has, and what it lacks.
func (q sequence12) messages(t testing.TB) map[msg]item {
	t.Helper()
	s := q.setup()
	r := s.handshake12(t)
	point := make([]byte, 65)
	named := map[msg]item{
		hr:  {wire.AppendHelloRequest(nil)},
		shd: {wire.AppendServerHelloDone(nil)},
		ske: {(&wire.ServerKeyExchange{Hint: []byte("hint")}).Append(nil)},
		cke: {(&wire.ClientKeyExchange{Identity: []byte("alice"), Point: point}).Append(nil)},
		nst: {(&wire.NewSessionTicket12{Ticket: []byte("ticket")}).Append(nil)},
		ee:  {(&wire.EncryptedExtensions{}).Append(nil)},
		ku:  {wire.AppendKeyUpdate(nil, wire.UpdateNotRequested)},
		ccs: {},
	}
	types := map[wire.HandshakeType]msg{
		wire.TypeClientHello: ch1, wire.TypeServerHello: sh, wire.TypeServerKeyExchange: ske, wire.TypeServerHelloDone: shd,
		wire.TypeClientKeyExchange: cke, wire.TypeNewSessionTicket: nst, wire.TypeFinished: fin,
	}
	other, own := r.toServer, r.toClient
	if q.server {
		other, own = own, other
	}
	var received []msg
	for _, list := range [][]item{other, own} { // the second names the Finished
		received = nil
		for _, i := range list {
			name := ccs
			if i.raw != nil {
				name = types[wire.TypeOf(i.raw)]
			}
			named[name] = i
			received = append(received, name)
		}
	}
	if !slices.Equal(received, q.receive) {
		t.Fatalf("%s: the honest sequence is %v, and the table says %v.", q.name, received, q.receive)
	}
	return named
}

// feed hands a list of messages to a fresh machine until one is refused.
func (q sequence12) feed(t testing.TB, named map[msg]item, list []msg) (at int, done bool, m *Machine, err error) {
	t.Helper()
	s := q.setup()
	client, server := s.machines(t)
	m = client
	if q.server {
		m = server
	}
	if _, _, err := s.take(m); err != nil {
		t.Fatal(err)
	}
	for i, name := range list {
		_, finished, err := s.give(m, named[name])
		done = done || finished
		if err != nil {
			return i, done, m, err
		}
	}
	return len(list), done, m, nil
}

// check holds the outcome of a list against the grammar.
func (q sequence12) check(t *testing.T, named map[msg]item, list []msg) {
	t.Helper()
	if q.server && len(list) > 0 && list[0] == ccs {
		return // the engine refuses it: no ClientHello has begun
	}
	wantAt, want := q.expect(list)
	at, done, m, err := q.feed(t, named, list)
	if at != wantAt {
		t.Errorf("%s: %v is refused at %d (%v), want %d.", q.name, list, at, err, wantAt)
		return
	}
	if finished := slices.Index(list[:at], fin) >= 0; done != finished || m.Complete() != finished {
		t.Errorf("%s: %v: the handshake is done: %v, after %d messages.", q.name, list, done, at)
	}
	if want == legal {
		return
	}
	var local *alert.LocalError
	if !errors.As(err, &local) || expected(local.Description) != want {
		t.Errorf("%s: %v: the outcome is %v, want alert %s.", q.name, list, err, alert.Description(want))
	}
	_, again := m.ChangeCipherSpec()
	if !errors.Is(again, err) || !errors.Is(m.Step(named[fin].raw), err) {
		t.Errorf("%s: %v: after its error the machine says another one.", q.name, list)
	}
}

// overSequences12 checks what change makes of each legal sequence.
func overSequences12(t *testing.T, change func(receive []msg, try func(list ...msg))) {
	for _, q := range sequences12 {
		named := q.messages(t)
		change(q.receive, func(list ...msg) { q.check(t, named, list) })
	}
}

func TestLegalSequencesIn12(t *testing.T) {
	overSequences12(t, func(receive []msg, try func(...msg)) {
		for n := range len(receive) + 1 {
			try(receive[:n]...)
		}
	})
}

func TestDroppedMessagesIn12(t *testing.T) {
	overSequences12(t, func(receive []msg, try func(...msg)) {
		for i := range receive {
			for j := i; j < len(receive); j++ {
				try(slices.Concat(receive[:i], receive[j+1:])...) // one or several
			}
		}
	})
}

func TestRepeatedMessagesIn12(t *testing.T) {
	overSequences12(t, func(receive []msg, try func(...msg)) {
		for i := range receive {
			try(slices.Insert(slices.Clone(receive), i, receive[i])...)
			try(slices.Concat(receive, receive[i:])...) // the rest of it again
		}
	})
}

func TestSwappedMessagesIn12(t *testing.T) {
	overSequences12(t, func(receive []msg, try func(...msg)) {
		for i := range receive {
			for j := range i {
				list := slices.Clone(receive)
				list[i], list[j] = list[j], list[i]
				try(list...)
			}
		}
	})
}

// Each message of TLS 1.2, and two of TLS 1.3, at each place: among them
// change_cipher_spec early, late and twice, a NewSessionTicket that was not
// announced, HelloRequest and ClientHello after the handshake.
func TestInsertedMessagesIn12(t *testing.T) {
	overSequences12(t, func(receive []msg, try func(...msg)) {
		for i := range len(receive) + 1 {
			for _, m := range []msg{ch1, sh, ske, shd, cke, nst, fin, ccs, hr, ee, ku} {
				try(slices.Insert(slices.Clone(receive), i, m)...)
			}
		}
	})
}

// foreignTypes12 are handshake types that no sequence with a shared key has:
// those of certificates, DTLS and TLS 1.3, and numbers without meaning.
var foreignTypes12 = []wire.HandshakeType{3, 5, 6, 11, 13, 15, 21, 22, 23, 25, 67, 128, 253, 254, 255}

func TestForeignMessagesIn12(t *testing.T) {
	for _, q := range sequences12 {
		named := q.messages(t)
		for i := range len(q.receive) + 1 {
			for k, foreign := range foreignTypes12 {
				_, _, m, err := q.feed(t, named, q.receive[:i])
				if err != nil {
					t.Fatal(err)
				}
				body := make([]byte, 20*((i+k)%3))
				raw := append([]byte{byte(foreign), 0, 0, byte(len(body))}, body...)
				wantAlert(t, fmt.Sprintf("%s: type %d at %d", q.name, foreign, i), m.Step(raw), alert.UnexpectedMessage)
			}
		}
	}
}

// A HelloRetryRequest settles that the version is TLS 1.3 (RFC 9846 §4.2.4):
// a ServerHello of TLS 1.2 after it is refused, and so is a HelloRetryRequest
// without a version.
func TestServerHelloOf12AfterHelloRetryRequest(t *testing.T) {
	old := newSetup12()
	old.clientBoth()
	s := newSetup12()
	s.clientBoth()
	s.serverBoth()
	s.server.Groups, s.candidates = []wire.NamedGroup{wire.GroupP256}, s.candidates[:1]
	client, server := s.machines(t)
	hello, _, err := s.take(client)
	if err != nil {
		t.Fatal(err)
	}
	retry, _, err := s.give(server, hello[0])
	if err != nil || len(retry) == 0 {
		t.Fatalf("The server sends no HelloRetryRequest: %v", err)
	}
	parsed, err := wire.ParseServerHello(retry[0].raw, nil)
	if err != nil || !parsed.HelloRetryRequest {
		t.Fatalf("The server sends no HelloRetryRequest: %v", err)
	}
	if _, _, err := s.give(client, retry[0]); err != nil {
		t.Fatalf("The client refuses the HelloRetryRequest: %v", err)
	}
	answer := old.handshake12(t).toClient[0]
	_, _, err = s.give(client, answer)
	wantAlert(t, "a ServerHello of TLS 1.2 after a HelloRetryRequest", err, alert.IllegalParameter)

	fresh, _ := s.machines(t)
	parsed.SelectedVersion, parsed.SelectedGroup = nil, nil
	wantAlert(t, "a HelloRetryRequest of TLS 1.2", fresh.Step(parsed.Append(nil)), alert.ProtocolVersion)
}
