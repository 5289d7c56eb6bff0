package schedule

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/rfc8448test"
	"github.com/watchword-tls/watchword/internal/suite"
)

// plain is HKDF and HKDF-Expand-Label written out from RFC 5869 and RFC 9846
// with nothing but HMAC, to check what no published vector covers.
type plain struct {
	new  func() hash.Hash
	size int
}

var plains = map[suite.Hash]plain{
	suite.SHA256: {sha256.New, 32},
	suite.SHA384: {sha512.New384, 48},
}

func (p plain) mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(p.new, key)
	for _, part := range parts {
		m.Write(part)
	}
	return m.Sum(nil)
}

func (p plain) sum(data []byte) []byte {
	h := p.new()
	h.Write(data)
	return h.Sum(nil)
}

func (p plain) label(secret []byte, label string, context []byte, n int) []byte {
	info := fmt.Appendf(nil, "%c%c%ctls13 %s%c", 0, 0, 0, label, 0)
	info[0], info[1], info[2] = byte(n>>8), byte(n), byte(6+len(label))
	info[len(info)-1] = byte(len(context))
	info = append(info, context...)
	var out, block []byte
	for i := byte(1); len(out) < n; i++ {
		block = p.mac(secret, block, info, []byte{i})
		out = append(out, block...)
	}
	return out[:n]
}

func TestExpandLabel(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 48)
	for h, p := range plains {
		for _, n := range []int{0, 1, 12, 31, 32, 33, 48, 49, 64, 1000, 255 * h.Size()} {
			for _, l := range []string{"key", strings.Repeat("l", maxLabelLen)} {
				for _, context := range [][]byte{nil, {1}, bytes.Repeat([]byte{2}, 255)} {
					if got := ExpandLabel(h, secret, l, context, n); !bytes.Equal(got, p.label(secret, l, context, n)) {
						t.Errorf("%s: %d bytes for a label of %d and a context of %d bytes are wrong.", h, n, len(l), len(context))
					}
				}
			}
		}
	}
}

// TestNotInTheVectors holds against the second implementation what neither
// RFC 8448 nor NIST shows: key update, exporter, tickets and binders with both
// hashes.
func TestNotInTheVectors(t *testing.T) {
	th := bytes.Repeat([]byte{3}, 48)
	for h, p := range plains {
		th := th[:h.Size()]
		psk := bytes.Repeat([]byte{9}, 40)
		early := p.mac(make([]byte, p.size), psk)
		for kind, l := range map[PSKKind]string{ExternalPSK: "ext binder", ResumptionPSK: "res binder", ImportedPSK: "imp binder"} {
			binderKey := p.label(early, l, p.sum(nil), p.size)
			want := p.mac(p.label(binderKey, "finished", nil, p.size), th)
			if got := NewPSK(h, kind, psk).Binder(th); !bytes.Equal(got, want) {
				t.Errorf("%s: the binder of a key of kind %s is wrong.", h, kind)
			}
		}
		main := NewPSK(h, ExternalPSK, psk).Handshake([]byte("shared")).Main()
		traffic := main.ClientTraffic(th)
		want := p.label(traffic.Expose(), "traffic upd", nil, p.size)
		if !bytes.Equal(traffic.Next().Expose(), want) {
			t.Errorf("%s: the updated traffic secret is wrong.", h)
		}
		exporter := main.Exporter(th)
		for _, context := range [][]byte{nil, {}, []byte("context")} {
			want = p.label(p.label(exporter.Expose(), "EXPORTER-test", p.sum(nil), p.size), "exporter", p.sum(context), 77)
			if got, err := exporter.Export("EXPORTER-test", context, 77); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: what was exported for the context %q is wrong.", h, context)
			}
		}
		resumption := main.Resumption(th)
		if want = p.label(resumption.Expose(), "resumption", []byte{0, 1}, p.size); !bytes.Equal(resumption.TicketPSK([]byte{0, 1}), want) {
			t.Errorf("%s: the PSK of a ticket is wrong.", h)
		}
	}
}

