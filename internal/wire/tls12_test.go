package wire

// What is particular to the messages of TLS 1.2, beside the tables that all
// messages share.

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

// TestCurveTypes: only named curves are left (RFC 8422 §5.4), and what follows
// another type is not read as if it were one.
func TestCurveTypes(t *testing.T) {
	for curveType := range 256 {
		raw := frame(nil, TypeServerKeyExchange, func(b []byte) []byte { return append(b, 0, 0, byte(curveType), 0, 29, 1, 7) })
		var rec Fields
		m, err := ParseServerKeyExchangeECDHEPSK(raw, &rec)
		if curveType == namedCurve {
			if err != nil || m.Group != GroupX25519 {
				t.Errorf("A named curve is refused: %v.", err)
			}
			continue
		}
		wantAlert(t, err, alert.IllegalParameter, fmt.Sprintf("Curve type %d", curveType))
		if last := rec.List[len(rec.List)-1]; last.Name != "curve_type" || m.Group != 0 || m.Point != nil {
			t.Errorf("Behind curve type %d, more was read: %+v.", curveType, last)
		}
	}
}

// TestFormIsTheSuites: what belongs to another key exchange is not taken for an
// end of the message.
func TestFormIsTheSuites(t *testing.T) {
	server := &ServerKeyExchange{[]byte("hint"), GroupX25519, pattern(32)}
	client := &ClientKeyExchange{[]byte("alice"), pattern(32)}
	_, err := ParseServerKeyExchangePSK(server.Append(nil), nil)
	wantAlert(t, err, alert.DecodeError, "A ServerKeyExchange of ECDHE_PSK, read as one of PSK,")
	_, err = ParseClientKeyExchangePSK(client.Append(nil), nil)
	wantAlert(t, err, alert.DecodeError, "A ClientKeyExchange of ECDHE_PSK, read as one of PSK,")
	server.Point, client.Point = nil, nil
	_, err = ParseServerKeyExchangeECDHEPSK(server.Append(nil), nil)
	wantAlert(t, err, alert.DecodeError, "A ServerKeyExchange of PSK, read as one of ECDHE_PSK,")
	_, err = ParseClientKeyExchangeECDHEPSK(client.Append(nil), nil)
	wantAlert(t, err, alert.DecodeError, "A ClientKeyExchange of PSK, read as one of ECDHE_PSK,")
}

// TestBytesOfTLS12 has messages byte by byte, as the RFCs draw them.
func TestBytesOfTLS12(t *testing.T) {
	for _, c := range []struct{ what, got, want string }{
		{"HelloRequest", string(AppendHelloRequest(nil)), "\x00\x00\x00\x00"},
		{"ServerHelloDone", string(AppendServerHelloDone(nil)), "\x0e\x00\x00\x00"},
		{"ServerKeyExchange of PSK", string((&ServerKeyExchange{Hint: []byte("hi")}).Append(nil)), "\x0c\x00\x00\x04\x00\x02hi"},
		{"ServerKeyExchange of ECDHE_PSK", string((&ServerKeyExchange{nil, GroupP256, []byte{4, 5}}).Append(nil)),
			"\x0c\x00\x00\x08\x00\x00\x03\x00\x17\x02\x04\x05"},
		{"ClientKeyExchange of PSK", string((&ClientKeyExchange{Identity: []byte("bob")}).Append(nil)), "\x10\x00\x00\x05\x00\x03bob"},
		{"ClientKeyExchange of ECDHE_PSK", string((&ClientKeyExchange{[]byte("bob"), []byte{4, 5}}).Append(nil)),
			"\x10\x00\x00\x08\x00\x03bob\x02\x04\x05"},
		{"NewSessionTicket", string((&NewSessionTicket12{0x01020304, []byte("t")}).Append(nil)), "\x04\x00\x00\x07\x01\x02\x03\x04\x00\x01t"},
		// Of Finished the length is the same with every suite (RFC 5246 §7.4.9).
		{"Finished", string(AppendFinished(nil, []byte("verify_data!"))), "\x14\x00\x00\x0cverify_data!"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q; want %q.", c.what, c.got, c.want)
		}
	}
	// A client with nothing but uncompressed points sends these (RFC 8422 §5.1.2).
	if raw := clientHello12().Append(nil); !bytes.Contains(raw, []byte("\x00\x0b\x00\x02\x01\x00")) {
		t.Errorf("The ClientHello %x has not got the point formats of RFC 8422 §5.1.2.", raw)
	}
}

