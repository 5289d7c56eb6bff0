package watchword

// No verb of package fmt, and no encoder, reaches a secret, however deep it
// lies in what is printed.

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// spellings are the ways in which package fmt and encoders write bytes.
func spellings(b []byte) []string {
	b = b[:min(len(b), 12)]
	decimal := fmt.Sprint(b) // [1 2 3]
	sharp := fmt.Sprintf("%#v", b)
	spaced := fmt.Sprintf("% x", b)
	octal := fmt.Sprintf("%o", b)
	return []string{
		string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), spaced,
		strings.Trim(decimal, "[]"), strings.TrimSuffix(strings.TrimPrefix(sharp, "[]byte{"), "}"),
		strings.Trim(octal, "[]"), strings.Trim(fmt.Sprintf("%b", b), "[]"), strings.Trim(fmt.Sprintf("%q", b), `"`),
		base64.StdEncoding.EncodeToString(b[:9]),
		strings.ReplaceAll(strings.Trim(decimal, "[]"), " ", ","),
	}
}

// printed is a value in all the ways that a careless program may print it.
func printed(v any) string {
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t", "%e", "%p", "%U", "%c", "% x", "%#x", "%10v", "%-10.3v"} {
		fmt.Fprintf(&out, verb+"\n", v)
	}
	fmt.Fprintln(&out, v)
	out.WriteString(fmt.Sprint([]any{v}, map[string]any{"k": v}, struct{ Inner any }{v}, &struct{ inner any }{v}))
	if raw, err := json.Marshal(v); err == nil {
		out.Write(raw)
	}
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	logger.LogAttrs(context.Background(), slog.LevelInfo, "x", slog.Any("v", v))
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	return out.String()
}

