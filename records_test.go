package watchword

// Records: their sizes and padding, where alerts and change_cipher_spec may
// stand, and how a connection ends.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
)

// sizes collects the protected records that an end receives.
type sizes struct {
	content []int // bytes of content
	wire    []int // bytes of the whole record
}

func (s *sizes) observe(e Event) {
	if e.Kind == EventRecord && !e.Sent && e.Protected {
		s.content = append(s.content, len(e.Content))
		s.wire = append(s.wire, len(e.Bytes))
	}
}

const recordOverhead = limits.RecordHeaderLen + 1 + 16

func TestRecordSizeLimit(t *testing.T) {
	for _, client := range []int{0, 64, 65, 1000, limits.MaxPlaintext} {
		for _, server := range []int{0, 64, 333, limits.MaxPlaintext} {
			for _, padding := range []int{0, 50} {
				what := fmt.Sprintf("client %d, server %d, padding %d", client, server, padding)
				c, s := cheap(t)
				c.RecordSizeLimit, s.RecordSizeLimit, c.PadRecords, s.PadRecords = client, server, padding, padding
				c.NextProtos, s.NextProtos = []string{"a long name of a protocol, so that the flight is longer than a record of 64 bytes"}, nil
				s.NextProtos = c.NextProtos
				var toClient, toServer sizes
				c.Observer, s.Observer = toClient.observe, toServer.observe
				p := connected(t, c, s)
				p.exchange(string(bytes.Repeat([]byte("up"), 20_000)), string(bytes.Repeat([]byte("down"), 10_000)))
				p.client.CloseWrite()
				p.server.CloseWrite()
				p.run()
				if s, c := p.end(p.server), p.end(p.client); !s.perfect("") || !c.perfect("") {
					t.Errorf("%s: the connection ends in %v and %v.", what, s, c)
				}
				// A limit holds only if the client named one (RFC 8449 §4).
				if client == 0 {
					continue
				}
				toClient.check(t, what+", to the client", client)
				if server == 0 {
					server = limits.MaxPlaintext
				}
				toServer.check(t, what+", to the server", server)
			}
		}
	}
}

func (s *sizes) check(t *testing.T, what string, limit int) {
	t.Helper()
	most := 0
	for i, n := range s.content {
		if n > limit || s.wire[i] > limit+recordOverhead {
			t.Errorf("%s: a record has %d bytes of content and %d in all.", what, n, s.wire[i])
		}
		most = max(most, n)
	}
	if most < min(limit, limits.MaxPlaintext) {
		t.Errorf("%s: the longest record has %d bytes of %d: the room is not used.", what, most, limit)
	}
}

