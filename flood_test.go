package watchword

// A peer that sends without end: each kind of flood ends in an error that names
// it, after bounded work, with the memory as it was.

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/wire"
)

const million = 1_000_000

// heap returns how many bytes are in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// flood delivers a million records. next seals one; once the victim has failed,
// the last is sent again, as a peer would that takes no notice.
func flood(t *testing.T, p *pair, victim *Engine, next func() []byte) (accepted int, err error) {
	t.Helper()
	before := heap()
	var last []byte
	buf := make([]byte, 64)
	for i := range million {
		if err == nil {
			last = next()
			accepted = i
		}
		got := put(victim, last, p.now)
		if got == nil {
			if _, readErr := victim.Read(buf, p.now); !errors.Is(readErr, ErrNeedInput) {
				got = readErr
			}
		}
		if err != nil && got != err {
			t.Fatalf("After its error the engine says %v, want the same error again: %v.", got, err)
		}
		err = got
		if i > 20_000 && err == nil {
			t.Fatal("20,000 records were accepted.")
		}
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("A million records grew the memory by %d bytes.", after-before)
	}
	return accepted, err
}

func TestFloods(t *testing.T) {
	update := wire.AppendKeyUpdate(nil, wire.UpdateNotRequested)
	request := wire.AppendKeyUpdate(nil, wire.UpdateRequested)
	warning := []byte{1, byte(alert.UserCanceled)}
	for _, c := range []struct {
		name    string
		kind    record.ContentType
		content []byte
		limit   int
		says    string
	}{
		{"empty records", record.ApplicationData, nil, limits.MaxEmptyRecords, "empty records"},
		{"KeyUpdates", record.Handshake, update, limits.MaxIdleKeyUpdates, "KeyUpdates"},
		{"KeyUpdates with requests", record.Handshake, request, limits.MaxIdleKeyUpdates, "KeyUpdates"},
		{"warnings", record.Alert, warning, limits.MaxWarningAlerts, "warning alerts"},
		{"change_cipher_spec records", record.ChangeCipherSpec, []byte{1}, 0, "change_cipher_spec"},
	} {
		for _, toClient := range []bool{false, true} {
			p, _, _ := observedPair(t)
			from, victim := p.client, p.server
			if toClient {
				from, victim = victim, from
			}
			accepted, err := flood(t, p, victim, func() []byte {
				if c.kind == record.Handshake {
					// The key changes with each, so the state machine makes it.
					r := wire.UpdateNotRequested
					if &c.content[0] == &request[0] {
						r = wire.UpdateRequested
					}
					if err := from.updateKey(r); err != nil {
						t.Fatal(err)
					}
				} else if err := from.appendRecord(c.kind, c.content); err != nil {
					t.Fatal(err)
				}
				out := append([]byte(nil), from.out...)
				from.out = nil
				return out
			})
			wantLocal(t, "a million "+c.name, err, alert.UnexpectedMessage)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("A million %s: the error does not name them: %v.", c.name, err)
			}
			if accepted != c.limit {
				t.Errorf("%d %s were accepted, want %d.", accepted, c.name, c.limit)
			}
		}
	}
}

// Before the handshake is complete there is less that may come.
func TestFloodsDuringTheHandshake(t *testing.T) {
	hello := func(p *pair) { p.collect(); p.deliver(true) }
	for _, c := range []struct {
		name   string
		before func(p *pair)
		server bool
		record []byte
		want   alert.Description
	}{
		{"change_cipher_spec before anything", func(*pair) {}, true, plainRecord(20, []byte{1}), alert.UnexpectedMessage},
		{"change_cipher_spec at the server", hello, true, plainRecord(20, []byte{1}), alert.UnexpectedMessage},
		{"change_cipher_spec at the client", func(*pair) {}, false, plainRecord(20, []byte{1}), alert.UnexpectedMessage},
		{"warnings at the server", func(*pair) {}, true, plainRecord(21, []byte{1, 90}), alert.UnexpectedMessage},
		{"warnings at the client", func(*pair) {}, false, plainRecord(21, []byte{1, 90}), alert.UnexpectedMessage},
		{"pieces of a ClientHello of one byte", func(*pair) {}, true, plainRecord(22, []byte{1}), alert.IllegalParameter},
		{"pieces of a short ClientHello", func(p *pair) { _ = put(p.server, plainRecord(22, []byte{1, 0, 255, 255}), testNow) }, true, plainRecord(22, []byte{0}), alert.DecodeError},
		{"empty handshake records", func(*pair) {}, true, plainRecord(22, nil), alert.UnexpectedMessage},
		{"empty application data", hello, true, plainRecord(23, nil), alert.BadRecordMAC},
	} {
		client, server := configs(t, KeyOptions{})
		p := newPair(t, client, server)
		c.before(p)
		victim := p.client
		if c.server {
			victim = p.server
		}
		before := heap()
		var err error
		for i := range million {
			if err = put(victim, c.record, testNow); err != nil && i > 100_000 {
				break
			}
		}
		wantLocal(t, c.name, err, c.want)
		if after := heap(); after > before+1<<20 {
			t.Errorf("%s: the memory grew by %d bytes.", c.name, after-before)
		}
		runtime.KeepAlive(p)
	}
}

// What comes after the peer's close_notify is not kept.
func TestFloodAfterCloseNotify(t *testing.T) {
	p, _, _ := observedPair(t)
	p.client.CloseWrite()
	p.run()
	if _, err := drain(p.server, p.now); err == nil {
		t.Fatal("The server did not see the end.")
	}
	before := heap()
	junk := make([]byte, 16384)
	for range 1000 {
		if err := put(p.server, junk, p.now); err != nil {
			t.Fatalf("After close_notify the engine says %v; what comes then is to be ignored (RFC 9846 §6.1).", err)
		}
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("16 MB after close_notify grew the memory by %d bytes.", after-before)
	}
	p.write(p.server, []byte("the other half lives on"))
	p.run()
	if got, _ := drain(p.client, p.now); string(got) != "the other half lives on" {
		t.Errorf("The client read %q.", got)
	}
}
