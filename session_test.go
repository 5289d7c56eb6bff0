package watchword

// What a complete connection tells about itself: the session, exporters, the
// key log, the events.

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

func TestSession(t *testing.T) {
	for _, sc := range append([]scenario{scenarioHybrid}, scenarios...) {
		p := sc.start(t)
		for _, e := range []*Engine{p.client, p.server} {
			if s := e.Session(); s.Identity != "" || s.Suite != 0 || e.connectionState().HandshakeComplete {
				t.Errorf("%s: before the handshake the session is %+v.", sc.name, s)
			}
			if _, err := e.Session().Export("label", nil, 32); err == nil {
				t.Errorf("%s: before the handshake there is keying material.", sc.name)
			}
		}
		p.mustComplete()
		c, s := p.client.Session(), p.server.Session()
		if c.Identity != "alice" || c.Kind != sc.key.Kind || c.Resumed != (sc.prior > 0) {
			t.Errorf("%s: the client's session is %+v.", sc.name, c)
		}
		if facts(c) != facts(s) {
			t.Errorf("%s: the sessions differ: %+v and %+v.", sc.name, c, s)
		}
		if state := p.server.connectionState(); !state.HandshakeComplete || state.Version != tls.VersionTLS13 ||
			state.DidResume != s.Resumed || state.CipherSuite != uint16(s.Suite) || state.NegotiatedProtocol != s.NextProto ||
			state.ServerName != s.ServerName || uint16(state.CurveID) != uint16(s.Group) || state.PeerCertificates != nil {
			t.Errorf("%s: the standard library's view is %+v.", sc.name, state)
		}
		if sc.name == "all extensions" && (s.ServerName != "host.example" || s.NextProto != "a") {
			t.Errorf("The session has the name %q and the protocol %q.", s.ServerName, s.NextProto)
		}
		if (s.Group != 0) != sc.exchanges {
			t.Errorf("%s: the group is %#x.", sc.name, s.Group)
		}
	}
}

// facts are all of a session but its exporter.
func facts(s Session) string {
	return fmt.Sprintf("%q %v %v %#x %#x %q %q %v", s.Identity, s.Kind, s.Resumed, s.Suite, s.Group, s.NextProto, s.ServerName, s.Retried)
}

// Both ends export the same, and another label, context or connection gives
// something else (RFC 9846 §7.5).
func TestExporters(t *testing.T) {
	for _, o := range []KeyOptions{{}, {Kind: External, Hash: SHA384}} {
		c, s := configs(t, o)
		c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly
		c.Rand, s.Rand = seeded(11), seeded(12)
		p, q := connected(t, c, s), connected(t, c, s)
		seen := map[string]string{}
		for _, label := range []string{"", "EXPORTER-a", "EXPORTER-b", strings.Repeat("l", 249)} {
			for _, context := range [][]byte{nil, {0}, []byte("context"), make([]byte, 1000)} {
				for _, n := range []int{1, 32, 48, 1000, 255 * 32} {
					a, err := p.client.Session().Export(label, context, n)
					if err != nil || len(a) != n {
						t.Fatalf("%q, %q, %d bytes: %d bytes, %v.", label, context, n, len(a), err)
					}
					if b, err := p.server.Session().Export(label, context, n); err != nil || !bytes.Equal(a, b) {
						t.Errorf("%q, %q, %d bytes: the ends export different bytes: %v.", label, context, n, err)
					}
					if n < 32 {
						continue
					}
					other, err := q.client.Session().Export(label, context, n)
					if err != nil || bytes.Equal(a, other) {
						t.Errorf("%q, %q, %d bytes: two connections export the same: %v.", label, context, n, err)
					}
					what := fmt.Sprintf("label %q, context %x, %d bytes", label, context, n)
					if was, ok := seen[string(a[:32])]; ok {
						t.Errorf("%s: the same as %s.", what, was)
					}
					seen[string(a[:32])] = what
				}
			}
		}
		// No context is the same as an empty one (RFC 9846 §7.5).
		a, _ := p.client.Session().Export("l", nil, 32)
		b, _ := p.client.Session().Export("l", []byte{}, 32)
		if !bytes.Equal(a, b) {
			t.Error("No context and an empty one differ.")
		}
		for _, bad := range []struct {
			label string
			n     int
		}{{strings.Repeat("l", 250), 32}, {"l", -1}, {"l", 255*48 + 1}} {
			if _, err := p.client.Session().Export(bad.label, nil, bad.n); err == nil {
				t.Errorf("A label of %d bytes and %d bytes of output are accepted.", len(bad.label), bad.n)
			}
		}
	}
}

