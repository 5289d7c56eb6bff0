package watchword

import (
	"bytes"
	"errors"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
)

// As fuzz_test.go has it for TLS 1.3: an honest handshake of TLS 1.2 goes some
// steps, and then a fuzzer's bytes come, as they are or sealed under the right
// key. Whatever comes: no panic, no clean end, and an error stays.

func FuzzServerEngine12(f *testing.F) { fuzzEngine12(f, true) }
func FuzzClientEngine12(f *testing.F) { fuzzEngine12(f, false) }

func fuzzEngine12(f *testing.F, server bool) {
	for kind, sc := range scenarios12 {
		p := sc.start(f)
		p.converse()
		stream := p.toClient
		if server {
			stream = p.toServer
		}
		// close_notify is left out: it would make the clean end that nobody but
		// the peer may make.
		records := recordsOf(f, stream)
		stream = stream[:records[len(records)-1].start]
		f.Add(uint8(kind), uint8(0), uint8(0), stream)
		for n, r := range records[:len(records)-1] {
			f.Add(uint8(kind), uint8(n), uint8(0), stream[r.start:])
		}
	}
	f.Add(uint8(1), uint8(9), uint8(22), []byte{0, 0, 0, 0})                                           // HelloRequest
	f.Add(uint8(1), uint8(9), uint8(22), []byte{4, 0, 0, 7, 0, 0, 1, 0, 0, 1, 9})                      // NewSessionTicket
	f.Add(uint8(1), uint8(9), uint8(23), []byte("data"))                                               //
	f.Add(uint8(1), uint8(9), uint8(21), []byte{1, 0})                                                 // close_notify
	f.Add(uint8(1), uint8(9), uint8(21), []byte{1, 100})                                               // no_renegotiation
	f.Add(uint8(1), uint8(2), uint8(script), []byte{20, 1, 1, 22, 4, 20, 0, 0, 12})                    // change_cipher_spec, part of a Finished
	f.Add(uint8(2), uint8(1), uint8(script), []byte{20, 1, 1, 20, 1, 1})                               // change_cipher_spec twice
	f.Add(uint8(1), uint8(9), uint8(script), []byte{23, 2, 'h', 'i', 21, 2, 1, 100, 23, 0, 23, 0})     // data, a warning, empty records
	f.Add(uint8(0), uint8(1), uint8(script), []byte{22, 8, 16, 0, 0, 4, 0, 0, 1, 4, 20, 1, 1})         // a short ClientKeyExchange
	f.Add(uint8(1), uint8(1), uint8(script), []byte{22, 4, 14, 0, 0, 0, 22, 4, 14, 0, 0, 0, 20, 1, 1}) // ServerHelloDone twice
	f.Fuzz(func(t *testing.T, kind, steps, sealAs uint8, data []byte) {
		p := scenarios12[int(kind)%len(scenarios12)].start(t)
		for range steps % 10 {
			p.collect()
			answer(p.server, p.now)
			if !p.deliver(true) && !p.deliver(false) {
				break
			}
		}
		victim, other := p.client, p.server
		if server {
			victim, other = other, victim
		}
		feed := data
		if sealAs >= script {
			feed = scripted12(other, data)
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

// scripted12 is scripted, with change_cipher_spec never protected.
func scripted12(peer *Engine, data []byte) []byte {
	var feed []byte
	for len(data) >= 2 {
		kind, n := record.ContentType(20+data[0]%4), min(int(data[1]), len(data)-2)
		content := data[2 : 2+n]
		data = data[2+n:]
		if !peer.writer.Protected() || kind == record.ChangeCipherSpec {
			feed = append(feed, plainRecord(kind, content)...)
		} else if out, err := peer.writer.Append(feed, kind, content); err == nil {
			feed = out
		}
	}
	return feed
}

// FuzzCBCRecords changes one record that was sealed under the right key, in each
// form: nothing comes of it but bad_record_mac, or what was sealed if nothing was
// changed.
func FuzzCBCRecords(f *testing.F) {
	f.Add(uint8(0), []byte("content"), uint16(7), uint8(1), uint16(0))
	f.Add(uint8(1), []byte{}, uint16(20), uint8(0x80), uint16(0))
	f.Add(uint8(2), bytes.Repeat([]byte{15}, 31), uint16(0), uint8(0), uint16(16))
	f.Add(uint8(6), bytes.Repeat([]byte{0}, 300), uint16(3), uint8(0), uint16(1))
	f.Fuzz(func(t *testing.T, kind uint8, content []byte, at uint16, mask uint8, cut uint16) {
		k := rawSuites[int(kind/2)%len(rawSuites)]
		if k.id != TLS_PSK_WITH_AES_128_CBC_SHA256 {
			return // a key exchange takes too long, and changes nothing here
		}
		d := rawDuel(t, k.id, k.form, k.extended, kind%2 == 0)
		d.raw.afterwards = nil
		d.mustComplete()
		content = content[:min(len(content), limits.MaxPlaintext)]
		rec := d.raw.seal(record.ApplicationData, content)
		body := len(rec) - limits.RecordHeaderLen
		changed := mask != 0 || int(cut)%body != 0
		rec[limits.RecordHeaderLen+int(at)%body] ^= mask
		if n := body - int(cut)%body; n < body {
			rec = rec[:limits.RecordHeaderLen+n]
			rec[3], rec[4] = byte(n>>8), byte(n)
			changed = true
		}
		_ = put(d.victim, rec, testNow)
		got, err := drain(d.victim, testNow)
		if !changed {
			if !bytes.Equal(got, content) || !errors.Is(err, ErrNeedInput) {
				t.Errorf("An honest record gives %d bytes of %d: %v.", len(got), len(content), err)
			}
			return
		}
		if len(got) > 0 || !errors.Is(err, record.ErrMAC) {
			t.Errorf("A changed record gives %x: %v.", got, err)
		}
	})
}
