package watchword

// KeyUpdate (RFC 9846 §4.7.3): asked for, answered, crossing, by itself before a
// key's limit, and broken.

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// counted returns an observer that counts the messages an end sends, by type.
func counted(counts map[string]int) func(Event) {
	return func(e Event) {
		if e.Kind == EventMessage && e.Sent {
			counts[e.Name]++
		}
	}
}

// observedPair is a connection whose ends count the messages that they send.
func observedPair(t testing.TB) (p *pair, client, server map[string]int) {
	t.Helper()
	c, s := configs(t, KeyOptions{})
	c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly
	client, server = map[string]int{}, map[string]int{}
	c.Observer, s.Observer = counted(client), counted(server)
	return connected(t, c, s), client, server
}

func TestKeyUpdate(t *testing.T) {
	for _, c := range []struct {
		name                   string
		do                     func(p *pair) error
		wantClient, wantServer int // KeyUpdates sent
	}{
		{"of the client alone", func(p *pair) error { return p.client.UpdateKey(false) }, 1, 0},
		{"of the server alone", func(p *pair) error { return p.server.UpdateKey(false) }, 0, 1},
		{"asked for by the client", func(p *pair) error { return p.client.UpdateKey(true) }, 1, 1},
		{"asked for by the server", func(p *pair) error { return p.server.UpdateKey(true) }, 1, 1},
		{"crossing", func(p *pair) error { return errors.Join(p.client.UpdateKey(false), p.server.UpdateKey(false)) }, 1, 1},
		{"crossing requests", func(p *pair) error { return errors.Join(p.client.UpdateKey(true), p.server.UpdateKey(true)) }, 2, 2},
		{"several requests, answered by one", func(p *pair) error {
			return errors.Join(p.client.UpdateKey(true), p.client.UpdateKey(true), p.client.UpdateKey(true))
		}, 3, 1},
	} {
		p, client, server := observedPair(t)
		if err := c.do(p); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for round := range 3 {
			p.exchange(fmt.Sprint("up ", round), fmt.Sprint("down ", round))
		}
		if client["key_update"] != c.wantClient || server["key_update"] != c.wantServer {
			t.Errorf("%s: the client sent %d KeyUpdates, the server %d; want %d and %d.", c.name, client["key_update"], server["key_update"], c.wantClient, c.wantServer)
		}
		p.client.CloseWrite()
		p.server.CloseWrite()
		p.run()
		if s, c2 := p.end(p.server), p.end(p.client); !s.perfect("") || !c2.perfect("") {
			t.Errorf("%s: the connection ends in %v and %v.", c.name, s, c2)
		}
	}
}

// While a request is open, further updates ask for nothing (RFC 9846 §4.7.3);
// after the answer they may again.
func TestOneRequestAtATime(t *testing.T) {
	c, s := cheap(t)
	var asked []byte
	c.Observer = func(e Event) {
		if e.Kind == EventMessage && e.Sent && e.Name == "key_update" {
			asked = append(asked, e.Bytes[4])
		}
	}
	p := connected(t, c, s)
	for range 2 {
		for range 3 {
			if err := p.client.UpdateKey(true); err != nil {
				t.Fatal(err)
			}
		}
		p.exchange("up", "down")
		p.exchange("up", "down") // the answer comes with what the server writes after it has read the request
	}
	if want := []byte{1, 0, 0, 1, 0, 0}; !bytes.Equal(asked, want) {
		t.Errorf("The updates ask %v, want %v.", asked, want)
	}
}

// The answer to a request goes out before the next application data
// (RFC 9846 §4.7.3), in the same output.
func TestKeyUpdateIsAnsweredBeforeData(t *testing.T) {
	p, _, server := observedPair(t)
	if err := p.client.UpdateKey(true); err != nil {
		t.Fatal(err)
	}
	p.collect()
	p.deliver(true)
	if _, err := drain(p.server, p.now); !errors.Is(err, ErrNeedInput) {
		t.Fatal(err)
	}
	if server["key_update"] != 0 || !p.server.HasOutput() {
		t.Error("The answer is owed, and not made before there is somebody to send it.")
	}
	p.write(p.server, []byte("data"))
	if server["key_update"] != 1 {
		t.Errorf("Application data was sealed after %d KeyUpdates, want 1.", server["key_update"])
	}
	p.run()
	if got, _ := drain(p.client, p.now); string(got) != "data" {
		t.Errorf("The client read %q.", got)
	}
}

func TestManyKeyUpdatesWithData(t *testing.T) {
	p, _, _ := observedPair(t)
	for i := range 5 * limits.MaxIdleKeyUpdates {
		e := []*Engine{p.client, p.server}[i%2]
		if err := e.UpdateKey(i%3 == 0); err != nil {
			t.Fatal(err)
		}
		p.exchange("up", "down")
	}
}

// withRecordLimit lets the keys of a suite seal so many records before they
// count as used up.
func withRecordLimit(t testing.TB, id suite.ID, records uint64) {
	t.Helper()
	s, _ := suite.ByID(id)
	was := s.RecordLimit
	s.RecordLimit = limits.KeyUpdateMargin + records
	t.Cleanup(func() { s.RecordLimit = was })
}