// The key log has a line for each label of RFC 9850 that TLS 1.3 without early
// data has, from either end the same, and what they say opens the records.
func TestKeyLog(t *testing.T) {
	for _, sc := range scenarios {
		c, s := configs(t, sc.key)
		sc.set(t, c, s)
		for range sc.prior {
			connected(t, c, s).exchange("give me", "a ticket")
		}
		var client, server bytes.Buffer
		c.KeyLogWriter, s.KeyLogWriter = &client, &server
		p := newPair(t, c, s)
		random := p.client.client.random
		p.mustComplete()
		p.run()
		start := len(p.toServer)
		p.write(p.client, []byte("the secret text"))
		p.run()

		one, two := linesOf(client.String()), linesOf(server.String())
		if !slices.Equal(one, two) {
			t.Errorf("%s: the key logs differ:\n%s\n%s", sc.name, client.String(), server.String())
		}
		line := regexp.MustCompile(`^([A-Z0-9_]+) ([0-9a-f]{64}) ((?:[0-9a-f]{64}){1}(?:[0-9a-f]{32})?)$`)
		secrets := map[string]string{}
		for _, l := range one {
			m := line.FindStringSubmatch(l)
			if m == nil || m[2] != hex.EncodeToString(random[:]) {
				t.Errorf("%s: a line of the key log is not as RFC 9850 has it: %q.", sc.name, l)
				continue
			}
			secrets[m[1]] = m[3]
		}
		for _, label := range []string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"} {
			if secrets[label] == "" {
				t.Errorf("%s: the key log has no %s.", sc.name, label)
			}
		}
		if len(secrets) != 5 {
			t.Errorf("%s: the key log has %d labels: %v.", sc.name, len(secrets), one)
		}
		content := openWith(t, p.client.Session().Suite, secrets["CLIENT_TRAFFIC_SECRET_0"], p.toServer[start:])
		if !bytes.HasPrefix(content, []byte("the secret text")) {
			t.Errorf("%s: with the key log the record reads %q.", sc.name, content)
		}
	}
}

func linesOf(s string) []string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	slices.Sort(lines)
	return lines
}

// openWith opens the first record under a traffic secret, as Wireshark would.
func openWith(t *testing.T, id SuiteID, secretHex string, rec []byte) []byte {
	t.Helper()
	s, _ := suite.ByID(suite.ID(id))
	secret, err := hex.DecodeString(secretHex)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := s.NewAEAD(schedule.ExpandLabel(s.Hash, secret, "key", nil, s.KeyLen))
	if err != nil {
		t.Fatal(err)
	}
	iv := schedule.ExpandLabel(s.Hash, secret, "iv", nil, suite.NonceLen)
	content, err := aead.Open(nil, iv, rec[limits.RecordHeaderLen:], rec[:limits.RecordHeaderLen])
	if err != nil {
		t.Fatalf("The record does not open with the key log: %v", err)
	}
	return content
}

// The observer of each end sees what the other sent: every record and every
// message, byte for byte, with fields that cover all of it; and the secrets of
// both are the same.
func TestObserver(t *testing.T) {
	for _, sc := range append([]scenario{scenarioHybrid}, scenarios...) {
		c, s := configs(t, sc.key)
		sc.set(t, c, s)
		for range sc.prior {
			connected(t, c, s).exchange("give me", "a ticket")
		}
		var client, server watch
		c.Observer, s.Observer = client.see, server.see
		p := newPair(t, c, s)
		p.converse()
		if s, c := p.end(p.server), p.end(p.client); !s.perfect(textUp) || !c.perfect(textDown) {
			t.Fatalf("%s: observed, the connection ends in %v and %v.", sc.name, s, c)
		}
		for _, kind := range []EventKind{EventRecord, EventMessage, EventAlert} {
			for _, list := range [][2][]string{{client.of(kind, true), server.of(kind, false)}, {server.of(kind, true), client.of(kind, false)}} {
				if !slices.Equal(list[0], list[1]) {
					t.Errorf("%s: of kind %d, %d events were sent and %d received, or they differ:\n%v\n%v", sc.name, kind, len(list[0]), len(list[1]), list[0], list[1])
				}
			}
		}
		// A client that keeps no tickets derives no resumption secret.
		secrets := server.of(EventSecret, false)
		for _, secret := range client.of(EventSecret, false) {
			if !slices.Contains(secrets, secret) {
				t.Errorf("%s: the client derives %q, which the server does not.", sc.name, secret)
			}
		}
		if got := strings.Join(client.of(EventState, false), " "); got != "WAIT_SH WAIT_EE WAIT_FINISHED CONNECTED" && got != "WAIT_SH WAIT_SH WAIT_EE WAIT_FINISHED CONNECTED" {
			t.Errorf("%s: the client goes through %q.", sc.name, got)
		}
		var wire []byte
		for _, e := range client.events {
			if e.Kind == EventRecord && e.Sent {
				wire = append(wire, e.Bytes...)
			}
		}
		if !bytes.Equal(wire, p.toServer) {
			t.Errorf("%s: the client's record events are not the bytes that it sent.", sc.name)
		}
	}
}

