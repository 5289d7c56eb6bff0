package schedule

// TLS 1.2 against the second implementation, written from the RFCs' words with
// nothing but HMAC; what is refused; and what it costs.

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/suite"
)

// prf is RFC 5246 §5: A(0) = seed, A(i) = HMAC_hash(secret, A(i-1)), and the
// output is the HMACs of A(i) + seed, where seed begins with the label.
func (p plain) prf(secret []byte, label string, seed []byte, n int) []byte {
	seed = append([]byte(label), seed...)
	var out []byte
	for a := p.mac(secret, seed); len(out) < n; a = p.mac(secret, a) {
		out = append(out, p.mac(secret, a, seed)...)
	}
	return out[:n]
}

// randoms are two that differ in every byte.
func randoms() (client, server [32]byte) {
	return [32]byte(bytes.Repeat([]byte{0xc1}, 32)), [32]byte(bytes.Repeat([]byte{0x5e}, 32))
}

func masterForTest(h suite.Hash) Master12 {
	client, server := randoms()
	return NewKey12([]byte("0123456789abcdef")).Premaster(nil).Master(h, client, server)
}

func TestPremaster(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 65535)
	for _, c := range []struct {
		what        string
		psk, other  []byte
		want        string
		expectedLen int
	}{
		// RFC 4279 §2: N, N zeros, N, the key.
		{"plain PSK", []byte("key"), nil, "\x00\x03\x00\x00\x00\x00\x03key", 10},
		{"plain PSK with an empty key", nil, nil, "\x00\x00\x00\x00", 4},
		{"plain PSK with the longest key", long, nil, "\xff\xff" + strings.Repeat("\x00", 65535) + "\xff\xff" + string(long), 131074},
		// RFC 5489 §2: the result of the key exchange in place of the zeros.
		{"ECDHE_PSK", []byte("key"), []byte("shared"), "\x00\x06shared\x00\x03key", 13},
		{"ECDHE_PSK with a key longer than 255 bytes", long[:258], []byte("shared"), "\x00\x06shared\x01\x02" + string(long[:258]), 268},
		// Zeros at the start of the result are part of it (RFC 8422 §5.10).
		{"ECDHE_PSK with leading zeros", []byte("key"), []byte("\x00\x00red"), "\x00\x05\x00\x00red\x00\x03key", 12},
		// An empty result is none of ours, but is not plain PSK either.
		{"an empty result", []byte("key"), []byte{}, "\x00\x00\x00\x03key", 7},
	} {
		got := NewKey12(c.psk).Premaster(c.other).Expose()
		if string(got) != c.want || len(got) != c.expectedLen {
			t.Errorf("%s: the premaster secret has %d bytes and is not the RFC's, which has %d.", c.what, len(got), c.expectedLen)
		}
	}
}

func TestMaster12(t *testing.T) {
	client, server := randoms()
	for h, p := range plains {
		premaster := NewKey12([]byte("0123456789abcdef")).Premaster([]byte("shared"))
		session := h.Sum([]byte("ClientHello to ClientKeyExchange"))
		plainMaster := premaster.Master(h, client, server)
		want := p.prf(premaster.Expose(), "master secret", append(client[:], server[:]...), 48)
		if !bytes.Equal(plainMaster.Expose(), want) {
			t.Errorf("%s: the master secret is not that of RFC 5246 §8.1.", h)
		}
		extended := premaster.ExtendedMaster(h, session)
		if want = p.prf(premaster.Expose(), "extended master secret", session, 48); !bytes.Equal(extended.Expose(), want) {
			t.Errorf("%s: the extended master secret is not that of RFC 7627 §4.", h)
		}
		if plainMaster.Hash() != h || !extended.Set() || (Master12{}).Set() {
			t.Errorf("%s: a master secret has lost its hash, or Set does not tell one from none.", h)
		}
	}
}