func TestExportBounds(t *testing.T) {
	e := NewPSK(suite.SHA384, ExternalPSK, make([]byte, 48)).Handshake(nil).Main().Exporter(make([]byte, 48))
	for _, c := range []struct {
		label int
		n     int
		want  error
	}{
		{0, 0, nil}, {maxLabelLen, 255 * 48, nil}, {maxLabelLen + 1, 1, ErrExportLabel}, {1, 255*48 + 1, ErrExportLength}, {1, -1, ErrExportLength},
	} {
		got, err := e.Export(strings.Repeat("x", c.label), nil, c.n)
		if !errors.Is(err, c.want) || err == nil && len(got) != c.n {
			t.Errorf("A label of %d bytes and a length of %d gave %d bytes and the error %v, want %v.", c.label, c.n, len(got), err, c.want)
		}
	}
}

// TestTicketOfSection3ResumesSection4 ties two traces of RFC 8448 together.
func TestTicketOfSection3ResumesSection4(t *testing.T) {
	var ticketPSK, used []byte
	for _, s := range rfc8448test.Load(t, 3).Steps {
		if s.Is("generate resumption secret") && s.Who == "server" {
			ticketPSK = s.Get("expanded")
		}
	}
	for _, s := range rfc8448test.Load(t, 4).Steps {
		if s.Is(`extract secret "early"`) && s.Who == "client" {
			used = s.Get("IKM")
		}
	}
	if len(used) == 0 || !bytes.Equal(ticketPSK, used) {
		t.Error("The PSK of the ticket in section 3 is not the one that section 4 resumes with.")
	}
}

// TestImport checks RFC 9258 §5.1, which has no vectors, against the second
// implementation, and that all that goes in makes a difference.
func TestImport(t *testing.T) {
	epsk := bytes.Repeat([]byte{5}, 32)
	identity := func(name, context string, protocol, kdf uint16) []byte {
		return fmt.Appendf(nil, "%c%c%s%c%c%s%c%c%c%c", 0, len(name), name, 0, len(context), context,
			protocol>>8, protocol&0xff, kdf>>8, kdf&0xff)
	}
	seen := map[string]string{}
	add := func(what string, keyHash suite.Hash, epsk, id []byte, target suite.Hash) {
		t.Helper()
		psk := Import(keyHash, epsk, id, target)
		p, tp := plains[keyHash], plains[target]
		ipskx := p.label(p.mac(make([]byte, p.size), epsk), "derived psk", p.sum(id), tp.size)
		if want := tp.mac(make([]byte, tp.size), ipskx); !bytes.Equal(psk.Expose(), want) {
			t.Errorf("%s: the imported key is not what RFC 9258 §5.1 asks for.", what)
		}
		if psk.Kind() != ImportedPSK || psk.Hash() != target {
			t.Errorf("%s: the imported key has kind %s and hash %s.", what, psk.Kind(), psk.Hash())
		}
		key := hex.EncodeToString(psk.Expose())
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s are the same key, but must differ.", what, other)
		}
		seen[key] = what
	}
	add("the first", suite.SHA256, epsk, identity("a", "", 0x0304, 1), suite.SHA256)
	add("another identity", suite.SHA256, epsk, identity("b", "", 0x0304, 1), suite.SHA256)
	add("another context", suite.SHA256, epsk, identity("a", "c", 0x0304, 1), suite.SHA256)
	add("identity moved into the context", suite.SHA256, epsk, identity("", "a", 0x0304, 1), suite.SHA256)
	add("another protocol", suite.SHA256, epsk, identity("a", "", 0x0303, 1), suite.SHA256)
	add("another KDF", suite.SHA256, epsk, identity("a", "", 0x0304, 2), suite.SHA384)
	add("another hash of the key", suite.SHA384, epsk, identity("a", "", 0x0304, 1), suite.SHA256)
	add("both SHA-384", suite.SHA384, epsk, identity("a", "", 0x0304, 2), suite.SHA384)
	add("another key", suite.SHA256, bytes.Repeat([]byte{6}, 32), identity("a", "", 0x0304, 1), suite.SHA256)
	if plain := NewPSK(suite.SHA256, ExternalPSK, epsk); seen[hex.EncodeToString(plain.Expose())] != "" {
		t.Error("An imported key is the same as the external one.")
	}
}

