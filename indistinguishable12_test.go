package watchword

// TLS 1.2 has its own place where a key is judged, the client's Finished record
// (RFC 4279 §2). Here too an unknown identity, a wrong key and a key that is not
// admitted end alike on the wire, after the same work.

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
)

// refusal12 is all that a client sees of a refusal in TLS 1.2, and the work
// behind it.
type refusal12 struct {
	refusal
	compressions int64
}

// way12 is a way to be refused: what a lookup says.
type way12 struct {
	name string
	keys []*Key
	err  error
	is   error // what our own log says
}

// ways12 are all ways to be refused for who holds the key number 1.
func ways12(t testing.TB) []way12 {
	t.Helper()
	right := keyWith(t, "alice", 1, external)
	ways := []way12{
		{"unknown", nil, nil, ErrUnknownIdentity},
		{"known, not admitted", []*Key{right}, fmt.Errorf("the account is closed: %w", ErrNotAdmitted), ErrNotAdmitted},
		{"not admitted, no keys", nil, ErrNotAdmitted, ErrNotAdmitted},
		{"known, for the other role", []*Key{keyWith(t, "alice", 1, KeyOptions{Kind: External, Role: ClientRole})}, nil, ErrUnknownIdentity},
		{"known, but imported", []*Key{keyWith(t, "alice", 1, KeyOptions{})}, nil, ErrUnknownIdentity},
		{"known, but pinned to TLS 1.3", []*Key{keyWith(t, "alice", 1, KeyOptions{Kind: External, Version: VersionTLS13})}, nil, ErrUnknownIdentity},
		{"a key of another name", []*Key{keyWith(t, "bob", 1, external)}, nil, ErrUnknownIdentity},
	}
	var wrong []*Key
	for i := range byte(4) {
		wrong = append(wrong, keyWith(t, "alice", 100+i, external))
		ways = append(ways, way12{fmt.Sprintf("%d wrong keys", i+1), wrong, nil, ErrWrongKey})
	}
	return ways
}

// case12 is a kind of handshake.
type case12 struct {
	id       SuiteID
	group    Group
	form     suite.CBCForm
	extended bool
}

func (c case12) String() string {
	return fmt.Sprintf("%s, %s, encrypt-then-MAC %v, extended master secret %v", c.id, c.group, c.form == suite.EncryptThenMAC, c.extended)
}

// cases12 are all kinds of handshakes.
func cases12() []case12 {
	var list []case12
	for _, id := range suite.Legacy12() {
		s, _ := suite.ByID(id)
		for _, g := range []Group{X25519, P256} {
			for _, form := range []suite.CBCForm{suite.MACThenEncrypt, suite.EncryptThenMAC} {
				if s.KeyExchange == suite.PSKOnly && g == P256 || s.Cipher != suite.BlockCBC && form == suite.EncryptThenMAC {
					continue
				}
				list = append(list, case12{SuiteID(id), g, form, true}, case12{SuiteID(id), g, form, false})
			}
		}
	}
	return list
}

// client makes a raw client of this kind, with the key number 1.
func (c case12) client(t testing.TB) *raw12 {
	r := newRaw12(t, keyWith(t, "alice", 1, external), c.id, false)
	r.use(c.group)
	r.hello.ExtendedMasterSecret, r.hello.EncryptThenMAC = c.extended, c.form == suite.EncryptThenMAC
	return r
}