// A record over the limit that was announced is refused (RFC 8449 §4), one of
// exactly the limit is not.
func TestRecordOverTheAnnouncedLimit(t *testing.T) {
	for _, limit := range []int{64, 100, 5000} {
		for _, fromServer := range []bool{false, true} {
			for over := range 2 {
				c, s := cheap(t)
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

func TestPadding(t *testing.T) {
	for _, multiple := range []int{0, 1, 16, 100, 16384} {
		c, s := cheap(t)
		c.PadRecords = multiple
		var got sizes
		s.Observer = got.observe
		p := connected(t, c, s)
		for n := range 70 {
			p.exchange(string(bytes.Repeat([]byte("x"), 5*n+1)), "")
		}
		for i, n := range got.wire {
			if multiple > 1 && (n-recordOverhead)%multiple != 0 {
				t.Errorf("PadRecords %d: a record has %d bytes of content and padding.", multiple, n-recordOverhead)
			}
			if multiple <= 1 && n != got.content[i]+recordOverhead {
				t.Errorf("PadRecords %d: a record of %d bytes is padded to %d.", multiple, got.content[i], n)
			}
		}
	}
}

// Where a change_cipher_spec record may stand (RFC 9846 §5): after the first
// ClientHello and before the peer's Finished, and only with the one byte.
func TestChangeCipherSpecPlaces(t *testing.T) {
	ccs := plainRecord(record.ChangeCipherSpec, []byte{1})
	for _, sc := range scenarios {
		if sc.exchanges && sc.name != "P-256 after HelloRetryRequest" {
			continue
		}
		whole := sc.honest(t)
		for _, toServer := range []bool{true, false} {
			stream := whole.toClient
			if toServer {
				stream = whole.toServer
			}
			records := recordsOf(t, stream)
			finished := sc.finishedRecord(t, toServer)
			own := 0 // our own ends send one already
			for _, r := range records {
				if r.kind == record.ChangeCipherSpec {
					own++
				}
			}
			for i, r := range records {
				for _, c := range []struct {
					name string
					raw  []byte
					fine bool
				}{
					{"one", ccs, i <= finished && own < limits.MaxChangeCipherSpec && (!toServer || i > 0)},
					{"three", bytes.Repeat(ccs, 3), false},
					{"another byte", plainRecord(record.ChangeCipherSpec, []byte{2}), false},
					{"two bytes", plainRecord(record.ChangeCipherSpec, []byte{1, 1}), false},
					{"none", plainRecord(record.ChangeCipherSpec, nil), false},
				} {
					what := fmt.Sprintf("%s, change_cipher_spec (%s) before record %d, to the server: %v", sc.name, c.name, i, toServer)
					p := sc.start(t)
					p.insertAt(toServer, r.start, c.raw)
					p.converse()
					hit := p.end(p.client)
					if toServer {
						hit = p.end(p.server)
					}
					if clean := hit.err == io.EOF; clean != c.fine {
						t.Errorf("%s: it ends in %v, fine is %v.", what, hit, c.fine)
					} else if !clean {
						wantLocal(t, what, hit.err, alert.UnexpectedMessage)
					}
				}
			}
		}
	}
}

// insertAt puts bytes into a stream before the one at offset.
func (p *pair) insertAt(toServer bool, offset int, raw []byte) {
	p.change = func(direction bool, at int, b []byte) []byte {
		if direction != toServer || offset < at || offset >= at+len(b) {
			return b
		}
		return append(append(bytes.Clone(b[:offset-at]), raw...), b[offset-at:]...)
	}
}

// finishedRecord returns which record of a stream has the Finished in it.
func (sc scenario) finishedRecord(t *testing.T, toServer bool) int {
	t.Helper()
	c, s := configs(t, sc.key)
	sc.set(t, c, s)
	at, n := -1, 0
	last := ""
	observe := func(e Event) {
		if e.Sent {
			return
		}
		switch e.Kind {
		case EventRecord:
			n++
			last = e.Name
		case EventMessage:
			if e.Name == "finished" && last == "handshake" {
				at = n - 1
			}
		}
	}
	for range sc.prior {
		p := connected(t, c, s)
		p.exchange("give me", "a ticket")
	}
	if toServer {
		s.Observer = observe
	} else {
		c.Observer = observe
	}
	connected(t, c, s)
	if at < 0 {
		t.Fatal("No record has a Finished.")
	}
	return at
}

// Every alert at every stage: it ends the connection with its own name, and is
// never a clean end.
func TestAlertsAtEachStage(t *testing.T) {
	stages := map[string]func(t *testing.T) (victim *Engine, send func(record.ContentType, []byte)){
		"the client waits for ServerHello": func(t *testing.T) (*Engine, func(record.ContentType, []byte)) {
			c, s := cheap(t)
			p := newPair(t, c, s)
			return p.client, func(k record.ContentType, b []byte) { _ = put(p.client, plainRecord(k, b), testNow) }
		},
		"the server waits for ClientHello": func(t *testing.T) (*Engine, func(record.ContentType, []byte)) {
			c, s := cheap(t)
			p := newPair(t, c, s)
			return p.server, func(k record.ContentType, b []byte) { _ = put(p.server, plainRecord(k, b), testNow) }
		},
		"the server waits for Finished, the alert is plain": func(t *testing.T) (*Engine, func(record.ContentType, []byte)) {
			c, s := cheap(t)
			p := newPair(t, c, s)
			p.collect()
			p.deliver(true)
			return p.server, func(k record.ContentType, b []byte) { _ = put(p.server, plainRecord(k, b), testNow) }
		},
		"the server waits for Finished, the alert is protected": func(t *testing.T) (*Engine, func(record.ContentType, []byte)) {
			_, key := earlyServer(t)
			_, s := cheap(t)
			e, err := NewServerEngine(s)
			if err != nil {
				t.Fatal(err)
			}
			r := newRawClient(t, key)
			if err := give(e, r.clientHello()); err != nil {
				t.Fatal(err)
			}
			_ = r.finished(e.Output(nil))
			// Back to the handshake key, as if no Finished had been sent.
			return e, func(k record.ContentType, b []byte) { _ = give(e, r.underHandshakeKey(k, b)) }
		},
		"the client is connected": func(t *testing.T) (*Engine, func(record.ContentType, []byte)) {
			p, _, _ := observedPair(t)
			return p.client, func(k record.ContentType, b []byte) { _ = p.inject(p.server, k, b) }
		},
		"the server is connected": func(t *testing.T) (*Engine, func(record.ContentType, []byte)) {
			p, _, _ := observedPair(t)
			return p.server, func(k record.ContentType, b []byte) { _ = p.inject(p.client, k, b) }
		},
	}
	for stage, prepare := range stages {
		for d := range 256 {
			for _, level := range []byte{1, 2} {
				what := fmt.Sprintf("%s, alert %d at level %d", stage, d, level)
				victim, send := prepare(t)
				done := victim.Complete()
				send(record.Alert, []byte{level, byte(d)})
				switch {
				case alert.Description(d) == alert.CloseNotify && done:
					if _, err := drain(victim, testNow); err != io.EOF {
						t.Errorf("%s: the end is %v, want io.EOF.", what, err)
					}
				case alert.Description(d) == alert.UserCanceled && level == 1:
					if victim.Err() != nil {
						t.Errorf("%s: it ends the connection: %v.", what, victim.Err())
					}
					if err := victim.ReceivedEOF(); !errors.Is(err, ErrTruncated) {
						t.Errorf("%s: the end of the stream after it is %v, want ErrTruncated.", what, err)
					}
				default:
					wantRemote(t, what, victim.Err(), alert.Description(d))
					if len(victim.Output(nil)) > 0 && done {
						t.Errorf("%s: an alert is answered.", what)
					}
				}
			}
		}
		for _, c := range []struct {
			content []byte
			want    alert.Description
		}{
			{[]byte{2}, alert.DecodeError}, {[]byte{2, 40, 0}, alert.DecodeError}, {[]byte{2, 40, 2, 40}, alert.DecodeError},
			{[]byte{0, 40}, alert.IllegalParameter}, {[]byte{3, 0}, alert.IllegalParameter},
		} {
			victim, send := prepare(t)
			send(record.Alert, c.content)
			wantLocal(t, fmt.Sprintf("%s, an alert of %x", stage, c.content), victim.Err(), c.want)
		}
	}
}

// underHandshakeKey seals a record as if the Finished had not been sent.
func (r *rawClient) underHandshakeKey(k record.ContentType, content []byte) []byte {
	r.t.Helper()
	w := r.handshakeWriter()
	out, err := w.Append(nil, k, content)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// What a client makes of alerts before anything of the server's has opened: some
// mean that the key is refused (see rejectsKey).
func TestWhichAlertsRefuseTheKey(t *testing.T) {
	refusals := map[int]bool{20: true, 40: true, 47: true, 51: true, 109: true, 115: true}
	for d := range 256 {
		if d == int(alert.UserCanceled) {
			continue
		}
		c, s := cheap(t)
		p := newPair(t, c, s)
		err := put(p.client, plainRecord(record.Alert, []byte{2, byte(d)}), testNow)
		if got := errors.Is(err, ErrKeyRejected); got != refusals[d] {
			t.Errorf("Alert %d in answer to the ClientHello: refused is %v: %v.", d, got, err)
		}
		p, _, _ = observedPair(t)
		if err := p.inject(p.server, record.Alert, []byte{2, byte(d)}); errors.Is(err, ErrKeyRejected) {
			t.Errorf("Alert %d of a connected server counts as a refusal of the key: %v.", d, err)
		}
	}
	// A server that closes without a word (nbdkit, Zabbix, FreeRADIUS, wolfSSL).
	c, s := configs(t, KeyOptions{})
	p := newPair(t, c, s)
	if err := p.client.ReceivedEOF(); !errors.Is(err, ErrKeyRejected) || !errors.Is(err, ErrTruncated) {
		t.Errorf("A server that just closes: %v, want ErrKeyRejected and ErrTruncated.", err)
	}
}

// Application data has no place before the handshake is complete, be it plain
// or protected.
func TestApplicationDataTooSoon(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	p := newPair(t, c, s)
	wantLocal(t, "plain data at the server", put(p.server, plainRecord(record.ApplicationData, make([]byte, 50)), testNow), alert.UnexpectedMessage)
	wantLocal(t, "plain data at the client", put(p.client, plainRecord(record.ApplicationData, make([]byte, 50)), testNow), alert.UnexpectedMessage)

	e, key := earlyServer(t)
	r := newRawClient(t, key)
	if err := give(e, r.clientHello()); err != nil {
		t.Fatal(err)
	}
	_ = r.finished(e.Output(nil))
	wantLocal(t, "data under the handshake key in place of Finished", give(e, r.underHandshakeKey(record.ApplicationData, []byte("data"))), alert.UnexpectedMessage)

	// Our own side refuses to send any.
	p = newPair(t, c, s)
	if _, _, err := p.client.Seal(nil, []byte("x"), 1000); err == nil {
		t.Error("Data is sealed before the handshake is complete.")
	}
}

// Each half of a connection ends by itself (RFC 9846 §6.1).
func TestHalfClose(t *testing.T) {
	for _, clientFirst := range []bool{true, false} {
		p, _, _ := observedPair(t)
		first, second := p.client, p.server
		if !clientFirst {
			first, second = second, first
		}
		p.write(first, []byte("the last of it"))
		first.CloseWrite()
		first.CloseWrite() // once more does nothing
		p.run()
		if got, err := drain(second, p.now); string(got) != "the last of it" || err != io.EOF {
			t.Errorf("The other end read %q, %v.", got, err)
		}
		if _, _, err := first.Seal(nil, []byte("more"), 1000); !errors.Is(err, ErrClosed) {
			t.Errorf("Writing after CloseWrite: %v, want ErrClosed.", err)
		}
		for i := range 100 {
			p.write(second, []byte{byte(i)})
			p.run()
			if got, err := drain(first, p.now); !bytes.Equal(got, []byte{byte(i)}) || !errors.Is(err, ErrNeedInput) {
				t.Fatalf("After it closed its half, an end read %x, %v.", got, err)
			}
		}
		second.CloseWrite()
		p.run()
		if got, err := drain(first, p.now); len(got) > 0 || err != io.EOF {
			t.Errorf("The first end read %q, %v.", got, err)
		}
		for _, e := range []*Engine{first, second} {
			if err := e.ReceivedEOF(); err != nil {
				t.Errorf("The end of the stream after close_notify is %v.", err)
			}
			if e.HasOutput() {
				t.Error("An end that is closed both ways has something to send.")
			}
		}
	}
}

// What is in the stream after close_notify is not looked at, and data before it
// is read first.
func TestNothingCountsAfterCloseNotify(t *testing.T) {
	p, _, _ := observedPair(t)
	p.write(p.client, []byte("before"))
	p.client.CloseWrite()
	p.collect()
	p.toServer = append(p.toServer, "anything at all, such as a forged record"...)
	p.deliver(true)
	if got, err := drain(p.server, p.now); string(got) != "before" || err != io.EOF {
		t.Errorf("The server read %q, %v.", got, err)
	}
	if p.server.Err() != nil {
		t.Errorf("The server's error is %v.", p.server.Err())
	}
}

// Giving up in the middle of a handshake says so: user_canceled, close_notify.
func TestCloseDuringTheHandshake(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	p := newPair(t, c, s)
	p.client.CloseWrite()
	p.collect()
	records := recordsOf(t, p.toServer)
	tail := p.toServer[records[len(records)-2].start:]
	want := append(plainRecord(record.Alert, []byte{1, 90}), plainRecord(record.Alert, []byte{1, 0})...)
	if !bytes.Equal(tail, want) {
		t.Errorf("A client that gives up sends %x, want %x.", tail, want)
	}
	p.run()
	wantRemote(t, "the server", p.server.Err(), alert.CloseNotify)
	if p.client.Err() != ErrClosed || p.server.Complete() {
		t.Errorf("The client's error is %v.", p.client.Err())
	}
}

// A fatal alert of ours is the last that we send.
func TestNothingIsSentAfterAFatalAlert(t *testing.T) {
	p, _, _ := observedPair(t)
	p.server.Fail(alert.InternalError, "the disk is full")
	p.server.CloseWrite()
	p.server.Fail(alert.InternalError, "again")
	if err := p.server.UpdateKey(true); err == nil {
		t.Error("A failed engine updates its key.")
	}
	p.run()
	_, err := drain(p.client, p.now)
	wantRemote(t, "the client", err, alert.InternalError)
	if n := len(recordsOf(t, p.toClient[p.sentClient:])); n != 0 || p.server.HasOutput() {
		t.Error("Something was sent after the alert.")
	}
	if _, err := p.server.Read(make([]byte, 10), p.now); err == nil || err.Error() == "" {
		t.Error("A failed engine reads.")
	}
}

// An empty write seals a record without content, which the other end reads as
// nothing: with padding, it is traffic without data.
func TestEmptyRecord(t *testing.T) {
	p, _, _ := observedPair(t)
	out, n, err := p.client.Seal(nil, nil, 1000)
	if err != nil || n != 0 || len(out) != recordOverhead {
		t.Fatalf("An empty record has %d bytes: %v.", len(out), err)
	}
	p.toServer = append(p.toServer, out...)
	p.exchange("up", "down")
}
