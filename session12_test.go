package watchword

// What a connection of TLS 1.2 tells of itself: session, exporter, key log,
// events; and what it never tells.

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// begin returns the configurations of a scenario, after the connections that
// come before it.
func (sc scenario) begin(t testing.TB) (c, s *Config) {
	t.Helper()
	c, s = configs(t, sc.key)
	sc.set(t, c, s)
	for range sc.prior {
		connected(t, c, s).exchange("give me", "a ticket")
	}
	return c, s
}

// The key log has one line, from either end the same, and what it says opens the
// records (RFC 9850 §2.2).
func TestKeyLog12(t *testing.T) {
	for _, sc := range scenarios12 {
		c, s := sc.begin(t)
		var client, server bytes.Buffer
		c.KeyLogWriter, s.KeyLogWriter = &client, &server
		p := newPair(t, c, s)
		clientRandom := p.client.client.random
		p.mustComplete()
		start := len(p.toServer)
		p.write(p.client, []byte("the secret text"))
		if client.String() != server.String() {
			t.Errorf("%s: the key logs differ:\n%s\n%s", sc.name, client.String(), server.String())
		}
		line := regexp.MustCompile(`^CLIENT_RANDOM ([0-9a-f]{64}) ([0-9a-f]{96})\n$`).FindStringSubmatch(client.String())
		if line == nil || line[1] != hex.EncodeToString(clientRandom[:]) {
			t.Errorf("%s: the key log is not as RFC 9850 has it: %q.", sc.name, client.String())
			continue
		}
		secret, _ := hex.DecodeString(line[2])
		chosen, _ := suite.ByID(suite.ID(p.client.Session().Suite))
		master, err := schedule.NewMaster12(chosen.Hash, secret)
		if err != nil {
			t.Fatal(err)
		}
		keys, _ := master.Keys(chosen, clientRandom, serverRandomOf(t, p.toClient))
		form := suite.MACThenEncrypt
		if p.client.Session().EncryptThenMAC {
			form = suite.EncryptThenMAC
		}
		var reader record.Reader
		reader.SetKeys12(chosen, keys, form)
		if _, _, err := reader.Open(nil, bytes.Clone(p.toServer[finishedOf(t, p.toServer[:start]):start])); err != nil {
			t.Fatalf("%s: the client's Finished does not open with the key log: %v", sc.name, err)
		}
		if _, content, err := reader.Open(nil, bytes.Clone(p.toServer[start:])); string(content) != "the secret text" {
			t.Errorf("%s: with the key log the record reads %q: %v.", sc.name, content, err)
		}
	}
}

// serverRandomOf finds the random in a server's first record.
func serverRandomOf(t testing.TB, stream []byte) [32]byte {
	t.Helper()
	return [32]byte(stream[limits.RecordHeaderLen+4+2:][:32])
}

// finishedOf returns where the record of the Finished begins.
func finishedOf(t testing.TB, stream []byte) int {
	return recordsOf(t, stream)[finishedRecord12(t, stream)].start
}

// No line is written for who proves nothing.
func TestKeyLogOfFailures12(t *testing.T) {
	c, s := cheap12(t)
	s.Keys = []*Key{keyWith(t, "alice", 9, external)}
	var server bytes.Buffer
	s.KeyLogWriter = &server
	newPair(t, c, s).run()
	if server.Len() > 0 {
		t.Errorf("The key log of a refused client has %q.", server.String())
	}
}

