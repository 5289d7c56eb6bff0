package watchword

// Records of TLS 1.2: their sizes, and where change_cipher_spec, alerts, empty
// records and application data may stand.

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// cheap12 returns configurations of TLS 1.2 without a key exchange.
func cheap12(t testing.TB) (client, server *Config) {
	t.Helper()
	client, server = configs12(t, Legacy)
	client.Suites = []SuiteID{TLS_PSK_WITH_AES_128_CBC_SHA256}
	return client, server
}

// connected12 returns engines after a handshake of TLS 1.2.
func connected12(t testing.TB) *pair {
	t.Helper()
	c, s := cheap12(t)
	return connected(t, c, s)
}

// In TLS 1.2 the limit counts content alone (RFC 8449 §4). A client that offers
// TLS 1.3 too cannot know what will count when it names one; what it named holds.
func TestRecordSizeLimit12(t *testing.T) {
	for _, client := range []int{0, 64, 65, 1000, limits.MaxPlaintext} {
		for _, server := range []int{0, 64, 333, limits.MaxPlaintext} {
			for _, both := range []bool{false, true} {
				what := fmt.Sprintf("client %d, server %d, TLS 1.3 offered: %v", client, server, both)
				c, s := cheap12(t)
				c.RecordSizeLimit, s.RecordSizeLimit = client, server
				announced := client
				if both {
					c.MaxVersion, s.MaxVersion, c.Suites = 0, VersionTLS12, append(c.Suites, TLS_AES_128_GCM_SHA256)
					announced++
				}
				c.NextProtos = []string{"a long name of a protocol, so that the flight is longer than a record of 64 bytes"}
				s.NextProtos = c.NextProtos
				var toClient, toServer sizes
				var named *uint16
				c.Observer = toClient.observe
				s.Observer = func(e Event) {
					toServer.observe(e)
					if e.Kind == EventMessage && e.Name == "client_hello" {
						hello, err := wire.ParseClientHello(e.Bytes, nil)
						if err != nil {
							t.Fatal(err)
						}
						named = hello.RecordSizeLimit
					}
				}
				p := connected(t, c, s)
				p.exchange(string(bytes.Repeat([]byte("up"), 10_000)), string(bytes.Repeat([]byte("down"), 5_000)))
				p.closeBoth()
				if p.client.Session().Version != VersionTLS12 {
					t.Fatalf("%s: it is not TLS 1.2.", what)
				}
				if client == 0 { // a limit holds only if the client names one
					continue
				}
				if named == nil || int(*named) != announced {
					t.Errorf("%s: the client announces %v.", what, named)
				}
				toClient.check12(t, what+", to the client", min(announced, limits.MaxPlaintext))
				if server == 0 {
					server = limits.MaxPlaintext
				}
				toServer.check12(t, what+", to the server", server)
			}
		}
	}
}

func (s *sizes) check12(t *testing.T, what string, limit int) {
	t.Helper()
	most := 0
	for _, n := range s.content {
		most = max(most, n)
	}
	if most != min(limit, limits.MaxPlaintext) {
		t.Errorf("%s: the longest record has %d bytes, the limit is %d.", what, most, limit)
	}
}

// A record over the limit that was announced is refused, one of exactly the
// limit is not.
func TestRecordOverTheAnnouncedLimit12(t *testing.T) {
	for _, limit := range []int{64, 100, 5000} {
		for _, fromServer := range []bool{false, true} {
			for over := range 2 {
				c, s := cheap12(t)
				c.RecordSizeLimit, s.RecordSizeLimit = limit, limit
				p := connected(t, c, s)
				from := p.client
				if fromServer {
					from = p.server
				}
				from.writer.SetMaxContent(limits.MaxPlaintext)
				err := p.inject(from, record.ApplicationData, make([]byte, limit+over))
				if over == 0 && err != nil {
					t.Errorf("A record of the limit, %d bytes, is refused: %v.", limit, err)
				} else if over == 1 {
					wantLocal(t, fmt.Sprintf("a record a byte over %d", limit), err, alert.RecordOverflow)
				}
			}
		}
	}
}