func TestSecretsAreNotPrinted(t *testing.T) {
	secret := []byte("\x91k\x02ey\xf3material, 32 b.!")
	k, err := NewKey("alice", secret, KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cache := NewTicketCache()
	var ends [2]watch
	client := &Config{Keys: []*Key{k}, Tickets: &Tickets{Cache: cache}, Rand: seeded(1), Observer: ends[0].see}
	server := &Config{Keys: []*Key{k}, AllowSameProcess: true, Rand: seeded(2), Observer: ends[1].see}
	const text = "the plaintext that nobody else reads"
	p := newPair(t, client, server)
	half := newPair(t, client, server) // in the middle of its handshake
	half.collect()
	half.deliver(true)
	p.mustComplete()
	p.exchange("up", "down")
	p.write(p.client, []byte(text+text))
	p.run()
	small := make([]byte, 5)
	if n, err := p.server.Read(small, testNow); n != 5 || err != nil {
		t.Fatal(err) // the rest of the text waits in the engine
	}
	ticket := p.client.client.server
	taken := cache.Take(ticket)
	if taken == nil {
		t.Fatal("There is no ticket.")
	}
	cache.Put(ticket, taken)
	resumed := newPair(t, client, server) // holds the ticket
	conn := Client(unused(t), client)
	conn.engine = p.client

	secrets := map[string][]byte{"the key": secret, "the plaintext": []byte(text)[5:], "the client's IV": ivOf(t, &ends[0])}
	for i := range ends {
		for _, e := range ends[i].events {
			if e.Kind == EventSecret {
				secrets[e.Name] = e.Bytes
			}
		}
	}
	if len(secrets) < 9 {
		t.Fatalf("Only %d secrets are looked for.", len(secrets))
	}
	session := p.client.Session()
	for name, v := range map[string]any{
		"Config": client, "Config of a server": server, "Key": k, "Key by value": *k, "KeyOptions": k.Options(),
		"Engine": p.client, "Engine with plaintext": p.server, "Engine amid the handshake": half.server, "Engine with a ticket": resumed.client,
		"Conn": conn, "Session": session, "*Session": &session, "ClientTicket": taken, "ClientTicket by value": *taken,
		"cache": cache, "Tickets": client.Tickets, "keys": client.Keys, "keyPSK": k.psks, "ticket keys": server.state.tickets.keys,
		"match": p.server.matched, "Config's state": &server.state, "connection state": p.client.connectionState(),
	} {
		text := printed(v)
		for what, bytes := range secrets {
			for _, spelling := range spellings(bytes) {
				if strings.Contains(text, spelling) {
					t.Errorf("%s, printed, has %s in it, as %q.", name, what, spelling)
				}
			}
		}
	}
	if got := fmt.Sprintf("%v|%+v|%#v", k, *k, k); got != strings.Repeat(`key "alice" (imported, sha256)|`, 3)[:len(got)] {
		t.Errorf("A key prints as %q.", got)
	}
}

// ivOf computes the IV of a traffic secret, which the record layer keeps.
func ivOf(t *testing.T, w *watch) []byte {
	t.Helper()
	for _, e := range w.events {
		if e.Kind == EventSecret && e.Name == "CLIENT_TRAFFIC_SECRET_0" {
			return expandIV(e.Bytes)
		}
	}
	t.Fatal("No traffic secret was seen.")
	return nil
}

// expandIV is the IV of RFC 9846 §7.3.
func expandIV(secret []byte) []byte {
	h, _ := suite.HashOfSize(len(secret))
	return schedule.ExpandLabel(h, secret, "iv", nil, suite.NonceLen)
}

// unused is a network connection that nothing is sent on.
func unused(t testing.TB) net.Conn {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return a
}

// Errors are sentences: no secret is in them, whatever the peer sent, and what
// the peer named is quoted, so that it cannot drive a terminal.
func TestErrorsQuoteThePeer(t *testing.T) {
	nasty := "bob\x1b[2J\r\nroot: \u202e\xff\x00"
	c, s := cheap(t)
	c.Keys = []*Key{keyWith(t, nasty, 1, KeyOptions{Kind: External})}
	c.ServerName, c.NextProtos, s.NextProtos = "host.example", []string{nasty}, []string{"a"}
	p := newPair(t, c, s)
	p.run()
	all := fmt.Sprint(p.client.Err(), p.server.Err())
	c.NextProtos = nil
	p = newPair(t, c, s)
	p.run()
	all += fmt.Sprint(p.client.Err(), p.server.Err())
	if strings.ContainsAny(all, "\x1b\r\n\x00\u202e") || !utf8.ValidString(all) {
		t.Errorf("An error lets through what the peer sent: %q.", all)
	}
	if !strings.Contains(all, `bob\x1b`) {
		t.Errorf("The errors do not name the identity: %q.", all)
	}
}

// A long identity is cut, so that a peer cannot fill a log with one line.
func TestErrorsAreNotLong(t *testing.T) {
	c, s := cheap(t)
	c.Keys = nil
	for i := range 8 {
		c.Keys = append(c.Keys, keyWith(t, strings.Repeat("long", 900)+fmt.Sprint(i), 1, KeyOptions{Kind: External}))
	}
	p := newPair(t, c, s)
	p.run()
	for _, err := range []error{p.client.Err(), p.server.Err()} {
		if err == nil || len(err.Error()) > 2000 {
			t.Errorf("The error has %d bytes: %.100v...", len(err.Error()), err)
		}
	}
}

// It is cut after a whole character, as it is quoted.
func TestLongNamesAreCutBetweenCharacters(t *testing.T) {
	for name, want := range map[string]string{
		"":                            `""`,
		"bob":                         `"bob"`,
		strings.Repeat("a", 78):       `"` + strings.Repeat("a", 78) + `"`,
		strings.Repeat("a", 100):      `"` + strings.Repeat("a", 75) + `..."`,
		strings.Repeat("\u00fc", 100): `"` + strings.Repeat("\u00fc", 37) + `..."`,
		strings.Repeat("\xff", 100):   `"` + strings.Repeat(`\xff`, 18) + `..."`,
		"bob\xc3":                     `"bob\xc3"`,
	} {
		if got := quotedStart(name); got != want {
			t.Errorf("%q is quoted as %s, not %s.", name, got, want)
		}
	}
}

// Every sentinel is found with errors.Is and every kind with errors.As, and
// every message is a sentence for a person.
func TestErrorsAreSentences(t *testing.T) {
	for _, c := range sentences(t) {
		err := c.err
		if err == nil {
			t.Errorf("%s: there is no error.", c.what)
			continue
		}
		for _, is := range c.is {
			if !errors.Is(err, is) {
				t.Errorf("%s: %q is not %q for errors.Is.", c.what, err, is)
			}
		}
		if c.local != 0 {
			wantLocal(t, c.what, err, c.local)
		}
		text := err.Error()
		if len(text) < 25 || !strings.Contains(text, " ") || strings.Contains(text, "%!") || strings.Contains(text, "<nil>") || strings.Contains(text, "tls:") {
			t.Errorf("%s: %q is not a sentence.", c.what, text)
		}
		for _, word := range c.says {
			if !strings.Contains(text, word) {
				t.Errorf("%s: %q does not say %q.", c.what, text, word)
			}
		}
	}
}

type sentence struct {
	what  string
	err   error
	is    []error
	local alert.Description
	says  []string
}

// sentences provokes each error of an engine.
func sentences(t *testing.T) []sentence {
	fails := func(change func(c, s *Config), spoil func(p *pair)) (client, server error) {
		c, s := configs(t, KeyOptions{})
		c.Groups = []Group{X25519}
		if change != nil {
			change(c, s)
		}
		p := newPair(t, c, s)
		if spoil != nil {
			spoil(p)
		}
		p.run()
		return p.client.Err(), p.server.Err()
	}
	var list []sentence
	c, s := fails(func(c, s *Config) { s.Keys = []*Key{keyWith(t, "alice", 7, KeyOptions{})} }, nil)
	list = append(list,
		sentence{"wrong key, client", c, []error{ErrKeyRejected}, 0, []string{"alice", "fingerprint", "decrypt_error"}},
		sentence{"wrong key, server", s, []error{ErrWrongKey}, alert.DecryptError, []string{"alice", "fingerprint"}})
	c, s = fails(func(c, s *Config) { s.Keys = []*Key{keyWith(t, "bob", 7, KeyOptions{})} }, nil)
	list = append(list,
		sentence{"unknown identity, client", c, []error{ErrKeyRejected}, 0, []string{"alice"}},
		sentence{"unknown identity, server", s, []error{ErrUnknownIdentity}, alert.DecryptError, []string{"alice", "not known"}})
	_, s = fails(func(c, s *Config) { s.Keys = []*Key{keyWith(t, "alice", 1, KeyOptions{Kind: External})} }, nil)
	list = append(list, sentence{"another kind", s, []error{ErrUnknownIdentity}, alert.DecryptError, []string{"imported", "external"}})
	_, s = fails(func(c, s *Config) { s.Keys = []*Key{keyWith(t, "alice", 1, KeyOptions{Context: []byte("x")})} }, nil)
	list = append(list, sentence{"another context", s, []error{ErrUnknownIdentity}, alert.DecryptError, []string{"context"}})
	_, s = fails(func(c, s *Config) { s.Groups = []Group{P256} }, nil)
	list = append(list, sentence{"no common group", s, nil, alert.HandshakeFailure, []string{"group"}})
	_, s = fails(func(c, s *Config) { c.Suites, s.Suites = []SuiteID{0x1301}, []SuiteID{0x1303} }, nil)
	list = append(list, sentence{"no common suite", s, nil, alert.HandshakeFailure, []string{"suite"}})
	_, s = fails(func(c, s *Config) { c.KeyExchange = PSKOnly }, nil)
	list = append(list, sentence{"no common mode", s, nil, alert.HandshakeFailure, []string{"psk_ke", "psk_dhe_ke"}})
	_, s = fails(func(c, s *Config) { c.NextProtos, s.NextProtos = []string{"a"}, []string{"b"} }, nil)
	list = append(list, sentence{"no common protocol", s, nil, alert.NoApplicationProtocol, []string{`"a"`, `"b"`}})
	_, s = fails(func(c, s *Config) { s.AllowSameProcess = false }, nil)
	list = append(list, sentence{"reflected", s, []error{ErrReflected}, alert.IllegalParameter, []string{"AllowSameProcess"}})
	for what, bytes := range map[string]string{"an HTTP request": "GET / HTTP/1.1\r\n\r\n", "plain text": "hello, is anybody there?", "random bytes": "\x8a\x11\x00\x07\x99\x01\x02"} {
		_, s = fails(nil, func(p *pair) { _ = put(p.server, []byte(bytes), testNow) })
		list = append(list, sentence{what, s, []error{ErrNotTLS}, alert.ProtocolVersion, []string{"not TLS"}})
		c, _ = fails(nil, func(p *pair) { _ = put(p.client, []byte(bytes), testNow) })
		list = append(list, sentence{what + " at the client", c, []error{ErrNotTLS}, alert.ProtocolVersion, []string{"not TLS"}})
	}
	c, _ = fails(nil, func(p *pair) { _ = p.client.ReceivedEOF() })
	_, s = fails(nil, func(p *pair) { _ = p.server.ReceivedEOF() })
	list = append(list,
		sentence{"a server that closes", c, []error{ErrTruncated, ErrKeyRejected}, 0, []string{"alice", "without an alert"}},
		sentence{"a client that sends nothing", s, []error{ErrTruncated}, 0, []string{"without sending anything"}})
	p, _, _ := observedPair(t)
	p.exchange("up", "down")
	list = append(list, sentence{"truncated", p.client.ReceivedEOF(), []error{ErrTruncated}, 0, []string{"close_notify"}})
	_, s = fails(nil, func(p *pair) {
		p.collect()
		_ = put(p.server, p.toServer, testNow)
		_ = p.server.Answer(nil, errNoStore, testNow)
	})
	list = append(list, sentence{"a lookup that failed", s, []error{errNoStore}, alert.InternalError, []string{"lookup", "does not answer"}})
	return list
}

// A Config that cannot work is refused before the first byte, with the reason.
func TestConfigurationsRefused(t *testing.T) {
	k := keyWith(t, "alice", 1, KeyOptions{})
	external := keyWith(t, "alice", 1, KeyOptions{Kind: External})
	five := []*Key{k, k, k, k, k}
	var many []*Key
	for i := range 9 {
		many = append(many, keyWith(t, fmt.Sprint(i), 1, KeyOptions{}))
	}
	for _, c := range []struct {
		what         string
		config       *Config
		client, serv bool // fine
		says         string
	}{
		{"nil", nil, false, false, "no configuration"},
		{"the zero value", &Config{}, false, false, "key"},
		{"a key", &Config{Keys: []*Key{k}}, true, true, ""},
		{"a lookup only", &Config{Lookup: fixedLookup{k}}, false, true, "key"},
		{"nil among the keys", &Config{Keys: []*Key{k, nil}}, false, false, "nil"},
		{"five keys of one identity", &Config{Keys: five}, false, false, "more than 4"},
		{"nine keys", &Config{Keys: many}, false, true, "at most 8"},
		{"a key both ways", &Config{Keys: []*Key{k, external}}, false, false, "both imported and external"},
		{"a key for servers", &Config{Keys: []*Key{keyWith(t, "s", 1, KeyOptions{Role: ServerRole})}}, false, true, "for servers"},
		{"a key for clients", &Config{Keys: []*Key{keyWith(t, "s", 1, KeyOptions{Role: ClientRole})}}, true, false, "for clients"},
		{"an unknown suite", &Config{Keys: []*Key{k}, Suites: []SuiteID{0x1304}}, false, false, "0x1304"},
		{"no suite", &Config{Keys: []*Key{k}, Suites: []SuiteID{}}, false, false, "no suite"},
		{"an unknown group", &Config{Keys: []*Key{k}, Groups: []Group{0x18}}, false, false, "0x0018"},
		{"no group", &Config{Keys: []*Key{k}, Groups: []Group{}}, false, false, "no group"},
		{"no group, and none needed", &Config{Keys: []*Key{k}, Groups: []Group{}, KeyExchange: PSKOnly}, true, true, ""},
		{"suites of another hash than the key", &Config{Keys: []*Key{external}, Suites: []SuiteID{TLS_AES_256_GCM_SHA384}}, false, true, "hash"},
		{"a record size limit of 63", &Config{Keys: []*Key{k}, RecordSizeLimit: 63}, false, false, "63"},
		{"a record size limit of 16,385", &Config{Keys: []*Key{k}, RecordSizeLimit: 16385}, false, false, "16385"},
		{"negative padding", &Config{Keys: []*Key{k}, PadRecords: -1}, false, false, "-1"},
		{"an empty protocol", &Config{Keys: []*Key{k}, NextProtos: []string{""}}, false, false, "protocol"},
		{"a long protocol", &Config{Keys: []*Key{k}, NextProtos: []string{strings.Repeat("p", 256)}}, false, false, "255"},
		{"many protocols", &Config{Keys: []*Key{k}, NextProtos: make([]string, 33)}, false, false, "33"},
		{"a long server name", &Config{Keys: []*Key{k}, ServerName: strings.Repeat("n", 256)}, false, false, "255"},
		{"an unknown key exchange", &Config{Keys: []*Key{k}, KeyExchange: 9}, false, false, "KeyExchange"},
	} {
		ce, cerr := NewClientEngine(c.config, "x", testNow)
		_, serr := NewServerEngine(c.config)
		if ce != nil {
			ce.abandon(ErrClosed)
		}
		if (cerr == nil) != c.client || (serr == nil) != c.serv {
			t.Errorf("%s: a client says %v, a server %v.", c.what, cerr, serr)
		}
		for _, err := range []error{cerr, serr} {
			if err != nil && (!strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "watchword: ")) {
				t.Errorf("%s: the error %q does not say %q.", c.what, err, c.says)
			}
		}
	}
}

