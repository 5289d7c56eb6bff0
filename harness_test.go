package watchword

// What the tests of engines share: two engines joined in memory, a recording of
// their bytes, keys and clocks that do not change from run to run.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
)

// testNow is the hour in which the tests without a clock of their own play.
var testNow = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// seeded returns randomness that is the same in every run.
func seeded(seed uint64) io.Reader {
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], seed)
	return rand.NewChaCha8(s)
}

// keyWith builds a key with given bytes, or gives the one that it built before:
// keys do not change.
func keyWith(t testing.TB, id string, fill byte, o KeyOptions) *Key {
	t.Helper()
	name := fmt.Sprintf("%q %d %v", id, fill, o)
	if k, ok := builtKeys.Load(name); ok {
		return k.(*Key)
	}
	k, err := NewKey(id, bytes.Repeat([]byte{fill}, 32), o)
	if err != nil {
		t.Fatalf("The key %q cannot be built: %v", id, err)
	}
	builtKeys.Store(name, k)
	return k
}

var builtKeys sync.Map

// configs returns a client's and a server's configuration that agree on one
// key. Their randomness is seeded.
func configs(t testing.TB, o KeyOptions) (client, server *Config) {
	t.Helper()
	client = &Config{Keys: []*Key{keyWith(t, "alice", 1, o)}, Rand: seeded(1)}
	server = &Config{Keys: []*Key{keyWith(t, "alice", 1, o)}, Rand: seeded(2), AllowSameProcess: true}
	return client, server
}

// reread makes configurations that a test has changed count as they are now; the
// keys of their tickets stay. To change one that is in use is allowed to nobody
// else.
func reread(changed ...*Config) {
	for _, c := range changed {
		c.state.client.value.Store(nil)
		c.state.server.value.Store(nil)
	}
}

// cheap returns configurations without a key exchange, which takes most of the
// time and matters to few tests.
func cheap(t testing.TB) (client, server *Config) {
	t.Helper()
	client, server = configs(t, KeyOptions{})
	client.KeyExchange, server.KeyExchange = PSKOnly, PSKOnly
	return client, server
}

// A pair is a client's and a server's engine with the bytes between them.
type pair struct {
	t              testing.TB
	client, server *Engine
	now            time.Time
	// toServer and toClient are all bytes that were sent so far.
	toServer, toClient []byte
	// sentServer and sentClient are how many of them were delivered.
	sentServer, sentClient int
	// chunk is how many bytes are delivered at once; zero: all there are.
	chunk int
	// prepare lets both ends work ahead while they wait.
	prepare bool
	// change, where set, sees the bytes before they are delivered and may
	// replace them.
	change func(toServer bool, offset int, b []byte) []byte
}

// newPair returns engines that have exchanged nothing yet.
func newPair(t testing.TB, client, server *Config) *pair {
	t.Helper()
	return newPairAt(t, client, server, testNow)
}

func newPairAt(t testing.TB, client, server *Config, now time.Time) *pair {
	t.Helper()
	c, err := NewClientEngine(client, "server:1", now)
	if err != nil {
		t.Fatalf("The client's engine cannot be made: %v", err)
	}
	s, err := NewServerEngine(server)
	if err != nil {
		t.Fatalf("The server's engine cannot be made: %v", err)
	}
	return &pair{t: t, client: c, server: s, now: now}
}

// connected returns engines after a handshake that must succeed.
func connected(t testing.TB, client, server *Config) *pair {
	t.Helper()
	p := newPair(t, client, server)
	p.mustComplete()
	return p
}

func (p *pair) mustComplete() {
	p.t.Helper()
	p.run()
	if !p.client.Complete() || !p.server.Complete() {
		p.t.Fatalf("The handshake is not complete: client in %s: %v; server in %s: %v.",
			p.client.State(), p.client.Err(), p.server.State(), p.server.Err())
	}
}

// put hands bytes to an engine.
func put(e *Engine, b []byte, now time.Time) error {
	copy(e.Space(len(b)), b)
	return e.Received(len(b), now)
}

// answer looks keys up in the engine's own configuration, as Conn does.
func answer(e *Engine, now time.Time) {
	for offered := e.WantsKeys(); offered != nil; offered = e.WantsKeys() {
		_ = e.Answer(e.config.staticKeys(offered), nil, now)
	}
}

// collect fetches what both engines have to send.
func (p *pair) collect() {
	p.toServer = p.client.Output(p.toServer)
	p.toClient = p.server.Output(p.toClient)
	if p.prepare {
		p.client.Prepare()
		p.server.Prepare()
	}
}

// deliver hands over some of what was sent and not delivered.
func (p *pair) deliver(toServer bool) bool {
	e, all, sent := p.client, p.toClient, &p.sentClient
	if toServer {
		e, all, sent = p.server, p.toServer, &p.sentServer
	}
	rest := all[*sent:]
	if len(rest) == 0 {
		return false
	}
	if p.chunk > 0 && len(rest) > p.chunk {
		rest = rest[:p.chunk]
	}
	offset := *sent
	*sent += len(rest)
	if p.change != nil {
		rest = p.change(toServer, offset, rest)
	}
	_ = put(e, rest, p.now) // its error is kept by the engine
	answer(e, p.now)
	return true
}

// run exchanges bytes until both ends are silent.
func (p *pair) run() {
	for {
		p.collect()
		a := p.deliver(true)
		p.collect()
		b := p.deliver(false)
		if !a && !b && !p.client.HasOutput() && !p.server.HasOutput() {
			return
		}
	}
}

