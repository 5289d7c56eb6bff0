package interop

// The tests of every program have one shape. A trial is one way to connect: a
// version, a suite, and what the program must be told for it. Each trial moves
// data and ends as the program ends. Then come keys that must not work.

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
)

// A trial is one way to connect.
type trial struct {
	version uint16
	// suite is the only one that our end has; zero leaves the choice to the
	// defaults of both ends.
	suite watchword.SuiteID
	// policy is what our end needs for it.
	policy watchword.Policy
	// args and env are for the program.
	args, env string
	// with says in the table what is special.
	with string
	// set changes our configuration further.
	set func(*watchword.Config)
	// group is the key exchange to expect, zero for any.
	group watchword.Group
	// without names what the peer lacks of TLS 1.2's extensions.
	without lack
}

// A lack is a set of extensions.
type lack uint8

const (
	noEMS lack = 1 << iota // the extended master secret (RFC 7627)
	noETM                  // encrypt-then-MAC (RFC 7366)
)

// defaults is what a trial is called in which our end has all that its policy
// allows.
const defaults = "both ends' defaults"

// pskOnly is what a trial of TLS 1.3 is called without forward secrecy.
const pskOnly = "`KeyExchange: PSKOnly` (psk_ke)"

// unpinned returns trials in which the ends meet with all that they have, once
// in TLS 1.3 and once, our end being kept to it, in TLS 1.2.
func unpinned(policy12 watchword.Policy) []trial {
	return []trial{
		{version: watchword.VersionTLS13, with: defaults},
		{version: watchword.VersionTLS12, with: defaults, policy: policy12, set: func(c *watchword.Config) {
			c.MaxVersion = watchword.VersionTLS12
		}},
	}
}

// changed returns the trials with other arguments for the program, and under a
// policy that is needed for what it then lacks.
func changed(trials []trial, with, env, args string, without lack) []trial {
	for i := range trials {
		tr := &trials[i]
		tr.with, tr.env, tr.args, tr.without = with, env, args, without
		if without&noEMS != 0 {
			tr.policy = watchword.Legacy
		}
	}
	return trials
}

// The suites of TLS 1.2 that most programs have.
var (
	ecdheCBC = []watchword.SuiteID{
		watchword.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,
		watchword.TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384,
		watchword.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA,
		watchword.TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA,
	}
	plainAEAD = []watchword.SuiteID{
		watchword.TLS_PSK_WITH_AES_128_GCM_SHA256,
		watchword.TLS_PSK_WITH_AES_256_GCM_SHA384,
		watchword.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
	}
	plainCBC = []watchword.SuiteID{
		watchword.TLS_PSK_WITH_AES_128_CBC_SHA256,
		watchword.TLS_PSK_WITH_AES_256_CBC_SHA384,
		watchword.TLS_PSK_WITH_AES_128_CBC_SHA,
		watchword.TLS_PSK_WITH_AES_256_CBC_SHA,
	}
	ecdheChaCha = watchword.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256

	// all12 is every suite of TLS 1.2 that OpenSSL and we have.
	all12 = slices.Concat([]watchword.SuiteID{ecdheChaCha}, ecdheCBC, plainAEAD, plainCBC)
)

// each returns a trial of each suite, under the strictest policy that has it.
func each(suites ...watchword.SuiteID) []trial {
	var trials []trial
	for _, id := range suites {
		trials = append(trials, trial{version: versionOf(id), suite: id, policy: policyOf(id)})
	}
	return trials
}

func versionOf(id watchword.SuiteID) uint16 {
	if id>>8 == 0x13 {
		return watchword.VersionTLS13
	}
	return watchword.VersionTLS12
}

func policyOf(id watchword.SuiteID) watchword.Policy {
	name := id.String()
	switch {
	case versionOf(id) == watchword.VersionTLS13:
		return watchword.Modern
	case strings.Contains(name, "ECDHE") && !strings.HasSuffix(name, "_SHA"):
		return watchword.Compatible
	}
	return watchword.Legacy
}

