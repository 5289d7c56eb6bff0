package watchword

// Whoever does not hold the key cannot ask a server which identities exist
// (SECURITY.md): an unknown identity, a wrong key and a key that is not admitted
// end alike on the wire, after the same work.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// refusal is all that a peer sees of a refused ClientHello, and the work behind
// it.
type refusal struct {
	sent []byte
	macs [2]int64 // HMAC calls by hash
	err  error
}

// refuse gives a ClientHello to a server that looks keys up with lookup.
func refuse(t *testing.T, hello []byte, server *Config, lookup func([]OfferedIdentity) ([]*Key, error)) refusal {
	t.Helper()
	e, err := NewServerEngine(server)
	if err != nil {
		t.Fatalf("The server's engine cannot be made: %v", err)
	}
	_ = put(e, hello, testNow)
	offered := e.WantsKeys()
	if offered == nil {
		t.Fatalf("The server does not ask for keys: %v.", e.Err())
	}
	keys, lookupErr := lookup(offered)
	var macs [2]atomic.Int64
	stop := suite.CountMACs(func(h suite.Hash) { macs[h].Add(1) })
	err = e.Answer(keys, lookupErr, testNow)
	stop()
	if e.Complete() || err == nil {
		t.Fatal("The server goes on with a client that should be refused.")
	}
	if !errors.Is(e.Received(0, testNow), err) {
		t.Error("After the refusal the engine's error is another.")
	}
	return refusal{e.Output(nil), [2]int64{macs[0].Load(), macs[1].Load()}, err}
}

// same checks that two refusals cannot be told apart from outside.
func (r refusal) same(t *testing.T, what string, other refusal) {
	t.Helper()
	if !bytes.Equal(r.sent, other.sent) {
		t.Errorf("%s: the bytes on the wire differ: %x and %x.", what, r.sent, other.sent)
	}
	if r.macs != other.macs {
		t.Errorf("%s: the HMAC calls (SHA-256, SHA-384) differ: %v and %v.", what, r.macs, other.macs)
	}
}

// atMost is a lookup that knows how many keys an identity has. Whom a server is
// to know comes from the tests themselves.
type atMost int

func (atMost) LookupKeys(context.Context, []OfferedIdentity) ([]*Key, error) {
	panic("a test asks the wrong lookup")
}

func (n atMost) KeysPerIdentity() int { return int(n) }

// A server tries as many keys as one identity has at most.
func TestTries(t *testing.T) {
	alice, again, bob := keyWith(t, "alice", 1, external), keyWith(t, "alice", 2, external), keyWith(t, "bob", 3, external)
	for _, c := range []struct {
		config *Config
		want   int
	}{
		{&Config{Keys: []*Key{alice}}, 1},
		{&Config{Keys: []*Key{alice, bob}}, 1},
		{&Config{Keys: []*Key{alice, bob, again}}, 2},
		{&Config{Lookup: struct{ KeyLookup }{atMost(1)}}, 4}, // it does not say
		{&Config{Lookup: atMost(0)}, 1},
		{&Config{Lookup: atMost(3), Keys: []*Key{alice}}, 3},
		{&Config{Lookup: atMost(1000)}, 4},
	} {
		if _, err := NewServerEngine(c.config); err != nil {
			t.Fatal(err)
		}
		if got := c.config.tries(); got != c.want {
			t.Errorf("With %d keys and the lookup %v, %d keys are tried, want %d.", len(c.config.Keys), c.config.Lookup, got, c.want)
		}
	}
}