func TestVerifyRefuses(t *testing.T) {
	th := bytes.Repeat([]byte{1}, 32)
	psk := NewPSK(suite.SHA256, ExternalPSK, []byte("0123456789abcdef"))
	binder := psk.Binder(th)
	traffic := psk.Handshake(nil).ServerTraffic(th)
	finished := traffic.Finished(th)
	for i := range binder {
		for bit := range 8 {
			binder[i] ^= 1 << bit
			finished[i] ^= 1 << bit
			if psk.VerifyBinder(th, binder) || traffic.VerifyFinished(th, finished) {
				t.Fatalf("A binder or a Finished with bit %d of byte %d changed was accepted.", bit, i)
			}
			binder[i] ^= 1 << bit
			finished[i] ^= 1 << bit
		}
	}
	for _, wrong := range [][]byte{nil, {}, binder[:31], append(bytes.Clone(binder), 0), make([]byte, 48)} {
		if psk.VerifyBinder(th, wrong) {
			t.Errorf("A binder of %d bytes was accepted.", len(wrong))
		}
	}
	if !psk.VerifyBinder(th, binder) || !traffic.VerifyFinished(th, finished) {
		t.Error("The right binder or Finished was refused.")
	}
	for _, kind := range []PSKKind{ResumptionPSK, ImportedPSK} {
		if NewPSK(suite.SHA256, kind, []byte("0123456789abcdef")).VerifyBinder(th, binder) {
			t.Errorf("The binder of an external key was accepted for one of kind %s.", kind)
		}
	}
}

// TestNoSharedSecret: psk_ke stands for a shared secret of zeros.
func TestNoSharedSecret(t *testing.T) {
	for h := range plains {
		psk := NewPSK(h, ExternalPSK, []byte("0123456789abcdef"))
		if !bytes.Equal(psk.Handshake(nil).Expose(), psk.Handshake(make([]byte, h.Size())).Expose()) {
			t.Errorf("%s: no shared secret is not the same as zeros.", h)
		}
	}
}

func TestMisusePanics(t *testing.T) {
	for name, use := range map[string]func(){
		"Handshake":  func() { Handshake{}.ClientTraffic(nil) },
		"Main":       func() { Main{}.Exporter(nil) },
		"Traffic":    func() { Traffic{}.Next() },
		"Exporter":   func() { _, _ = Exporter{}.Export("", nil, 1) },
		"Resumption": func() { Resumption{}.TicketPSK(nil) },
		"PSK":        func() { (&PSK{}).Binder(nil) },
		"Expose":     func() { Traffic{}.Expose() },
		"hash": func() {
			NewPSK(suite.SHA256, ExternalPSK, nil).Handshake(nil).ClientTraffic(nil).KeyIV(suite.Of(suite.TLS13)[1])
		},
		"Key12":           func() { (&Key12{}).Premaster(nil) },
		"Premaster":       func() { Premaster{}.Master(suite.SHA256, [32]byte{}, [32]byte{}) },
		"Master12":        func() { Master12{}.ClientFinished(nil) },
		"its Exporter12":  func() { Master12{}.Exporter([32]byte{}, [32]byte{}) },
		"Exporter12":      func() { _, _ = Exporter12{}.Export("", nil, 1) },
		"Keys12":          func() { Keys12{}.Key() },
		"long key":        func() { NewKey12(make([]byte, 1<<16)) },
		"long exchange":   func() { NewKey12(nil).Premaster(make([]byte, 1<<16)) },
		"hash of TLS 1.2": func() { masterForTest(suite.SHA384).Keys(suite.Of(suite.TLS12)[0], [32]byte{}, [32]byte{}) },

		"kind":       func() { NewPSK(suite.SHA256, 9, nil) },
		"label":      func() { ExpandLabel(suite.SHA256, make([]byte, 32), strings.Repeat("l", maxLabelLen+1), nil, 1) },
		"context":    func() { ExpandLabel(suite.SHA256, make([]byte, 32), "l", make([]byte, 256), 1) },
		"length":     func() { ExpandLabel(suite.SHA256, make([]byte, 32), "l", nil, 255*32+1) },
		"wrong size": func() { newSecret(suite.SHA384, make([]byte, 32)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Misuse did not panic: zero or wrong %s.", name)
				}
			}()
			use()
		}()
	}
	if (Traffic{}).Set() || !NewPSK(suite.SHA256, ExternalPSK, nil).Handshake(nil).Set() {
		t.Error("Set does not tell a secret from none.")
	}
}