// Each end's observer sees what the other sent: every record and message, byte
// for byte, each message with fields; and both derive the same secret.
func TestObserver12(t *testing.T) {
	sequences := map[string]string{
		"ECDHE-PSK-AES128-GCM":            "client_hello server_hello server_key_exchange server_hello_done client_key_exchange finished finished",
		"PSK-AES128-CBC-SHA256":           "client_hello server_hello server_key_exchange server_hello_done client_key_exchange finished finished",
		"resumption":                      "client_hello server_hello new_session_ticket finished finished",
		"TLS 1.3 offered, all extensions": "client_hello server_hello server_hello_done client_key_exchange finished new_session_ticket finished",
	}
	states := map[string]string{
		"ECDHE-PSK-AES128-GCM":            "WAIT_SH WAIT_SKE WAIT_SHD WAIT_CCS WAIT_FINISHED CONNECTED",
		"PSK-AES128-CBC-SHA256":           "WAIT_SH WAIT_SKE WAIT_SHD WAIT_CCS WAIT_FINISHED CONNECTED",
		"resumption":                      "WAIT_SH WAIT_NST WAIT_CCS WAIT_FINISHED CONNECTED",
		"TLS 1.3 offered, all extensions": "WAIT_SH WAIT_SKE WAIT_NST WAIT_CCS WAIT_FINISHED CONNECTED",
	}
	for _, sc := range scenarios12 {
		c, s := sc.begin(t)
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
		if a, b := client.of(EventSecret, false), server.of(EventSecret, false); !slices.Equal(a, b) || len(a) != 1 || !strings.HasPrefix(a[0], "CLIENT_RANDOM ") {
			t.Errorf("%s: the client derives %q, the server %q.", sc.name, a, b)
		}
		if got := strings.Join(client.of(EventState, false), " "); got != states[sc.name] {
			t.Errorf("%s: the client goes through %q.", sc.name, got)
		}
		var names []string
		for _, e := range server.events {
			if e.Kind != EventMessage {
				continue
			}
			names = append(names, e.Name)
			if len(e.Fields) < 3 || e.Fields[0].Offset != 0 || e.Fields[0].Length != len(e.Bytes) {
				t.Errorf("%s: the message %s has the fields %v.", sc.name, e.Name, fieldNames(e))
			}
			for _, f := range e.Fields {
				if f.Section == "" || f.Name == "" {
					t.Errorf("%s: the message %s has a field %+v.", sc.name, e.Name, f)
				}
			}
		}
		if got := strings.Join(names, " "); got != sequences[sc.name] {
			t.Errorf("%s: the server observes %q.", sc.name, got)
		}
		for _, w := range []*watch{&client, &server} {
			changes := 0
			for _, e := range w.events {
				if e.Kind == EventRecord && e.Name == record.ChangeCipherSpec.String() {
					changes++
				}
			}
			if changes != 2 {
				t.Errorf("%s: %d records of change_cipher_spec are observed.", sc.name, changes)
			}
		}
	}
}

// Both ends export the same, for each connection another, and nothing without
// the extended master secret (RFC 7627 §5.4).
func TestExporters12(t *testing.T) {
	c, s := ticketConfigs12(t, NewTicketCache())
	seen := map[string]bool{}
	for i := range 2 { // the second is resumed: same master secret, other randoms
		p := connected(t, c, s)
		p.exchange("up", "down")
		if p.client.Session().Resumed != (i == 1) {
			t.Fatalf("Connection %d is resumed: %v.", i, p.client.Session().Resumed)
		}
		for _, context := range [][]byte{nil, {}, []byte("context")} {
			a, errA := p.client.Session().Export("EXPORTER-test", context, 32)
			b, errB := p.server.Session().Export("EXPORTER-test", context, 32)
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("The ends export %x and %x: %v, %v.", a, b, errA, errB)
			}
			if seen[string(a)] {
				t.Errorf("Connection %d exports again what was exported before, with the context %q.", i, context)
			}
			seen[string(a)] = true
		}
		if _, err := p.client.Session().Export("master secret", nil, 32); err == nil {
			t.Error("A label of the protocol's own is accepted.")
		}
	}
	raw := newRaw12(t, keyWith(t, "alice", 1, external), TLS_PSK_WITH_AES_128_CBC_SHA256, false)
	raw.hello.ExtendedMasterSecret = false
	d := newDuel(t, rawConfig(t, TLS_PSK_WITH_AES_128_CBC_SHA256), raw)
	d.mustComplete()
	_, err := d.victim.Session().Export("EXPORTER-test", nil, 32)
	says(t, "exporting without the extended master secret", err, "extended master secret", "RFC 7627 §5.4")
}