// Keys that will not do, and what is said of them.
func TestKeysRefused(t *testing.T) {
	good := bytes.Repeat([]byte{1}, 32)
	for _, c := range []struct {
		what, identity string
		secret         []byte
		o              KeyOptions
		says           string // empty: fine
	}{
		{"16 bytes", "a", good[:16], KeyOptions{}, ""},
		{"15 bytes", "a", good[:15], KeyOptions{}, "15 bytes, at least 16"},
		{"nothing", "a", nil, KeyOptions{}, "0 bytes"},
		{"512 bytes", "a", make([]byte, 512), KeyOptions{}, ""},
		{"513 bytes", "a", make([]byte, 513), KeyOptions{}, "at most 512"},
		{"no identity", "", good, KeyOptions{}, "identity is empty"},
		{"a long identity", strings.Repeat("i", 4096), good, KeyOptions{}, ""},
		{"a longer one", strings.Repeat("i", 4097), good, KeyOptions{}, "at most 4096"},
		{"an external key with a context", "a", good, KeyOptions{Kind: External, Context: []byte{1}}, "no context"},
		{"a long context", "a", good, KeyOptions{Context: make([]byte, 4097)}, "at most 4096"},
		{"an unknown kind", "a", good, KeyOptions{Kind: 2}, "unknown"},
		{"an unknown hash", "a", good, KeyOptions{Hash: 2}, "unknown"},
		{"an unknown role", "a", good, KeyOptions{Role: 3}, "unknown"},
	} {
		_, err := NewKey(c.identity, c.secret, c.o)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error is %v, want one that says %q.", c.what, err, c.says)
		}
	}
	k, _ := NewKey(strings.Repeat("i", 129), make([]byte, 65), KeyOptions{})
	if w := k.Warnings(); len(w) != 2 {
		t.Errorf("A long key with a long identity has the warnings %q.", w)
	}
	if w := keyWith(t, "a", 1, KeyOptions{}).Warnings(); w != nil {
		t.Errorf("An ordinary key has the warnings %q.", w)
	}
}

