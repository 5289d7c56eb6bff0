package wire

// The recording of fields: it covers a message, it reads well, and it costs
// nothing where nobody asked for it.

import (
	"fmt"
	"strings"
	"testing"
)

func TestFieldsTileEachMessage(t *testing.T) {
	for _, m := range messages() {
		for i, v := range m.values {
			t.Run(fmt.Sprintf("%s/%d", m, i), func(t *testing.T) {
				raw := m.again(nil, v)
				if head, exts, ok := m.split(t, raw); ok {
					raw = join(TypeOf(raw), head, append(append([]rawExtension{}, unknown...), exts...))
				}
				var rec Fields
				got, err := m.parse(raw, &rec)
				if err != nil {
					t.Fatal(err)
				}
				wantTree(t, rec.List, len(raw), true)
				owners := make([]int, len(raw))
				for j, f := range rec.List {
					if j+1 < len(rec.List) && rec.List[j+1].Depth > f.Depth {
						continue
					}
					for at := f.Offset; at < f.Offset+f.Length; at++ {
						owners[at]++
					}
				}
				for at, n := range owners {
					if n != 1 {
						t.Errorf("Byte %d belongs to %d fields without parts; want 1.", at, n)
					}
				}
				if silent, err := m.parse(raw, nil); err != nil || !same(silent, got) {
					t.Error("The message reads otherwise when it is recorded.")
				}
			})
		}
	}
}

// TestFieldsOfUnknownExtension wants its content to be one field.
func TestFieldsOfUnknownExtension(t *testing.T) {
	for _, m := range messages() {
		raw := m.again(nil, m.values[0])
		if _, _, ok := m.split(t, raw); !ok {
			continue
		}
		var rec Fields
		if _, err := m.parse(m.with(t, unknown[0]), &rec); err != nil {
			t.Fatal(err)
		}
		last := rec.List[len(rec.List)-4:]
		at := last[0].Offset
		d := last[0].Depth
		want := []Field{
			{"extension 21845", at, 7, d, "", "RFC 9846 §4.3"},
			{"extension_type", at, 2, d + 1, "extension 21845", "RFC 9846 §4.3"},
			{"extension_data length", at + 2, 2, d + 1, "3", "RFC 9846 §4.3"},
			{"extension_data", at + 4, 3, d + 1, "", "RFC 9846 §4.3"},
		}
		for i := range want {
			if last[i] != want[i] {
				t.Errorf("%s: field %+v; want %+v.", m, last[i], want[i])
			}
		}
	}
}