// known returns a lookup that finds these keys whatever is offered, and one
// that finds none, and so on: each way to be refused by its name.
func refusalsOf(right, wrong []*Key) map[string]func([]OfferedIdentity) ([]*Key, error) {
	return map[string]func([]OfferedIdentity) ([]*Key, error){
		"unknown":   func([]OfferedIdentity) ([]*Key, error) { return nil, nil },
		"wrong key": func([]OfferedIdentity) ([]*Key, error) { return wrong, nil },
		"known, not admitted": func([]OfferedIdentity) ([]*Key, error) {
			return right, fmt.Errorf("the account is closed: %w", ErrNotAdmitted)
		},
		"known, not admitted, no keys": func([]OfferedIdentity) ([]*Key, error) { return nil, ErrNotAdmitted },
		"known, for the other role": func([]OfferedIdentity) ([]*Key, error) {
			var keys []*Key
			for _, k := range right {
				o := k.Options()
				o.Role = ClientRole
				other, err := NewKey(k.identity, k.secret(), o)
				if err != nil {
					return nil, err
				}
				keys = append(keys, other)
			}
			return keys, nil
		},
	}
}

// wantErr is the sentinel of our own log for each refusal.
var wantErr = map[string]error{
	"unknown": ErrUnknownIdentity, "wrong key": ErrWrongKey, "known, not admitted": ErrNotAdmitted,
	"known, not admitted, no keys": ErrNotAdmitted, "known, for the other role": ErrUnknownIdentity,
}

func TestRefusalsCannotBeToldApart(t *testing.T) {
	for _, o := range []KeyOptions{{}, {Hash: SHA384}, {Context: []byte("both")}, {Kind: External}, {Kind: External, Hash: SHA384}} {
		for _, id := range []SuiteID{TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256} {
			if o.Kind == External && (o.Hash == SHA384) != (id == TLS_AES_256_GCM_SHA384) {
				continue // such a key cannot be offered
			}
			for _, g := range []Group{X25519MLKEM768, X25519, P256, 0} {
				for _, share := range []bool{true, false} {
					for rotation := 1; rotation <= 4; rotation++ {
						refusalCase{o, id, g, share, rotation}.run(t)
					}
				}
			}
		}
	}
}

type refusalCase struct {
	key      KeyOptions
	suite    SuiteID
	group    Group // zero: psk_ke
	share    bool  // the ClientHello has a share of the group
	rotation int
}

func (c refusalCase) run(t *testing.T) {
	t.Helper()
	if c.group == 0 && !c.share {
		return
	}
	what := fmt.Sprintf("%v %x, suite %#x, group %#x, share %v, %d keys", c.key.Kind, c.key.Context, c.suite, c.group, c.share, c.rotation)
	client, server := configs(t, c.key)
	client.Suites = []SuiteID{c.suite}
	server.Lookup = atMost(c.rotation)
	if c.group == 0 {
		client.KeyExchange, server.KeyExchange = PSKOnly, PSKOnlyAllowed
	} else {
		client.Groups, server.Groups = []Group{c.group}, []Group{c.group}
		if !c.share {
			client.KeyShares = []Group{}
		}
	}
	e, err := NewClientEngine(client, "server", testNow)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	hello := e.Output(nil)
	right, wrong := client.Keys, []*Key(nil)
	for i := range c.rotation {
		wrong = append(wrong, keyWith(t, "alice", byte(100+i), c.key))
	}
	ways := refusalsOf(right, wrong)
	first := refuse(t, hello, server, ways["unknown"])
	for name, lookup := range ways {
		r := refuse(t, hello, server, lookup)
		r.same(t, what+", unknown and "+name, first)
		wantLocal(t, what+", "+name, r.err, alert.DecryptError)
		if !errors.Is(r.err, wantErr[name]) {
			t.Errorf("%s, %s: our own log says %v, want %v.", what, name, r.err, wantErr[name])
		}
	}
	if want := plainRecord(21, []byte{2, byte(alert.DecryptError)}); !bytes.Equal(first.sent, want) {
		t.Errorf("%s: the server sent %x before and with its alert, want %x and nothing else.", what, first.sent, want)
	}
	if first.macs[0]+first.macs[1] == 0 {
		t.Errorf("%s: no HMAC was counted: the test looks in the wrong place.", what)
	}
}

