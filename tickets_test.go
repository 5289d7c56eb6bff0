package watchword

// Session tickets: what they are bound to, how long they live, and that a
// ticket which is no good is no worse than none.

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// oneTicket is a cache that keeps the last ticket whatever its name, and gives
// it out again and again: with it a client offers what it should not.
type oneTicket struct{ ticket *ClientTicket }

func (c *oneTicket) Put(_ string, t *ClientTicket) { c.ticket = t }

func (c *oneTicket) Take(string) *ClientTicket {
	if c.ticket == nil {
		return nil
	}
	copied := *c.ticket
	return &copied
}

// ticketConfigs are configurations with cheap handshakes and a ticket cache.
func ticketConfigs(t testing.TB, cache TicketCache) (client, server *Config) {
	t.Helper()
	client, server = configs(t, KeyOptions{})
	client.KeyExchange, server.KeyExchange = PSKOnly, PSKOnlyAllowed
	client.Tickets = &Tickets{Cache: cache}
	return client, server
}

// meet runs a connection at a time and reports whether it was resumed. The
// client reads what was sent, so that it gets a ticket.
func meet(t testing.TB, client, server *Config, now time.Time) bool {
	t.Helper()
	p := newPairAt(t, client, server, now)
	p.mustComplete()
	p.exchange("up", "down")
	c, s := p.client.Session(), p.server.Session()
	if c.Resumed != s.Resumed || c.Identity != s.Identity || c.Kind != s.Kind {
		t.Fatalf("The ends disagree: %+v and %+v.", c, s)
	}
	return c.Resumed
}

// atServer changes the key behind a ticket at the server alone. The client still
// has it, and so offers the ticket; another key lets the ends meet without it.
func atServer(changed *Key) func(client, server *Config) {
	return func(c, s *Config) {
		k := c.Keys[0]
		carol, _ := NewKey("carol", bytes.Repeat([]byte{5}, 32), k.options)
		c.Keys, s.Keys = []*Key{carol, k}, []*Key{carol, changed}
	}
}

// A ticket that does not go with the ClientHello it comes in is not accepted.
// The defences are the comparisons in openTicket, and for the key the tag in
// belongsTo: a case fails when what it names is taken out of them. (A key of
// another name has two: staticKeys does not choose it either. See
// TestTicketIsNotForAnotherName.)
func TestServerBindsTickets(t *testing.T) {
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
		{"another mode of key exchange", func(c, s *Config) { c.KeyExchange = PSKWithECDHE }, false},
		{"a server that prefers the other mode", func(c, s *Config) { c.KeyExchange = PSKOnlyAllowed }, false},
		{"tickets disabled at the server", func(c, s *Config) { s.Tickets = &Tickets{Disabled: true} }, false},
		{"a restarted server", func(c, s *Config) { s.state.tickets.keys = nil }, false},
		{"suites of another hash only", func(c, s *Config) { c.Suites = []SuiteID{TLS_AES_256_GCM_SHA384} }, false},
		{"another suite of the same hash", func(c, s *Config) { c.Suites = []SuiteID{TLS_CHACHA20_POLY1305_SHA256} }, true},
		{"the key is replaced", atServer(keyWith(t, "alice", 9, KeyOptions{})), false},
		{"the key has another name", atServer(keyWith(t, "bob", 1, KeyOptions{})), false},
		{"the key is external", atServer(keyWith(t, "alice", 1, external)), false},
		{"the key belongs to another hash", atServer(keyWith(t, "alice", 1, KeyOptions{Hash: SHA384})), false},
		{"the key has a context", atServer(keyWith(t, "alice", 1, KeyOptions{Context: []byte("c")})), false},
		{"the key is as it was", atServer(keyWith(t, "alice", 1, KeyOptions{})), true},
		{"a key put before it", func(c, s *Config) {
			k, _ := NewKey("alice", bytes.Repeat([]byte{9}, 32), KeyOptions{})
			s.Keys = []*Key{k, s.Keys[0]}
		}, true},
	} {
		cache := &oneTicket{}
		client, server := ticketConfigs(t, cache)
		client.ServerName, client.NextProtos, server.NextProtos = "host.example", []string{"a"}, []string{"a", "b"}
		if meet(t, client, server, testNow) {
			t.Fatal("The first connection is resumed.")
		}
		if cache.ticket == nil {
			t.Fatal("The client got no ticket.")
		}
		c.change(client, server)
		reread(client, server)
		if got := meet(t, client, server, testNow.Add(time.Second)); got != c.want {
			t.Errorf("%s: resumed is %v, want %v.", c.name, got, c.want)
		}
	}
}