// TestKeys12 has what each suite cuts from the key_block, in bytes.
func TestKeys12(t *testing.T) {
	client, server := randoms()
	seen := 0
	for _, s := range suite.Of(suite.TLS12) {
		var mac, key, iv int
		_, cipher, _ := strings.Cut(s.Name, "_WITH_")
		switch cipher {
		case "AES_128_CBC_SHA":
			mac, key, iv = 20, 16, 0
		case "AES_256_CBC_SHA":
			mac, key, iv = 20, 32, 0
		case "AES_128_CBC_SHA256":
			mac, key, iv = 32, 16, 0
		case "AES_256_CBC_SHA384":
			mac, key, iv = 48, 32, 0
		case "AES_128_GCM_SHA256":
			mac, key, iv = 0, 16, 4
		case "AES_256_GCM_SHA384":
			mac, key, iv = 0, 32, 4
		case "CHACHA20_POLY1305_SHA256":
			mac, key, iv = 0, 32, 12
		default:
			t.Errorf("%s: this test does not know its cipher.", s.Name)
			continue
		}
		seen++
		m := masterForTest(s.Hash)
		c, sv := m.Keys(s, client, server)
		block := plains[s.Hash].prf(m.Expose(), "key expansion", append(server[:], client[:]...), 2*(mac+key+iv))
		for _, part := range []struct {
			name string
			got  []byte
			n    int
		}{
			{"client_write_MAC_key", c.MACKey(), mac}, {"server_write_MAC_key", sv.MACKey(), mac},
			{"client_write_key", c.Key(), key}, {"server_write_key", sv.Key(), key},
			{"client_write_IV", c.IV(), iv}, {"server_write_IV", sv.IV(), iv},
		} {
			if !bytes.Equal(part.got, block[:part.n]) {
				t.Errorf("%s: %s has %d bytes, %x; want the %d bytes %x.", s.Name, part.name, len(part.got), part.got, part.n, block[:part.n])
			}
			block = block[part.n:]
		}
		if !c.Set() || (Keys12{}).Set() || c.String() != "[secret]" {
			t.Errorf("%s: Set does not tell keys from none, or they show as %s.", s.Name, c)
		}
	}
	if seen != 14 {
		t.Errorf("%d suites of TLS 1.2 were looked at; want 14.", seen)
	}
}

// TestKeysDoNotShareRoom: appending to one part of the key_block must not write
// over the next.
func TestKeysDoNotShareRoom(t *testing.T) {
	s, _ := suite.ByName("TLS_PSK_WITH_AES_128_CBC_SHA256")
	client, server := masterForTest(suite.SHA256).Keys(s, [32]byte{}, [32]byte{})
	before := bytes.Clone(server.MACKey())
	_ = append(client.MACKey(), 1, 2, 3)
	if !bytes.Equal(server.MACKey(), before) {
		t.Error("Appending to the client's MAC key changed the server's.")
	}
}

func TestFinished12(t *testing.T) {
	for h, p := range plains {
		m := masterForTest(h)
		th := h.Sum([]byte("all messages before"))
		for _, c := range []struct {
			label  string
			make   func([]byte) []byte
			verify func(th, got []byte) bool
			other  func(th, got []byte) bool
		}{
			{"client finished", m.ClientFinished, m.VerifyClientFinished, m.VerifyServerFinished},
			{"server finished", m.ServerFinished, m.VerifyServerFinished, m.VerifyClientFinished},
		} {
			got := c.make(th)
			if want := p.prf(m.Expose(), c.label, th, 12); !bytes.Equal(got, want) {
				t.Errorf("%s: verify_data of %q is %x; want %x.", h, c.label, got, want)
			}
			if !c.verify(th, got) || c.other(th, got) {
				t.Errorf("%s: verify_data of %q is refused, or is taken for the other side's.", h, c.label)
			}
			for i := range got {
				for bit := range 8 {
					got[i] ^= 1 << bit
					if c.verify(th, got) {
						t.Fatalf("%s: verify_data of %q with bit %d of byte %d changed was accepted.", h, c.label, bit, i)
					}
					got[i] ^= 1 << bit
				}
			}
			for _, wrong := range [][]byte{nil, {}, got[:11], append(bytes.Clone(got), 0), make([]byte, 12)} {
				if c.verify(th, wrong) {
					t.Errorf("%s: verify_data of %d bytes was accepted for %q.", h, len(wrong), c.label)
				}
			}
			if c.verify(h.Sum([]byte("other messages")), got) {
				t.Errorf("%s: verify_data of %q was accepted for another transcript.", h, c.label)
			}
		}
	}
}

