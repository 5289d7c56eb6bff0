package watchword

// Who meets whom in which version, and what is said where nobody does: each end's
// sentence names what was offered, what is allowed, and what would help.

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/wire"
)

// says checks that an error says each of some parts of a sentence.
func says(t testing.TB, what string, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: the sentence %q does not say %q.", what, fmt.Sprint(err), part)
		}
	}
}

func TestNoCommonVersionOrSuite(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(c, s *Config)
		alert  alert.Description
		says   []string // of the server
		not    string
	}{
		{"a server of the policy modern", func(c, s *Config) { c.Policy, c.MaxVersion = Compatible, VersionTLS12 }, alert.ProtocolVersion,
			[]string{"offers at most TLS 1.2", "TLS 1.3 is the oldest that is allowed here", "the policy compatible would allow what it offers", "external key"}, ""},
		{"a server of the policy modern, a client without forward secrecy", func(c, s *Config) {
			c.Policy, c.MaxVersion, c.Suites = Legacy, VersionTLS12, []SuiteID{TLS_PSK_WITH_AES_128_CBC_SHA256}
		}, alert.ProtocolVersion, []string{"TLS 1.3 is the oldest", "the policy legacy would allow"}, ""},
		{"a server of TLS 1.2 and a client of TLS 1.3", func(c, s *Config) { s.Policy, s.MaxVersion = Compatible, VersionTLS12 }, alert.ProtocolVersion,
			[]string{"the client offers TLS 1.3, and TLS 1.2 is the newest that is allowed here"}, "policy"},
		{"a server of the policy compatible, a client without forward secrecy", func(c, s *Config) {
			c.Policy, s.Policy, c.MaxVersion = Legacy, Compatible, VersionTLS12
			c.Suites = []SuiteID{TLS_PSK_WITH_AES_128_CBC_SHA256, TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA}
		}, alert.HandshakeFailure, []string{
			"no TLS 1.2 suite in common", "the client offers TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA, TLS_PSK_WITH_AES_128_CBC_SHA256;",
			"here TLS_ECDHE_PSK_WITH_", "the policy legacy would allow what it offers"}, ""},
		{"suites that the server was told to leave out", func(c, s *Config) {
			c.Policy, s.Policy, c.MaxVersion = Compatible, Compatible, VersionTLS12
			c.Suites, s.Suites = []SuiteID{TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256}, []SuiteID{TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384}
		}, alert.HandshakeFailure, []string{"the client offers TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256; here TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384 are allowed"}, "policy"},
		{"groups that the server was told to leave out", func(c, s *Config) {
			c.Policy, s.Policy, c.MaxVersion = Compatible, Compatible, VersionTLS12
			c.Groups, s.Groups = []Group{X25519}, []Group{P256}
		}, alert.HandshakeFailure, []string{"no group in common for the TLS 1.2 suites that both ends have: the client offers x25519; here secp256r1 are allowed"}, "policy"},
		{"protocols", func(c, s *Config) {
			c.Policy, s.Policy, c.MaxVersion = Compatible, Compatible, VersionTLS12
			c.NextProtos, s.NextProtos = []string{"a"}, []string{"b"}
		}, alert.NoApplicationProtocol, []string{`"a"`, `"b"`}, ""},
	} {
		cc, sc := configs(t, external)
		c.change(cc, sc)
		p := newPair(t, cc, sc)
		p.run()
		wantLocal(t, c.what, p.server.Err(), c.alert)
		says(t, c.what, p.server.Err(), c.says...)
		if c.not != "" && strings.Contains(p.server.Err().Error(), c.not) {
			t.Errorf("%s: the sentence %q speaks of %q.", c.what, p.server.Err(), c.not)
		}
		wantRemote(t, c.what, p.client.Err(), c.alert)
	}
}

// A client that cannot speak TLS 1.2 says why to a server that speaks nothing
// else, whatever that server is.
func TestServerWithoutTLS13(t *testing.T) {
	for _, c := range []struct {
		what   string
		config *Config
		says   string
	}{
		{"policy modern", &Config{Keys: []*Key{keyWith(t, "alice", 1, external)}}, "only TLS 1.2: the policies compatible and legacy allow that, with an external key"},
		{"policy compatible, an imported key", &Config{Keys: []*Key{keyWith(t, "alice", 1, KeyOptions{})}, Policy: Compatible}, "`watchword key new --external`"},
		{"policy compatible, a key pinned to TLS 1.3", &Config{Keys: []*Key{keyWith(t, "alice", 1, KeyOptions{Kind: External, Version: VersionTLS13})}, Policy: Compatible}, "TLS 1.2 needs"},
		{"policy compatible, TLS 1.3 at least", &Config{Keys: []*Key{keyWith(t, "alice", 1, external)}, Policy: Compatible, MinVersion: VersionTLS13}, "the configuration leaves TLS 1.2 out"},
	} {
		raw := newRaw12(t, keyWith(t, "alice", 1, external), TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, true)
		raw.answer.RenegotiationInfo, raw.answer.ExtendedMasterSecret = nil, false
		d := newDuel(t, c.config, raw)
		d.run()
		wantLocal(t, c.what, d.victim.Err(), alert.ProtocolVersion)
		says(t, c.what, d.victim.Err(), "does not speak TLS 1.3", c.says)
	}
}