// A key is replaced before it has sealed as many records as it may
// (RFC 9846 §5.5), without anybody asking, and the data goes on.
func TestKeyIsUpdatedBeforeItsLimit(t *testing.T) {
	for _, id := range []suite.ID{suite.AES128GCMSHA256, suite.AES256GCMSHA384, suite.ChaCha20Poly1305SHA256} {
		withRecordLimit(t, id, 5)
		for _, sender := range []string{"client", "server"} {
			c, s := configs(t, KeyOptions{})
			c.KeyExchange, s.KeyExchange = PSKOnly, PSKOnly
			c.Suites = []SuiteID{SuiteID(id)}
			counts, most := map[string]int{}, uint64(0)
			count := counted(counts)
			observe := func(e Event) {
				count(e)
				if e.Kind == EventRecord && e.Sent && e.Protected {
					most = max(most, e.Seq)
				}
			}
			if sender == "client" {
				c.Observer = observe
			} else {
				s.Observer = observe
			}
			p := connected(t, c, s)
			from, to := p.client, p.server
			if sender == "server" {
				from, to = to, from
			}
			text := bytes.Repeat([]byte("0123456789abcdef"), 40*limits.MaxPlaintext/16) // 40 full records
			p.write(from, text)
			p.run()
			if got, err := drain(to, p.now); !bytes.Equal(got, text) || !errors.Is(err, ErrNeedInput) {
				t.Errorf("%v from the %s: %d of %d bytes arrived: %v.", id, sender, len(got), len(text), err)
			}
			if counts["key_update"] < 7 || counts["key_update"] > 9 {
				t.Errorf("%v from the %s: %d KeyUpdates for 40 records with keys for 5.", id, sender, counts["key_update"])
			}
			if most > 6 {
				t.Errorf("%v from the %s: a key sealed %d records.", id, sender, most+1)
			}
		}
	}
}

func TestKeyUpdateWhereNoneMayBe(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	p := newPair(t, c, s)
	if p.client.UpdateKey(false) == nil || p.server.UpdateKey(true) == nil {
		t.Error("A key is updated before the handshake is complete.")
	}
	p.mustComplete()
	p.client.CloseWrite()
	if err := p.client.UpdateKey(false); !errors.Is(err, ErrClosed) {
		t.Errorf("After close_notify UpdateKey returns %v, want ErrClosed.", err)
	}
}

// A peer that asks for an update of an end that has closed its half gets none,
// and no error either.
func TestKeyUpdateAskedOfAClosedHalf(t *testing.T) {
	p, client, _ := observedPair(t)
	p.client.CloseWrite()
	if err := p.server.UpdateKey(true); err != nil {
		t.Fatal(err)
	}
	p.write(p.server, []byte("still here"))
	p.run()
	got, err := drain(p.client, p.now)
	p.run()
	if string(got) != "still here" || !errors.Is(err, ErrNeedInput) || client["key_update"] != 0 {
		t.Errorf("The client read %q, %v, and sent %d KeyUpdates after its close_notify.", got, err, client["key_update"])
	}
}

func TestBrokenKeyUpdates(t *testing.T) {
	update := wire.AppendKeyUpdate(nil, wire.UpdateNotRequested)
	for _, c := range []struct {
		name    string
		content []byte
		want    alert.Description
	}{
		{"an unknown request", wire.AppendKeyUpdate(nil, 2), alert.IllegalParameter},
		{"no body", []byte{24, 0, 0, 0}, alert.DecodeError},
		{"a long body", []byte{24, 0, 0, 2, 0, 0}, alert.DecodeError},
		{"another message in its record", append(bytes.Clone(update), update...), alert.UnexpectedMessage},
		{"a byte of another message in its record", append(bytes.Clone(update), 24), alert.UnexpectedMessage},
		{"a Finished in its record", append(bytes.Clone(update), 20, 0, 0, 0), alert.UnexpectedMessage},
	} {
		for _, fromServer := range []bool{false, true} {
			p, _, _ := observedPair(t)
			from := p.client
			if fromServer {
				from = p.server
			}
			wantLocal(t, c.name, p.inject(from, record.Handshake, c.content), c.want)
		}
	}
}

// A KeyUpdate may come in pieces, as any message, but nothing else between them
// (RFC 9846 §5.1).
func TestKeyUpdateInPieces(t *testing.T) {
	update := wire.AppendKeyUpdate(nil, wire.UpdateNotRequested)
	for n := 1; n < len(update); n++ {
		p, _, _ := observedPair(t)
		if err := p.inject(p.client, record.Handshake, update[:n]); err != nil {
			t.Fatalf("The first %d bytes are refused: %v", n, err)
		}
		if err := p.inject(p.client, record.Handshake, update[n:]); err != nil {
			t.Fatalf("The rest after %d bytes is refused: %v", n, err)
		}
		// The client did not change its own key, so what follows does not open.
		wantLocal(t, "a record under the old key", p.inject(p.client, record.ApplicationData, []byte("x")), alert.BadRecordMAC)

		for _, kind := range []record.ContentType{record.ApplicationData, record.Alert} {
			p, _, _ = observedPair(t)
			if err := p.inject(p.client, record.Handshake, update[:n]); err != nil {
				t.Fatal(err)
			}
			wantLocal(t, "a record of another type amid a message", p.inject(p.client, kind, []byte{1, 90}), alert.UnexpectedMessage)
		}
	}
}