// offeredIdentities is how many identities a client's first message has.
func offeredIdentities(t testing.TB, client *Config, server string, now time.Time) int {
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
	return len(hello.PreSharedKey.Identities)
}

// A client offers a ticket only where everything is as it was, and once.
func TestClientBindsTickets(t *testing.T) {
	const fresh, offered = 2, 3 // an imported key is offered for two hashes
	for _, c := range []struct {
		name   string
		change func(c *Config)
		server string
		after  time.Duration
		want   int
	}{
		{"nothing changed", func(c *Config) {}, "server:1", time.Second, offered},
		{"another server", func(c *Config) {}, "server:2", time.Second, fresh},
		{"another name", func(c *Config) { c.ServerName = "x" }, "server:1", time.Second, fresh},
		{"another protocol", func(c *Config) { c.NextProtos = []string{"b"} }, "server:1", time.Second, fresh},
		{"another mode", func(c *Config) { c.KeyExchange = PSKOnlyAllowed }, "server:1", time.Second, fresh},
		{"no cache", func(c *Config) { c.Tickets = nil }, "server:1", time.Second, fresh},
		{"another key", func(c *Config) { c.Keys = []*Key{keyWith(t, "alice", 9, KeyOptions{})} }, "server:1", time.Second, fresh},
		{"the key has another name", func(c *Config) { c.Keys = []*Key{keyWith(t, "bob", 1, KeyOptions{})} }, "server:1", time.Second, fresh},
		{"suites of another hash", func(c *Config) { c.Suites = []SuiteID{TLS_AES_256_GCM_SHA384} }, "server:1", time.Second, 1},
		{"the last second of its life", func(c *Config) {}, "server:1", 24*time.Hour - time.Second, offered},
		{"the end of its life", func(c *Config) {}, "server:1", 24 * time.Hour, fresh},
		{"a clock that was moved back", func(c *Config) {}, "server:1", -time.Second, fresh},
	} {
		client, server := ticketConfigs(t, NewTicketCache())
		client.NextProtos, server.NextProtos = []string{"a"}, []string{"a"}
		meet(t, client, server, testNow)
		c.change(client)
		reread(client)
		if got := offeredIdentities(t, client, c.server, testNow.Add(c.after)); got != c.want {
			t.Errorf("%s: the client offers %d identities, want %d.", c.name, got, c.want)
		}
		if got := offeredIdentities(t, client, c.server, testNow.Add(c.after)); got == offered {
			t.Errorf("%s: the client offers a ticket twice.", c.name)
		}
	}
}

// The life of a ticket at the server, whatever the client thinks of it.
func TestTicketLifetime(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		set, life time.Duration
	}{
		{0, day}, {-1, day}, {time.Hour, time.Hour}, {2 * day, 2 * day}, {7 * day, 7 * day}, {30 * day, 7 * day},
	} {
		for _, at := range []struct {
			age  time.Duration
			want bool
		}{{time.Second, true}, {c.life - time.Second, true}, {c.life, false}, {c.life + 100*day, false}, {-time.Second, false}} {
			cache := &oneTicket{}
			client, server := ticketConfigs(t, cache)
			server.Tickets = &Tickets{Lifetime: c.set}
			meet(t, client, server, testNow)
			if got := cache.ticket.expires.Sub(testNow); got != c.life {
				t.Errorf("Lifetime %v: the client was told %v, want %v.", c.set, got, c.life)
			}
			cache.ticket.received = testNow.Add(-1000 * day)
			cache.ticket.expires = testNow.Add(1000 * day)
			if got := meet(t, client, server, testNow.Add(at.age)); got != at.want {
				t.Errorf("Lifetime %v, at the age of %v: resumed is %v, want %v.", c.set, at.age, got, at.want)
			}
		}
	}
}