// A key keeps its own copies.
func TestKeysDoNotAlias(t *testing.T) {
	secret, context := bytes.Repeat([]byte{1}, 32), []byte("context")
	k, err := NewKey("a", secret, KeyOptions{Context: context})
	if err != nil {
		t.Fatal(err)
	}
	same, _ := NewKey("a", bytes.Repeat([]byte{1}, 32), KeyOptions{Context: []byte("context")})
	print := k.Fingerprint()
	clear(secret)
	clear(context)
	clear(k.Options().Context)
	if !k.Equal(same) || k.Fingerprint() != print || same.Fingerprint() != print || len(print) != 24 {
		t.Errorf("The key changed with the bytes that it was built from; its fingerprint is %q, and was %q.", k.Fingerprint(), print)
	}
}

// Two keys that do not work together have two fingerprints; what only one end
// knows of a key is not in it.
func TestFingerprintCoversWhatBothEndsMustHave(t *testing.T) {
	plain := keyWith(t, "a", 1, KeyOptions{}).Fingerprint()
	seen := map[string]string{plain: "the plain key"}
	for name, k := range map[string]*Key{
		"other bytes":         keyWith(t, "a", 2, KeyOptions{}),
		"another identity":    keyWith(t, "b", 1, KeyOptions{}),
		"external":            keyWith(t, "a", 1, KeyOptions{Kind: External}),
		"external, SHA-384":   keyWith(t, "a", 1, KeyOptions{Kind: External, Hash: SHA384}),
		"SHA-384":             keyWith(t, "a", 1, KeyOptions{Hash: SHA384}),
		"a context":           keyWith(t, "a", 1, KeyOptions{Context: []byte("one")}),
		"another context":     keyWith(t, "a", 1, KeyOptions{Context: []byte("two")}),
		"context and SHA-384": keyWith(t, "a", 1, KeyOptions{Context: []byte("one"), Hash: SHA384}),
	} {
		print := k.Fingerprint()
		if other, taken := seen[print]; taken {
			t.Errorf("%s has the fingerprint of %s.", name, other)
		}
		if len(print) != 24 {
			t.Errorf("%s has the fingerprint %q, want five groups of four digits.", name, print)
		}
		seen[print] = name
	}
	for _, o := range []KeyOptions{{Role: ClientRole}, {Role: ServerRole}, {Version: VersionTLS13}} {
		if keyWith(t, "a", 1, o).Fingerprint() != plain {
			t.Errorf("Role %v and version %#x are in the fingerprint: the other end has them otherwise.", o.Role, o.Version)
		}
	}
}