// TestExposeIsACopy: who gets the bytes for the key log cannot change a secret.
func TestExposeIsACopy(t *testing.T) {
	s := NewPSK(suite.SHA256, ExternalPSK, nil).Handshake(nil)
	before := bytes.Clone(s.Expose())
	clear(s.Expose())
	if !bytes.Equal(s.Expose(), before) {
		t.Error("Changing what Expose returned changed the secret.")
	}
}

// TestSecretsDoNotPrint tries every verb on every secret, by itself and deep
// in other values, exported and not.
func TestSecretsDoNotPrint(t *testing.T) {
	th := make([]byte, 32)
	psk := NewPSK(suite.SHA256, ExternalPSK, []byte("0123456789abcdef"))
	h := psk.Handshake(nil)
	m := h.Main()
	key12 := NewKey12([]byte("0123456789abcdef"))
	premaster := key12.Premaster(nil)
	m12 := premaster.Master(suite.SHA256, [32]byte{1}, [32]byte{2})
	cbc, _ := suite.ByName("TLS_PSK_WITH_AES_128_CBC_SHA256")
	gcm, _ := suite.ByName("TLS_PSK_WITH_AES_128_GCM_SHA256")
	keys12, _ := m12.Keys(cbc, [32]byte{1}, [32]byte{2})
	_, salted := m12.Keys(gcm, [32]byte{1}, [32]byte{2})
	exporter12 := m12.Exporter([32]byte{1}, [32]byte{2})
	type inner12 struct {
		Keys      Keys12
		keys      *Keys12
		key       *Key12
		master    Master12
		premaster Premaster
		exporter  Exporter12
		any       any
	}
	all12 := inner12{keys12, &salted, key12, m12, premaster, exporter12, m12}
	type inner struct {
		Out  Traffic
		in   Traffic
		all  []Traffic
		psk  *PSK
		flat PSK
		any  any
		m    map[string]Main
	}
	tr := m.ClientTraffic(th)
	values := map[string]any{
		"Handshake": h, "Main": m, "Traffic": tr, "*Traffic": &tr, "Exporter": m.Exporter(th), "Resumption": m.Resumption(th),
		"PSK": *psk, "*PSK": psk, "secret": tr.secret, "hidden": tr.hidden,
		"Key12": *key12, "*Key12": key12, "Premaster": premaster, "Master12": m12, "*Master12": &m12, "Keys12": keys12, "*Keys12": &salted,
		"Exporter12": exporter12, "12 struct": all12, "*12 struct": &all12,
		"struct":  inner{tr, tr, []Traffic{tr}, psk, *psk, m, map[string]Main{"": m}},
		"*struct": &inner{tr, tr, []Traffic{tr}, psk, *psk, m, map[string]Main{"": m}},
	}
	hidden := [][]byte{psk.Expose(), psk.finished.Expose(), psk.salt.Expose(), h.Expose(), m.Expose(), tr.Expose(),
		m.Exporter(th).Expose(), m.Resumption(th).Expose(),
		key12.Expose(), premaster.Expose()[18:], m12.Expose(), keys12.MACKey(), keys12.Key(), salted.Key(), append(make([]byte, 4), salted.IV()...)}
	for name, v := range values {
		outputs := map[string]string{"Error": fmt.Errorf("%w", fmt.Errorf("%v", v)).Error()}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%e", "%g", "%t", "%T", "%08v", "%w"} {
			outputs[verb] = fmt.Sprintf(verb, v)
		}
		if encoded, err := json.Marshal(v); err == nil {
			outputs["JSON"] = string(encoded)
		}
		for how, out := range outputs {
			for _, s := range hidden {
				if leaks(out, s) {
					t.Errorf("%s printed with %s shows a secret.", name, how)
				}
			}
			if !strings.HasSuffix(name, "struct") && how == "%v" && out != "[secret]" {
				t.Errorf("%s printed with %s is %q, want [secret].", name, how, out)
			}
		}
	}
}