// Keys of tickets are replaced after half a life and thrown away after a whole
// one. No ticket promises more than its key lives.
func TestTicketKeysRotate(t *testing.T) {
	cache := &oneTicket{}
	client, server := ticketConfigs(t, cache)
	server.Tickets = &Tickets{Lifetime: 10 * time.Hour}
	var first *ticketKey
	for hour := range 40 {
		now := testNow.Add(time.Duration(hour) * time.Hour)
		cache.ticket = nil
		meet(t, client, server, now)
		keys := server.state.tickets.keys
		if first == nil {
			first = keys[0]
		}
		if age := now.Sub(keys[0].created); age >= 5*time.Hour {
			t.Errorf("After %d hours tickets are sealed with a key of %v.", hour, age)
		}
		for _, k := range keys {
			if now.Sub(k.created) >= 10*time.Hour {
				t.Errorf("After %d hours a key of %v is kept.", hour, now.Sub(k.created))
			}
		}
		if len(keys) > 3 {
			t.Errorf("%d keys are kept.", len(keys))
		}
		if life := cache.ticket.expires.Sub(now); life < 5*time.Hour || cache.ticket.expires.After(keys[0].created.Add(10*time.Hour)) {
			t.Errorf("After %d hours a ticket promises %v, and its key was made at %v.", hour, life, keys[0].created)
		}
	}
	if server.state.tickets.find(first.name[:], 10*time.Hour, testNow.Add(40*time.Hour)) != nil {
		t.Error("The first key is still there.")
	}
}

// A clock that was moved back throws the keys of tickets away: they would live
// too long. Both ends go on with the key.
func TestClockMovedBack(t *testing.T) {
	cache := &oneTicket{}
	client, server := ticketConfigs(t, cache)
	meet(t, client, server, testNow)
	old := server.state.tickets.keys[0]
	cache.ticket.received = testNow.Add(-48 * time.Hour)
	past := testNow.Add(-24 * time.Hour)
	if meet(t, client, server, past) {
		t.Error("A ticket from the future is accepted.")
	}
	for _, k := range server.state.tickets.keys {
		if k == old {
			t.Error("A key from the future is kept.")
		}
	}
	if !meet(t, client, server, past.Add(time.Minute)) {
		t.Error("With the clock set back, no tickets work any more.")
	}
}

// A chain of tickets, each got by the one before, ends seven days after the key
// itself was proved.
func TestChainOfTicketsEnds(t *testing.T) {
	for _, pace := range []time.Duration{time.Hour, 7 * time.Hour, 20 * time.Hour} {
		client, server := ticketConfigs(t, NewTicketCache())
		proved := testNow
		for now := testNow; now.Sub(testNow) < 20*24*time.Hour; now = now.Add(pace) {
			resumed := meet(t, client, server, now)
			if !resumed {
				proved = now
			}
			if age := now.Sub(proved); age >= 7*24*time.Hour {
				t.Fatalf("At a pace of %v, a chain of tickets is %v old.", pace, age)
			}
			if pace < 12*time.Hour && !resumed && now != testNow && now.Sub(proved) != 0 {
				t.Fatalf("At a pace of %v a ticket is refused after %v.", pace, now.Sub(proved))
			}
		}
	}
}

