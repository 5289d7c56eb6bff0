package probe

// With a key, against servers of the library.

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

func keyOf(t *testing.T, identity string, b byte, o watchword.KeyOptions) *watchword.Key {
	t.Helper()
	k, err := watchword.NewKey(identity, bytes.Repeat([]byte{b}, 32), o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// serving reads to the end of each connection, and closes it in order.
func serving(c *watchword.Config) func(net.Conn) {
	c.AllowSameProcess = true
	return func(raw net.Conn) {
		conn := watchword.Server(raw, c)
		if _, err := io.Copy(io.Discard, conn); err == nil {
			conn.Close()
		}
	}
}

func TestWithAKey(t *testing.T) {
	external := watchword.KeyOptions{Kind: watchword.External}
	only := func(v uint16) watchword.KeyOptions {
		return watchword.KeyOptions{Kind: watchword.External, Version: v}
	}
	for name, c := range map[string]struct {
		server, key  watchword.KeyOptions
		policy       watchword.Policy
		other        bool   // the server's key has other bytes
		tls13, tls12 Known  // whether the key was taken
		reason       string // of the version where it was not
		reached      string
		findings     string
	}{
		"modern, imported": {watchword.KeyOptions{}, watchword.KeyOptions{}, watchword.Modern, false, Yes, Unknown, "", "modern", "policy"},
		"modern, SHA-384": {watchword.KeyOptions{Kind: watchword.External, Hash: watchword.SHA384}, watchword.KeyOptions{Kind: watchword.External, Hash: watchword.SHA384},
			watchword.Modern, false, Yes, Unknown, "", "modern", "policy"},
		"compatible": {external, external, watchword.Compatible, false, Yes, Yes, "", "modern", "policy"},
		"legacy":     {external, external, watchword.Legacy, false, Yes, Yes, "", "modern", "policy without-forward-secrecy without-forward-secrecy sha1"},
		"imported, and TLS 1.2 is spoken": {watchword.KeyOptions{}, watchword.KeyOptions{}, watchword.Compatible, false, Yes, Unknown,
			"the key is imported", "modern", "key-not-tried policy"},
		"for TLS 1.2": {external, only(watchword.VersionTLS12), watchword.Compatible, false, Unknown, Yes, "TLS 1.2 alone", "compatible", "key-not-tried policy"},
		"for TLS 1.3": {external, only(watchword.VersionTLS13), watchword.Compatible, false, Yes, Unknown, "TLS 1.3 alone", "modern", "key-not-tried policy"},
		"the server has it for TLS 1.2": {only(watchword.VersionTLS12), external, watchword.Compatible, false, No, Yes, "alert 51 decrypt_error", "compatible",
			"key-refused policy"},
		"another key":  {external, external, watchword.Compatible, true, No, No, "alert ", "", "key-refused key-refused nothing-usable"},
		"another kind": {watchword.KeyOptions{}, external, watchword.Modern, false, No, Unknown, "alert 51 decrypt_error", "", "key-refused nothing-usable"},
	} {
		t.Run(name, func(t *testing.T) {
			b := byte(1)
			if c.other {
				b = 2
			}
			address, count := listen(t, serving(&watchword.Config{Keys: []*watchword.Key{keyOf(t, "alice", b, c.server)}, Policy: c.policy}))
			r, err := probeOf(t, Options{Address: address, Key: keyOf(t, "alice", 1, c.key)})
			if err != nil || r.Stopped != nil {
				t.Fatalf("The probe failed: %v, %+v", err, r)
			}
			if r.TLS13.Key != c.tls13 || r.TLS12.Key != c.tls12 {
				t.Errorf("The key was taken in TLS 1.3: %v, in TLS 1.2: %v; want %v and %v.", r.TLS13.Key, r.TLS12.Key, c.tls13, c.tls12)
			}
			if reason := r.TLS13.KeyReason + r.TLS12.KeyReason; !strings.Contains(reason, c.reason) || c.reason == "" && reason != "" {
				t.Errorf("The reason for not taking it is %q, want %q.", reason, c.reason)
			}
			policy := ""
			if r.Usable {
				policy = r.Policy.String()
			}
			if policy != c.reached || codesOf(r) != c.findings {
				t.Errorf("It is reached with the policy %q, and the findings are %s; want %q and %s.", policy, codesOf(r), c.reached, c.findings)
			}
			for _, v := range []Version{r.TLS13, r.TLS12} {
				checkProofs(t, &v)
			}
			if n := count.Load(); n > limits.MaxProbeConnections {
				t.Errorf("It took %d connections.", n)
			}
		})
	}
}

// checkProofs: where the key was taken, all that is listed is proved; else
// nothing is. A server of ours answers a wrong key as it does an unknown name.
func checkProofs(t *testing.T, v *Version) {
	t.Helper()
	for _, x := range append(append([]Item{}, v.Suites...), v.Groups...) {
		if x.Proved != (v.Key == Yes) {
			t.Errorf("In %s the key is taken: %v, and %s is proved: %v.", watchword.VersionName(v.Number), v.Key, x.Name, x.Proved)
		}
	}
	if v.Key == Yes && (len(v.Suites) == 0 || len(v.Groups) == 0 || !v.SuitesComplete || !v.GroupsComplete || v.Ticket != Yes) {
		t.Errorf("In %s little was proved: %+v", watchword.VersionName(v.Number), v)
	}
	if v.WrongKey != v.UnknownIdentity || v.Key == Yes && v.WrongKey == "" {
		t.Errorf("In %s a wrong key ends with %q, an unknown identity with %q.", watchword.VersionName(v.Number), v.WrongKey, v.UnknownIdentity)
	}
}

func TestKeyOfAServer(t *testing.T) {
	if err := CheckKey(keyOf(t, "alice", 1, watchword.KeyOptions{Role: watchword.ServerRole})); err == nil {
		t.Error("A key that is for servers can be proved by a client.")
	}
	for _, o := range []watchword.KeyOptions{{}, {Kind: watchword.External, Version: watchword.VersionTLS12}, {Version: watchword.VersionTLS13}} {
		if err := CheckKey(keyOf(t, "alice", 1, o)); err != nil {
			t.Errorf("A key with %+v cannot be proved: %v", o, err)
		}
	}
}

// A server that goes silent in the middle of a handshake with the key.
func TestSilentInAHandshake(t *testing.T) {
	key := keyOf(t, "alice", 1, watchword.KeyOptions{Kind: watchword.External})
	handle := serving(&watchword.Config{Keys: []*watchword.Key{key}})
	first := make(chan struct{}, 1)
	address, _ := listen(t, func(raw net.Conn) {
		select {
		case first <- struct{}{}:
			handle(raw)
		default:
			waitForEnd(raw)
		}
	})
	r, err := probeOf(t, Options{Address: address, Key: key, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatalf("What was learned before is forgotten: %v", err)
	}
	if r.Stopped != ErrSilent || r.TLS13.Spoken != Yes {
		t.Errorf("It stopped because of %v, and TLS 1.3 is %v.", r.Stopped, r.TLS13.Spoken)
	}
}

// What is said of a server with a certificate depends on what was asked: whoever
// gave a key is not told to give one, and where every suite with a shared key
// was refused, there is nothing left that a key could tell.
func TestSentenceAboutACertificate(t *testing.T) {
	external := watchword.KeyOptions{Kind: watchword.External}
	tls13 := model{suites13: suite.Preferred(), groups13: []wire.NamedGroup{wire.GroupX25519}, certificate: true, nothing: alert.HandshakeFailure}
	tls12 := model{suites12: []suite.ID{0xC02F}, nothing: alert.HandshakeFailure}
	const only = "takes no shared key: it does not speak TLS 1.3, and in TLS 1.2 it shows a certificate and refused every suite with a shared key that Watchword has"
	for name, c := range map[string]struct {
		server model
		key    *watchword.Key
		want   string
	}{
		"TLS 1.2, no key":            {tls12, nil, only},
		"TLS 1.2, a key":             {tls12, keyOf(t, "alice", 1, external), only},
		"TLS 1.3, no key":            {tls13, nil, "shows a certificate to whoever has no key that it knows: whether it takes a shared key can be told only with one (--id and --keys)"},
		"TLS 1.3, a key":             {tls13, keyOf(t, "alice", 1, external), "shows a certificate, and does not take this key: it may know others"},
		"TLS 1.3, a key for TLS 1.2": {tls13, keyOf(t, "alice", 1, watchword.KeyOptions{Kind: watchword.External, Version: watchword.VersionTLS12}), "shows a certificate, and could not be asked with this key: whether it takes a shared key can be told only with one for TLS 1.3"},
	} {
		address, _ := listen(t, answering(c.server.answer))
		r, err := probeOf(t, Options{Address: address, Key: c.key})
		if err != nil || r.Stopped != nil {
			t.Fatalf("%s: the probe failed: %v, %+v", name, err, r)
		}
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Sentence == c.want }) {
			t.Errorf("%s: the findings are %q, want %q.", name, r.Findings, c.want)
		}
	}
}
