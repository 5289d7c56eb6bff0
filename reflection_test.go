package watchword

// Reflection (RFC 9257 §4.1, "Selfie"): somebody without the key sends our own
// messages back to us. Each defence is shown twice: it refuses, and with it
// taken out the very same exchange completes, so that the test fails when the
// defence is gone.

import (
	"bytes"
	"errors"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
)

// reflected is a process that is client and server with one key, and an
// attacker who joins its two connections.
func reflected(t *testing.T, clientKey, serverKey *Key) *pair {
	t.Helper()
	return newPair(t, &Config{Keys: []*Key{clientKey}, Groups: []Group{X25519}}, &Config{Keys: []*Key{serverKey}})
}

// The defence is the registry of ClientHello randoms in reflection.go. With the
// random removed from it, the exchange completes.
func TestReflectionIsRefusedByTheRegistry(t *testing.T) {
	for _, retry := range []bool{false, true} {
		for _, o := range []KeyOptions{{}, {Kind: External}} {
			k := keyWith(t, "alice", 1, o)
			start := func() *pair {
				p := reflected(t, k, k)
				if retry {
					p.server.Fail(alert.InternalError, "replaced")
					var err error
					if p.server, err = NewServerEngine(&Config{Keys: []*Key{k}, Groups: []Group{P256}}); err != nil {
						t.Fatal(err)
					}
					ownRandoms.remove(p.client.client.random)
					if p.client, err = NewClientEngine(&Config{Keys: []*Key{k}, KeyShares: []Group{X25519}}, "", testNow); err != nil {
						t.Fatal(err)
					}
				}
				return p
			}
			p := start()
			p.run()
			if !errors.Is(p.server.Err(), ErrReflected) || p.server.Complete() || p.client.Complete() {
				t.Errorf("Reflected to its own process (retry %v): the server's error is %v, want ErrReflected.", retry, p.server.Err())
			}
			wantLocal(t, "the server that was reflected to", p.server.Err(), alert.IllegalParameter)
			if !errors.Is(p.client.Err(), ErrKeyRejected) {
				t.Errorf("The client's error is %v, want ErrKeyRejected.", p.client.Err())
			}

			p = start()
			ownRandoms.remove(p.client.client.random) // the defence, taken out
			p.mustComplete()
		}
	}
}

// A Config says that connections within the process are wanted.
func TestReflectionIsAllowedByName(t *testing.T) {
	k := keyWith(t, "alice", 1, KeyOptions{})
	p := newPair(t, &Config{Keys: []*Key{k}}, &Config{Keys: []*Key{k}, AllowSameProcess: true})
	p.mustComplete()
}

// The registry forgets a random when its handshake is over, however it ends:
// nothing waits for an answer to it any more, and the set stays small.
func TestRegistryForgets(t *testing.T) {
	ends := map[string]func(p *pair){
		"complete":    func(p *pair) { p.mustComplete() },
		"closed":      func(p *pair) { p.client.CloseWrite() },
		"failed":      func(p *pair) { p.client.Fail(alert.InternalError, "no more") },
		"wrong bytes": func(p *pair) { _ = put(p.client, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), testNow) },
		"truncated":   func(p *pair) { _ = p.client.ReceivedEOF() },
		"abandoned":   func(p *pair) { p.client.abandon(errors.New("the network is gone")) },
	}
	for name, end := range ends {
		c, s := configs(t, KeyOptions{})
		p := newPair(t, c, s)
		random := p.client.client.random
		if !ownRandoms.has(random) {
			t.Fatalf("%s: the random of a handshake under way is not known.", name)
		}
		end(p)
		if ownRandoms.has(random) {
			t.Errorf("%s: the random of a handshake that is over is still kept.", name)
		}
	}
}