// TestServerHelloWithoutExtensions: of TLS 1.2 it ends without a block of them
// (RFC 5246 §7.4.1.3), so that a client reads it that knows none.
func TestServerHelloWithoutExtensions(t *testing.T) {
	m := &ServerHello{LegacyVersion: VersionTLS12, CipherSuite: 0x00ae}
	before := []byte("before")
	raw := m.Append(before)[len(before):]
	if want := HeaderLen + 2 + 32 + 1 + 2 + 1; len(raw) != want || raw[3] != byte(want-HeaderLen) {
		t.Errorf("The ServerHello %x has %d bytes; want %d, and as many less %d in its header.", raw, len(raw), want, HeaderLen)
	}
	m.ExtendedMasterSecret = true
	if got := m.Append(nil); !bytes.HasSuffix(got, []byte("\x00\x04\x00\x17\x00\x00")) {
		t.Errorf("The ServerHello %x does not end in its only extension.", got)
	}
}

// TestAbsentIsNotEmpty: a client that asks for a ticket, one that has none to
// ask for, and a first handshake's renegotiation_info (RFC 5077 §3.2, RFC 5746
// §3.2).
func TestAbsentIsNotEmpty(t *testing.T) {
	m, err := ParseClientHello(shortClientHello().Append(nil), nil)
	if err != nil || m.SessionTicket != nil || m.RenegotiationInfo != nil || m.ECPointFormats != nil || m.EncryptThenMAC || m.ExtendedMasterSecret {
		t.Errorf("A ClientHello without extensions reads as %+v, %v.", m, err)
	}
	hello := shortClientHello()
	hello.SessionTicket, hello.RenegotiationInfo = []byte{}, []byte{}
	m, err = ParseClientHello(hello.Append(nil), nil)
	if err != nil || m.SessionTicket == nil || m.RenegotiationInfo == nil || len(m.SessionTicket)+len(m.RenegotiationInfo) != 0 {
		t.Errorf("Empty session_ticket and renegotiation_info read as %+v, %v.", m, err)
	}
	sh, err := ParseServerHello(fullServerHello().Append(nil), nil)
	if err != nil || sh.RenegotiationInfo != nil || sh.ECPointFormats != nil {
		t.Errorf("A ServerHello without them has them: %+v, %v.", sh, err)
	}
}