func hasCBC(id watchword.SuiteID) bool { return strings.Contains(id.String(), "_CBC_") }

func (tr trial) name() string {
	name := watchword.VersionName(tr.version)
	if tr.suite != 0 {
		name = tr.suite.String()
	}
	return strings.TrimSuffix(name+" "+tr.with, " ")
}

// config returns our configuration for the trial.
func (tr trial) config(k *watchword.Key) *watchword.Config {
	cfg := &watchword.Config{Keys: []*watchword.Key{k}, Policy: tr.policy}
	if tr.suite != 0 {
		cfg.Suites = []watchword.SuiteID{tr.suite}
	}
	if tr.set != nil {
		tr.set(cfg)
	}
	return cfg
}

// hash is what the trial's key belongs to.
func (tr trial) hash() watchword.Hash {
	if tr.version == watchword.VersionTLS13 {
		return suiteHash(tr.suite)
	}
	return watchword.SHA256
}

// check compares what was agreed on with what the trial expects.
func (tr trial) check(s watchword.Session) error {
	switch {
	case s.Version != tr.version:
		return fmt.Errorf("the version is %s, want %s", watchword.VersionName(s.Version), watchword.VersionName(tr.version))
	case tr.suite != 0 && s.Suite != tr.suite:
		return fmt.Errorf("the suite is %s, want %s", s.Suite, tr.suite)
	case s.Identity != identity || s.Kind != watchword.External:
		return fmt.Errorf("the session is of %q (%v), want the external key %q", s.Identity, s.Kind, identity)
	case tr.group != 0 && s.Group != tr.group:
		return fmt.Errorf("the group is %s, want %s", s.Group, tr.group)
	}
	if tr.version == watchword.VersionTLS12 {
		return tr.check12(s)
	}
	return nil
}

func (tr trial) check12(s watchword.Session) error {
	if ecdhe := strings.Contains(s.Suite.String(), "ECDHE"); ecdhe != (s.Group != 0) {
		return fmt.Errorf("with %s the group is %s", s.Suite, s.Group)
	}
	if want := tr.without&noEMS == 0; s.ExtendedMasterSecret != want {
		return fmt.Errorf("the extended master secret is used: %t, want %t", s.ExtendedMasterSecret, want)
	}
	if want := hasCBC(s.Suite) && tr.without&noETM == 0; s.EncryptThenMAC != want {
		return fmt.Errorf("encrypt-then-MAC is used: %t, want %t", s.EncryptThenMAC, want)
	}
	return nil
}

// row returns the table's row for a session of the trial.
func (tr trial) row(p *peerInfo, end string, order int, s watchword.Session, result string) row {
	r := row{peer: p.name, end: end, version: tr.version, suite: s.Suite, policy: tr.policy, with: tr.with, result: result, order: order}
	switch {
	case s.Group == 0:
		r.group = "none"
	case s.Retried:
		r.group = s.Group.String() + ", second try"
	default:
		r.group = s.Group.String()
	}
	r.key = "external"
	if s.Version == watchword.VersionTLS13 {
		r.key += ", " + suiteHash(s.Suite).String()
	}
	return r
}

// keyForm says how a program is told a key. The zero value is in hex.
type keyForm int

const textKeys keyForm = 1 // the key is text, and told as it is

func (f keyForm) newKey() secret {
	if f == textKeys {
		return secret(newSecret(16).hex())
	}
	return newSecret(32)
}

func (f keyForm) tell(s secret) string {
	if f == textKeys {
		return string(s)
	}
	return s.hex()
}