// Secrets of TLS 1.2 are not printed, however deep they lie.
func TestSecretsAreNotPrinted12(t *testing.T) {
	for _, id := range []SuiteID{TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, TLS_PSK_WITH_AES_128_CBC_SHA256} {
		secret := []byte("\x91k\x02ey\xf3material, 32 b.!")
		k, err := NewKey("alice", secret, external)
		if err != nil {
			t.Fatal(err)
		}
		cache := NewTicketCache()
		var ends [2]watch
		client := &Config{Keys: []*Key{k}, Policy: Legacy, MaxVersion: VersionTLS12, Suites: []SuiteID{id}, Tickets: &Tickets{Cache: cache}, Rand: seeded(1), Observer: ends[0].see}
		server := &Config{Keys: []*Key{k}, Policy: Legacy, AllowSameProcess: true, Rand: seeded(2), Observer: ends[1].see}
		const text = "the plaintext that nobody else reads"
		p := newPair(t, client, server)
		half := newPair(t, client, server) // the server knows the keys, and waits for change_cipher_spec
		half.collect()
		half.deliver(true)
		half.collect()
		half.deliver(false)
		half.collect()
		half.chunk = len(half.toServer) - half.sentServer - 100
		half.deliver(true)
		p.mustComplete()
		p.exchange("up", "down")
		p.write(p.client, []byte(text+text))
		p.run()
		small := make([]byte, 5)
		if n, err := p.server.Read(small, testNow); n != 5 || err != nil {
			t.Fatal(err)
		}
		name := p.client.client.server
		taken := cache.Take(name)
		if taken == nil || taken.session == nil {
			t.Fatal("There is no ticket.")
		}
		cache.Put(name, taken)
		resumed := newPair(t, client, server) // holds the ticket
		conn := Client(unused(t), client)
		conn.engine = p.client

		master := taken.session.Master.Raw()
		chosen := taken.session.Suite
		up, down := taken.session.Master.Keys(chosen, p.client.client.random, serverRandomOf(t, p.toClient))
		secrets := map[string][]byte{"the key": secret, "the plaintext": []byte(text)[5:], "the master secret": master}
		for name, b := range map[string][]byte{"client's key": up.Key(), "server's key": down.Key(), "client's MAC key": up.MACKey(), "server's MAC key": down.MACKey()} {
			if len(b) > 0 {
				secrets["the "+name] = b
			}
		}
		if !slices.Contains(ends[0].of(EventSecret, false), fmt.Sprintf("CLIENT_RANDOM %x", master)) {
			t.Fatal("The observer saw no such master secret.")
		}
		session := p.client.Session()
		machine := p.client.machine.Result()
		for name, v := range map[string]any{
			"Config": client, "Config of a server": server, "Key": k, "Key by value": *k, "Engine": p.client, "Engine by value": *p.client,
			"Engine with plaintext": p.server, "Engine amid the handshake": half.server, "Engine that waits": half.client, "Engine with a ticket": resumed.client,
			"Conn": conn, "Session": session, "*Session": &session, "ClientTicket": taken, "ClientTicket by value": *taken, "the ticket's session": taken.session,
			"cache": cache, "key12": k.key12, "match": p.server.matched, "Config's state": &server.state, "connection state": p.client.connectionState(),
			"result": machine, "session of the result": machine.Session12, "keys": up, "writer": &p.client.writer, "reader": &p.client.reader,
		} {
			text := printed(v)
			for what, bytes := range secrets {
				for _, spelling := range spellings(bytes) {
					if strings.Contains(text, spelling) {
						t.Errorf("%s, %s, printed, has %s in it, as %q.", id, name, what, spelling)
					}
				}
			}
		}
	}
}

// Reflection in TLS 1.2: the server of this process is sent the ClientHello of
// one of its own clients. The defence is the registry of randoms in
// reflection.go: without it, which the second half shows, the process talks to
// itself.
func TestReflectionIsRefused12(t *testing.T) {
	for _, sc := range scenarios12 {
		start := func() *pair {
			c, s := configs(t, sc.key)
			sc.set(t, c, s)
			s.AllowSameProcess = false
			return newPair(t, c, s)
		}
		p := start()
		p.run()
		if !errors.Is(p.server.Err(), ErrReflected) || p.server.Complete() || p.client.Complete() {
			t.Errorf("%s: reflected to its own process: the server says %v.", sc.name, p.server.Err())
		}
		wantLocal(t, sc.name, p.server.Err(), alert.IllegalParameter)
		p = start()
		ownRandoms.remove(p.client.client.random) // the defence, taken out
		p.mustComplete()
	}
	// With a ticket it is found out as well, before anything is looked up.
	c, s := ticketConfigs12(t, NewTicketCache())
	meet(t, c, s, testNow)
	s.AllowSameProcess = false
	p := newPair(t, c, s)
	p.collect()
	_ = put(p.server, p.toServer, testNow)
	if p.server.WantsKeys() != nil || !errors.Is(p.server.Err(), ErrReflected) {
		t.Errorf("A reflected ClientHello with a ticket: %v.", p.server.Err())
	}
}

// The registry forgets the random of a client when its handshake is over.
func TestRegistryForgets12(t *testing.T) {
	c, s := cheap12(t)
	p := newPair(t, c, s)
	random := p.client.client.random
	if !ownRandoms.has(random) {
		t.Error("The random of a handshake under way is not known.")
	}
	p.mustComplete()
	if ownRandoms.has(random) {
		t.Error("The random of a handshake that is over is still kept.")
	}
}
