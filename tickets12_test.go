package watchword

// Tickets of TLS 1.2 (RFC 5077): what they are bound to, how long they live, and
// that one which is no good is no worse than none.

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// ticketConfigs12 are configurations of TLS 1.2 without a key exchange, with a
// cache.
func ticketConfigs12(t testing.TB, cache TicketCache) (client, server *Config) {
	t.Helper()
	client, server = cheap12(t)
	client.Tickets = &Tickets{Cache: cache}
	return client, server
}

// As in TLS 1.3; the mode of key exchange is a matter of the suite. The defences
// are the comparisons in openTicket, for the server's suites the one in resumable
// (package handshake), and for the key the tag in belongsTo: a case fails when
// what it names is taken out of them.
func TestServerBindsTickets12(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(client, server *Config)
		want   bool // resumed
	}{
		{"nothing changed", func(c, s *Config) {}, true},
		{"another name", func(c, s *Config) { c.ServerName = "other.example" }, false},
		{"no name", func(c, s *Config) { c.ServerName = "" }, false},
		{"another protocol", func(c, s *Config) { c.NextProtos = []string{"b"} }, false},
		{"no protocol", func(c, s *Config) { c.NextProtos = nil }, false},
		{"the same protocol of several", func(c, s *Config) { c.NextProtos = []string{"c", "a"} }, true},
		{"tickets disabled at the server", func(c, s *Config) { s.Tickets = &Tickets{Disabled: true} }, false},
		{"a restarted server", func(c, s *Config) { s.state.tickets.keys = nil }, false},
		{"a suite more at the client", func(c, s *Config) { c.Suites = append([]SuiteID{TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256}, c.Suites...) }, true},
		{"the suite is gone at the server", func(c, s *Config) {
			c.Suites = append(c.Suites, TLS_PSK_WITH_AES_128_GCM_SHA256)
			s.Suites = []SuiteID{TLS_PSK_WITH_AES_128_GCM_SHA256}
		}, false},
		{"a stricter policy at the server", func(c, s *Config) {
			c.Suites = append(c.Suites, TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256)
			s.Policy = Compatible
		}, false},
		{"TLS 1.3 at both ends", func(c, s *Config) { c.MaxVersion, c.Suites = 0, append(c.Suites, TLS_AES_128_GCM_SHA256) }, false},
		{"the key is replaced", atServer(keyWith(t, "alice", 9, external)), false},
		{"the key has another name", atServer(keyWith(t, "bob", 1, external)), false},
		{"the key is for TLS 1.3 alone", atServer(keyWith(t, "alice", 1, KeyOptions{Kind: External, Version: VersionTLS13})), false},
		{"the key is as it was", atServer(keyWith(t, "alice", 1, external)), true},
		{"a key put before it", func(c, s *Config) { s.Keys = []*Key{keyWith(t, "alice", 9, external), s.Keys[0]} }, true},
	} {
		cache := &oneTicket{}
		client, server := ticketConfigs12(t, cache)
		client.ServerName, client.NextProtos, server.NextProtos = "host.example", []string{"a"}, []string{"a", "b"}
		if meet(t, client, server, testNow) {
			t.Fatal("The first connection is resumed.")
		}
		if cache.ticket == nil || cache.ticket.session == nil {
			t.Fatal("The client got no ticket of TLS 1.2.")
		}
		c.change(client, server)
		reread(client, server)
		if got := meet(t, client, server, testNow.Add(time.Second)); got != c.want {
			t.Errorf("%s: resumed is %v, want %v.", c.name, got, c.want)
		}
	}
}

// A session is not resumed with a suite that the client does not offer any more
// (RFC 5246 §7.4.1.2). The defence is the comparison with the ClientHello in
// resumable; a client of ours offers no such ticket.
func TestServerWantsTheTicketsSuiteOffered12(t *testing.T) {
	const id, other = TLS_PSK_WITH_AES_128_CBC_SHA256, TLS_PSK_WITH_AES_128_GCM_SHA256
	server := rawConfig(t, id)
	server.Suites = []SuiteID{id, other}
	first := newRaw12(t, keyWith(t, "alice", 1, external), id, false)
	first.hello.SessionTicket = []byte{}
	newDuel(t, server, first).mustComplete()
	again := newRaw12(t, keyWith(t, "alice", 1, external), other, false)
	again.hello.SessionTicket, again.hello.LegacySessionID, again.resume = first.ticket, bytes.Repeat([]byte{7}, 32), &first.master
	d := newDuel(t, server, again)
	d.run()
	if s := d.victim.Session(); !d.victim.Complete() || s.Resumed || s.Suite != other {
		t.Errorf("The session is %+v, %v; want a new one with the suite that is offered.", s, d.victim.Err())
	}
}