// A serverProgram is a program that our client connects to.
type serverProgram struct {
	peer *peerInfo
	end  string
	keys keyForm
	// start starts it and returns it with its port, ready.
	start func(t *testing.T, v values) (*peer, string)
	// before does what comes before TLS, if anything.
	before func(net.Conn) error
	// talk moves data, ends the connection, and says what was done.
	talk func(t *testing.T, c *watchword.Conn) string
	// trials are in order of their arguments: the program runs once for each
	// different ones.
	trials []trial
	// takesAnyIdentity says in which versions it does not look at the name.
	takesAnyIdentity []uint16
	// hangs is set for a program that, given a wrong key, stops for longer than
	// a test may take.
	hangs bool
}

func (sp serverProgram) test(t *testing.T) {
	t.Parallel()
	key := sp.keys.newKey()
	var p *peer
	var port string
	var running string
	faulty := make(map[uint16]bool)
	whole := begin(t)
	for i, tr := range sp.trials {
		whole.check("%d of %d trials", i, len(sp.trials))
		v := values{Identity: identity, Key: sp.keys.tell(key), Host: "127.0.0.1", Args: tr.args, Env: tr.env}
		if tr.version == watchword.VersionTLS13 && tr.suite == aes256 {
			v.Session = key.sessionFile(t, aes256, 0)
		}
		if now := fmt.Sprint(v.Env, v.Args, v.Session); p == nil || now != running {
			p, port = sp.start(t, v)
			running = now
		}
		p.deadline = time.Now().Add(testTime)
		t.Run(tr.name(), func(t *testing.T) {
			c := sp.dial(t, port, tr.config(key.external(t, tr.hash())))
			// A TLS 1.3 server may still refuse: what is agreed counts once
			// data came back.
			s := c.Session()
			if err := tr.check(s); err != nil {
				t.Error(err)
			}
			result := sp.talk(t, c)
			record(t, tr.row(sp.peer, sp.end, 10*i, s, result))
		})
		if !faulty[tr.version] {
			faulty[tr.version] = true
			sp.refuses(t, port, tr, key, 10*i)
		}
	}
}

// dial connects, and fails the test if that does not work.
func (sp serverProgram) dial(t *testing.T, port string, cfg *watchword.Config) *watchword.Conn {
	t.Helper()
	c, err := sp.tryDial(t, port, cfg)
	if err != nil {
		t.Fatalf("our client's handshake fails: %v", err)
	}
	return c
}

func (sp serverProgram) tryDial(t *testing.T, port string, cfg *watchword.Config) (*watchword.Conn, error) {
	t.Helper()
	raw, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), testTime)
	if err != nil {
		t.Fatalf("nobody listens: %v", err)
	}
	t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(testTime))
	if sp.before != nil {
		if err := sp.before(raw); err != nil {
			t.Fatalf("what comes before TLS fails: %v", err)
		}
	}
	c := watchword.Client(raw, cfg)
	if err := c.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// refuses offers keys that the program does not have.
func (sp serverProgram) refuses(t *testing.T, port string, tr trial, key secret, order int) {
	for i, tt := range []struct {
		name string
		key  *watchword.Key
	}{
		{"wrong key", sp.keys.newKey().external(t, tr.hash())},
		{"unknown identity", key.named(t, "mallory", tr.hash())},
	} {
		t.Run(tr.name()+" "+tt.name, func(t *testing.T) {
			r := row{peer: sp.peer.name, end: sp.end, version: tr.version, policy: tr.policy, with: "**" + tt.name + "**", order: order + 1 + i}
			if i == 0 && sp.hangs {
				r.result = "not tried: the program hangs for seconds before it closes"
				record(t, r)
				return
			}
			c, err := sp.tryDial(t, port, tr.config(tt.key))
			if i == 1 && slices.Contains(sp.takesAnyIdentity, tr.version) {
				if err != nil {
					t.Fatalf("the program refuses another identity: %v", err)
				}
				sp.talk(t, c)
				r.result = "accepted: the program looks at the key alone"
				record(t, r)
				return
			}
			if !errors.Is(err, watchword.ErrKeyRejected) {
				t.Fatalf("the handshake ends with %v, want ErrKeyRejected", err)
			}
			r.result = "ErrKeyRejected (" + whatTheySent(err) + ")"
			record(t, r)
		})
	}
}

