package watchword

// What the network can do to a stream of TLS 1.2: cut it into pieces, change a
// byte, end it early. Two engines in memory go through all of it, and against a
// raw end those forms that our own ends never choose.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
)

var external = KeyOptions{Kind: External}

// in12 brings two configurations together in TLS 1.2 with one suite.
func in12(id SuiteID, more func(c, s *Config)) func(testing.TB, *Config, *Config) {
	return func(_ testing.TB, c, s *Config) {
		c.Policy, s.Policy, c.MaxVersion = Legacy, Legacy, VersionTLS12
		c.Suites, c.Groups = []SuiteID{id}, []Group{X25519}
		if more != nil {
			more(c, s)
		}
	}
}

func ticketed(c, _ *Config) { c.Tickets = &Tickets{Cache: NewTicketCache()} }

// scenarios12 are all of TLS 1.2 that differ in their messages or records.
var scenarios12 = []scenario{
	{name: "ECDHE-PSK-AES128-GCM", key: external, exchanges: true, set: in12(TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, nil)},
	{name: "PSK-AES128-CBC-SHA256", key: external, set: in12(TLS_PSK_WITH_AES_128_CBC_SHA256, func(_, s *Config) { s.IdentityHint = "a hint" })},
	{name: "resumption", key: external, prior: 1, set: in12(TLS_PSK_WITH_AES_128_CBC_SHA256, ticketed)},
	{name: "TLS 1.3 offered, all extensions", key: external, set: in12(TLS_PSK_WITH_AES_128_GCM_SHA256, func(c, s *Config) {
		c.MaxVersion, s.MaxVersion, c.KeyExchange = 0, VersionTLS12, PSKOnly
		c.Suites = []SuiteID{TLS_AES_128_GCM_SHA256, TLS_PSK_WITH_AES_128_GCM_SHA256, TLS_PSK_WITH_AES_128_CBC_SHA256}
		c.ServerName, c.NextProtos, s.NextProtos = "host.example", []string{"b", "a"}, []string{"a"}
		c.RecordSizeLimit, s.RecordSizeLimit = 100, 200
		ticketed(c, s)
	})},
}

// checkHonest12 makes sure that a scenario is one of TLS 1.2.
func checkHonest12(t *testing.T, sc scenario) *pair {
	t.Helper()
	p := sc.honest(t)
	if v := p.client.Session().Version; v != VersionTLS12 {
		t.Fatalf("The connection is one of %s.", VersionName(v))
	}
	return p
}

// streams12 are both directions of a connection.
func (p *pair) streams() map[bool][]byte {
	return map[bool][]byte{true: p.toServer, false: p.toClient}
}

func TestEverySplitOfTheStream12(t *testing.T) {
	for _, sc := range scenarios12 {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			whole := checkHonest12(t, sc)
			for _, chunk := range []int{1, 2, 3, 5, 7, 16, 64} {
				p := sc.start(t)
				p.chunk = chunk
				p.converse()
				if s, c := p.end(p.server), p.end(p.client); !s.perfect(textUp) || !c.perfect(textDown) {
					t.Errorf("In pieces of %d bytes: %v at the server and %v at the client.", chunk, s, c)
				}
				if !bytes.Equal(p.toServer, whole.toServer) || !bytes.Equal(p.toClient, whole.toClient) {
					t.Errorf("In pieces of %d bytes: what is sent depends on how it arrives.", chunk)
				}
			}
			for toServer, stream := range whole.streams() {
				for offset := 1; offset < len(stream); offset += 2 * step12(t, sc) {
					p := sc.start(t)
					p.cutAt(toServer, offset)
					p.converse()
					if s, c := p.end(p.server), p.end(p.client); !s.perfect(textUp) || !c.perfect(textDown) {
						t.Fatalf("Cut at %d (to the server: %v): %v at the server and %v at the client.", offset, toServer, s, c)
					}
				}
			}
		})
	}
}

// step12 thins the loops where each turn costs two handshakes, and the messages
// are mostly those of another scenario.
func step12(t testing.TB, sc scenario) int {
	if sc.prior > 0 {
		return 3
	}
	return step(t, sc)
}

