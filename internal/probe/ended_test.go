package probe

// Servers that end in the middle of a run: a connection that was dropped looks
// like one that was closed as a refusal, until nobody listens any more.

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// ending serves as many connections as told. The next one is closed without a
// word, and nobody listens from then on.
func ending(t *testing.T, connections int, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no port to listen on: %v", err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for n := range connections + 1 {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			if n < connections {
				serving.Go(func() { defer raw.Close(); handle(raw) })
				continue
			}
			l.Close()
			readHello(raw)
			raw.Close()
		}
	})
	return l.Addr().String()
}

// What is concluded from a connection that was closed without an alert is taken
// back if the run then stops: the server was about to end.
func TestServerThatEnds(t *testing.T) {
	m := model{suites12: []suite.ID{suite.ECDHEPSKAES128GCMSHA256, suite.ECDHEPSKAES128CBCSHA}, groups12: []wire.NamedGroup{wire.GroupX25519}, ems: true, ri: true, nothing: alert.HandshakeFailure}
	for name, c := range map[string]struct {
		connections int
		check       func(*Report) bool
	}{
		// One question about TLS 1.3, three about suites, one about groups.
		"in the list of suites": {3, func(r *Report) bool {
			v := &r.TLS12
			return v.Spoken == Yes && !v.SuitesComplete && v.WithGroup.Spoken == Yes && v.WithoutGroup.Spoken == Unknown
		}},
		"in the list of groups": {4, func(r *Report) bool {
			v := &r.TLS12
			return v.SuitesComplete && !v.GroupsComplete && v.WithoutGroup.Spoken == No && r.Older == Unknown
		}},
		"before TLS 1.2": {1, func(r *Report) bool {
			return r.TLS13.Spoken == No && r.TLS12.Spoken == Unknown && r.Older == Unknown
		}},
	} {
		r, err := probeOf(t, Options{Address: ending(t, c.connections, answering(m.answer))})
		if err != nil || r.Stopped == nil {
			t.Errorf("%s: the probe ended with %v: %+v", name, err, r)
			continue
		}
		if !c.check(r) {
			t.Errorf("%s: the report says too much: %+v", name, r)
		}
	}
}

// The same with a key, and a server that ends after its first handshakes.
func TestServerThatEndsWithAKey(t *testing.T) {
	key := keyOf(t, "alice", 1, watchword.KeyOptions{Kind: watchword.External})
	for name, c := range map[string]struct {
		connections int
		check       func(*Version) bool
	}{
		// The ClientHello, two suites, two questions about groups, psk_ke.
		"at the first":  {1, func(v *Version) bool { return v.Key == Unknown && v.KeyReason == "" }},
		"in the suites": {2, func(v *Version) bool { return v.Key == Yes && !v.SuitesComplete && v.WithGroup.Spoken == Yes }},
		"in psk_ke": {5, func(v *Version) bool {
			return v.Key == Yes && v.GroupsComplete && v.WithGroup.Spoken == Yes && v.WithoutGroup.Spoken == Unknown
		}},
	} {
		config := &watchword.Config{Keys: []*watchword.Key{key}, Suites: []watchword.SuiteID{watchword.SuiteID(suite.AES128GCMSHA256), watchword.SuiteID(suite.ChaCha20Poly1305SHA256)}, Groups: []watchword.Group{watchword.X25519, watchword.P256}}
		r, err := probeOf(t, Options{Address: ending(t, c.connections, serving(config)), Key: key})
		if err != nil || r.Stopped == nil {
			t.Errorf("%s: the probe ended with %v: %+v", name, err, r)
			continue
		}
		if !c.check(&r.TLS13) {
			t.Errorf("%s: the report says too much: %+v", name, r.TLS13)
		}
		if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == "key-refused" }) {
			t.Errorf("%s: the key was not refused: %+v", name, r.Findings)
		}
	}
}

// A server that refuses by closing, as a Zabbix agent does, goes on listening:
// there its close is the answer.
func TestServerThatRefusesByClosing(t *testing.T) {
	m := model{suites12: []suite.ID{suite.ECDHEPSKAES128GCMSHA256}, groups12: []wire.NamedGroup{wire.GroupX25519}, ems: true, ri: true, nothing: alert.HandshakeFailure}
	refusal := alertRecord(alert.HandshakeFailure)
	address, _ := listen(t, func(raw net.Conn) {
		h := readHello(raw)
		if h == nil {
			return
		}
		if out := m.answer(h); string(out) != string(refusal) {
			if _, err := raw.Write(out); err == nil {
				waitForEnd(raw)
			}
		}
	})
	r, err := probeOf(t, Options{Address: address})
	if err != nil || r.Stopped != nil {
		t.Fatalf("The probe failed: %v, %+v", err, r)
	}
	if v := r.TLS12; !v.SuitesComplete || !v.GroupsComplete || v.WithoutGroup.Spoken != No {
		t.Errorf("Of TLS 1.2 it knows too little: %+v", v)
	}
}

// A server that still takes connections, and closes each of them, has not refused
// by that what it was asked last: it closes what it answered before, too.
func TestServerThatClosesAllAtTheEnd(t *testing.T) {
	m := model{suites12: []suite.ID{suite.ECDHEPSKAES128GCMSHA256, suite.PSKAES128GCMSHA256}, groups12: []wire.NamedGroup{wire.GroupX25519}, ems: true, ri: true, nothing: alert.HandshakeFailure}
	handle := answering(m.answer)
	for name, c := range map[string]struct {
		answered     int64
		suites       bool
		plain, tls12 Known
	}{
		"TLS 1.3 answered": {answered: 1},
		"one suite":        {answered: 2, tls12: Yes},
		"both suites":      {answered: 3, tls12: Yes, plain: Yes},
		"all suites":       {answered: 4, tls12: Yes, plain: Yes, suites: true},
	} {
		var asked atomic.Int64
		address, _ := listen(t, func(raw net.Conn) {
			if asked.Add(1) > c.answered { // connections follow each other
				readHello(raw)
				return
			}
			handle(raw)
		})
		r, err := probeOf(t, Options{Address: address})
		if err != nil {
			t.Errorf("%s: the probe failed: %v", name, err)
			continue
		}
		v := &r.TLS12
		if r.Stopped != errClosesNow || v.Spoken != c.tls12 || v.WithoutGroup.Spoken != c.plain || v.SuitesComplete != c.suites || v.GroupsComplete || r.Older != Unknown {
			t.Errorf("%s: it stopped because of %v, and knows %+v", name, r.Stopped, v)
		}
	}
}