// watch keeps events.
type watch struct{ events []Event }

func (w *watch) see(e Event) {
	// Its slices are valid during the call only.
	e.Bytes, e.Content, e.Fields = bytes.Clone(e.Bytes), bytes.Clone(e.Content), slices.Clone(e.Fields)
	w.events = append(w.events, e)
}

// of describes the events of one kind in one direction.
func (w *watch) of(kind EventKind, sent bool) []string {
	var list []string
	for _, e := range w.events {
		if e.Kind != kind || e.Sent != sent {
			continue
		}
		switch kind {
		case EventState:
			list = append(list, e.Name)
		case EventSecret:
			list = append(list, fmt.Sprintf("%s %x", e.Name, e.Bytes))
		case EventRecord:
			list = append(list, fmt.Sprintf("%s %d %v %x %x", e.Name, e.Seq, e.Protected, e.Bytes, e.Content))
		default:
			list = append(list, fmt.Sprintf("%s %d %x %v", e.Name, e.Alert, e.Bytes, fieldNames(e)))
		}
	}
	return list
}

// fieldNames lists a message's fields; they lie within it.
func fieldNames(e Event) []string {
	var names []string
	for _, f := range e.Fields {
		if f.Offset < 0 || f.Offset+f.Length > len(e.Bytes) {
			names = append(names, "OUTSIDE")
		}
		names = append(names, f.Name)
	}
	return names
}

// A record's event says what it is in words, without the bytes of secrets.
func TestEventsInWords(t *testing.T) {
	c, s := cheap(t)
	var w watch
	c.Observer = w.see
	p := connected(t, c, s)
	p.exchange("up", "down")
	p.client.CloseWrite()
	for _, e := range w.events {
		text := e.String()
		if text == "" || len(text) > 80 {
			t.Errorf("An event in words is %q.", text)
		}
		if e.Kind == EventSecret && strings.Contains(text, hex.EncodeToString(e.Bytes)) {
			t.Errorf("An event in words has the secret in it: %q.", text)
		}
	}
	if e := (Event{Kind: EventRecord, Name: record.Handshake.String(), Bytes: make([]byte, 7)}); e.String() != "received record handshake, 7 bytes" {
		t.Errorf("An event in words is %q.", e.String())
	}
}

// The second ClientHello says how old its ticket is by then (RFC 9846 §4.2.2).
func TestRetryCountsTheTicketsAge(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	c.Tickets = &Tickets{Cache: NewTicketCache()}
	connected(t, c, s).exchange("up", "down") // fetches a ticket
	var ages []uint32
	c.Observer = func(e Event) {
		if e.Kind != EventMessage || !e.Sent || e.Name != "client_hello" {
			return
		}
		hello, err := wire.ParseClientHello(e.Bytes, nil)
		if err != nil {
			t.Fatal(err)
		}
		ages = append(ages, hello.PreSharedKey.Identities[0].ObfuscatedTicketAge)
	}
	again := s.Clone()
	again.Groups = []Group{P256}
	p := newPair(t, c, again)
	p.now = p.now.Add(1500 * time.Millisecond)
	p.mustComplete()
	if len(ages) != 2 || ages[1]-ages[0] != 1500 {
		t.Errorf("The ages of the ticket in the two ClientHellos are %v, want a difference of 1500 ms.", ages)
	}
}