// offeredTicket12 is the ticket in a client's first message.
func offeredTicket12(t testing.TB, client *Config, server string, now time.Time) []byte {
	t.Helper()
	e, err := NewClientEngine(client, server, now)
	if err != nil {
		t.Fatal(err)
	}
	hello, err := wire.ParseClientHello(e.Output(nil)[limits.RecordHeaderLen:], nil)
	if err != nil {
		t.Fatal(err)
	}
	e.abandon(errors.New("not needed"))
	// A client must be able to tell a resumption (RFC 5077 §3.4).
	if len(hello.SessionTicket) > 0 && len(hello.LegacySessionID) != 32 {
		t.Errorf("With a ticket the session id has %d bytes.", len(hello.LegacySessionID))
	}
	return hello.SessionTicket
}

// A client offers a ticket only where everything is as it was, and once.
func TestClientBindsTickets12(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(c *Config)
		server string
		after  time.Duration
		want   bool
	}{
		{"nothing changed", func(c *Config) {}, "server:1", time.Second, true},
		{"another server", func(c *Config) {}, "server:2", time.Second, false},
		{"another name", func(c *Config) { c.ServerName = "x" }, "server:1", time.Second, false},
		{"another protocol", func(c *Config) { c.NextProtos = []string{"b"} }, "server:1", time.Second, false},
		{"another policy", func(c *Config) { c.Policy, c.Suites = Compatible, nil }, "server:1", time.Second, false},
		{"the suite is gone", func(c *Config) { c.Suites = []SuiteID{TLS_PSK_WITH_AES_128_GCM_SHA256} }, "server:1", time.Second, false},
		{"TLS 1.2 is gone", func(c *Config) { c.MaxVersion, c.MinVersion, c.Suites = 0, VersionTLS13, nil }, "server:1", time.Second, false},
		{"TLS 1.3 beside it", func(c *Config) { c.MaxVersion, c.Suites = 0, append(c.Suites, TLS_AES_128_GCM_SHA256) }, "server:1", time.Second, true},
		{"another key", func(c *Config) { c.Keys = []*Key{keyWith(t, "alice", 9, external)} }, "server:1", time.Second, false},
		{"the key has another name", func(c *Config) { c.Keys = []*Key{keyWith(t, "bob", 1, external)} }, "server:1", time.Second, false},
		{"the last second of its life", func(c *Config) {}, "server:1", 24*time.Hour - time.Second, true},
		{"the end of its life", func(c *Config) {}, "server:1", 24 * time.Hour, false},
		{"a clock that was moved back", func(c *Config) {}, "server:1", -time.Second, false},
	} {
		client, server := ticketConfigs12(t, NewTicketCache())
		client.NextProtos, server.NextProtos = []string{"a"}, []string{"a"}
		meet(t, client, server, testNow)
		c.change(client)
		reread(client)
		if got := len(offeredTicket12(t, client, c.server, testNow.Add(c.after))) > 0; got != c.want {
			t.Errorf("%s: the client offers a ticket: %v, want %v.", c.name, got, c.want)
		}
		if len(offeredTicket12(t, client, c.server, testNow.Add(c.after))) > 0 {
			t.Errorf("%s: the client offers a ticket twice.", c.name)
		}
	}
	// A session without the extended master secret is for the policy legacy.
	cache := &oneTicket{}
	client, server := ticketConfigs12(t, cache)
	client.Suites = []SuiteID{TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256}
	meet(t, client, server, testNow)
	cache.ticket.session.ExtendedMasterSecret = false
	for _, policy := range []Policy{Legacy, Compatible} {
		client.Policy = policy
		if got := len(offeredTicket12(t, client, "server:1", testNow)) > 0; got != (policy == Legacy) {
			t.Errorf("A ticket without the extended master secret is offered in %s: %v.", policy, got)
		}
	}
}