// TestExporter12: without a context the seed is the randoms, with one, an empty
// one too, its length and itself follow (RFC 5705 §4).
func TestExporter12(t *testing.T) {
	client, server := randoms()
	both := append(client[:], server[:]...)
	for h, p := range plains {
		m := masterForTest(h)
		e := m.Exporter(client, server)
		longest := bytes.Repeat([]byte{1}, 65535)
		for _, c := range []struct {
			what    string
			context []byte
			seed    []byte
		}{
			{"no context", nil, both},
			{"an empty context", []byte{}, append(bytes.Clone(both), 0, 0)},
			{"a context", []byte("context"), append(bytes.Clone(both), "\x00\x07context"...)},
			{"the longest context", longest, append(append(bytes.Clone(both), 0xff, 0xff), longest...)},
		} {
			for _, n := range []int{0, 1, 32, 77, 255 * h.Size()} {
				got, err := e.Export("EXPORTER-test", c.context, n)
				if want := p.prf(m.Expose(), "EXPORTER-test", c.seed, n); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes exported for %s are wrong, error %v.", h, n, c.what, err)
				}
			}
		}
		if !e.Set() || e.Hash() != h || (Exporter12{}).Set() {
			t.Errorf("%s: Set does not tell an exporter from none, or it has lost its hash.", h)
		}
	}
}

func TestExport12Bounds(t *testing.T) {
	e := masterForTest(suite.SHA256).Exporter([32]byte{}, [32]byte{})
	for _, c := range []struct {
		label   string
		context int
		n       int
		want    error
	}{
		{"", 0, 0, nil},
		{strings.Repeat("x", maxLabelLen), 65535, 255 * 32, nil},
		{strings.Repeat("x", maxLabelLen+1), 0, 1, ErrExportLabel},
		{"x", 65536, 1, ErrExportContext},
		{"x", 0, 255*32 + 1, ErrExportLength},
		{"x", 0, -1, ErrExportLength},
		// RFC 5705 §4 and RFC 7627 §4: they would give what the protocol keeps.
		{"client finished", 0, 12, ErrExportReserved},
		{"server finished", 0, 12, ErrExportReserved},
		{"master secret", 0, 48, ErrExportReserved},
		{"extended master secret", 0, 48, ErrExportReserved},
		{"key expansion", 0, 96, ErrExportReserved},
		{"key expansion ", 0, 96, nil},
	} {
		got, err := e.Export(c.label, make([]byte, c.context), c.n)
		if !errors.Is(err, c.want) || err == nil && len(got) != c.n {
			t.Errorf("A label of %d bytes (%.20s), a context of %d and a length of %d gave %d bytes and the error %v, want %v.",
				len(c.label), c.label, c.context, c.n, len(got), err, c.want)
		}
	}
}

// TestTicketMaster: a master secret goes into a ticket and comes out of it.
func TestTicketMaster(t *testing.T) {
	for h := range plains {
		m := masterForTest(h)
		again, err := NewMaster12(h, m.Raw())
		if err != nil || !bytes.Equal(again.Expose(), m.Expose()) || again.Hash() != h {
			t.Errorf("%s: a master secret is another one after a ticket, error %v.", h, err)
		}
		for _, n := range []int{0, 32, 47, 49, 96} {
			if again, err := NewMaster12(h, make([]byte, n)); err == nil || again.Set() {
				t.Errorf("%s: a master secret of %d bytes was accepted.", h, n)
			}
		}
	}
}