// write seals text at one end.
func (p *pair) write(e *Engine, text []byte) {
	p.t.Helper()
	for len(text) > 0 {
		out, n, err := e.Seal(nil, text, 1<<20)
		if err != nil {
			p.t.Fatalf("A connected engine does not seal: %v", err)
		}
		text = text[n:]
		if e == p.client {
			p.toServer = append(p.toServer, out...)
		} else {
			p.toClient = append(p.toClient, out...)
		}
	}
}

// drain reads all that an engine has to read, and why it ended.
func drain(e *Engine, now time.Time) ([]byte, error) {
	var got []byte
	buf := make([]byte, 4096)
	for {
		n, err := e.Read(buf, now)
		got = append(got, buf[:n]...)
		if err != nil || n == 0 {
			return got, err
		}
	}
}

// exchange sends a text each way and checks that it arrives.
func (p *pair) exchange(up, down string) {
	p.t.Helper()
	p.write(p.client, []byte(up))
	p.write(p.server, []byte(down))
	p.run()
	if got, err := drain(p.server, p.now); string(got) != up || !errors.Is(err, ErrNeedInput) {
		p.t.Fatalf("The server read %d bytes of the %d that were sent: %v.", len(got), len(up), err)
	}
	if got, err := drain(p.client, p.now); string(got) != down || !errors.Is(err, ErrNeedInput) {
		p.t.Fatalf("The client read %d bytes of the %d that were sent: %v.", len(got), len(down), err)
	}
	p.run() // what reading caused
}

// inject seals content under an engine's current write key and delivers it to
// the other, whose Read then deals with it.
func (p *pair) inject(from *Engine, t record.ContentType, content []byte) error {
	p.t.Helper()
	if err := from.appendRecord(t, content); err != nil {
		p.t.Fatalf("The record to inject cannot be made: %v", err)
	}
	p.run()
	to := p.client
	if from == p.client {
		to = p.server
	}
	_, err := drain(to, p.now)
	if errors.Is(err, ErrNeedInput) {
		err = nil
	}
	p.run()
	return err
}

// wantLocal checks that err is a fault that this end found, with this alert.
func wantLocal(t testing.TB, what string, err error, d alert.Description) {
	t.Helper()
	var local *LocalError
	if !errors.As(err, &local) || local.Description != d {
		t.Errorf("%s: the error is %v, want a LocalError with %s.", what, err, d)
	}
}

// wantRemote checks that err is an alert of the other end.
func wantRemote(t testing.TB, what string, err error, d alert.Description) {
	t.Helper()
	var remote *RemoteError
	if !errors.As(err, &remote) || remote.Description != d {
		t.Errorf("%s: the error is %v, want a RemoteError with %s.", what, err, d)
	}
}

// recordAt is one record of a stream: its place and its header's type.
type recordAt struct {
	start, end int
	kind       record.ContentType
}

// recordsOf splits a stream of whole records.
func recordsOf(t testing.TB, stream []byte) []recordAt {
	t.Helper()
	var list []recordAt
	for at := 0; at < len(stream); {
		end := at + limits.RecordHeaderLen + int(stream[at+3])<<8 + int(stream[at+4])
		if end > len(stream) {
			t.Fatalf("The stream ends in the middle of a record.")
		}
		list = append(list, recordAt{at, end, record.ContentType(stream[at])})
		at = end
	}
	return list
}

// plainRecord makes a record without protection.
func plainRecord(t record.ContentType, content []byte) []byte {
	return append([]byte{byte(t), 3, 3, byte(len(content) >> 8), byte(len(content))}, content...)
}

// scenario is a kind of handshake that many tests go through.
type scenario struct {
	name string
	set  func(t testing.TB, client, server *Config)
	key  KeyOptions
	// prior handshakes come first, to get a ticket.
	prior int
	// exchanges says that there is an ephemeral key exchange, which takes
	// most of the time.
	exchanges bool
}

// scenarios are all that differ in their messages.
var scenarios = []scenario{
	{name: "X25519", exchanges: true, set: func(_ testing.TB, c, s *Config) { c.Groups = []Group{X25519} }},
	{name: "P-256 after HelloRetryRequest", exchanges: true, set: func(_ testing.TB, c, s *Config) {
		c.Groups, c.KeyShares, s.Groups = []Group{X25519, P256}, []Group{X25519}, []Group{P256}
	}},
	{name: "psk_ke", set: func(_ testing.TB, c, s *Config) { c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly }},
	{name: "SHA-384, external", key: KeyOptions{Kind: External, Hash: SHA384}, set: func(_ testing.TB, c, s *Config) { c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly }},
	{name: "resumption", prior: 1, set: func(_ testing.TB, c, s *Config) {
		c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly
		c.Tickets = &Tickets{Cache: NewTicketCache()}
	}},
	{name: "all extensions", set: func(_ testing.TB, c, s *Config) {
		c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly
		c.ServerName, c.NextProtos, s.NextProtos = "host.example", []string{"b", "a"}, []string{"a"}
		c.RecordSizeLimit, s.RecordSizeLimit, c.PadRecords = 100, 200, 16
	}},
}

// scenarioHybrid is the default, whose messages are long.
var scenarioHybrid = scenario{name: "X25519MLKEM768", exchanges: true, set: func(_ testing.TB, c, s *Config) { c.KeyShares = []Group{X25519MLKEM768} }}

// start returns engines before the handshake that the scenario is about.
func (sc scenario) start(t testing.TB) *pair {
	t.Helper()
	c, s := configs(t, sc.key)
	sc.set(t, c, s)
	for range sc.prior {
		p := connected(t, c, s)
		p.exchange("give me", "a ticket")
	}
	return newPair(t, c, s)
}
