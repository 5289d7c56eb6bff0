package wire

// A fuzz target for each parser. Whatever the bytes, a parser does not panic and
// an error carries one of three alerts; if they parse, the recorded fields tile
// them, and what is appended again reads the same.

import (
	"bytes"
	"errors"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

func FuzzParseClientHello(f *testing.F)         { fuzz(f, "ClientHello") }
func FuzzParseServerHello(f *testing.F)         { fuzz(f, "ServerHello") }
func FuzzParseEncryptedExtensions(f *testing.F) { fuzz(f, "EncryptedExtensions") }
func FuzzParseFinished(f *testing.F)            { fuzz(f, "Finished") }
func FuzzParseNewSessionTicket(f *testing.F)    { fuzz(f, "NewSessionTicket") }
func FuzzParseKeyUpdate(f *testing.F)           { fuzz(f, "KeyUpdate") }
func FuzzParseAlert(f *testing.F)               { fuzz(f, "Alert") }
func FuzzParseImportedIdentity(f *testing.F)    { fuzz(f, "ImportedIdentity") }

// Those of TLS 1.2.
func FuzzParseServerKeyExchangePSK(f *testing.F)      { fuzz(f, "ServerKeyExchange of PSK") }
func FuzzParseServerKeyExchangeECDHEPSK(f *testing.F) { fuzz(f, "ServerKeyExchange of ECDHE_PSK") }
func FuzzParseClientKeyExchangePSK(f *testing.F)      { fuzz(f, "ClientKeyExchange of PSK") }
func FuzzParseClientKeyExchangeECDHEPSK(f *testing.F) { fuzz(f, "ClientKeyExchange of ECDHE_PSK") }
func FuzzParseNewSessionTicket12(f *testing.F)        { fuzz(f, "NewSessionTicket of TLS 1.2") }

// exact are the messages that have one encoding only and keep all of it.
var exact = map[string]bool{
	"Finished": true, "KeyUpdate": true, "ImportedIdentity": true,
	"ServerKeyExchange of PSK": true, "ServerKeyExchange of ECDHE_PSK": true,
	"ClientKeyExchange of PSK": true, "ClientKeyExchange of ECDHE_PSK": true, "NewSessionTicket of TLS 1.2": true,
}

func fuzz(f *testing.F, name string) {
	m := kind(f, name)
	seed(f, m)
	f.Fuzz(func(t *testing.T, raw []byte) {
		wantConsistent(t, m, raw)
		// A mutation rarely meets the length in the header, so that most
		// would be refused there: made right, the content is reached.
		if right := relength(m, raw); !bytes.Equal(right, raw) && len(raw) < 1<<16 {
			right[0] = m.again(nil, m.values[0])[0]
			wantConsistent(t, m, right)
		}
	})
}

func wantConsistent(t *testing.T, m message, raw []byte) {
	t.Helper()
	before := bytes.Clone(raw)
	var rec Fields
	v, err := m.parse(raw, &rec)
	wantTree(t, rec.List, len(raw), err == nil)
	silent, silentErr := m.parse(raw, nil)
	if (err == nil) != (silentErr == nil) || err != nil && err.Error() != silentErr.Error() {
		t.Fatalf("With a record the error is %v, without %v.", err, silentErr)
	}
	if !bytes.Equal(raw, before) {
		t.Fatal("Parsing changed the message.")
	}
	if err != nil {
		wantParserAlert(t, err)
		return
	}
	if !same(v, silent) {
		t.Fatal("The message reads otherwise when it is recorded.")
	}
	wantBinders(t, raw, v) // before Append sets the offset anew
	out := m.again(nil, v)
	again, err := m.parse(out, nil)
	if err != nil || !same(again, v) {
		t.Fatalf("Appended again it reads as %+v, %v; want %+v.", again, err, v)
	}
	if exact[m.name] && !bytes.Equal(out, raw) {
		t.Fatalf("Appended again it is %x; want %x.", out, raw)
	}
}

// wantParserAlert wants one of the alerts that a parser chooses.
func wantParserAlert(t *testing.T, err error) {
	t.Helper()
	var local *alert.LocalError
	if !errors.As(err, &local) {
		t.Fatalf("The error %q carries no alert.", err)
	}
	switch local.Description {
	case alert.DecodeError, alert.IllegalParameter, alert.UnexpectedMessage:
	default:
		t.Fatalf("A parser chose the alert %s.", local.Description)
	}
}

// wantBinders wants the binders of a ClientHello at its end, where their offset
// says.
func wantBinders(t *testing.T, raw []byte, v any) {
	t.Helper()
	if m, ok := v.(*ClientHello); ok && m.PreSharedKey != nil {
		if !bytes.Equal(raw[m.PreSharedKey.BindersOffset:], m.PreSharedKey.AppendBinders(nil)) {
			t.Fatalf("At %d the binders do not begin.", m.PreSharedKey.BindersOffset)
		}
	}
}

// seed gives a target the messages of the tests: ours, with unknown extensions,
// with a wrong end, and those of RFC 8448.
func seed(f *testing.F, m message) {
	for _, v := range m.values {
		raw := m.again(nil, v)
		f.Add(raw)
		f.Add(relength(m, raw[:len(raw)-1]))
		f.Add(relength(m, append(raw[:len(raw):len(raw)], 0)))
		if head, exts, ok := m.split(f, raw); ok {
			f.Add(join(TypeOf(raw), head, append(append([]rawExtension{}, unknown...), exts...)))
			for _, e := range exts {
				f.Add(join(TypeOf(raw), head, []rawExtension{e}))
			}
		}
	}
	traceMessages(f, func(_ int, of message, raw []byte) {
		if of.name == m.name {
			f.Add(raw)
		}
	})
}