// Even a client that keeps an old ticket and claims a long life for it cannot
// go beyond.
func TestChainCannotBeStretched(t *testing.T) {
	cache := &oneTicket{}
	client, server := ticketConfigs(t, cache)
	server.Tickets = &Tickets{Lifetime: 7 * 24 * time.Hour}
	meet(t, client, server, testNow)
	for day := 1; day <= 7; day++ {
		now := testNow.Add(time.Duration(day) * 24 * time.Hour)
		cache.ticket.expires = now.Add(time.Hour)
		if got, want := meet(t, client, server, now), day < 7; got != want {
			t.Errorf("On day %d resumed is %v, want %v.", day, got, want)
		}
	}
}

// A ticket that is forged, cut or changed is an identity that nobody knows: the
// key that is offered after it counts.
func TestBadTicketsFallBackToTheKey(t *testing.T) {
	cache := &oneTicket{}
	client, server := ticketConfigs(t, cache)
	meet(t, client, server, testNow)
	good := *cache.ticket
	try := func(what string, raw []byte, want bool) {
		t.Helper()
		changed := good
		changed.ticket = raw
		cache.ticket = &changed
		if got := meet(t, client, server, testNow.Add(time.Minute)); got != want {
			t.Errorf("%s: resumed is %v, want %v.", what, got, want)
		}
	}
	try("as it is", good.ticket, true)
	for i := range good.ticket {
		flipped := bytes.Clone(good.ticket)
		flipped[i] ^= 0x10
		try(fmt.Sprintf("byte %d flipped", i), flipped, false)
	}
	for n := 1; n < len(good.ticket); n++ {
		try(fmt.Sprintf("cut after %d bytes", n), good.ticket[:n], false)
	}
	try("with a byte more", append(bytes.Clone(good.ticket), 0), false)
	try("random", bytes.Repeat([]byte{0x77}, len(good.ticket)), false)
	try("nothing but the name of a key", append(bytes.Clone(good.ticket[:ticketNameLen]), make([]byte, 60)...), false)

	_, restarted := ticketConfigs(t, cache)
	*cache = oneTicket{&good}
	if meet(t, client, restarted, testNow.Add(time.Minute)) {
		t.Error("A server that was started anew accepts a ticket of its former life.")
	}
}

// Whoever has a ticket but not its secret is nobody.
func TestTicketWithoutItsSecret(t *testing.T) {
	cache := &oneTicket{}
	client, server := ticketConfigs(t, cache)
	meet(t, client, server, testNow)
	cache.ticket.psk = schedule.NewPSK(suite.SHA256, schedule.ResumptionPSK, bytes.Repeat([]byte{3}, 32))
	p := newPair(t, client, server)
	p.run()
	wantLocal(t, "a ticket without its secret", p.server.Err(), alert.DecryptError)
	if !errors.Is(p.server.Err(), ErrWrongKey) || !errors.Is(p.client.Err(), ErrKeyRejected) {
		t.Errorf("The errors are %v at the server and %v at the client.", p.server.Err(), p.client.Err())
	}
}