// Configurations of TLS 1.2 that cannot work, before the first byte.
func TestConfigurationsRefused12(t *testing.T) {
	imported, ext := keyWith(t, "alice", 1, KeyOptions{}), keyWith(t, "alice", 1, external)
	pinned := keyWith(t, "alice", 1, KeyOptions{Kind: External, Version: VersionTLS12})
	pinned13 := keyWith(t, "alice", 1, KeyOptions{Kind: External, Version: VersionTLS13})
	one := func(k *Key) []*Key { return []*Key{k} }
	for _, c := range []struct {
		what         string
		config       *Config
		client, serv bool // fine
		says         string
	}{
		{"an imported key for TLS 1.2 alone", &Config{Keys: one(imported), Policy: Compatible, MaxVersion: VersionTLS12}, false, true, "`watchword key new --external`, for both ends"},
		{"an imported key for both versions", &Config{Keys: one(imported), Policy: Compatible}, true, true, ""},
		{"an external key for TLS 1.2 alone", &Config{Keys: one(ext), Policy: Compatible, MaxVersion: VersionTLS12}, true, true, ""},
		{"a key pinned to TLS 1.3 for TLS 1.2 alone", &Config{Keys: one(pinned13), Policy: Legacy, MaxVersion: VersionTLS12}, false, true, "TLS 1.2 needs an external key"},
		{"a key pinned to TLS 1.2 in the policy modern", &Config{Keys: one(pinned)}, false, true, "configured key"},
		{"a key pinned to TLS 1.2 in the policy compatible", &Config{Keys: one(pinned), Policy: Compatible}, true, true, ""},
		{"an unknown policy", &Config{Keys: one(ext), Policy: 3}, false, false, "policy 3"},
		{"a version that is none", &Config{Keys: one(ext), MinVersion: 0x0302}, false, false, "TLS 1.1"},
		{"TLS 1.2 at most in the policy modern", &Config{Keys: one(ext), MaxVersion: VersionTLS12}, false, false, "no version that the policy modern allows"},
		{"versions upside down", &Config{Keys: one(ext), Policy: Legacy, MinVersion: VersionTLS13, MaxVersion: VersionTLS12}, false, false, "leave no version"},
		{"a suite of compatible in modern", &Config{Keys: one(ext), Suites: []SuiteID{TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256}}, false, false, "the policy modern does not allow the suite TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256, compatible does"},
		{"a suite of legacy in compatible", &Config{Keys: one(ext), Policy: Compatible, Suites: []SuiteID{TLS_PSK_WITH_AES_128_CBC_SHA256}}, false, false, "legacy does"},
		{"a suite that nobody has", &Config{Keys: one(ext), Policy: Legacy, Suites: []SuiteID{0xc0a4}}, false, false, "0xc0a4"},
		{"suites of TLS 1.2 and TLS 1.3 at least", &Config{Keys: one(ext), Policy: Legacy, MinVersion: VersionTLS13, Suites: []SuiteID{TLS_PSK_WITH_AES_128_CBC_SHA256}}, false, false, "no suite"},
		{"the hybrid group for TLS 1.2 alone", &Config{Keys: one(ext), Policy: Compatible, MaxVersion: VersionTLS12, Groups: []Group{X25519MLKEM768}}, false, false, "no suite or no group"},
		{"the hybrid group for both versions", &Config{Keys: one(ext), Policy: Compatible, Groups: []Group{X25519MLKEM768}}, true, true, ""},
		{"a long hint", &Config{Keys: one(ext), Policy: Compatible, IdentityHint: strings.Repeat("h", 129)}, false, false, "129 bytes, at most 128"},
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
			if err != nil {
				says(t, c.what, err, c.says, "watchword: ")
			}
		}
	}
	for _, o := range []KeyOptions{{Version: VersionTLS12}, {Kind: External, Version: 0x0302}} {
		if _, err := NewKey("a", make([]byte, 32), o); err == nil {
			t.Errorf("A key of kind %s is pinned to %x.", o.Kind, o.Version)
		}
	}
	for _, p := range []Policy{Modern, Compatible, Legacy} {
		if got, err := ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("The policy %s is read as %s: %v.", p, got, err)
		}
	}
	if _, err := ParsePolicy("Modern"); err == nil {
		t.Error("A policy that does not exist is read.")
	}
}

