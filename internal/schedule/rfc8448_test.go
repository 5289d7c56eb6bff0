package schedule

import (
	"bytes"
	"hash"
	"regexp"
	"testing"

	"github.com/watchword-tls/watchword/internal/rfc8448test"
	"github.com/watchword-tls/watchword/internal/suite"
)

// quoted finds the label in an action such as `derive secret "tls13 derived"`.
var quoted = regexp.MustCompile(`"(?:tls13 )?(.*)"`)

func label(s rfc8448test.Step) string {
	if m := quoted.FindStringSubmatch(s.Action); m != nil {
		return m[1]
	}
	return ""
}

// TestRFC8448Values holds every single value of the traces against the
// functions beneath the types: no derivation of the RFC is left out.
func TestRFC8448Values(t *testing.T) {
	const h = suite.SHA256 // of all traces
	derivations := 0
	for _, section := range rfc8448test.Sections() {
		for _, s := range rfc8448test.Load(t, section).Steps {
			equal := func(name string, got []byte) {
				t.Helper()
				derivations++
				if !bytes.Equal(got, s.Get(name)) {
					t.Errorf("Section %d, %s: %s: the %q is %x, the RFC has %x.", section, s.Who, s.Action, name, got, s.Get(name))
				}
			}
			prk := s.Get("PRK")
			switch {
			case s.Get("secret") != nil:
				equal("secret", h.Extract(s.Get("salt"), s.Get("IKM")))
			case s.Get("key info") != nil:
				equal("key expanded", ExpandLabel(h, prk, "key", nil, 16))
				equal("iv expanded", ExpandLabel(h, prk, "iv", nil, 12))
			case s.Is("calculate PSK binder") && prk != nil:
				equal("expanded", ExpandLabel(h, prk, "finished", nil, h.Size()))
				equal("finished", h.HMAC(s.Get("expanded"), s.Get("binder hash")))
				equal("binder hash", h.Sum(s.Get("ClientHello prefix")))
			case s.Get("expanded") != nil:
				equal("expanded", ExpandLabel(h, prk, label(s), s.Get("hash"), len(s.Get("expanded"))))
			case prk != nil:
				t.Errorf("Section %d, %s: %s: nothing was checked.", section, s.Who, s.Action)
			}
		}
	}
	if want := 15 + 2*21 + 3 + 58; derivations != want {
		t.Errorf("%d values were checked, want %d.", derivations, want)
	}
}

// walk follows one trace with the types of this package, deriving each secret
// from the one above it and computing each transcript hash from the messages.
type walk struct {
	t          *testing.T
	section    int
	s          rfc8448test.Step // the present one
	transcript hash.Hash
	psk        *PSK
	handshake  Handshake
	main       Main
	traffic    map[string]Traffic // by the label it was derived with
	resumption Resumption
	checked    map[string]int
}

// TestRFC8448 derives all secrets in order. What it needs from the trace is the
// PSK, the shared secret of the key exchange and the messages, nothing else.
func TestRFC8448(t *testing.T) {
	for _, section := range rfc8448test.Sections() {
		w := &walk{t: t, section: section, transcript: suite.SHA256.New(), traffic: map[string]Traffic{}, checked: map[string]int{}}
		for _, w.s = range rfc8448test.Load(t, section).Steps {
			w.step()
		}
		finished := 2
		for what, want := range map[string]int{
			"early": 1, "handshake": 1, "master": 1, "exp master": 1, "res master": 1, "finished": finished,
			"c hs traffic": 1, "s hs traffic": 1, "c ap traffic": 1, "s ap traffic": 1,
		} {
			if w.checked[what] < want {
				t.Errorf("Section %d: %q was checked %d times, want %d.", section, what, w.checked[what], want)
			}
		}
		if w.checked["keys"] < 4 {
			t.Errorf("Section %d: only %d pairs of key and IV were checked, want 4.", section, w.checked["keys"])
		}
	}
}

func (w *walk) equal(what string, got, want []byte) {
	w.t.Helper()
	w.checked[what]++
	if !bytes.Equal(got, want) {
		w.t.Errorf("Section %d, %s: %s: got %x, the RFC has %x.", w.section, w.s.Who, w.s.Action, got, want)
	}
}