// A key that is no longer there ends its tickets, though another one is known.
// The defence is belongsTo, called for each key that the lookup returns
// (Engine.candidates); without it the first two parts fail.
func TestRemovedKeyEndsItsTickets(t *testing.T) {
	client, server := ticketConfigs(t, NewTicketCache())
	alice, bob := client.Keys[0], keyWith(t, "bob", 2, KeyOptions{})
	client.Keys = []*Key{alice, bob}
	server.Keys = []*Key{alice, bob}
	meet(t, client, server, testNow)
	server.Keys = []*Key{bob}
	p := newPair(t, client, server)
	p.mustComplete()
	if s := p.server.Session(); s.Resumed || s.Identity != "bob" {
		t.Errorf("After alice was removed, the server has %+v.", s)
	}

	// The same with no key left that the client has.
	client, server = ticketConfigs(t, NewTicketCache())
	meet(t, client, server, testNow)
	server.Keys = []*Key{keyWith(t, "alice", 9, KeyOptions{})}
	p = newPair(t, client, server)
	p.run()
	if p.server.Complete() || !errors.Is(p.server.Err(), ErrWrongKey) {
		t.Errorf("A ticket of a removed key: %v, complete: %v.", p.server.Err(), p.server.Complete())
	}

	// A lookup that does not admit it any more.
	client, server = ticketConfigs(t, NewTicketCache())
	meet(t, client, server, testNow)
	p = newPair(t, client, server)
	p.collect()
	_ = put(p.server, p.toServer, testNow)
	if offered := p.server.WantsKeys(); len(offered) != 3 || !offered[0].Ticket || offered[0].Identity != "alice" || offered[1].Ticket {
		t.Errorf("The lookup is told of %+v.", offered)
	}
	err := p.server.Answer(server.Keys, ErrNotAdmitted, testNow)
	wantLocal(t, "a ticket of a key that is not admitted", err, alert.DecryptError)
}

// A ticket is for the name that it was issued to, even where the lookup answers
// with a key of another name and the same bytes. The defence is the tag in
// belongsTo, which covers the identity (Key.tag): without that both versions fail.
func TestTicketIsNotForAnotherName(t *testing.T) {
	for version, configs := range map[uint16]func(testing.TB, TicketCache) (client, server *Config){
		VersionTLS13: ticketConfigs, VersionTLS12: ticketConfigs12,
	} {
		client, server := configs(t, NewTicketCache())
		meet(t, client, server, testNow)
		p := newPair(t, client, server)
		p.collect()
		_ = put(p.server, p.toServer, testNow)
		if offered := p.server.WantsKeys(); len(offered) == 0 || !offered[0].Ticket || offered[0].Identity != "alice" {
			t.Errorf("%s: the lookup is told of %+v.", VersionName(version), offered)
		}
		_ = p.server.Answer([]*Key{keyWith(t, "bob", 1, server.Keys[0].options)}, nil, testNow)
		if r := p.server.machine.Result(); r.Resumed {
			t.Errorf("%s: a ticket of alice is good for bob, who has the same bytes.", VersionName(version))
		}
	}
}

// Tickets of one server's life are for the identity that they were issued to:
// the lookup is told of it, and the session names it.
func TestTicketNamesItsIdentity(t *testing.T) {
	client, server := ticketConfigs(t, NewTicketCache())
	meet(t, client, server, testNow)
	p := newPair(t, client, server)
	p.mustComplete()
	for _, s := range []Session{p.client.Session(), p.server.Session()} {
		if !s.Resumed || s.Identity != "alice" || s.Kind != Imported {
			t.Errorf("The session is %+v.", s)
		}
	}
}

func TestDisabledServerIssuesNoTicket(t *testing.T) {
	cache := &oneTicket{}
	client, server := ticketConfigs(t, cache)
	server.Tickets = &Tickets{Disabled: true}
	meet(t, client, server, testNow)
	if cache.ticket != nil || server.state.tickets.keys != nil {
		t.Error("A server with tickets disabled issues one, or makes a key for them.")
	}
}