// A key serves the version that it is pinned to, and no other.
func TestPinnedKeys(t *testing.T) {
	pinned := func(v uint16) *Key { return keyWith(t, "alice", 1, KeyOptions{Kind: External, Version: v}) }
	for _, c := range []struct {
		client, server uint16 // what the keys are pinned to
		want           uint16 // zero: the server refuses
	}{
		{0, 0, VersionTLS13}, {VersionTLS12, 0, VersionTLS12}, {VersionTLS13, 0, VersionTLS13},
		{VersionTLS12, VersionTLS12, VersionTLS12}, {VersionTLS13, VersionTLS13, VersionTLS13}, {0, VersionTLS13, VersionTLS13},
		{VersionTLS12, VersionTLS13, 0}, {VersionTLS13, VersionTLS12, 0},
		// Whoever offers both meets TLS 1.3, and finds no key there.
		{0, VersionTLS12, 0},
	} {
		what := fmt.Sprintf("a client's key for %x, a server's for %x", c.client, c.server)
		p := newPair(t, &Config{Keys: []*Key{pinned(c.client)}, Policy: Compatible, Groups: []Group{X25519}},
			&Config{Keys: []*Key{pinned(c.server)}, Policy: Compatible, AllowSameProcess: true})
		p.run()
		if got := p.client.Session().Version; got != c.want {
			t.Errorf("%s: they speak %x, want %x: %v.", what, got, c.want, p.server.Err())
		}
		if c.want == 0 {
			if !errors.Is(p.server.Err(), ErrUnknownIdentity) {
				t.Errorf("%s: the server says %v.", what, p.server.Err())
			}
			says(t, what, p.server.Err(), "pinned to "+VersionName(c.server))
		}
	}
	// An imported key of that name.
	c, s := configs12(t, Compatible)
	s.Keys = []*Key{keyWith(t, "alice", 1, KeyOptions{})}
	p := newPair(t, c, s)
	p.run()
	says(t, "an imported key at the server", p.server.Err(), "here it is imported", "`watchword key new --external`")
}

// Who goes without the extended master secret or renegotiation_info is refused
// in compatible; legacy goes on, and the session shows it.
func TestPeersWithoutProtection(t *testing.T) {
	const id = TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256
	for _, c := range []struct {
		what      string
		rawServer bool
		change    func(*raw12)
		says      string // empty: fine in compatible too
	}{
		{"a client without extended master secret", false, func(r *raw12) { r.hello.ExtendedMasterSecret = false; r.answer.ExtendedMasterSecret = false }, "extended master secret (RFC 7627)"},
		{"a server without extended master secret", true, func(r *raw12) { r.answer.ExtendedMasterSecret = false }, "extended master secret (RFC 7627)"},
		{"a client without renegotiation_info", false, func(r *raw12) { r.hello.RenegotiationInfo = nil }, ""},
		{"a server without renegotiation_info", true, func(r *raw12) { r.answer.RenegotiationInfo = nil }, "renegotiation_info (RFC 5746)"},
	} {
		for _, policy := range []Policy{Compatible, Legacy} {
			raw := newRaw12(t, keyWith(t, "alice", 1, external), id, c.rawServer)
			c.change(raw)
			config := rawConfig(t, id)
			config.Policy = policy
			d := newDuel(t, config, raw)
			d.run()
			what := fmt.Sprintf("%s, policy %s", c.what, policy)
			if policy == Compatible && c.says != "" {
				wantLocal(t, what, d.victim.Err(), alert.HandshakeFailure)
				says(t, what, d.victim.Err(), c.says, "only the policy legacy goes without")
				continue
			}
			if !d.victim.Complete() || d.rawErr != nil {
				t.Errorf("%s: the handshake fails: %v, %v.", what, d.victim.Err(), d.rawErr)
				continue
			}
			if got := d.victim.Session().ExtendedMasterSecret; got != raw.answer.ExtendedMasterSecret {
				t.Errorf("%s: the session says %v of the extended master secret.", what, got)
			}
		}
	}
}

