package watchword

import (
	"errors"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/internal/record"
)

// What a fuzzer does to an engine: it lets an honest handshake go some steps,
// and then feeds its own bytes, either as they are or sealed under the right
// key. Whatever comes: no panic, no clean end, and an error stays.

func FuzzServerEngine(f *testing.F) { fuzzEngine(f, true) }
func FuzzClientEngine(f *testing.F) { fuzzEngine(f, false) }

func fuzzEngine(f *testing.F, server bool) {
	c, s := configs(f, KeyOptions{})
	p := newPair(f, c, s)
	p.collect()
	f.Add(uint8(0), uint8(0), p.toServer)
	p.run()
	f.Add(uint8(0), uint8(0), p.toServer)
	f.Add(uint8(1), uint8(0), p.toClient)
	f.Add(uint8(9), uint8(22), []byte{24, 0, 0, 1, 1})
	f.Add(uint8(9), uint8(22), []byte{4, 0, 0, 14, 0, 0, 1, 0, 1, 2, 3, 4, 0, 0, 1, 9, 0, 0})
	f.Add(uint8(9), uint8(23), []byte("data"))
	f.Add(uint8(9), uint8(21), []byte{1, 0})
	f.Add(uint8(2), uint8(21), []byte{2, 40})
	f.Add(uint8(9), uint8(20), []byte{1})
	// Scripts: a KeyUpdate in two records, a ticket in three, data around
	// warnings and empty records, an alert amid a message.
	f.Add(uint8(9), uint8(script), []byte{22, 3, 24, 0, 0, 22, 2, 1, 1})
	f.Add(uint8(9), uint8(script), []byte{22, 4, 4, 0, 0, 14, 22, 4, 0, 0, 1, 0, 22, 10, 1, 2, 3, 4, 0, 0, 1, 9, 0, 0})
	f.Add(uint8(9), uint8(script), []byte{23, 2, 'h', 'i', 21, 2, 1, 90, 23, 0, 23, 0, 23, 1, '!', 21, 2, 1, 0, 23, 1, 'x'})
	f.Add(uint8(9), uint8(script), []byte{22, 2, 24, 0, 21, 2, 2, 40})
	f.Add(uint8(0), uint8(script), []byte{22, 2, 1, 0, 22, 2, 0, 9, 20, 1, 1})
	f.Add(uint8(3), uint8(script), []byte{20, 1, 1, 20, 1, 1, 20, 1, 1})
	f.Fuzz(func(t *testing.T, steps, sealAs uint8, data []byte) {
		c, s := cheap(t)
		p := newPair(t, c, s)
		for range steps % 10 {
			p.collect()
			answer(p.server, p.now)
			if !p.deliver(true) && !p.deliver(false) {
				break
			}
		}
		victim, other := p.client, p.server
		if server {
			victim, other = p.server, p.client
		}
		feed := data
		if sealAs >= script {
			feed = scripted(other, data)
		} else if sealAs != 0 && other.writer.Protected() {
			sealed, err := other.writer.Append(nil, record.ContentType(20+sealAs%4), data[:min(len(data), other.writer.MaxContent())])
			if err == nil {
				feed = sealed
			}
		}
		_ = put(victim, feed, p.now)
		answer(victim, p.now)
		checkVictim(t, p, victim, sealAs != 0)
	})
}

// script and above say that the fuzzer's bytes are a script of records: type,
// length, content.
const script = 128

// scripted makes the records of a script under the peer's current key, or plain
// where it has none.
func scripted(peer *Engine, data []byte) []byte {
	var feed []byte
	for len(data) >= 2 {
		kind, n := record.ContentType(20+data[0]%4), min(int(data[1]), len(data)-2)
		content := data[2 : 2+n]
		data = data[2+n:]
		if !peer.writer.Protected() {
			feed = append(feed, plainRecord(kind, content)...)
		} else if out, err := peer.writer.Append(feed, kind, content); err == nil {
			feed = out
		}
	}
	return feed
}

// checkVictim reads all there is and holds the engine against its promises.
func checkVictim(t *testing.T, p *pair, e *Engine, mayEnd bool) {
	buf := make([]byte, 1<<15)
	for range 1 << 10 {
		n, err := e.Read(buf, p.now)
		if n == 0 && err == nil {
			t.Fatal("Read returned neither data nor an error.")
		}
		if errors.Is(err, io.EOF) && !mayEnd {
			t.Fatal("Bytes that nobody sealed made a clean end.")
		}
		if err != nil {
			break
		}
	}
	if e.peerDone {
		return
	}
	first := e.ReceivedEOF()
	_, err := e.Read(buf, p.now)
	if err == nil || errors.Is(err, io.EOF) {
		t.Fatalf("A stream that was cut ends with %v.", err)
	}
	if first != nil && e.Err() != first {
		t.Fatalf("The error did not stay: first %v, then %v.", first, e.Err())
	}
	e.Output(nil)
}

// FuzzParseTicket: a ticket's content comes only from ourselves, sealed, but
// its parser holds against anything.
func FuzzParseTicket(f *testing.F) {
	f.Add((&ticketState{issued: testNow, began: testNow, identity: "alice", keyTag: make([]byte, 32), psk: make([]byte, 32)}).marshal())
	f.Add([]byte{})
	other := (&ticketState{identity: "alice"}).marshal()
	other[7] = 2 // extended master secret: neither no nor yes
	f.Add(other)
	f.Fuzz(func(t *testing.T, data []byte) {
		if state := parseTicket(data); state != nil && string(state.marshal()) != string(data) {
			t.Errorf("A ticket is not what it was parsed from.")
		}
	})
}