// refuse lets a client of this kind meet a server whose lookup goes one way, and
// counts the server's work from the ClientKeyExchange on.
func (c case12) refuse(t *testing.T, w way12, tries int) refusal12 {
	t.Helper()
	server := rawConfig(t, c.id)
	server.Lookup = atMost(tries)
	server.Groups = []Group{c.group}
	e, err := NewServerEngine(server)
	if err != nil {
		t.Fatal(err)
	}
	raw := c.client(t)
	hello, err := raw.respond(nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = put(e, hello, testNow)
	sent := e.Output(nil)
	flight, err := raw.respond(sent)
	if err != nil {
		t.Fatalf("%s, %s: the server sends no flight: %v, %v.", c, w.name, err, e.Err())
	}
	var macs [2]atomic.Int64
	var r refusal12
	stopMACs := suite.CountMACs(func(h suite.Hash) { macs[h].Add(1) })
	stopCompressions := suite.CountCompressions(func() { r.compressions++ })
	_ = put(e, flight, testNow)
	if e.WantsKeys() == nil {
		t.Fatalf("%s, %s: the server does not ask for keys: %v.", c, w.name, e.Err())
	}
	_ = e.Answer(w.keys, w.err, testNow)
	stopMACs()
	stopCompressions()
	if e.Complete() || e.Err() == nil {
		t.Fatalf("%s, %s: the server goes on with a client that should be refused.", c, w.name)
	}
	r.refusal = refusal{append(sent, e.Output(nil)...), [2]int64{macs[0].Load(), macs[1].Load()}, e.Err()}
	return r
}

func TestRefusalsCannotBeToldApart12(t *testing.T) {
	for tries := 1; tries <= 4; tries++ {
		for _, c := range cases12() {
			c.refuseAlike(t, tries)
		}
	}
}

// refuseAlike compares all ways to be refused by a server that tries so many
// keys.
func (c case12) refuseAlike(t *testing.T, tries int) {
	t.Helper()
	ways := ways12(t)
	first := c.refuse(t, ways[0], tries)
	for _, w := range ways {
		if len(w.keys) > tries {
			continue
		}
		what := fmt.Sprintf("%s, %d tries: %s and %s", c, tries, ways[0].name, w.name)
		r := c.refuse(t, w, tries)
		r.same(t, what, first.refusal)
		if r.compressions != first.compressions {
			t.Errorf("%s: the compressions differ: %d and %d.", what, r.compressions, first.compressions)
		}
		wantLocal(t, what, r.err, alert.BadRecordMAC)
		if !errors.Is(r.err, w.is) {
			t.Errorf("%s: our own log says %v, want %v.", what, r.err, w.is)
		}
	}
	if want := plainRecord(21, []byte{2, byte(alert.BadRecordMAC)}); !bytes.HasSuffix(first.sent, want) {
		t.Errorf("%s: the server ends with %x, want %x.", c, first.sent[max(0, len(first.sent)-10):], want)
	}
	chosen, _ := suite.ByID(suite.ID(c.id))
	if first.macs[0]+first.macs[1] == 0 || (first.compressions > 0) != (chosen.Cipher == suite.BlockCBC) {
		t.Errorf("%s: %v HMACs and %d compressions were counted: the test looks in the wrong place.", c, first.macs, first.compressions)
	}
}

// The work is that of a client who is let in, too, whichever of the keys is the
// right one: as many keys, tried on one record.
func TestTrialCostsTheSame12(t *testing.T) {
	for _, c := range []case12{{TLS_PSK_WITH_AES_128_CBC_SHA256, 0, suite.MACThenEncrypt, true}, {TLS_PSK_WITH_AES_256_GCM_SHA384, 0, suite.MACThenEncrypt, true}} {
		for n := 1; n <= 4; n++ {
			var first int64
			for at := range n {
				server := rawConfig(t, c.id)
				server.Keys = nil
				for i := range n {
					fill := byte(50 + i)
					if i == at {
						fill = 1
					}
					server.Keys = append(server.Keys, keyWith(t, "alice", fill, external))
				}
				raw := c.client(t)
				d := newDuel(t, server, raw)
				hello, _ := raw.respond(nil)
				d.deliver(hello)
				flight, err := raw.respond(d.victim.Output(nil))
				if err != nil {
					t.Fatal(err)
				}
				var compressions int64
				// Up to its Finished, but not what the server then sends itself.
				d.deliver(flight[:len(flight)-1])
				stop := suite.CountCompressions(func() { compressions++ })
				_, _, err = d.victim.reader.Open(nil, lastRecord(t, flight))
				stop()
				if err != nil || d.victim.reader.Tried() != at {
					t.Errorf("%s: key %d of %d is taken for number %d: %v.", c, at, n, d.victim.reader.Tried(), err)
				}
				if first == 0 {
					first = compressions
				}
				if compressions != first {
					t.Errorf("%s: with key %d of %d, %d compressions, else %d.", c, at, n, compressions, first)
				}
			}
		}
	}
}

// lastRecord returns a copy of the last record of a stream.
func lastRecord(t testing.TB, stream []byte) []byte {
	records := recordsOf(t, stream)
	return bytes.Clone(stream[records[len(records)-1].start:])
}

// A ticket tells nothing either: that of a key which is gone is as good as
// random bytes.
func TestTicketsTellNothing12(t *testing.T) {
	cache := &oneTicket{}
	c, s := configs12(t, Legacy)
	c.Tickets = &Tickets{Cache: cache}
	meet(t, c, s, testNow)
	tickets := map[string][]byte{"a good ticket": cache.ticket.ticket, "random bytes": bytes.Repeat([]byte{0x5a}, len(cache.ticket.ticket))}
	changed := bytes.Clone(cache.ticket.ticket)
	changed[len(changed)-1] ^= 1
	tickets["a changed ticket"] = changed
	var first []byte
	for name, ticket := range tickets {
		// The server has no key of that name any more.
		gone := &Config{Keys: []*Key{keyWith(t, "bob", 2, external)}, Policy: Legacy, MaxVersion: VersionTLS12, Rand: seeded(9)}
		gone.state.tickets.keys = s.state.tickets.keys
		raw := case12{TLS_PSK_WITH_AES_128_GCM_SHA256, 0, suite.MACThenEncrypt, true}.client(t)
		raw.hello.SessionTicket, raw.hello.LegacySessionID = ticket, make([]byte, 32)
		d := newDuel(t, gone, raw)
		hello, err := raw.respond(nil)
		if err != nil {
			t.Fatal(err)
		}
		d.deliver(hello)
		sent := d.victim.Output(nil)
		flight, err := raw.respond(sent)
		if err != nil {
			t.Fatal(err)
		}
		d.deliver(flight)
		sent = d.victim.Output(sent)
		if first == nil {
			first = sent
		}
		if !bytes.Equal(sent, first) || !errors.Is(d.victim.Err(), ErrUnknownIdentity) {
			t.Errorf("With %s, and a key that is gone, the server sends %x (%v), else %x.", name, sent, d.victim.Err(), first)
		}
	}
}