// change_cipher_spec has one place in TLS 1.2: before Finished (RFC 5246 §7.1).
// Early, late, twice, or with another content it is refused.
func TestChangeCipherSpecPlaces12(t *testing.T) {
	ccs := plainRecord(record.ChangeCipherSpec, []byte{1})
	for _, sc := range scenarios12 {
		whole := checkHonest12(t, sc)
		for toServer, stream := range whole.streams() {
			for i, r := range recordsOf(t, stream) {
				for name, raw := range map[string][]byte{
					"one": ccs, "three": bytes.Repeat(ccs, 3), "another byte": plainRecord(record.ChangeCipherSpec, []byte{2}),
					"two bytes": plainRecord(record.ChangeCipherSpec, []byte{1, 1}), "none": plainRecord(record.ChangeCipherSpec, nil),
				} {
					what := fmt.Sprintf("%s, change_cipher_spec (%s) before record %d, to the server: %v", sc.name, name, i, toServer)
					p := sc.start(t)
					p.insertAt(toServer, r.start, raw)
					p.converse()
					hit := p.end(p.client)
					if toServer {
						hit = p.end(p.server)
					}
					wantLocal(t, what, hit.err, alert.UnexpectedMessage)
					if hit.complete && i < finishedRecord12(t, stream) {
						t.Errorf("%s: the handshake completes.", what)
					}
				}
				if r.kind != record.ChangeCipherSpec {
					continue
				}
				// Left out, the Finished is what is unexpected: it comes as a
				// handshake record that is no message, or one too long.
				p := sc.start(t)
				p.change = func(direction bool, at int, b []byte) []byte {
					if direction != toServer || r.start < at || r.start >= at+len(b) {
						return b
					}
					return append(bytes.Clone(b[:r.start-at]), b[r.end-at:]...)
				}
				p.converse()
				hit := p.end(p.client)
				if toServer {
					hit = p.end(p.server)
				}
				if hit.complete || hit.err == io.EOF {
					t.Errorf("%s: without change_cipher_spec the outcome is %v.", sc.name, hit)
				}
			}
		}
	}
}

// finishedRecord12 returns which record of a stream has the Finished in it: the
// one after change_cipher_spec.
func finishedRecord12(t testing.TB, stream []byte) int {
	t.Helper()
	for i, r := range recordsOf(t, stream) {
		if r.kind == record.ChangeCipherSpec {
			return i + 1
		}
	}
	t.Fatal("There is no change_cipher_spec.")
	return 0
}

// Plain records after change_cipher_spec, protected ones before it, and
// application data between it and Finished have no place.
func TestApplicationDataTooSoon12(t *testing.T) {
	for _, k := range rawSuites {
		for _, rawServer := range []bool{false, true} {
			what := fmt.Sprintf("%s, raw server: %v", k.name, rawServer)
			// Between change_cipher_spec and Finished, under the right key.
			d := rawDuel(t, k.id, k.form, k.extended, rawServer)
			d.raw.beforeFinished = func() []byte { return d.raw.seal(record.ApplicationData, []byte("too soon")) }
			d.run()
			o := d.end()
			wantLocal(t, what+", data before Finished", o.err, alert.UnexpectedMessage)
			if o.complete || len(o.got) > 0 {
				t.Errorf("%s: data before Finished: %v.", what, o)
			}
			// The same without protection.
			d = rawDuel(t, k.id, k.form, k.extended, rawServer)
			d.raw.beforeFinished = func() []byte { return plainRecord(record.ApplicationData, make([]byte, 64)) }
			d.run()
			o = d.end()
			wantLocal(t, what+", plain data before Finished", o.err, alert.BadRecordMAC)
			if o.complete || len(o.got) > 0 {
				t.Errorf("%s: plain data before Finished: %v.", what, o)
			}
			// An alert under the right key is believed, a plain one is not.
			d = rawDuel(t, k.id, k.form, k.extended, rawServer)
			d.raw.beforeFinished = func() []byte { return d.raw.seal(record.Alert, []byte{2, byte(alert.InternalError)}) }
			d.run()
			wantRemote(t, what+", an alert before Finished", d.victim.Err(), alert.InternalError)
			d = rawDuel(t, k.id, k.form, k.extended, rawServer)
			d.raw.beforeFinished = func() []byte { return plainRecord(record.Alert, []byte{2, byte(alert.InternalError)}) }
			d.run()
			wantLocal(t, what+", a plain alert before Finished", d.victim.Err(), alert.BadRecordMAC)
		}
	}
	c, s := cheap12(t)
	p := newPair(t, c, s)
	wantLocal(t, "plain data at the server", put(p.server, plainRecord(record.ApplicationData, make([]byte, 50)), testNow), alert.UnexpectedMessage)
	wantLocal(t, "plain data at the client", put(p.client, plainRecord(record.ApplicationData, make([]byte, 50)), testNow), alert.UnexpectedMessage)
	p = newPair(t, c, s)
	p.collect()
	p.deliver(true) // the server waits for ClientKeyExchange
	wantLocal(t, "plain data in the handshake", put(p.server, plainRecord(record.ApplicationData, make([]byte, 50)), testNow), alert.UnexpectedMessage)
	if _, _, err := p.client.Seal(nil, []byte("x"), 1000); err == nil {
		t.Error("Data is sealed before the handshake is complete.")
	}
}