// What a server of any make may send: the client keeps what is good.
func TestTicketsThatAClientKeeps(t *testing.T) {
	for _, c := range []struct {
		name     string
		lifetime uint32
		ticket   int // bytes
		kept     bool
		alert    alert.Description // zero: none
	}{
		{"an hour", 3600, 100, true, 0},
		{"no life", 0, 100, false, 0},
		{"a second", 1, 1, true, 0},
		{"seven days", 604800, 100, true, 0},
		{"a second more", 604801, 100, false, alert.IllegalParameter},
		{"the longest that is kept", 3600, limits.MaxTicketLen, true, 0},
		{"a byte longer", 3600, limits.MaxTicketLen + 1, false, 0},
		{"the longest there is", 3600, 65535, false, 0},
	} {
		cache := &oneTicket{}
		client, server := ticketConfigs(t, cache)
		server.Tickets = &Tickets{Disabled: true}
		p := connected(t, client, server)
		ticket := &wire.NewSessionTicket{TicketLifetime: c.lifetime, TicketNonce: []byte{1}, Ticket: bytes.Repeat([]byte{1}, c.ticket)}
		if err := p.server.sendHandshake(ticket.Append(nil)); err != nil {
			t.Fatal(err)
		}
		p.run()
		_, err := drain(p.client, testNow)
		if c.alert != 0 {
			wantLocal(t, c.name, err, c.alert)
		} else if !errors.Is(err, ErrNeedInput) {
			t.Errorf("%s: %v.", c.name, err)
		}
		if (cache.ticket != nil) != c.kept {
			t.Errorf("%s: kept is %v, want %v.", c.name, cache.ticket != nil, c.kept)
		}
	}
}

// A flood of tickets ends in an error that names it.
func TestFloodOfTickets(t *testing.T) {
	client, server := ticketConfigs(t, NewTicketCache())
	server.Tickets = &Tickets{Disabled: true}
	p := connected(t, client, server)
	raw := (&wire.NewSessionTicket{TicketLifetime: 60, TicketNonce: []byte{1}, Ticket: []byte("t")}).Append(nil)
	for i := range limits.MaxIdleTickets {
		if err := p.inject(p.server, record.Handshake, raw); err != nil {
			t.Fatalf("Ticket %d is refused: %v", i, err)
		}
	}
	wantLocal(t, "one ticket too many", p.inject(p.server, record.Handshake, raw), alert.UnexpectedMessage)
}

// A cache is bounded and gives each ticket out once, to whoever asks first.
func TestTicketCache(t *testing.T) {
	cache := NewTicketCache()
	for i := range 10 {
		cache.Put("a", &ClientTicket{ageAdd: uint32(i)})
	}
	for want := 9; want > 9-limits.TicketsPerServer; want-- {
		if got := cache.Take("a"); got == nil || got.ageAdd != uint32(want) {
			t.Errorf("The cache gives %v, want ticket %d.", got, want)
		}
	}
	if cache.Take("a") != nil || cache.Take("unknown") != nil {
		t.Error("The cache gives a ticket that is not there.")
	}
	for i := range limits.CachedServers + 10 {
		cache.Put(fmt.Sprint(i), &ClientTicket{})
		cache.Take("0") // used all the time, and empty; it stays
	}
	if cache.Take("5") != nil || cache.Take(fmt.Sprint(limits.CachedServers+9)) == nil {
		t.Error("The server unused for longest should be forgotten, and the last one known.")
	}
}

func TestTicketCacheConcurrently(t *testing.T) {
	cache := NewTicketCache()
	var mu sync.Mutex
	taken := map[*ClientTicket]bool{}
	var all sync.WaitGroup
	for g := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 500 {
				name := fmt.Sprint("server ", (g+i)%7)
				cache.Put(name, &ClientTicket{ageAdd: uint32(i)})
				if got := cache.Take(name); got != nil {
					mu.Lock()
					if taken[got] {
						t.Error("A ticket is given out twice.")
					}
					taken[got] = true
					mu.Unlock()
				}
			}
		}()
	}
	all.Wait()
}

// Connections of one Config share ticket keys, whatever the order.
func TestTicketKeysConcurrently(t *testing.T) {
	cache := NewTicketCache()
	k := keyWith(t, "alice", 1, KeyOptions{})
	client := &Config{Keys: []*Key{k}, KeyExchange: PSKOnly, Tickets: &Tickets{Cache: cache}}
	server := &Config{Keys: []*Key{k}, KeyExchange: PSKOnly, AllowSameProcess: true}
	var all sync.WaitGroup
	for g := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 20 {
				meet(t, client, server, testNow.Add(time.Duration(g*i)*time.Hour))
			}
		}()
	}
	all.Wait()
}