// TestNames: kinds have names, and the methods that other packages call by
// interface hide the secret too.
func TestNames(t *testing.T) {
	for kind, want := range map[PSKKind]string{
		ExternalPSK: "external", ResumptionPSK: "resumption", ImportedPSK: "imported", 9: "unknown kind of PSK",
	} {
		if kind.String() != want {
			t.Errorf("Kind %d is named %q, want %q.", uint8(kind), kind, want)
		}
	}
	psk := NewPSK(suite.SHA384, ImportedPSK, nil)
	text, err := psk.Handshake(nil).MarshalText()
	if err != nil || string(text) != "[secret]" || psk.String() != "[secret]" || psk.Handshake(nil).String() != "[secret]" {
		t.Errorf("A secret shows as %q, error %v.", text, err)
	}
	if psk.Kind() != ImportedPSK || psk.Hash() != suite.SHA384 || psk.Handshake(nil).Hash() != suite.SHA384 {
		t.Error("A PSK or its Handshake Secret has lost its kind or its hash.")
	}
}

// leaks looks for four bytes of the secret in a row, in any form of fmt.
func leaks(out string, s []byte) bool {
	part := s[4:8]
	for _, format := range []string{"%x", "%X", "% x", "% X", "%d", "%v", "%#v", "%s", "%o", "%b", "%U", "%c"} {
		form := strings.Trim(fmt.Sprintf(format, part), "[]")
		if strings.Contains(out, form) {
			return true
		}
	}
	return strings.Contains(out, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}"))
}

// TestCost pins how many HMACs the steps of a handshake cost: a server that
// looks up keys relies on the cost of a binder being the same for each.
func TestCost(t *testing.T) {
	n := 0
	stop := suite.CountMACs(func(suite.Hash) { n++ })
	defer stop()
	count := func(what string, want int, f func()) {
		t.Helper()
		n = 0
		f()
		if n != want {
			t.Errorf("%s cost %d HMACs, want %d.", what, n, want)
		}
	}
	th := make([]byte, 32)
	var psk *PSK
	count("NewPSK", 4, func() { psk = NewPSK(suite.SHA256, ExternalPSK, th) })
	count("Import", 6, func() { Import(suite.SHA256, th, th, suite.SHA256) })
	count("Binder", 1, func() { psk.Binder(th) })
	count("VerifyBinder", 1, func() { psk.VerifyBinder(th, nil) })
	count("Handshake", 1, func() { psk.Handshake(nil) })
	count("Handshake and Main", 3, func() { psk.Handshake(nil).Main() })
}

func BenchmarkHandshakeSecrets(b *testing.B) {
	b.ReportAllocs()
	psk := NewPSK(suite.SHA256, ExternalPSK, make([]byte, 32))
	th := make([]byte, 32)
	for b.Loop() {
		h := psk.Handshake(th)
		h.ClientTraffic(th)
		h.ServerTraffic(th)
		m := h.Main()
		m.ClientTraffic(th)
		m.ServerTraffic(th)
	}
}
