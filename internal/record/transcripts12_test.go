package record

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// A connection12 is one of the recorded connections of testdata/tls12.txt.
type connection12 struct {
	protection12Case // its name says whose client and server they are, too
	psk, master      []byte
	records          []recorded
}

type recorded struct {
	from string // ">" the client, "<" the server
	raw  []byte
}

func connections12(t *testing.T) []connection12 {
	t.Helper()
	text, err := os.ReadFile("testdata/tls12.txt")
	if err != nil {
		t.Fatalf("The recorded connections are missing: %v", err)
	}
	forms := map[string]suite.CBCForm{"-": 0, "MAC-then-encrypt": suite.MACThenEncrypt, "encrypt-then-MAC": suite.EncryptThenMAC}
	var all []connection12
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if words[0] == "connection" {
			s, ok := suite.ByName(words[1])
			form, known := forms[words[2]]
			if !ok || !known {
				t.Fatalf("A recorded connection is unknown: %s", line)
			}
			all = append(all, connection12{protection12Case: protection12Case{strings.Join(words[1:], " "), s, form}})
			continue
		}
		raw, err := hex.DecodeString(words[1])
		if err != nil {
			t.Fatalf("A recorded connection is not in hex: %v", err)
		}
		switch c := &all[len(all)-1]; words[0] {
		case "psk":
			c.psk = raw
		case "master":
			c.master = raw
		default:
			c.records = append(c.records, recorded{words[0], raw})
		}
	}
	return all
}

// TestRecordedConnections reads connections between two other programs: the
// handshake in the clear, then with the keys of its master secret the Finished
// messages, which are verified, and what follows. Where a record depends on
// nothing but that, ours is the same.
func TestRecordedConnections(t *testing.T) {
	protections := map[string]bool{}
	for _, c := range connections12(t) {
		r := &replay{connection12: c, t: t}
		r.start()
		for _, rec := range c.records {
			r.record(rec)
		}
		if r.finished != 2 || r.lines != 4 {
			t.Errorf("%s: %d Finished messages and %d lines were read, want 2 and 4.", c.name, r.finished, r.lines)
		}
		// GnuTLS's explicit nonce is the sequence number too, OpenSSL's is not.
		if want := map[bool]int{true: 3, false: 6}[c.suite.ExplicitNonceLen == 8]; r.rewritten < want {
			t.Errorf("%s: only %d records were written again, want %d.", c.name, r.rewritten, want)
		}
		if c.suite.KeyExchange == suite.PSKOnly && !r.derived {
			t.Errorf("%s: the master secret was not derived from the key.", c.name)
		}
		protections[strings.Split(c.name, "_WITH_")[1]] = true
	}
	if want := 2 * len(distinct12()); len(protections) != want {
		t.Errorf("%d ways to protect records, each between either two programs, are recorded, want %d.", len(protections), want)
	}
}

// replay follows a recorded connection.
type replay struct {
	connection12
	t            *testing.T
	master       schedule.Master12
	keys         map[string]schedule.Keys12
	readers      map[string]*Reader
	messages     []byte // all handshake messages
	clientRandom [32]byte
	serverRandom [32]byte

	derived   bool // the master secret, from the key
	finished  int
	lines     int
	rewritten int
}

func (r *replay) start() {
	r.readers = map[string]*Reader{">": new(Reader), "<": new(Reader)}
	var err error
	if r.master, err = schedule.NewMaster12(r.suite.Hash, r.connection12.master); err != nil {
		r.t.Fatalf("%s: the master secret was refused: %v", r.name, err)
	}
}

func (r *replay) record(rec recorded) {
	reader := r.readers[rec.from]
	h, total, err := reader.Next(rec.raw)
	if err != nil || total != len(rec.raw) {
		r.t.Fatalf("%s: a header was refused: %v", r.name, err)
	}
	if h.Type == ChangeCipherSpec {
		r.changeCipherSpec(rec.from)
		return
	}
	ct, content, err := reader.Open(nil, bytes.Clone(rec.raw))
	if err != nil {
		r.t.Fatalf("%s: a record did not open: %v", r.name, err)
	}
	if reader.Protected() {
		r.rewrite(rec, reader.Seq()-1, ct, content)
	}
	switch ct {
	case Handshake:
		r.handshake(rec.from, reader.Protected(), bytes.Clone(content))
	case ApplicationData:
		if !regexp.MustCompile(`^[xy](\n|[xy]{45}\n)$`).Match(content) {
			r.t.Errorf("%s: a record carries %q.", r.name, content)
		}
		r.lines++
	}
}

// handshake takes what a handshake record carries: there is always a whole
// message in it, or several.
func (r *replay) handshake(from string, protected bool, content []byte) {
	if !protected {
		random := &r.clientRandom
		if from == "<" {
			random = &r.serverRandom
		}
		if *random == [32]byte{} {
			*random = [32]byte(content[4+2:])
		}
		r.messages = append(r.messages, content...)
		return
	}
	th := r.suite.Hash.Sum(r.messages)
	verify := r.master.VerifyClientFinished
	if from == "<" {
		verify = r.master.VerifyServerFinished
	}
	if len(content) != 16 || !verify(th, content[4:]) {
		r.t.Errorf("%s: a Finished message is wrong.", r.name)
	}
	r.messages = append(r.messages, content...)
	r.finished++
}

// changeCipherSpec sets the keys. The first one, which is the client's, ends
// what the extended master secret covers (RFC 7627 §3).
func (r *replay) changeCipherSpec(from string) {
	if r.keys == nil {
		client, server := r.master.Keys(r.suite, r.clientRandom, r.serverRandom)
		r.keys = map[string]schedule.Keys12{">": client, "<": server}
		if r.suite.KeyExchange == suite.PSKOnly {
			premaster := schedule.NewKey12(r.psk).Premaster(nil)
			got := premaster.ExtendedMaster(r.suite.Hash, r.suite.Hash.Sum(r.messages))
			r.derived = bytes.Equal(got.Raw(), r.connection12.master)
		}
	}
	// Any other key may stand beside the right one.
	r.readers[from].TryKeys12(r.suite, []schedule.Keys12{r.protection12Case.keys(r.t, 1), r.keys[from]}, r.form)
}

// rewrite makes the record again, with the same IV, if there is one. The part
// of the nonce that GCM carries is the sender's choice: only where it is the
// sequence number, as ours is, the records are the same.
func (r *replay) rewrite(rec recorded, seq uint64, ct ContentType, content []byte) {
	var w Writer
	iv := rec.raw[5:][:r.suite.ExplicitNonceLen]
	w.SetKeys12(r.suite, r.keys[rec.from], r.form, bytes.NewReader(bytes.Repeat(iv, 16)))
	w.seq = seq
	got := mustAppend(r.t, &w, ct, content)
	if len(iv) == 8 && !bytes.Equal(got[5:13], iv) {
		return
	}
	if !bytes.Equal(got, rec.raw) {
		r.t.Errorf("%s: record %d is %x, ours %x.", r.name, seq, rec.raw, got)
	}
	r.rewritten++
}