// A Finished may come in several records and in one with nothing else, but
// nothing may share its record on a wrong side of change_cipher_spec.
func TestFinishedInPieces12(t *testing.T) {
	for _, rawServer := range []bool{false, true} {
		d := rawDuel(t, TLS_PSK_WITH_AES_128_CBC_SHA256, suite.MACThenEncrypt, true, rawServer)
		d.raw.split = 3
		d.mustComplete()
		if o := d.end(); !o.perfect(textUp) {
			t.Errorf("With a Finished in pieces, raw server %v: %v.", rawServer, o)
		}
	}
	// A message that begins before change_cipher_spec and ends after it.
	c, s := cheap12(t)
	p := newPair(t, c, s)
	p.collect()
	p.deliver(true)
	p.collect()
	p.deliver(false)
	p.collect()
	records := recordsOf(t, p.toServer)
	if records[2].kind != record.ChangeCipherSpec {
		t.Fatalf("The third record of the client is %v.", records[2].kind)
	}
	spanning := bytes.Clone(p.toServer[records[1].start:records[1].end]) // ClientKeyExchange
	spanning = append(spanning, plainRecord(record.Handshake, []byte{20, 0, 0})...)
	spanning = append(spanning, p.toServer[records[2].start:]...)
	_ = put(p.server, spanning, testNow)
	answer(p.server, testNow)
	wantLocal(t, "a Finished that begins without protection", p.server.Err(), alert.UnexpectedMessage)
}

// Each alert at each stage: fatal ones end the connection, warnings do not, up
// to a number of them (RFC 5246 §7.2).
func TestAlertsIn12(t *testing.T) {
	for d := range 256 {
		for _, level := range []byte{1, 2} {
			for _, fromServer := range []bool{false, true} {
				what := fmt.Sprintf("alert %d at level %d, from the server: %v", d, level, fromServer)
				p := connected12(t)
				from, victim := p.client, p.server
				if fromServer {
					from, victim = victim, from
				}
				err := p.inject(from, record.Alert, []byte{level, byte(d)})
				switch {
				case alert.Description(d) == alert.CloseNotify:
					if err != io.EOF {
						t.Errorf("%s: the end is %v, want io.EOF.", what, err)
					}
				case level == 1:
					if err != nil || victim.Err() != nil {
						t.Errorf("%s: it ends the connection: %v.", what, err)
					}
					p.exchange("up", "down")
				default:
					wantRemote(t, what, err, alert.Description(d))
				}
			}
			if d%16 != 0 {
				continue
			}
			// In the middle of a handshake, without protection.
			c, s := cheap12(t)
			p := newPair(t, c, s)
			p.collect()
			p.deliver(true)
			_ = put(p.server, plainRecord(record.Alert, []byte{level, byte(d)}), testNow)
			if level == 2 || d == 0 {
				wantRemote(t, fmt.Sprintf("alert %d at level %d amid the handshake", d, level), p.server.Err(), alert.Description(d))
			} else if p.server.Err() != nil {
				t.Errorf("A warning amid the handshake, alert %d, ends it: %v.", d, p.server.Err())
			}
		}
	}
	p := connected12(t)
	for i := range limits.MaxWarningAlerts + 1 {
		err := p.inject(p.server, record.Alert, []byte{1, byte(alert.NoRenegotiation)})
		if i < limits.MaxWarningAlerts && err != nil {
			t.Errorf("Warning %d ends the connection: %v.", i, err)
		} else if i == limits.MaxWarningAlerts {
			wantLocal(t, "a flood of warnings", err, alert.UnexpectedMessage)
		}
	}
}