// rawHello makes a ClientHello with any identities, whose binders are random.
func rawHello(t *testing.T, identities [][]byte, binders []int) []byte {
	t.Helper()
	client, _ := configs(t, KeyOptions{})
	client.Groups = []Group{X25519}
	e, err := NewClientEngine(client, "server", testNow)
	if err != nil {
		t.Fatal(err)
	}
	raw := e.Output(nil)
	hello, err := wire.ParseClientHello(raw[5:], nil)
	if err != nil {
		t.Fatal(err)
	}
	hello.PreSharedKey = &wire.OfferedPSKs{}
	for i, id := range identities {
		hello.PreSharedKey.Identities = append(hello.PreSharedKey.Identities, wire.PSKIdentity{Identity: id, ObfuscatedTicketAge: 7})
		hello.PreSharedKey.Binders = append(hello.PreSharedKey.Binders, bytes.Repeat([]byte{0x5a}, binders[i]))
	}
	return plainRecord(22, hello.Append(nil))
}

// With several identities a client chooses which hash each goes with: the work
// must not show which of them the server chose.
func TestRefusalsOfSeveralIdentities(t *testing.T) {
	for _, o := range []KeyOptions{{}, {Kind: External}, {Kind: External, Hash: SHA384}} {
		k := keyWith(t, "alice", 1, o)
		ids := map[int][]byte{} // by binder length
		for _, p := range k.psks {
			ids[p.psk.Hash().Size()] = p.wireIdentity
		}
		for name, hello := range severalIdentities(t, ids) {
			for n := 1; n <= 4; n++ {
				what := fmt.Sprintf("%v %v, %s, %d keys", o.Kind, o.Hash, name, n)
				_, server := configs(t, KeyOptions{})
				server.Lookup = atMost(max(n, 2))
				unknown := refuse(t, hello, server, func([]OfferedIdentity) ([]*Key, error) { return nil, nil })
				known := refuse(t, hello, server, func([]OfferedIdentity) ([]*Key, error) {
					var keys []*Key
					for i := range n {
						keys = append(keys, keyWith(t, "alice", byte(i+1), o))
					}
					return keys, nil
				})
				known.same(t, what, unknown)
				if !errors.Is(known.err, ErrWrongKey) || !errors.Is(unknown.err, ErrUnknownIdentity) {
					t.Errorf("%s: our own log says %v and %v.", what, known.err, unknown.err)
				}
			}
		}
	}
}

// severalIdentities are ClientHellos that offer a known identity among unknown
// ones, in each order and hash.
func severalIdentities(t *testing.T, known map[int][]byte) map[string][]byte {
	t.Helper()
	hellos := map[string][]byte{}
	other, ticket := []byte("nobody"), bytes.Repeat([]byte{0xa7}, 200)
	for size, id := range known {
		for _, stranger := range [][]byte{other, ticket} {
			for _, strange := range []int{32, 33, 48, 255} { // two are the lengths of no hash
				what := fmt.Sprintf("a binder of %d bytes, an unknown identity of %d bytes with one of %d", size, len(stranger), strange)
				hellos[what+" before"] = rawHello(t, [][]byte{stranger, id}, []int{strange, size})
				hellos[what+" after"] = rawHello(t, [][]byte{id, stranger}, []int{size, strange})
				hellos[what+" around"] = rawHello(t, [][]byte{stranger, id, other}, []int{strange, size, 80 - size})
			}
		}
		many := slices.Repeat([][]byte{other}, 19)
		sizes := slices.Repeat([]int{80 - size}, 19)
		hellos[fmt.Sprintf("a binder of %d bytes in the last place that is read", size)] = rawHello(t, append(many, id), append(sizes, size))
	}
	return hellos
}