func (w *walk) step() {
	s := w.s
	if r, ok := s.Record(); ok {
		// A ClientHello counts as sent: in section 4 the step that constructs
		// it does not show the binder yet.
		if r.Type == "handshake" && r.Payload[0] == 1 {
			w.transcript.Write(r.Payload)
		}
		return
	}
	switch {
	case len(s.Fields) == 0 || s.Is("create"):
	case s.Is("construct"):
		if !s.Is("construct a ClientHello") {
			w.message(s.Fields[0].Value)
		}
	case s.Is("extract"):
		w.extract()
	case s.Is("derive secret for"):
		// "derived": the salt inside of PSK.Handshake and of Handshake.Main.
	case s.Is("derive secret"):
		w.derive()
	case s.Is("calculate PSK binder"):
		w.binder()
	case s.Is("calculate finished"):
		w.finished()
	case s.Is("generate resumption secret"):
		w.equal("ticket", w.resumption.TicketPSK(s.Get("hash")), s.Get("expanded"))
	case s.Is("derive write traffic keys"), s.Is("derive read traffic keys"):
		w.keys()
	default:
		w.t.Errorf("Section %d has a step that the test does not know: %s.", w.section, s.Action)
	}
}

// message adds a message to the transcript. A HelloRetryRequest puts a hash in
// the place of the first ClientHello (RFC 9846 §4.5.1).
func (w *walk) message(m []byte) {
	retry := suite.SHA256.Sum([]byte("HelloRetryRequest"))
	if m[0] == 2 && bytes.Equal(m[6:38], retry) {
		sum := w.transcript.Sum(nil)
		w.transcript.Reset()
		w.transcript.Write([]byte{254, 0, 0, byte(len(sum))})
		w.transcript.Write(sum)
	}
	w.transcript.Write(m)
}

func (w *walk) extract() {
	secret := w.s.Get("secret")
	switch label(w.s) {
	case "early":
		kind := ExternalPSK
		if w.section == 4 {
			kind = ResumptionPSK
		}
		w.psk = NewPSK(suite.SHA256, kind, w.s.Get("IKM"))
		w.equal("early", w.psk.Expose(), secret)
	case "handshake":
		w.handshake = w.psk.Handshake(w.s.Get("IKM"))
		w.equal("handshake", w.handshake.Expose(), secret)
	case "master":
		w.main = w.handshake.Main()
		w.equal("master", w.main.Expose(), secret)
	}
}

func (w *walk) derive() {
	l, th := label(w.s), w.transcript.Sum(nil)
	w.equal("transcript hash", th, w.s.Get("hash"))
	var got secret
	switch l {
	case "c hs traffic":
		got = w.handshake.ClientTraffic(th).secret
	case "s hs traffic":
		got = w.handshake.ServerTraffic(th).secret
	case "c ap traffic":
		got = w.main.ClientTraffic(th).secret
	case "s ap traffic":
		got = w.main.ServerTraffic(th).secret
	case "exp master":
		got = w.main.Exporter(th).secret
	case "res master":
		w.resumption = w.main.Resumption(th)
		got = w.resumption.secret
	case "c e traffic", "e exp master":
		// Early data is not for this library, but its keys are in the trace.
		got = w.psk.early.derive(l, th)
	default:
		w.t.Fatalf("Section %d has a secret that the test does not know: %q.", w.section, l)
	}
	w.traffic[l] = Traffic{got}
	w.equal(l, got.Expose(), w.s.Get("expanded"))
}

func (w *walk) binder() {
	binder, th := w.s.Get("finished"), suite.SHA256.Sum(w.s.Get("ClientHello prefix"))
	w.equal("binder", w.psk.Binder(th), binder)
	if !w.psk.VerifyBinder(th, binder) {
		w.t.Error("The RFC's binder was not accepted.")
	}
}

// trafficOf finds the secret that a PRK of the trace is, so that the test
// takes nothing secret from there.
func (w *walk) trafficOf(prk []byte) Traffic {
	for _, t := range w.traffic {
		if bytes.Equal(t.Expose(), prk) {
			return t
		}
	}
	w.t.Fatalf("Section %d, %s: %s: no secret derived so far is the one meant.", w.section, w.s.Who, w.s.Action)
	return Traffic{}
}

func (w *walk) finished() {
	traffic, th := w.trafficOf(w.s.Get("PRK")), w.transcript.Sum(nil)
	w.equal("finished", traffic.Finished(th), w.s.Get("finished"))
	if !traffic.VerifyFinished(th, w.s.Get("finished")) {
		w.t.Errorf("Section %d: the Finished of the %s was not accepted.", w.section, w.s.Who)
	}
}

func (w *walk) keys() {
	aes, _ := suite.ByID(suite.AES128GCMSHA256)
	key, iv := w.trafficOf(w.s.Get("PRK")).KeyIV(aes)
	w.equal("keys", key, w.s.Get("key expanded"))
	w.equal("ivs", iv, w.s.Get("iv expanded"))
}