// TestCopies12: nobody outside holds the bytes of a secret.
func TestCopies12(t *testing.T) {
	psk := []byte("0123456789abcdef")
	k := NewKey12(psk)
	clear(psk)
	if string(k.Expose()) != "0123456789abcdef" {
		t.Error("Clearing what NewKey12 was given changed the key.")
	}
	m := masterForTest(suite.SHA256)
	before := m.Expose()
	raw := m.Raw()
	from, _ := NewMaster12(suite.SHA256, raw)
	clear(raw)
	clear(m.Raw())
	if !bytes.Equal(m.Expose(), before) || !bytes.Equal(from.Expose(), before) {
		t.Error("Clearing what Raw returned, or what NewMaster12 was given, changed a master secret.")
	}
	e := m.Exporter([32]byte{1}, [32]byte{2})
	first, _ := e.Export("x", []byte("context"), 32)
	second, _ := e.Export("x", []byte("context"), 32)
	if !bytes.Equal(first, second) {
		t.Error("Exporting twice gave two results.")
	}
}

// TestCost12: of a handshake nothing costs more for one key than for another of
// its length, known or not: as many HMACs, and for each the same bytes.
func TestCost12(t *testing.T) {
	client, server := randoms()
	cost := func(f func()) (n int) {
		stop := suite.CountMACs(func(suite.Hash) { n++ })
		defer stop()
		f()
		return n
	}
	s, _ := suite.ByName("TLS_PSK_WITH_AES_128_CBC_SHA256")
	m := masterForTest(suite.SHA256)
	for _, c := range []struct {
		what string
		want int
		f    func()
	}{
		{"NewKey12 and Premaster", 0, func() { NewKey12(make([]byte, 32)).Premaster(nil) }},
		{"Master", 4, func() { NewKey12(make([]byte, 32)).Premaster(nil).Master(suite.SHA256, client, server) }},
		{"ExtendedMaster", 4, func() { NewKey12(make([]byte, 512)).Premaster(nil).ExtendedMaster(suite.SHA256, make([]byte, 32)) }},
		{"ExtendedMaster with SHA-384", 2, func() { NewKey12(nil).Premaster(nil).ExtendedMaster(suite.SHA384, make([]byte, 48)) }},
		{"Keys", 6, func() { m.Keys(s, client, server) }},
		{"VerifyClientFinished", 2, func() { m.VerifyClientFinished(make([]byte, 32), nil) }},
	} {
		if got := cost(c.f); got != c.want {
			t.Errorf("%s cost %d HMACs, want %d.", c.what, got, c.want)
		}
	}
}

func TestSecretsOf12ShowNothing(t *testing.T) {
	m := masterForTest(suite.SHA256)
	keys, _ := m.Keys(suite.Of(suite.TLS12)[0], [32]byte{}, [32]byte{})
	text, err := keys.MarshalText()
	if got := fmt.Sprintf("%x %d %x %#v", keys, &keys, m, m.Exporter([32]byte{}, [32]byte{})); err != nil || string(text) != "[secret]" || got != "[secret] [secret] [secret] [secret]" {
		t.Errorf("Secrets show as %q and as %q, error %v.", text, got, err)
	}
}

func BenchmarkSecretsOf12(b *testing.B) {
	b.ReportAllocs()
	key := NewKey12(make([]byte, 32))
	s, _ := suite.ByName("TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256")
	th := make([]byte, 32)
	for b.Loop() {
		m := key.Premaster(th).ExtendedMaster(suite.SHA256, th)
		m.Keys(s, [32]byte{}, [32]byte{})
		m.ClientFinished(th)
		m.ServerFinished(th)
	}
}