// The life of a ticket at the server, and of a chain of them.
func TestTicketLifetime12(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct{ set, life time.Duration }{{0, day}, {time.Hour, time.Hour}, {7 * day, 7 * day}, {30 * day, 7 * day}} {
		for _, at := range []struct {
			age  time.Duration
			want bool
		}{{time.Second, true}, {c.life - time.Second, true}, {c.life, false}, {c.life + 100*day, false}, {-time.Second, false}} {
			cache := &oneTicket{}
			client, server := ticketConfigs12(t, cache)
			server.Tickets = &Tickets{Lifetime: c.set}
			meet(t, client, server, testNow)
			if got := cache.ticket.expires.Sub(testNow); got != c.life {
				t.Errorf("Lifetime %v: the client was told %v, want %v.", c.set, got, c.life)
			}
			cache.ticket.received, cache.ticket.expires = testNow.Add(-1000*day), testNow.Add(1000*day)
			if got := meet(t, client, server, testNow.Add(at.age)); got != at.want {
				t.Errorf("Lifetime %v, at the age of %v: resumed is %v, want %v.", c.set, at.age, got, at.want)
			}
		}
	}
	// The master secret of a chain stays the same: after seven days it goes,
	// whatever the client thinks.
	cache := &oneTicket{}
	client, server := ticketConfigs12(t, cache)
	server.Tickets = &Tickets{Lifetime: 7 * day}
	meet(t, client, server, testNow)
	master := cache.ticket.session.Master
	for n := 1; n <= 7; n++ {
		now := testNow.Add(time.Duration(n) * day)
		cache.ticket.expires = now.Add(time.Hour)
		if got, want := meet(t, client, server, now), n < 7; got != want {
			t.Errorf("On day %d resumed is %v, want %v.", n, got, want)
		}
		if same := bytes.Equal(master.Raw(), cache.ticket.session.Master.Raw()); same != (n < 7) {
			t.Errorf("On day %d the master secret is the same: %v.", n, same)
		}
		if n < 7 && cache.ticket.expires.After(testNow.Add(7*day)) {
			t.Errorf("On day %d the client would keep the ticket for %v more.", n, cache.ticket.expires.Sub(now))
		}
	}
}

// What a server of any make may send: the client keeps what is good.
func TestTicketsThatAClientKeeps12(t *testing.T) {
	for _, c := range []struct {
		name     string
		lifetime uint32 // a hint, zero says nothing
		ticket   int    // bytes
		life     time.Duration
	}{
		{"an hour", 3600, 100, time.Hour},
		{"no hint", 0, 100, limits.TicketLifetimeSeconds * time.Second},
		{"a year", 365 * 24 * 3600, 100, limits.MaxTicketLifetimeSeconds * time.Second},
		{"the longest hint", 1<<32 - 1, 100, limits.MaxTicketLifetimeSeconds * time.Second},
		{"no ticket after all", 3600, 0, 0},
		{"the longest that is kept", 3600, limits.MaxTicketLen, time.Hour},
		{"a byte longer", 3600, limits.MaxTicketLen + 1, 0},
		{"the longest there is", 3600, 65535, 0},
	} {
		cache := &oneTicket{}
		raw := newRaw12(t, keyWith(t, "alice", 1, external), TLS_PSK_WITH_AES_128_CBC_SHA256, true)
		raw.answer.SessionTicket = true
		raw.give = &wire.NewSessionTicket12{LifetimeHint: c.lifetime, Ticket: bytes.Repeat([]byte{1}, c.ticket)}
		config := rawConfig(t, TLS_PSK_WITH_AES_128_CBC_SHA256)
		config.Tickets = &Tickets{Cache: cache}
		newDuel(t, config, raw).mustComplete()
		switch {
		case (cache.ticket != nil) != (c.life > 0):
			t.Errorf("%s: kept is %v.", c.name, cache.ticket != nil)
		case c.life > 0 && cache.ticket.expires.Sub(testNow) != c.life:
			t.Errorf("%s: kept for %v, want %v.", c.name, cache.ticket.expires.Sub(testNow), c.life)
		}
	}
	// A server that announces a ticket and gives none, or the other way about.
	for _, announced := range []bool{true, false} {
		raw := newRaw12(t, keyWith(t, "alice", 1, external), TLS_PSK_WITH_AES_128_CBC_SHA256, true)
		raw.answer.SessionTicket = announced
		if !announced {
			raw.give = &wire.NewSessionTicket12{Ticket: []byte("ticket")}
		}
		config := rawConfig(t, TLS_PSK_WITH_AES_128_CBC_SHA256)
		config.Tickets = &Tickets{Cache: &oneTicket{}}
		d := newDuel(t, config, raw)
		d.run()
		wantLocal(t, fmt.Sprintf("a ticket announced: %v, and given: %v", announced, !announced), d.victim.Err(), alert.UnexpectedMessage)
	}
}