// TestFieldsReadWell is the record of a ClientHello as a person would see it.
func TestFieldsReadWell(t *testing.T) {
	m := shortClientHello()
	m.ServerName = to("server.example")
	m.SupportedVersions = []uint16{VersionTLS13, 0x7a7a}
	m.PSKKeyExchangeModes = []PSKKeyExchangeMode{PSKWithECDHE}
	m.KeyShare = &ClientKeyShare{[]KeyShareEntry{{GroupX25519, pattern(32)}}}
	imported := ImportedIdentity{[]byte("alice"), []byte{1}, VersionTLS13, 1}
	m.PreSharedKey = &OfferedPSKs{
		Identities: []PSKIdentity{{imported.Append(nil), 0}, {[]byte("bob\x1b"), 0}, {[]byte{0xff}, 70000}},
		Binders:    [][]byte{pattern(32), pattern(32), pattern(32)},
	}
	var rec Fields
	if _, err := ParseClientHello(m.Append(nil), &rec); err != nil {
		t.Fatal(err)
	}
	const want = `
client_hello {RFC 9846 §4.2.2}
  msg_type = client_hello {RFC 9846 §4}
  length = 267 {RFC 9846 §4}
  legacy_version = TLS 1.2 {RFC 9846 §4.2.2}
  random {RFC 9846 §4.2.2}
  legacy_session_id length = 0 {RFC 9846 §4.2.2}
  legacy_session_id {RFC 9846 §4.2.2}
  cipher_suites length = 2 {RFC 9846 §4.2.2}
  cipher_suites {RFC 9846 §4.2.2}
    cipher_suite = TLS_AES_128_GCM_SHA256 {RFC 9846 §4.2.2}
  legacy_compression_methods length = 1 {RFC 9846 §4.2.2}
  legacy_compression_methods = null {RFC 9846 §4.2.2}
  extensions length = 224 {RFC 9846 §4.2.2}
  extensions {RFC 9846 §4.2.2}
    server_name {RFC 6066 §3}
      extension_type = server_name {RFC 9846 §4.3}
      extension_data length = 19 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        server_name_list length = 17 {RFC 6066 §3}
        server_name_list {RFC 6066 §3}
          ServerName {RFC 6066 §3}
            name_type = host_name {RFC 6066 §3}
            host_name length = 14 {RFC 6066 §3}
            host_name = "server.example" {RFC 6066 §3}
    supported_versions {RFC 9846 §4.3.1}
      extension_type = supported_versions {RFC 9846 §4.3}
      extension_data length = 5 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        versions length = 4 {RFC 9846 §4.3.1}
        versions {RFC 9846 §4.3.1}
          version = TLS 1.3 {RFC 9846 §4.3.1}
          version = GREASE 0x7a7a {RFC 9846 §4.3.1}
    psk_key_exchange_modes {RFC 9846 §4.3.9}
      extension_type = psk_key_exchange_modes {RFC 9846 §4.3}
      extension_data length = 2 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        ke_modes length = 1 {RFC 9846 §4.3.9}
        ke_modes {RFC 9846 §4.3.9}
          ke_mode = psk_dhe_ke {RFC 9846 §4.3.9}
    key_share {RFC 9846 §4.3.8}
      extension_type = key_share {RFC 9846 §4.3}
      extension_data length = 38 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        client_shares length = 36 {RFC 9846 §4.3.8}
        client_shares {RFC 9846 §4.3.8}
          KeyShareEntry {RFC 9846 §4.3.8}
            group = x25519 {RFC 9846 §4.3.8}
            key_exchange length = 32 {RFC 9846 §4.3.8}
            key_exchange {RFC 9846 §4.3.8}
    pre_shared_key {RFC 9846 §4.3.11}
      extension_type = pre_shared_key {RFC 9846 §4.3}
      extension_data length = 140 {RFC 9846 §4.3}
      extension_data {RFC 9846 §4.3}
        identities length = 37 {RFC 9846 §4.3.11}
        identities {RFC 9846 §4.3.11}
          PskIdentity {RFC 9846 §4.3.11}
            identity length = 14 {RFC 9846 §4.3.11}
            identity = imported "alice", for TLS 1.3 and HKDF_SHA256, with a context {RFC 9846 §4.3.11}
            obfuscated_ticket_age = 0 {RFC 9846 §4.3.11}
          PskIdentity {RFC 9846 §4.3.11}
            identity length = 4 {RFC 9846 §4.3.11}
            identity = "bob\x1b" {RFC 9846 §4.3.11}
            obfuscated_ticket_age = 0 {RFC 9846 §4.3.11}
          PskIdentity {RFC 9846 §4.3.11}
            identity length = 1 {RFC 9846 §4.3.11}
            identity {RFC 9846 §4.3.11}
            obfuscated_ticket_age = 70000 {RFC 9846 §4.3.11}
        binders length = 99 {RFC 9846 §4.3.11}
        binders {RFC 9846 §4.3.11}
          binder length = 32 {RFC 9846 §4.3.11}
          binder {RFC 9846 §4.3.11}
          binder length = 32 {RFC 9846 §4.3.11}
          binder {RFC 9846 §4.3.11}
          binder length = 32 {RFC 9846 §4.3.11}
          binder {RFC 9846 §4.3.11}
`
	if got := render(rec.List); got != want {
		t.Errorf("The record reads%s\nwant%s", got, want)
	}
}

func render(list []Field) string {
	var b strings.Builder
	b.WriteByte('\n')
	for _, f := range list {
		b.WriteString(strings.Repeat("  ", f.Depth) + f.Name)
		if f.Value != "" {
			b.WriteString(" = " + f.Value)
		}
		b.WriteString(" {" + f.Section + "}\n")
	}
	return b.String()
}

func TestWordsForNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{HandshakeType(99).String(), "handshake message 99"},
		{NamedGroup(0x0018).String(), "secp384r1"},
		{NamedGroup(0x9999).String(), "group 0x9999"},
		{NamedGroup(0x2a2a).String(), "GREASE 0x2a2a"},
		{NamedGroup(0x2a3a).String(), "group 0x2a3a"},
		{ExtExtendedMainSecret.String(), "extended_main_secret"}, // its name since RFC 9846 §11.1
		{ExtensionType(99).String(), "extension 99"},
		{ExtensionType(0xfafa).String(), "GREASE 0xfafa"},
		{PSKKeyExchangeMode(9).String(), "mode 9"},
		{KeyUpdateRequest(9).String(), "request_update 9"},
		{VersionName(0x0302), "TLS 1.1"},
		{VersionName(0x0301), "TLS 1.0"},
		{VersionName(0x0300), "version 0x0300"},
		{SuiteName(0x00ff), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"},
		{SuiteName(0xc0b4), "suite 0xc0b4"},
		{signatureSchemeName(0x0807), "ed25519"},
		{signatureSchemeName(0x9999), "scheme 0x9999"},
		{kdfName(2), "HKDF_SHA384"},
		{kdfName(3), "KDF 0x0003"},
		{levelName(1), "warning"},
		{levelName(7), "level 7"},
		{nameTypeName(7), "name type 7"},
		{compressionNames([]byte{0, 1}), ""},
		{inSeconds(1<<32 - 1), "4294967295 s"},
		{HexValue([]byte{1, 0xab}), "01ab"},
	} {
		if c.got != c.want {
			t.Errorf("The words are %q; want %q.", c.got, c.want)
		}
	}
}

// TestNoObserverNoCost counts what a parser allocates that records nothing: the
// reader, the message, and in it what grows or is a pointer. A name put
// together, a value in words or a closure for each field, made for a record
// that nobody keeps, would be several times as much.
func TestNoObserverNoCost(t *testing.T) {
	for _, c := range []struct {
		message string
		most    float64
		why     string
	}{
		{"ClientHello", 30, "the reader, its block, an extension's content, the message, its pointers and its lists as they grow"},
		{"ServerHello", 10, "the reader, its block, an extension's content, the message, its pointers and its list of extensions"},
		{"EncryptedExtensions", 10, "the reader, its block, an extension's content, the message, its pointers and its lists"},
		{"NewSessionTicket", 7, "the reader, its block, an extension's content, the message, a pointer and a list"},
		{"ServerKeyExchange of ECDHE_PSK", 2, "the reader and the message"},
		{"ClientKeyExchange of ECDHE_PSK", 2, "the reader and the message"},
		{"NewSessionTicket of TLS 1.2", 2, "the reader and the message"},
		{"Finished", 1, "the reader"},
		{"KeyUpdate", 1, "the reader"},
		{"Alert", 1, "the reader"},
		{"ImportedIdentity", 1, "the reader"},
	} {
		m := kind(t, c.message)
		raw := m.again(nil, m.values[0])
		if got := testing.AllocsPerRun(100, func() { parseQuietly(c.message, raw) }); got > c.most {
			t.Errorf("%s allocates %v times without a record; at most %v are its own: %s.", c.message, got, c.most, c.why)
		}
	}
	// The measure notices words: a record that has room needs nothing else.
	m := kind(t, "ClientHello")
	raw := m.again(nil, m.values[0])
	rec := Fields{List: make([]Field, 0, 200)}
	if got := testing.AllocsPerRun(100, func() { rec.List = rec.List[:0]; _, _ = m.parse(raw, &rec) }); got < 90 {
		t.Errorf("A recorded ClientHello allocates %v times; want far more than 30, or this test measures nothing.", got)
	}
}

// parseQuietly calls a parser directly: through message.parse its result would
// be allocated once more, as an interface.
func parseQuietly(name string, raw []byte) {
	var err error
	switch name {
	case "ClientHello":
		_, err = ParseClientHello(raw, nil)
	case "ServerHello":
		_, err = ParseServerHello(raw, nil)
	case "EncryptedExtensions":
		_, err = ParseEncryptedExtensions(raw, nil)
	case "NewSessionTicket":
		_, err = ParseNewSessionTicket(raw, nil)
	case "ServerKeyExchange of ECDHE_PSK":
		_, err = ParseServerKeyExchangeECDHEPSK(raw, nil)
	case "ClientKeyExchange of ECDHE_PSK":
		_, err = ParseClientKeyExchangeECDHEPSK(raw, nil)
	case "NewSessionTicket of TLS 1.2":
		_, err = ParseNewSessionTicket12(raw, nil)
	case "Finished":
		_, err = ParseFinished(raw, 32, nil)
	case "KeyUpdate":
		_, err = ParseKeyUpdate(raw, nil)
	case "Alert":
		_, _, err = ParseAlert(raw, nil)
	case "ImportedIdentity":
		_, err = ParseImportedIdentity(raw, nil)
	}
	if err != nil {
		panic("a message of the test does not parse: " + err.Error())
	}
}