// TestOrderOfExtensions: pre_shared_key is the last (RFC 9846 §4.3.11), and what
// is last of TLS 1.2 is not empty, over which old servers have stumbled.
func TestOrderOfExtensions(t *testing.T) {
	m, err := ParseClientHello(fullClientHello().Append(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []ExtensionType{
		ExtRenegotiationInfo, ExtEncryptThenMAC, ExtExtendedMainSecret, ExtSessionTicket, ExtECPointFormats,
		ExtServerName, ExtSupportedGroups, ExtSignatureAlgorithms, ExtALPN, ExtRecordSizeLimit, ExtEarlyData,
		ExtSupportedVersions, ExtCookie, ExtPSKKeyExchangeModes, ExtKeyShare, ExtPreSharedKey,
	}
	if !slices.Equal(m.Extensions, want) {
		t.Errorf("A ClientHello has its extensions in the order %v; want %v.", m.Extensions, want)
	}
}

// TestFieldsOfTLS12ReadWell is the record of messages as a person would see it.
func TestFieldsOfTLS12ReadWell(t *testing.T) {
	for _, c := range []struct {
		message string
		value   any
		want    string
	}{
		{"ServerKeyExchange of ECDHE_PSK", &ServerKeyExchange{[]byte("gate\x1b"), GroupX25519, pattern(32)}, `
server_key_exchange {RFC 5489 §2}
  msg_type = server_key_exchange {RFC 5246 §7.4}
  length = 43 {RFC 5246 §7.4}
  psk_identity_hint length = 5 {RFC 5489 §2}
  psk_identity_hint = "gate\x1b" {RFC 5489 §2}
  params {RFC 8422 §5.4}
    curve_params {RFC 8422 §5.4}
      curve_type = named_curve {RFC 8422 §5.4}
      namedcurve = x25519 {RFC 8422 §5.4}
    public {RFC 8422 §5.4}
      point length = 32 {RFC 8422 §5.4}
      point {RFC 8422 §5.4}
`},
		{"ServerKeyExchange of PSK", &ServerKeyExchange{Hint: []byte{0xff}}, `
server_key_exchange {RFC 4279 §2}
  msg_type = server_key_exchange {RFC 5246 §7.4}
  length = 3 {RFC 5246 §7.4}
  psk_identity_hint length = 1 {RFC 4279 §2}
  psk_identity_hint {RFC 4279 §2}
`},
		{"ClientKeyExchange of ECDHE_PSK", &ClientKeyExchange{[]byte("alice"), pattern(65)}, `
client_key_exchange {RFC 5489 §2}
  msg_type = client_key_exchange {RFC 5246 §7.4}
  length = 73 {RFC 5246 §7.4}
  psk_identity length = 5 {RFC 5489 §2}
  psk_identity = "alice" {RFC 5489 §2}
  public {RFC 8422 §5.7}
    ecdh_Yc {RFC 8422 §5.7}
      point length = 65 {RFC 8422 §5.7}
      point {RFC 8422 §5.7}
`},
		{"ServerHelloDone", nil, `
server_hello_done {RFC 5246 §7.4.5}
  msg_type = server_hello_done {RFC 5246 §7.4}
  length = 0 {RFC 5246 §7.4}
`},
		{"NewSessionTicket of TLS 1.2", &NewSessionTicket12{7200, pattern(9)}, `
new_session_ticket {RFC 5077 §3.3}
  msg_type = new_session_ticket {RFC 5246 §7.4}
  length = 15 {RFC 5246 §7.4}
  ticket_lifetime_hint = 7200 s {RFC 5077 §3.3}
  ticket length = 9 {RFC 5077 §3.3}
  ticket {RFC 5077 §3.3}
`},
		{"Finished of TLS 1.2", pattern(12), `
finished {RFC 5246 §7.4.9}
  msg_type = finished {RFC 5246 §7.4}
  length = 12 {RFC 5246 §7.4}
  verify_data {RFC 5246 §7.4.9}
`},
	} {
		m := kind(t, c.message)
		var rec Fields
		if _, err := m.parse(m.again(nil, c.value), &rec); err != nil {
			t.Fatal(err)
		}
		if got := render(rec.List); got != c.want {
			t.Errorf("The record of %s reads%s\nwant%s", m, got, c.want)
		}
	}
	wantExtensionsOf12(t)
}

func wantExtensionsOf12(t *testing.T) {
	t.Helper()
	m := clientHello12()
	m.SupportedGroups = nil
	m.ECPointFormats = []byte{0, 1}
	var rec Fields
	if _, err := ParseClientHello(m.Append(nil), &rec); err != nil {
		t.Fatal(err)
	}
	const want = `
    renegotiation_info {RFC 5746 §3.2}
      extension_type = renegotiation_info {RFC 9846 §4.3}
      extension_data length = 13 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        renegotiated_connection length = 12 {RFC 5746 §3.2}
        renegotiated_connection {RFC 5746 §3.2}
    encrypt_then_mac {RFC 7366 §2}
      extension_type = encrypt_then_mac {RFC 9846 §4.3}
      extension_data length = 0 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
    extended_main_secret {RFC 7627 §5.1}
      extension_type = extended_main_secret {RFC 9846 §4.3}
      extension_data length = 0 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
    session_ticket {RFC 5077 §3.2}
      extension_type = session_ticket {RFC 9846 §4.3}
      extension_data length = 0 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        ticket {RFC 5077 §3.2}
    ec_point_formats {RFC 8422 §5.1.2}
      extension_type = ec_point_formats {RFC 9846 §4.3}
      extension_data length = 3 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        ec_point_format_list length = 2 {RFC 8422 §5.1.2}
        ec_point_format_list {RFC 8422 §5.1.2}
          ec_point_format = uncompressed {RFC 8422 §5.1.2}
          ec_point_format = point format 1 {RFC 8422 §5.1.2}
`
	if got := render(rec.List); !strings.HasSuffix(got, want) {
		t.Errorf("The record of a ClientHello reads%s\nits end should be%s", got, want)
	}
}

// TestSuiteNames compares the table with the names that the standard library
// has, and its own names with each other.
func TestSuiteNames(t *testing.T) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got := SuiteName(s.ID); got != s.Name {
			t.Errorf("Suite 0x%04x is named %s; crypto/tls says %s.", s.ID, got, s.Name)
		}
	}
	seen := map[string]uint16{}
	for id, name := range suiteNames {
		if other, twice := seen[name]; twice {
			t.Errorf("0x%04x and 0x%04x are both named %s.", id, other, name)
		}
		seen[name] = id
	}
}