// Identities of every kind reach the lookup as they are, are refused as any
// other, and drive nobody's terminal.
func TestOddIdentities12(t *testing.T) {
	for _, id := range []string{"", strings.Repeat("i", 65535), "\xff\xfe\x00\x01", "bob\x1b[2J\r\nroot: \u202e", "ünïcödé", "\u2028"} {
		for _, suite := range []SuiteID{TLS_PSK_WITH_AES_128_CBC_SHA256, TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256} {
			raw := newRaw12(t, keyWith(t, "alice", 1, external), suite, false)
			raw.identity = []byte(id)
			d := newDuel(t, rawConfig(t, suite), raw)
			hello, err := raw.respond(nil)
			if err != nil {
				t.Fatal(err)
			}
			d.deliver(hello)
			flight, err := raw.respond(d.victim.Output(nil))
			if err != nil {
				t.Fatal(err)
			}
			_ = put(d.victim, flight, testNow)
			asked := d.victim.WantsKeys()
			if len(asked) != 1 || asked[0].Identity != id || asked[0].Ticket || asked[0].Kind != External {
				t.Errorf("An identity of %d bytes reaches the lookup as %.100v: %v.", len(id), asked, d.victim.Err())
				continue
			}
			answer(d.victim, testNow)
			err = d.victim.Err()
			wantLocal(t, fmt.Sprintf("%.20q", id), err, alert.BadRecordMAC)
			if !errors.Is(err, ErrUnknownIdentity) || len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\x1b\r\n\x00\u202e\u2028") || !utf8.ValidString(err.Error()) {
				t.Errorf("The identity %.20q is refused with %q.", id, err)
			}
		}
	}
}

// A hint of any length and content reaches the session, and nothing else.
func TestOddHints12(t *testing.T) {
	for _, hint := range []string{"", "a hint", strings.Repeat("h", 65535), "\xff\x00\x1b[2J"} {
		raw := newRaw12(t, keyWith(t, "alice", 1, external), TLS_PSK_WITH_AES_128_CBC_SHA256, true)
		raw.hint = []byte(hint)
		d := newDuel(t, rawConfig(t, TLS_PSK_WITH_AES_128_CBC_SHA256), raw)
		d.mustComplete()
		if s := d.victim.Session(); s.IdentityHint != hint || s.Identity != "alice" {
			t.Errorf("A hint of %d bytes: the session has one of %d, and the identity %q.", len(hint), len(s.IdentityHint), s.Identity)
		}
	}
	c, s := cheap12(t)
	s.IdentityHint = "which key"
	if p := connected(t, c, s); p.client.Session().IdentityHint != "which key" || p.server.Session().IdentityHint != "" {
		t.Errorf("The hint is %q at the client and %q at the server.", p.client.Session().IdentityHint, p.server.Session().IdentityHint)
	}
}

// TLS_FALLBACK_SCSV (RFC 7507): a client that could do better, and a server that
// can.
func TestFallbackIsRefused(t *testing.T) {
	for _, c := range []struct {
		max  uint16
		fine bool
	}{{0, false}, {VersionTLS12, true}} {
		raw := newRaw12(t, keyWith(t, "alice", 1, external), TLS_PSK_WITH_AES_128_CBC_SHA256, false)
		raw.hello.CipherSuites = append(raw.hello.CipherSuites, wire.FallbackSCSV)
		config := rawConfig(t, TLS_PSK_WITH_AES_128_CBC_SHA256)
		config.MaxVersion, config.Suites = c.max, nil
		d := newDuel(t, config, raw)
		d.run()
		if c.fine != d.victim.Complete() {
			t.Errorf("A fallback to TLS 1.2, where %x is the most: %v.", c.max, d.victim.Err())
		}
		if !c.fine {
			wantLocal(t, "a fallback", d.victim.Err(), alert.InappropriateFallback)
			says(t, "a fallback", d.victim.Err(), "fell back to TLS 1.2, though both ends could do better")
		}
	}
}

func TestGroupsByName(t *testing.T) {
	for name, want := range map[string]Group{
		"X25519MLKEM768": X25519MLKEM768, "x25519mlkem768": X25519MLKEM768, "x25519": X25519, "X25519": X25519,
		"secp256r1": P256, "SECP256R1": P256, "P-256": P256, "p-256": P256,
	} {
		if g, err := GroupByName(name); g != want || err != nil {
			t.Errorf("%s is %v, %v; want %v.", name, g, err, want)
		}
	}
	for _, name := range []string{"", "P-384", "P256 ", "x448"} {
		if g, err := GroupByName(name); err == nil {
			t.Errorf("%q is %v.", name, g)
		}
	}
}