// whatTheySent says how the other end refused.
func whatTheySent(err error) string {
	var remote *watchword.RemoteError
	if errors.As(err, &remote) {
		return remote.Description.Numbered()
	}
	return "it closes without an alert"
}

// A clientProgram is a program that connects to our server.
type clientProgram struct {
	peer *peerInfo
	end  string
	keys keyForm
	// start starts it; it connects to the port of the values.
	start func(t *testing.T, v values) *peer
	// before does what comes before TLS, if anything.
	before func(net.Conn) error
	// serve is our side of a connection.
	serve func(c *watchword.Conn) error
	// talk drives the program to its end, checks what it says and returns what
	// was done.
	talk func(t *testing.T, p *peer) string
	// sends is what it sends as SNI.
	sends  string
	trials []trial
}

func (cp clientProgram) test(t *testing.T) {
	t.Parallel()
	faulty := make(map[uint16]bool)
	whole := begin(t)
	for i, tr := range cp.trials {
		whole.check("%d of %d trials", i, len(cp.trials))
		key := cp.keys.newKey()
		v := values{Identity: identity, Key: cp.keys.tell(key), Host: "127.0.0.1", Args: tr.args, Env: tr.env}
		if tr.version == watchword.VersionTLS13 && tr.suite == aes256 {
			v.Session = key.sessionFile(t, aes256, 0)
		}
		t.Run(tr.name(), func(t *testing.T) {
			var agreed watchword.Session
			s := serveAfter(t, cp.before, tr.config(key.external(t, tr.hash())), func(c *watchword.Conn) error {
				agreed = c.Session()
				if err := tr.check(agreed); err != nil {
					return err
				}
				if agreed.ServerName != cp.sends {
					return fmt.Errorf("the server name is %q, want %q", agreed.ServerName, cp.sends)
				}
				return cp.serve(c)
			})
			v := v
			v.Port = s.port
			p := cp.start(t, v)
			result := cp.talk(t, p)
			s.succeeds()
			record(t, tr.row(cp.peer, cp.end, 10*i, agreed, result))
		})
		if !faulty[tr.version] {
			faulty[tr.version] = true
			cp.refused(t, tr, key, v, 10*i)
		}
	}
}

// refused starts the program with keys that our server does not have.
func (cp clientProgram) refused(t *testing.T, tr trial, key secret, v values, order int) {
	wrong, unknown := v, v
	wrong.Key = cp.keys.tell(cp.keys.newKey())
	unknown.Identity = "mallory"
	for i, tt := range []struct {
		name string
		v    values
		want error
		says string
	}{
		{"wrong key", wrong, watchword.ErrWrongKey, "ErrWrongKey"},
		{"unknown identity", unknown, watchword.ErrUnknownIdentity, "ErrUnknownIdentity"},
	} {
		t.Run(tr.name()+" "+tt.name, func(t *testing.T) {
			s := serveAfter(t, cp.before, tr.config(key.external(t, tr.hash())), cp.serve)
			tt.v.Port = s.port
			p := cp.start(t, tt.v)
			err := s.result()
			if !errors.Is(err, tt.want) {
				t.Fatalf("our server says %v, want %v", err, tt.want)
			}
			p.stop()
			var local *watchword.LocalError
			if !errors.As(err, &local) {
				t.Fatalf("our server's error %v does not hold its alert", err)
			}
			record(t, row{peer: cp.peer.name, end: cp.end, version: tr.version, policy: tr.policy, with: "**" + tt.name + "**",
				result: fmt.Sprintf("%s (%s)", tt.says, local.Description.Numbered()), order: order + 1 + i})
		})
	}
}