// A key that is no longer there ends its tickets, though another one is known;
// and the lookup is told of the ticket first, then of the identity. The defence
// is belongsTo, called for each key that the lookup returns (Engine.candidates):
// where it says yes to any key, or is not asked, the first part fails. The second
// fails where a lookup that refuses is still asked for keys (Engine.answer).
func TestRemovedKeyEndsItsTickets12(t *testing.T) {
	client, server := ticketConfigs12(t, NewTicketCache())
	meet(t, client, server, testNow)
	server.Keys = []*Key{keyWith(t, "alice", 9, external), keyWith(t, "bob", 1, external)}
	p := newPair(t, client, server)
	p.run()
	wantLocal(t, "a ticket of a key that was replaced", p.server.Err(), alert.BadRecordMAC)
	if !errors.Is(p.server.Err(), ErrWrongKey) || !errors.Is(p.client.Err(), ErrKeyRejected) {
		t.Errorf("A ticket of a key that was replaced: %v, %v.", p.server.Err(), p.client.Err())
	}

	client, server = ticketConfigs12(t, NewTicketCache())
	meet(t, client, server, testNow)
	p = newPair(t, client, server)
	p.collect()
	_ = put(p.server, p.toServer, testNow)
	if offered := p.server.WantsKeys(); len(offered) != 1 || !offered[0].Ticket || offered[0].Identity != "alice" || offered[0].Kind != External {
		t.Errorf("The lookup is told of %+v.", offered)
	}
	if err := p.server.Answer(server.Keys, ErrNotAdmitted, testNow); err != nil {
		t.Errorf("A ticket of a key that is not admitted ends the handshake: %v.", err)
	}
	p.toServer, p.sentServer = nil, 0
	p.collect()
	p.deliver(false)
	p.collect()
	_ = put(p.server, p.toServer, testNow)
	if offered := p.server.WantsKeys(); len(offered) != 1 || offered[0].Ticket || offered[0].Identity != "alice" {
		t.Errorf("The lookup is told of %+v.", offered)
	}
	wantLocal(t, "a key that is not admitted", p.server.Answer(nil, ErrNotAdmitted, testNow), alert.BadRecordMAC)

	// A store that fails ends it at once.
	client, server = ticketConfigs12(t, NewTicketCache())
	meet(t, client, server, testNow)
	p = newPair(t, client, server)
	p.collect()
	_ = put(p.server, p.toServer, testNow)
	wantLocal(t, "a store that fails", p.server.Answer(nil, errNoStore, testNow), alert.InternalError)
}

// A ticket stolen without its secret opens nothing.
func TestTicketWithoutItsSecret12(t *testing.T) {
	cache := &oneTicket{}
	client, server := ticketConfigs12(t, cache)
	meet(t, client, server, testNow)
	cache.ticket.session.Master, _ = schedule.NewMaster12(suite.SHA256, bytes.Repeat([]byte{3}, 48))
	p := newPair(t, client, server)
	p.run()
	if p.client.Complete() || p.server.Complete() {
		t.Error("A ticket without its secret completes a handshake.")
	}
	wantLocal(t, "a server that cannot prove the session", p.client.Err(), alert.BadRecordMAC)
}