// ignored12 reports whether a receiver ignores the byte at an offset: as in
// TLS 1.3 the second byte of a version, as long as records are not protected.
func ignored12(records []recordAt, offset int) bool {
	for _, r := range records {
		if offset == r.start+2 {
			return true
		}
		if r.kind == record.ChangeCipherSpec {
			return false // what follows is protected (RFC 5246 §6.2.3)
		}
	}
	return false
}

func TestEveryByteFlipped12(t *testing.T) {
	for _, sc := range scenarios12 {
		masks := []byte{0x01, 0x80}
		if sc.exchanges || sc.prior > 0 {
			masks = []byte{0x04}
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			whole := checkHonest12(t, sc)
			for toServer, stream := range whole.streams() {
				records := recordsOf(t, stream)
				for offset := 0; offset < len(stream); offset += step(t, sc) {
					for _, mask := range masks {
						what := fmt.Sprintf("bit %#x at %d of %d, to the server: %v", mask, offset, len(stream), toServer)
						sc.flip(t, what, toServer, offset, mask, ignored12(records, offset))
					}
				}
			}
		})
	}
}

func TestStreamCutAtEachByte12(t *testing.T) {
	for _, sc := range scenarios12 {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			whole := checkHonest12(t, sc)
			for toServer, stream := range whole.streams() {
				for offset := 0; offset < len(stream); offset += step12(t, sc) {
					sc.cut(t, toServer, offset)
				}
			}
		})
	}
}

// rawSuites are what a raw end is used for: CBC without encrypt-then-MAC, which
// our own ends always agree on, and without the extended master secret.
var rawSuites = []struct {
	name     string
	id       SuiteID
	form     suite.CBCForm
	extended bool
}{
	{"MAC-then-encrypt", TLS_PSK_WITH_AES_128_CBC_SHA256, suite.MACThenEncrypt, true},
	{"MAC-then-encrypt, no extended master secret", TLS_PSK_WITH_AES_128_CBC_SHA256, suite.MACThenEncrypt, false},
	{"MAC-then-encrypt, SHA-384, ECDHE", TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384, suite.MACThenEncrypt, true},
	{"encrypt-then-MAC", TLS_PSK_WITH_AES_128_CBC_SHA256, suite.EncryptThenMAC, true},
}

// rawConfig is the configuration of an engine that meets a raw end.
func rawConfig(t testing.TB, id SuiteID) *Config {
	t.Helper()
	c := &Config{Keys: []*Key{keyWith(t, "alice", 1, external)}, Policy: Legacy, MaxVersion: VersionTLS12, Rand: seeded(1)}
	c.Suites, c.Groups = []SuiteID{id}, []Group{X25519}
	return c
}

// rawDuel sets an engine against a raw end that says a text and close_notify
// after the handshake.
func rawDuel(t testing.TB, id SuiteID, form suite.CBCForm, extended, rawServer bool) *duel {
	t.Helper()
	raw := newRaw12(t, keyWith(t, "alice", 1, external), id, rawServer)
	raw.hello.ExtendedMasterSecret, raw.answer.ExtendedMasterSecret = extended, extended
	if form == suite.EncryptThenMAC {
		raw.hello.EncryptThenMAC, raw.answer.EncryptThenMAC = true, true
	}
	raw.afterwards = func() []byte {
		return append(raw.seal(record.ApplicationData, []byte(textUp)), raw.seal(record.Alert, []byte{1, 0})...)
	}
	return newDuel(t, rawConfig(t, id), raw)
}

// overRaw runs a test against a raw client and a raw server of each kind.
func overRaw(t *testing.T, test func(t *testing.T, start func() *duel)) {
	for _, k := range rawSuites {
		for _, rawServer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, raw server: %v", k.name, rawServer), func(t *testing.T) {
				t.Parallel()
				test(t, func() *duel { return rawDuel(t, k.id, k.form, k.extended, rawServer) })
			})
		}
	}
}