// A ticket is a name, too: who replays one that was seen on the wire must not
// learn whether the key behind it is still there.
func TestReplayedTicketsTellNothing(t *testing.T) {
	for _, id := range []SuiteID{TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384} {
		cache := &oneTicket{}
		client, server := configs(t, KeyOptions{})
		client.Suites, client.Tickets = []SuiteID{id}, &Tickets{Cache: cache}
		meet(t, client, server, testNow)
		if cache.ticket == nil {
			t.Fatalf("%s: there is no ticket.", id)
		}
		hello := rawHello(t, [][]byte{cache.ticket.ticket}, []int{cache.ticket.psk.Hash().Size()})
		right, wrong := client.Keys, []*Key{keyWith(t, "alice", 2, KeyOptions{})}
		ways := refusalsOf(right, wrong)
		ways["known"] = func(offered []OfferedIdentity) ([]*Key, error) {
			if len(offered) != 1 || !offered[0].Ticket || offered[0].Identity != "alice" {
				t.Errorf("%s: the server is offered %+v, want a ticket of alice.", id, offered)
			}
			return right, nil
		}
		first := refuse(t, hello, server, ways["unknown"])
		for name, lookup := range ways {
			r := refuse(t, hello, server, lookup)
			r.same(t, fmt.Sprintf("%s, a ticket of an unknown key and of one %s", id, name), first)
			wantLocal(t, name, r.err, alert.DecryptError)
			if name == "known" && !errors.Is(r.err, ErrWrongKey) {
				t.Errorf("%s: our own log says %v, want %v.", id, r.err, ErrWrongKey)
			}
		}
	}
}

// The sentence for our own log is put together only when it is wanted, after the
// alert: a peer could measure otherwise which one it was.
func TestRefusalsAreExplainedLate(t *testing.T) {
	ask := func() *Engine {
		client, server := configs(t, KeyOptions{})
		p := newPair(t, client, server)
		p.collect()
		if err := put(p.server, p.toServer, testNow); err != nil {
			t.Fatal(err)
		}
		return p.server
	}
	for name, c := range map[string]struct {
		keys []*Key
		want string
	}{
		"unknown":      {nil, "is not known here"},
		"wrong key":    {[]*Key{keyWith(t, "alice", 2, KeyOptions{})}, "differs"},
		"of two kinds": {[]*Key{keyWith(t, "alice", 1, external)}, "is external"},
		"for clients":  {[]*Key{keyWith(t, "alice", 1, KeyOptions{Role: ClientRole})}, "is for clients"},
	} {
		server := ask()
		keys := slices.Clone(c.keys)
		err := server.Answer(keys, nil, testNow)
		clear(keys) // the slice is the lookup's
		var late *lateError
		if !errors.As(err, &late) || late.said != "" {
			t.Errorf("%s: the sentence is there at once: %v.", name, err)
		}
		server.Output(nil)
		if late.said != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the sentence is %q.", name, err)
		}
	}
	own := &countingError{}
	server := ask()
	err := server.Answer(nil, own, testNow)
	server.Output(nil)
	if own.asked != 0 || !strings.Contains(err.Error(), "closed today") {
		t.Errorf("What a lookup says was asked for %d times before it was wanted; it is %v.", own.asked, err)
	}
}

// countingError is a lookup's refusal.
type countingError struct{ asked int }

func (e *countingError) Error() string {
	e.asked++
	return "closed today"
}

func (e *countingError) Unwrap() error { return ErrNotAdmitted }

