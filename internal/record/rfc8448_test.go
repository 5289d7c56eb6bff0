package record

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/rfc8448test"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

var keysFor = regexp.MustCompile(`^derive (write|read) traffic keys for (.*?) data`)

var contentTypes = map[string]ContentType{
	"handshake": Handshake, "alert": Alert, "application_data": ApplicationData, "change_cipher_spec": ChangeCipherSpec,
}

// ends is both ends of each direction, by the end that writes.
type ends struct {
	t       *testing.T
	section int
	writers map[string]*Writer
	readers map[string]*Reader
	// steps holds, by the end that writes and by what for, the step that shows
	// the keys: "(same as server)" does not.
	steps    map[string]rfc8448test.Step
	traffic  []schedule.Traffic
	psk      *schedule.PSK
	hs       schedule.Handshake
	main     schedule.Main
	sealed   int // protected records checked
	plain    int
	viaKey   int // keys set from a schedule.Traffic
	viaBytes int // keys set from the bytes in the trace: early data only
}

// TestRFC8448 writes and reads every record of the traces, under the keys in
// force at that point. As a record is the right one only with the right nonce
// and additional data, both are checked with it.
func TestRFC8448(t *testing.T) {
	for _, want := range []struct{ section, plain, sealed, viaKey, viaBytes int }{
		{3, 2, 7, 4, 0}, {4, 2, 8, 4, 1}, {5, 4, 4, 4, 0}, {6, 2, 4, 4, 0}, {7, 4, 4, 4, 0},
	} {
		e := newEnds(t, want.section)
		for _, s := range rfc8448test.Load(t, want.section).Steps {
			e.step(s)
		}
		if e.plain != want.plain || e.sealed != want.sealed || e.viaKey != want.viaKey || e.viaBytes != want.viaBytes {
			t.Errorf("Section %d had %d plaintext and %d protected records under %d and %d keys, want %+v.",
				want.section, e.plain, e.sealed, e.viaKey, e.viaBytes, want)
		}
	}
}

func newEnds(t *testing.T, section int) *ends {
	e := &ends{
		t: t, section: section, steps: map[string]rfc8448test.Step{},
		writers: map[string]*Writer{"client": new(Writer), "server": new(Writer)},
		readers: map[string]*Reader{"client": new(Reader), "server": new(Reader)},
	}
	other := map[string]string{"client": "server", "server": "client"}
	for _, s := range rfc8448test.Load(t, section).Steps {
		m := keysFor.FindStringSubmatch(s.Action)
		if m == nil || len(s.Fields) == 0 {
			continue
		}
		writer := s.Who
		if m[1] == "read" {
			writer = other[s.Who]
		}
		e.steps[writer+" "+m[2]] = s
	}
	return e
}

func (e *ends) step(s rfc8448test.Step) {
	if r, ok := s.Record(); ok {
		e.record(r)
		return
	}
	if m := keysFor.FindStringSubmatch(s.Action); m != nil {
		if m[1] == "write" {
			e.setKeys(s.Who, m[2])
		}
		return
	}
	if len(s.Fields) > 0 {
		e.derive(s)
	}
}

// derive builds the traffic secrets, which exist only by way of schedule.
func (e *ends) derive(s rfc8448test.Step) {
	th := s.Get("hash")
	switch s.Action {
	case `extract secret "early"`:
		e.psk = schedule.NewPSK(suite.SHA256, schedule.ExternalPSK, s.Get("IKM"))
	case `extract secret "handshake"`:
		e.hs = e.psk.Handshake(s.Get("IKM"))
	case `extract secret "master"`:
		e.main = e.hs.Main()
	case `derive secret "tls13 c hs traffic"`:
		e.traffic = append(e.traffic, e.hs.ClientTraffic(th))
	case `derive secret "tls13 s hs traffic"`:
		e.traffic = append(e.traffic, e.hs.ServerTraffic(th))
	case `derive secret "tls13 c ap traffic"`:
		e.traffic = append(e.traffic, e.main.ClientTraffic(th))
	case `derive secret "tls13 s ap traffic"`:
		e.traffic = append(e.traffic, e.main.ServerTraffic(th))
	}
}

func (e *ends) setKeys(who, what string) {
	aes, _ := suite.ByID(suite.AES128GCMSHA256)
	shown, ok := e.steps[who+" "+what]
	if !ok {
		e.t.Fatalf("Section %d does not show the keys of the %s for %s data.", e.section, who, what)
	}
	for _, t := range e.traffic {
		if bytes.Equal(t.Expose(), shown.Get("PRK")) {
			e.viaKey++
			e.writers[who].SetKey(aes, t)
			e.readers[who].SetKey(aes, t)
			return
		}
	}
	if !strings.HasPrefix(what, "early") {
		e.t.Fatalf("Section %d: the secret of the %s for %s data was not derived.", e.section, who, what)
	}
	e.viaBytes++
	for _, p := range []*protection{&e.writers[who].protection, &e.readers[who].protection} {
		aead, err := aes.NewAEAD(shown.Get("key expanded"))
		if err != nil {
			e.t.Fatalf("Setting a key failed: %v", err)
		}
		p.aead = aead
		copy(p.iv[:], shown.Get("iv expanded"))
	}
	e.writers[who].limit = aes.RecordLimit
}

func (e *ends) record(r rfc8448test.Record) {
	w, reader := e.writers[r.Who], e.readers[r.Who]
	t := contentTypes[r.Type]
	if r.Raw[1] == 3 && r.Raw[2] == 1 { // the initial ClientHello
		w.SetLegacyVersion(0x0301)
	}
	got, err := w.Append(nil, t, r.Payload)
	w.SetLegacyVersion(0)
	if err != nil || !bytes.Equal(got, r.Raw) {
		e.t.Errorf("Section %d: the %s record of the %s (%v) is\n%x, the RFC has\n%x.", e.section, r.Type, r.Who, err, got, r.Raw)
	}
	header, total, err := reader.Next(r.Raw)
	if err != nil || total != len(r.Raw) || header.Length != total-headerLen {
		e.t.Fatalf("Section %d: the header of the %s record of the %s was not understood: %v.", e.section, r.Type, r.Who, err)
	}
	if header.Type == ChangeCipherSpec {
		e.plain++
		return
	}
	outType, content, err := reader.Open(nil, bytes.Clone(r.Raw))
	if err != nil || outType != t || !bytes.Equal(content, r.Payload) {
		e.t.Errorf("Section %d: the %s record of the %s opened as %s with %x, error %v.", e.section, r.Type, r.Who, outType, content, err)
	}
	if w.Seq() != reader.Seq() {
		e.t.Errorf("Section %d: the %s has sent %d records, %d were received.", e.section, r.Who, w.Seq(), reader.Seq())
	}
	if reader.Protected() {
		e.sealed++
	} else {
		e.plain++
	}
}