func TestRawEndIsUnderstood(t *testing.T) {
	for _, k := range rawSuites {
		for _, rawServer := range []bool{false, true} {
			d := rawDuel(t, k.id, k.form, k.extended, rawServer)
			d.mustComplete()
			if o := d.end(); !o.perfect(textUp) {
				t.Errorf("%s: the engine ends with %v.", k.name, o)
			}
			s := d.victim.Session()
			if s.Version != VersionTLS12 || s.Suite != k.id || s.ExtendedMasterSecret != k.extended || s.EncryptThenMAC != (k.form == suite.EncryptThenMAC) {
				t.Errorf("%s: the session is %+v.", k.name, s)
			}
		}
	}
}

func TestRawStreamSplitFlippedAndCut(t *testing.T) {
	overRaw(t, func(t *testing.T, start func() *duel) {
		if raw := start().raw; raw.ecdhe() || raw.answer.EncryptThenMAC {
			return // two engines do that
		}
		whole := start()
		whole.run()
		for chunk := 1; chunk <= 40; chunk++ {
			d := start()
			d.chunk = chunk
			d.run()
			if o := d.end(); !o.perfect(textUp) || !bytes.Equal(d.toVictim, whole.toVictim) {
				t.Errorf("In pieces of %d bytes: %v.", chunk, o)
			}
		}
		records := recordsOf(t, whole.toVictim)
		for offset := range whole.toVictim {
			what := fmt.Sprintf("byte %d of %d changed", offset, len(whole.toVictim))
			d := start()
			d.change = func(at int, b []byte) []byte {
				if offset >= at && offset < at+len(b) {
					b[offset-at] ^= 1 << (offset % 8)
				}
				return b
			}
			d.run()
			o := d.end()
			noMoreThanSent(t, what, o, textUp)
			if harmless := ignored12(records, offset); harmless != (o.err == io.EOF) {
				t.Errorf("%s: the engine ends with %v.", what, o)
			}

			d = start()
			d.change = func(at int, b []byte) []byte { return b[:min(len(b), max(offset-at, 0))] }
			d.run()
			o = d.end()
			noMoreThanSent(t, what, o, textUp)
			if !errors.Is(o.err, ErrTruncated) {
				t.Errorf("Cut after %d bytes: the error is %v, want ErrTruncated.", offset, o.err)
			}
		}
	})
}

// Content of every length near a block's edge, and of the most and the least
// there is: it arrives whole, and a record of any other length does not open.
func TestCBCRecordsAtTheEdges(t *testing.T) {
	lengths := []int{limits.MaxPlaintext - 17, limits.MaxPlaintext - 16, limits.MaxPlaintext - 1, limits.MaxPlaintext}
	for n := range 4*16 + 2 {
		lengths = append(lengths, n)
	}
	overRaw(t, func(t *testing.T, start func() *duel) {
		d := start()
		d.raw.afterwards = nil
		d.mustComplete()
		for _, n := range lengths {
			content := bytes.Repeat([]byte{0x0f}, n) // as padding looks
			d.deliver(d.raw.seal(record.ApplicationData, content))
			got, err := drain(d.victim, testNow)
			if !bytes.Equal(got, content) || !errors.Is(err, ErrNeedInput) {
				t.Fatalf("Of %d bytes, %d arrive: %v.", n, len(got), err)
			}
		}
		for _, n := range []int{0, 1, 15, 16, 17, 47, 48} {
			sealed := start()
			sealed.raw.afterwards = nil
			sealed.mustComplete()
			body := len(sealed.raw.seal(record.ApplicationData, make([]byte, n))) - limits.RecordHeaderLen
			for short := 0; short < body; short += 1 + 15*(short/40) {
				if short == 0 {
					continue
				}
				d := start()
				d.raw.afterwards = nil
				d.mustComplete()
				rec := d.raw.seal(record.ApplicationData, make([]byte, n))[:limits.RecordHeaderLen+body-short]
				rec[3], rec[4] = byte((body-short)>>8), byte(body-short)
				d.deliver(rec)
				got, err := drain(d.victim, testNow)
				wantLocal(t, fmt.Sprintf("a record of %d bytes that is %d too short", n, short), err, alert.BadRecordMAC)
				if len(got) > 0 {
					t.Errorf("Of a record that is %d bytes too short, %x is read.", short, got)
				}
			}
		}
	})
}