// Our own log says of a key for clients what it is, unless another of its name
// comes nearer to what the client did.
func TestAKeyForClientsIsExplained(t *testing.T) {
	client, server := configs(t, KeyOptions{})
	e, err := NewClientEngine(client, "server", testNow)
	if err != nil {
		t.Fatal(err)
	}
	hello := e.Output(nil)
	forClients := keyWith(t, "alice", 1, KeyOptions{Role: ClientRole})
	external := keyWith(t, "alice", 2, KeyOptions{Kind: External})
	for _, c := range []struct {
		keys []*Key
		want string
	}{
		{[]*Key{forClients}, `the key "alice" is for clients here, so a client cannot prove itself with it`},
		{[]*Key{forClients, external}, `the client uses the key "alice" as imported, but here it is external: both ends must use it alike`},
	} {
		r := refuse(t, hello, server, func([]OfferedIdentity) ([]*Key, error) { return c.keys, nil })
		var local *alert.LocalError
		if !errors.As(r.err, &local) || local.Cause == nil || local.Cause.Error() != c.want {
			t.Errorf("Of %v our own log says %v, want %s.", c.keys, r.err, c.want)
		}
	}
}

// A binder whose length is that of no hash, and identities beyond those that
// are read, are no way around.
func TestOddOffersAreRefusedAlike(t *testing.T) {
	_, server := configs(t, KeyOptions{Kind: External})
	none := func([]OfferedIdentity) ([]*Key, error) { return nil, nil }
	found := func(offered []OfferedIdentity) ([]*Key, error) { return server.staticKeys(offered), nil }
	twenty := slices.Repeat([][]byte{[]byte("nobody")}, 20)
	for name, hello := range map[string][]byte{
		"binder of 33 bytes":         rawHello(t, [][]byte{[]byte("alice")}, []int{33}),
		"binder of 255 bytes":        rawHello(t, [][]byte{[]byte("alice")}, []int{255}),
		"binder of the other hash":   rawHello(t, [][]byte{[]byte("alice")}, []int{48}),
		"beyond those that are read": rawHello(t, append(twenty, []byte("alice")), slices.Repeat([]int{32}, 21)),
	} {
		refuse(t, hello, server, none).same(t, name, refuse(t, hello, server, found))
	}
}

// What a lookup may return and must not: the sentence is for our own log.
func TestAnswersOfALookup(t *testing.T) {
	k, other := keyWith(t, "alice", 1, KeyOptions{}), keyWith(t, "bob", 1, KeyOptions{})
	external := keyWith(t, "alice", 1, KeyOptions{Kind: External})
	var five []*Key
	for i := range 5 {
		five = append(five, keyWith(t, "alice", byte(i), KeyOptions{}))
	}
	var four []*Key
	for i := range 4 {
		four = append(four, keyWith(t, "alice", byte(4-i), KeyOptions{})) // the right one is last
	}
	for _, c := range []struct {
		name  string
		keys  []*Key
		err   error
		alert alert.Description // zero: it works
		is    error
	}{
		{name: "the key", keys: []*Key{k}},
		{name: "the key among keys of others", keys: []*Key{other, k}},
		{name: "four keys, the right one last", keys: four},
		{name: "a key of another identity", keys: []*Key{other}, alert: alert.DecryptError, is: ErrUnknownIdentity},
		{name: "the key, but as external", keys: []*Key{external}, alert: alert.DecryptError, is: ErrUnknownIdentity},
		{name: "five keys", keys: five, alert: alert.InternalError},
		{name: "nil among the keys", keys: []*Key{nil}, alert: alert.InternalError},
		{name: "one key both ways", keys: []*Key{k, external}, alert: alert.InternalError},
		{name: "a broken store", err: errNoStore, alert: alert.InternalError, is: errNoStore},
	} {
		client, server := configs(t, KeyOptions{})
		p := newPair(t, client, server)
		p.collect()
		_ = put(p.server, p.toServer, testNow)
		err := p.server.Answer(c.keys, c.err, testNow)
		if c.alert == 0 {
			if err != nil {
				t.Errorf("%s: the server refuses it: %v.", c.name, err)
			}
			continue
		}
		wantLocal(t, c.name, err, c.alert)
		if c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: the error is %v, want %v beneath.", c.name, err, c.is)
		}
	}
}

var errNoStore = errors.New("the key store does not answer")