// Empty records of application data are allowed, up to a number of them in a
// row; empty handshake records and alerts are not (RFC 5246 §6.2.1).
func TestEmptyRecords12(t *testing.T) {
	p := connected12(t)
	for range 3 {
		for range limits.MaxEmptyRecords {
			if err := p.inject(p.client, record.ApplicationData, nil); err != nil {
				t.Fatalf("An empty record is refused: %v.", err)
			}
		}
		p.exchange("data between them", "")
	}
	var err error
	for range limits.MaxEmptyRecords + 1 {
		err = p.inject(p.client, record.ApplicationData, nil)
	}
	wantLocal(t, "a flood of empty records", err, alert.UnexpectedMessage)
}

// After the handshake a ClientHello or a HelloRequest asks for a renegotiation,
// which is refused by name; every other message is unexpected.
func TestRenegotiationIsRefused(t *testing.T) {
	hello := (&wire.ClientHello{LegacyVersion: 0x0303, CipherSuites: []uint16{0xae}, LegacyCompressionMethods: []byte{0}, RenegotiationInfo: make([]byte, 12)}).Append(nil)
	for _, c := range []struct {
		what       string
		fromServer bool
		raw        []byte
		want       alert.Description
	}{
		{"ClientHello", false, hello, alert.NoRenegotiation},
		{"HelloRequest", true, wire.AppendHelloRequest(nil), alert.NoRenegotiation},
		{"HelloRequest from a client", false, wire.AppendHelloRequest(nil), alert.UnexpectedMessage},
		{"ClientHello from a server", true, hello, alert.UnexpectedMessage},
		{"NewSessionTicket", true, (&wire.NewSessionTicket12{Ticket: []byte("late")}).Append(nil), alert.UnexpectedMessage},
		{"KeyUpdate", true, wire.AppendKeyUpdate(nil, wire.UpdateRequested), alert.UnexpectedMessage},
		{"KeyUpdate from a client", false, wire.AppendKeyUpdate(nil, wire.UpdateNotRequested), alert.UnexpectedMessage},
		{"Finished", true, wire.AppendFinished(nil, make([]byte, 12)), alert.UnexpectedMessage},
	} {
		p := connected12(t)
		from, to := p.client, p.server
		if c.fromServer {
			from, to = to, from
		}
		p.exchange("up", "down")
		err := p.inject(from, record.Handshake, c.raw)
		wantLocal(t, c.what+" after the handshake", err, c.want)
		// The other end is told.
		_, err = drain(from, p.now)
		wantRemote(t, c.what+" after the handshake", err, c.want)
		if _, _, err := to.Seal(nil, []byte("more"), 1000); err == nil {
			t.Errorf("%s: after its refusal the connection goes on.", c.what)
		}
	}
}

// A key of TLS 1.2 cannot be updated: the connection ends with a sentence when
// the key is used up, and what was sent until then arrives.
func TestRecordLimit12(t *testing.T) {
	withRecordLimit(t, suite.PSKAES128CBCSHA256, 5)
	p := connected12(t)
	for _, request := range []bool{true, false} {
		if err := p.client.UpdateKey(request); err == nil || p.client.Err() != nil {
			t.Errorf("UpdateKey says %v, and the engine's error is %v.", err, p.client.Err())
		}
	}
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		var out []byte
		out, _, err = p.client.Seal(nil, []byte{byte(n)}, 1000)
		p.toServer = append(p.toServer, out...)
	}
	wantLocal(t, "a key that is used up", err, alert.InternalError)
	if n > 6 || err != nil && !strings.Contains(err.Error(), "open a new connection") {
		t.Errorf("After %d records the error is %q.", n, err)
	}
	p.run()
	got, err := drain(p.server, p.now)
	if len(got) != n-1 {
		t.Errorf("Of %d bytes, %x arrive.", n-1, got)
	}
	wantRemote(t, "the other end of a key that is used up", err, alert.InternalError)
}