// Handshakes that nobody finishes cannot fill the memory: the oldest goes.
func TestRegistryIsBounded(t *testing.T) {
	var r randoms
	random := func(i int) (b [32]byte) {
		b[0], b[1], b[2] = byte(i), byte(i>>8), byte(i>>16)
		return b
	}
	for i := range 3 * limits.KeptRandoms {
		r.add(random(i))
		if i%3 == 0 {
			r.remove(random(i))
		}
	}
	if len(r.set) > limits.KeptRandoms || len(r.order) > limits.KeptRandoms {
		t.Errorf("%d randoms are kept in a list of %d, at most %d are wanted.", len(r.set), len(r.order), limits.KeptRandoms)
	}
	if last := 3*limits.KeptRandoms - 1; !r.has(random(last)) || r.has(random(1)) {
		t.Error("The newest random should be known, and the oldest forgotten.")
	}
}

// The defence is the role of a key: a Config of the other role refuses it, and
// a server does not use it though a lookup returns it.
func TestRoles(t *testing.T) {
	any, client, server := KeyOptions{}, KeyOptions{Role: ClientRole}, KeyOptions{Role: ServerRole}
	for _, c := range []struct {
		name       string
		client     KeyOptions
		server     KeyOptions
		clientFine bool
		serverFine bool
	}{
		{"both roles free", any, any, true, true},
		{"each its own role", client, server, true, true},
		{"both for clients", client, client, true, false},
		{"both for servers", server, server, false, true},
	} {
		_, cerr := NewClientEngine(&Config{Keys: []*Key{keyWith(t, "alice", 1, c.client)}}, "", testNow)
		_, serr := NewServerEngine(&Config{Keys: []*Key{keyWith(t, "alice", 1, c.server)}})
		if (cerr == nil) != c.clientFine || (serr == nil) != c.serverFine {
			t.Errorf("%s: the client's configuration gives %v, the server's %v.", c.name, cerr, serr)
		}
	}

	// The same process, the same key, for clients only: the attacker reflects,
	// the registry is taken out, and the role refuses. Without a role
	// (TestReflectionIsRefusedByTheRegistry) the exchange completes.
	k := keyWith(t, "alice", 1, client)
	p := newPair(t, &Config{Keys: []*Key{k}}, &Config{Lookup: fixedLookup{k}})
	ownRandoms.remove(p.client.client.random)
	p.collect()
	_ = put(p.server, p.toServer, testNow)
	err := p.server.Answer([]*Key{k}, nil, testNow)
	wantLocal(t, "a key for clients at a server", err, alert.DecryptError)
	if !errors.Is(err, ErrUnknownIdentity) {
		t.Errorf("The error is %v, want ErrUnknownIdentity.", err)
	}
}

// The defence is the import context with the names of both ends in their roles
// (RFC 9258 Appendix A). Where both ends of a process use one context for both
// directions, the exchange completes.
func TestReflectionIsRefusedByNames(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, 32)
	bound := func(client, server string) *Key {
		context, err := NamesContext(client, server)
		if err != nil {
			t.Fatal(err)
		}
		k, err := NewKey("shared", secret, KeyOptions{Context: context})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	// Host a is a client of b, and b of a, with one key between them.
	aAsClient, aAsServer := bound("a", "b"), bound("b", "a")

	p := reflected(t, aAsClient, aAsServer)
	ownRandoms.remove(p.client.client.random)
	p.run()
	wantLocal(t, "a reflected ClientHello with names bound", p.server.Err(), alert.DecryptError)
	if !errors.Is(p.server.Err(), ErrUnknownIdentity) {
		t.Errorf("The server's error is %v, want ErrUnknownIdentity.", p.server.Err())
	}

	// The honest exchange, and the defence taken out: the context says the
	// same in both roles.
	for _, serverKey := range []*Key{bound("a", "b"), aAsClient} {
		p = reflected(t, aAsClient, serverKey)
		ownRandoms.remove(p.client.client.random)
		p.mustComplete()
	}

	if _, err := NamesContext("a", "a"); err == nil {
		t.Error("Names that do not tell the ends apart are accepted.")
	}
	if one, _ := NamesContext("ab", "c"); bytes.Equal(one, must(NamesContext("a", "bc"))) {
		t.Error("Two pairs of names give one context.")
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