// A ticket is for the version that it was made in.
func TestTicketsOfTheOtherVersion(t *testing.T) {
	old, new13 := &oneTicket{}, &oneTicket{}
	client, server := ticketConfigs12(t, old)
	meet(t, client, server, testNow)
	client.Tickets = &Tickets{Cache: new13}
	client.MaxVersion, client.Suites, client.KeyExchange = 0, nil, PSKOnly
	reread(client)
	meet(t, client, server, testNow)
	if old.ticket.session == nil || new13.ticket.psk == nil {
		t.Fatal("There are no tickets of both versions.")
	}

	// One of TLS 1.3 in TLS 1.2: it is not ours, and the key counts.
	raw := newRaw12(t, keyWith(t, "alice", 1, external), TLS_PSK_WITH_AES_128_CBC_SHA256, false)
	raw.hello.SessionTicket, raw.hello.LegacySessionID = new13.ticket.ticket, bytes.Repeat([]byte{1}, 32)
	d := newDuel(t, server, raw)
	d.mustComplete()
	if d.victim.Session().Resumed || raw.resumedByHim {
		t.Error("A ticket of TLS 1.3 resumes a session of TLS 1.2.")
	}
	// One of TLS 1.2 in TLS 1.3: nobody knows it.
	r := newRawClient(t, client.Keys[0])
	r.psk = schedule.NewPSK(suite.SHA256, schedule.ResumptionPSK, old.ticket.session.Master.Raw())
	r.hello.PreSharedKey.Identities = []wire.PSKIdentity{{Identity: old.ticket.ticket}}
	e, err := NewServerEngine(server)
	if err != nil {
		t.Fatal(err)
	}
	err = give(e, r.clientHello())
	wantLocal(t, "a ticket of TLS 1.2 in TLS 1.3", err, alert.DecryptError)
	if !errors.Is(err, ErrUnknownIdentity) {
		t.Errorf("A ticket of TLS 1.2 in TLS 1.3: %v.", err)
	}
	// Our own client offers neither where it does not belong.
	for _, c := range []struct {
		cache *oneTicket
		max   uint16
		min   uint16
	}{{old, 0, VersionTLS13}, {new13, VersionTLS12, 0}} {
		config := rawConfig(t, TLS_PSK_WITH_AES_128_CBC_SHA256)
		config.Tickets, config.MinVersion, config.MaxVersion, config.Suites = &Tickets{Cache: c.cache}, c.min, c.max, nil
		e, err := NewClientEngine(config, "server:1", testNow)
		if err != nil {
			t.Fatal(err)
		}
		hello := e.Output(nil)
		if bytes.Contains(hello, c.cache.ticket.ticket) {
			t.Error("A ticket is offered in the other version.")
		}
		e.abandon(ErrClosed)
	}
}

// The four cases of RFC 7627 §5.3 against a real server, with tickets that it
// issued itself.
func TestTicketsAndTheExtendedMasterSecret(t *testing.T) {
	const id = TLS_PSK_WITH_AES_128_CBC_SHA256
	for _, c := range []struct {
		session, hello bool
		want           string
	}{{true, true, "resumed"}, {false, true, "full"}, {true, false, "refused"}, {false, false, "resumed"}} {
		what := fmt.Sprintf("a session with the extended master secret: %v, a ClientHello with it: %v", c.session, c.hello)
		server := rawConfig(t, id)
		first := newRaw12(t, keyWith(t, "alice", 1, external), id, false)
		first.hello.SessionTicket, first.hello.ExtendedMasterSecret = []byte{}, c.session
		newDuel(t, server, first).mustComplete()
		again := newRaw12(t, keyWith(t, "alice", 1, external), id, false)
		again.hello.SessionTicket, again.hello.ExtendedMasterSecret = first.ticket, c.hello
		again.hello.LegacySessionID = bytes.Repeat([]byte{7}, 32)
		again.resume = &first.master
		d := newDuel(t, server, again)
		d.run()
		switch {
		case c.want == "refused":
			wantLocal(t, what, d.victim.Err(), alert.HandshakeFailure)
			says(t, what, d.victim.Err(), "had the extended master secret, and now goes without it")
		case !d.victim.Complete() || d.rawErr != nil:
			t.Errorf("%s: the handshake fails: %v, %v.", what, d.victim.Err(), d.rawErr)
		case d.victim.Session().Resumed != (c.want == "resumed"), again.resumedByHim != (c.want == "resumed"):
			t.Errorf("%s: it is resumed: %v, want %s.", what, d.victim.Session().Resumed, c.want)
		case d.victim.Session().ExtendedMasterSecret != c.hello:
			t.Errorf("%s: the session says %v.", what, d.victim.Session().ExtendedMasterSecret)
		}
		if _, err := d.victim.Session().Export("EXPORTER-test", nil, 16); d.victim.Complete() && (err == nil) != c.hello {
			t.Errorf("%s: exporting says %v.", what, err)
		}
	}
}
