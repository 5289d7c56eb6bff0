package wire

// The messages of RFC 8448's traces. Its handshakes use certificates, whose
// messages come later and are skipped here by their types.

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/watchword-tls/watchword/internal/rfc8448test"
)

// traceParsers are the kinds of messages in the traces that we parse.
var traceParsers = map[HandshakeType]string{
	TypeClientHello:         "ClientHello",
	TypeServerHello:         "ServerHello",
	TypeEncryptedExtensions: "EncryptedExtensions",
	TypeFinished:            "Finished",
	TypeNewSessionTicket:    "NewSessionTicket",
}

var traceSkipped = map[HandshakeType]bool{
	TypeCertificate: true, TypeCertificateRequest: true, TypeCertificateVerify: true,
	TypeEndOfEarlyData: true, // it has no content
}

// traceMessages hands every message of the traces that we parse to each.
func traceMessages(t testing.TB, each func(section int, m message, raw []byte)) {
	t.Helper()
	for _, section := range rfc8448test.Sections() {
		for _, msg := range rfc8448test.Load(t, section).Messages(t) {
			typ := TypeOf(msg.Raw)
			if name, ok := traceParsers[typ]; ok {
				each(section, kind(t, name), msg.Raw)
			} else if !traceSkipped[typ] {
				t.Errorf("Section %d has a message of type %s, which this test does not know.", section, typ)
			}
		}
	}
}

func TestRFC8448Messages(t *testing.T) {
	count := map[string]int{}
	traceMessages(t, func(section int, m message, raw []byte) {
		count[m.name]++
		var rec Fields
		v, err := m.parse(raw, &rec)
		if err != nil {
			t.Errorf("Section %d: %s does not parse: %v.", section, m, err)
			return
		}
		wantTree(t, rec.List, len(raw), true)
		again, err := m.parse(m.again(nil, v), nil)
		if err != nil || !same(again, v) {
			t.Errorf("Section %d: %s reads otherwise when it is appended again: %v.", section, m, err)
		}
		// Without its order and without what we do not send, nothing is
		// lost of a message that has only what we know.
		if hello, ok := v.(*ServerHello); ok && len(m.again(nil, hello)) != len(raw) {
			t.Errorf("Section %d: appended again, %s has %d bytes; want %d.", section, m, len(m.again(nil, hello)), len(raw))
		}
	})
	for name, want := range map[string]int{"ClientHello": 6, "ServerHello": 6, "EncryptedExtensions": 5, "Finished": 10, "NewSessionTicket": 1} {
		if count[name] != want {
			t.Errorf("The traces have %d messages %s; want %d.", count[name], name, want)
		}
	}
}

// TestRFC8448Resumption reads the ClientHello of section 4, which offers a
// ticket, and compares what its binder covers with what the RFC says.
func TestRFC8448Resumption(t *testing.T) {
	trace := rfc8448test.Load(t, 4)
	raw := trace.Messages(t)[0].Raw
	m, err := ParseClientHello(raw, nil)
	if err != nil {
		t.Fatalf("The ClientHello does not parse: %v.", err)
	}
	psk := m.PreSharedKey
	if psk == nil || len(psk.Identities) != 1 || len(psk.Binders) != 1 || !m.EarlyData {
		t.Fatalf("The ClientHello offers %+v; want one identity, one binder and early data.", psk)
	}
	binder := binderStep(t, trace)
	prefix := raw[:psk.BindersOffset]
	if !bytes.Equal(prefix, binder.Get("ClientHello prefix")) {
		t.Errorf("Before the binders stand %d bytes; the RFC's prefix has %d.", len(prefix), len(binder.Get("ClientHello prefix")))
	}
	if hash := sha256.Sum256(prefix); !bytes.Equal(hash[:], binder.Get("binder hash")) {
		t.Errorf("The hash of what the binder covers is %x; the RFC has %x.", hash, binder.Get("binder hash"))
	}
	if !bytes.Equal(psk.Binders[0], binder.Get("finished")) {
		t.Errorf("The binder reads as %x; the RFC has %x.", psk.Binders[0], binder.Get("finished"))
	}
	if !bytes.Equal(append(prefix[:len(prefix):len(prefix)], psk.AppendBinders(nil)...), raw) {
		t.Error("The prefix and the binders are not the whole message.")
	}
	// The identity is the ticket of section 3.
	for _, msg := range rfc8448test.Load(t, 3).Messages(t) {
		if TypeOf(msg.Raw) != TypeNewSessionTicket {
			continue
		}
		ticket, err := ParseNewSessionTicket(msg.Raw, nil)
		if err != nil || !bytes.Equal(ticket.Ticket, psk.Identities[0].Identity) || ticket.MaxEarlyDataSize == nil {
			t.Errorf("The ticket of section 3, %+v, %v, is not the identity of section 4.", ticket, err)
		}
	}
}

func binderStep(t *testing.T, trace *rfc8448test.Trace) rfc8448test.Step {
	t.Helper()
	for _, s := range trace.Steps {
		if s.Is("calculate PSK binder") {
			return s
		}
	}
	t.Fatal("The trace has no binder.")
	return rfc8448test.Step{}
}

// TestRFC8448HelloRetryRequest is section 5's, with its cookie.
func TestRFC8448HelloRetryRequest(t *testing.T) {
	msgs := rfc8448test.Load(t, 5).Messages(t)
	retry, err := ParseServerHello(msgs[1].Raw, nil)
	if err != nil || !retry.HelloRetryRequest || retry.SelectedGroup == nil || *retry.SelectedGroup != GroupP256 {
		t.Fatalf("The second message reads as %+v, %v; want a HelloRetryRequest for secp256r1.", retry, err)
	}
	second, err := ParseClientHello(msgs[2].Raw, nil)
	if err != nil || len(retry.Cookie) == 0 || !bytes.Equal(second.Cookie, retry.Cookie) || len(second.KeyShare.Share(GroupP256)) != 65 {
		t.Errorf("The second ClientHello reads as %+v, %v; want the cookie and a share of 65 bytes.", second, err)
	}
}
