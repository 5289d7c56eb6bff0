package wire

// The messages that the tests of this package share: of each kind a full one,
// with every extension that we can write, and a short one.

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

// message is one kind of message with its parser and what undoes it.
type message struct {
	name  string
	parse func(raw []byte, rec *Fields) (any, error)
	// again appends what parse returned to b.
	again  func(b []byte, v any) []byte
	values []any
}

func (m message) String() string { return m.name }

// hasNoHeader tells what is no handshake message.
func (m message) hasNoHeader() bool { return m.name == "Alert" || m.name == "ImportedIdentity" }

// messages are all that this package parses.
func messages() []message {
	return []message{
		{"ClientHello", func(raw []byte, rec *Fields) (any, error) { return box(ParseClientHello(raw, rec)) },
			func(b []byte, v any) []byte { return v.(*ClientHello).Append(b) }, []any{fullClientHello(), clientHello12(), shortClientHello()}},
		{"ServerHello", func(raw []byte, rec *Fields) (any, error) { return box(ParseServerHello(raw, rec)) },
			func(b []byte, v any) []byte { return v.(*ServerHello).Append(b) }, []any{fullServerHello(), fullHelloRetryRequest(), fullServerHello12(), &ServerHello{LegacyVersion: VersionTLS12},
				&ServerHello{LegacyVersion: VersionTLS12, ExtendedMasterSecret: true}}},
		{"EncryptedExtensions", func(raw []byte, rec *Fields) (any, error) { return box(ParseEncryptedExtensions(raw, rec)) },
			func(b []byte, v any) []byte { return v.(*EncryptedExtensions).Append(b) },
			[]any{&EncryptedExtensions{ServerName: true, ALPN: to("ww/1"), RecordSizeLimit: to(uint16(1024))}, &EncryptedExtensions{}}},
		finished("Finished", 32),
		finished("Finished of SHA-384", 48),
		finished("Finished of TLS 1.2", VerifyDataLen12),
		serverKeyExchange("ServerKeyExchange of PSK", ParseServerKeyExchangePSK,
			&ServerKeyExchange{Hint: []byte("at the gate")}, &ServerKeyExchange{Hint: []byte{}}),
		serverKeyExchange("ServerKeyExchange of ECDHE_PSK", ParseServerKeyExchangeECDHEPSK,
			&ServerKeyExchange{[]byte("at the gate"), GroupX25519, pattern(32)}, &ServerKeyExchange{[]byte{}, GroupP256, []byte{0}}),
		clientKeyExchange("ClientKeyExchange of PSK", ParseClientKeyExchangePSK,
			&ClientKeyExchange{Identity: []byte("alice")}, &ClientKeyExchange{Identity: []byte{}}),
		clientKeyExchange("ClientKeyExchange of ECDHE_PSK", ParseClientKeyExchangeECDHEPSK,
			&ClientKeyExchange{[]byte("alice"), pattern(65)}, &ClientKeyExchange{[]byte{}, []byte{0}}),
		empty("HelloRequest", ParseHelloRequest, AppendHelloRequest),
		empty("ServerHelloDone", ParseServerHelloDone, AppendServerHelloDone),
		{"NewSessionTicket of TLS 1.2", func(raw []byte, rec *Fields) (any, error) { return box(ParseNewSessionTicket12(raw, rec)) },
			func(b []byte, v any) []byte { return v.(*NewSessionTicket12).Append(b) },
			[]any{&NewSessionTicket12{1<<32 - 1, pattern(99)}, &NewSessionTicket12{0, []byte{}}}},
		{"NewSessionTicket", func(raw []byte, rec *Fields) (any, error) { return box(ParseNewSessionTicket(raw, rec)) },
			func(b []byte, v any) []byte { return v.(*NewSessionTicket).Append(b) },
			[]any{&NewSessionTicket{TicketLifetime: 1<<32 - 1, TicketAgeAdd: 0x01020304, TicketNonce: pattern(8), Ticket: pattern(99), MaxEarlyDataSize: to(uint32(16384))},
				&NewSessionTicket{TicketNonce: []byte{}, Ticket: []byte{1}}}},
		{"KeyUpdate", func(raw []byte, rec *Fields) (any, error) { return box(ParseKeyUpdate(raw, rec)) },
			func(b []byte, v any) []byte { return AppendKeyUpdate(b, v.(KeyUpdateRequest)) }, []any{UpdateRequested, UpdateNotRequested}},
		{"Alert", func(raw []byte, rec *Fields) (any, error) { _, d, err := ParseAlert(raw, rec); return d, err },
			func(b []byte, v any) []byte { return AppendAlert(b, v.(alert.Description)) }, []any{alert.DecryptError, alert.CloseNotify, alert.Description(199)}},
		{"ImportedIdentity", func(raw []byte, rec *Fields) (any, error) { return box(ParseImportedIdentity(raw, rec)) },
			func(b []byte, v any) []byte { return v.(ImportedIdentity).Append(b) },
			[]any{ImportedIdentity{[]byte("alice"), []byte("tunnel"), VersionTLS13, 2}, ImportedIdentity{[]byte{0}, []byte{}, 0, 0}}},
	}
}

func finished(name string, hashLen int) message {
	return message{name, func(raw []byte, rec *Fields) (any, error) { return box(ParseFinished(raw, hashLen, rec)) },
		func(b []byte, v any) []byte { return AppendFinished(b, v.([]byte)) }, []any{pattern(hashLen)}}
}

func serverKeyExchange(name string, parse func([]byte, *Fields) (*ServerKeyExchange, error), values ...any) message {
	return message{name, func(raw []byte, rec *Fields) (any, error) { return box(parse(raw, rec)) },
		func(b []byte, v any) []byte { return v.(*ServerKeyExchange).Append(b) }, values}
}

func clientKeyExchange(name string, parse func([]byte, *Fields) (*ClientKeyExchange, error), values ...any) message {
	return message{name, func(raw []byte, rec *Fields) (any, error) { return box(parse(raw, rec)) },
		func(b []byte, v any) []byte { return v.(*ClientKeyExchange).Append(b) }, values}
}

// empty is a message without content.
func empty(name string, parse func([]byte, *Fields) error, again func([]byte) []byte) message {
	return message{name, func(raw []byte, rec *Fields) (any, error) { return nil, parse(raw, rec) },
		func(b []byte, _ any) []byte { return again(b) }, []any{nil}}
}

func fullClientHello() *ClientHello {
	imported := ImportedIdentity{[]byte("alice"), []byte{1, 2}, VersionTLS13, 1}
	return &ClientHello{
		LegacyVersion:            VersionTLS12,
		Random:                   [32]byte(pattern(32)),
		LegacySessionID:          pattern(32),
		CipherSuites:             []uint16{0x1301, 0x1303, 0x1302, 0x00ff, 0xbaba},
		LegacyCompressionMethods: []byte{0},
		ServerName:               to("server.example"),
		SupportedGroups:          []NamedGroup{GroupX25519MLKEM768, GroupX25519, GroupP256, 0x2345},
		SignatureAlgorithms:      []byte{4, 3, 8, 4},
		ALPN:                     []string{"ww/1", "\x00\xff"},
		RecordSizeLimit:          to(uint16(16385)),
		EarlyData:                true,
		SupportedVersions:        []uint16{VersionTLS13, VersionTLS12},
		Cookie:                   pattern(5),
		PSKKeyExchangeModes:      []PSKKeyExchangeMode{PSKWithECDHE, PSKOnly, 7},
		KeyShare:                 &ClientKeyShare{[]KeyShareEntry{{GroupX25519MLKEM768, pattern(40)}, {GroupX25519, pattern(32)}}},
		RenegotiationInfo:        []byte{},
		EncryptThenMAC:           true,
		ExtendedMasterSecret:     true,
		SessionTicket:            pattern(20),
		ECPointFormats:           []byte{1, PointUncompressed, 2},
		PreSharedKey: &OfferedPSKs{
			Identities: []PSKIdentity{{imported.Append(nil), 0}, {[]byte("bob"), 0}, {[]byte{0xff, 0, 27}, 0xfffefdfc}},
			Binders:    [][]byte{pattern(32), pattern(48), pattern(32)},
		},
	}
}

// clientHello12 asks for a ticket and offers nothing of TLS 1.3.
func clientHello12() *ClientHello {
	return &ClientHello{
		LegacyVersion: VersionTLS12, LegacySessionID: []byte{}, CipherSuites: []uint16{0xc037, 0x00ae, RenegotiationSCSV, FallbackSCSV}, LegacyCompressionMethods: []byte{0},
		SupportedGroups: []NamedGroup{GroupX25519}, ECPointFormats: []byte{PointUncompressed},
		RenegotiationInfo: pattern(12), EncryptThenMAC: true, ExtendedMasterSecret: true, SessionTicket: []byte{},
	}
}

func shortClientHello() *ClientHello {
	return &ClientHello{LegacyVersion: VersionTLS12, LegacySessionID: []byte{}, CipherSuites: []uint16{0x1301}, LegacyCompressionMethods: []byte{0}}
}

func fullServerHello() *ServerHello {
	return &ServerHello{
		LegacyVersion: VersionTLS12, Random: [32]byte(pattern(32)), LegacySessionIDEcho: pattern(32), CipherSuite: 0x1301,
		SelectedVersion: to(VersionTLS13), KeyShare: &KeyShareEntry{GroupX25519, pattern(32)}, SelectedIdentity: to(uint16(1)),
	}
}

func fullServerHello12() *ServerHello {
	return &ServerHello{
		LegacyVersion: VersionTLS12, Random: [32]byte(pattern(32)), LegacySessionIDEcho: pattern(32), CipherSuite: 0xc037,
		RenegotiationInfo: []byte{}, ServerName: true, EncryptThenMAC: true, ExtendedMasterSecret: true, SessionTicket: true,
		ECPointFormats: []byte{PointUncompressed}, ALPN: to("ww/1"), RecordSizeLimit: to(uint16(1024)),
	}
}

func fullHelloRetryRequest() *ServerHello {
	return &ServerHello{
		HelloRetryRequest: true, LegacyVersion: VersionTLS12, Random: helloRetryRequestRandom, LegacySessionIDEcho: pattern(32), CipherSuite: 0x1301,
		SelectedVersion: to(VersionTLS13), SelectedGroup: to(GroupP256), Cookie: pattern(9),
	}
}

// comparable clears what a message does not keep when it is appended again: the
// order of its extensions, and those that it does not know.
func comparable(v any) any {
	switch m := v.(type) {
	case *ClientHello:
		c := *m
		c.Extensions = nil
		if c.PreSharedKey != nil {
			o := *c.PreSharedKey
			o.BindersOffset = 0
			c.PreSharedKey = &o
		}
		if len(c.LegacySessionID) == 0 {
			c.LegacySessionID = nil
		}
		return &c
	case *ServerHello:
		c := *m
		c.Extensions = nil
		if len(c.LegacySessionIDEcho) == 0 {
			c.LegacySessionIDEcho = nil
		}
		return &c
	case *EncryptedExtensions:
		c := *m
		c.Extensions = nil
		return &c
	}
	return v
}

func same(a, b any) bool { return reflect.DeepEqual(comparable(a), comparable(b)) }

// rawExtension is an extension as it stands in a message.
type rawExtension struct {
	Type ExtensionType
	Data []byte
}

// split takes a message apart at its block of extensions, which is its last
// part; ok is false if it has none.
func (m message) split(t testing.TB, raw []byte) (head []byte, exts []rawExtension, ok bool) {
	t.Helper()
	var rec Fields
	if _, err := m.parse(raw, &rec); err != nil {
		t.Fatalf("%s: a message that is to be taken apart does not parse: %v.", m, err)
	}
	for _, f := range rec.List {
		switch f.Name {
		case "extensions length":
			head, ok = raw[HeaderLen:f.Offset], true
		case "extension_type":
			exts = append(exts, rawExtension{Type: ExtensionType(uint16(raw[f.Offset])<<8 | uint16(raw[f.Offset+1]))})
		case "extension_data":
			exts[len(exts)-1].Data = raw[f.Offset : f.Offset+f.Length]
		}
	}
	return head, exts, ok
}

// join puts a handshake message together.
func join(t HandshakeType, head []byte, exts []rawExtension) []byte {
	return frame(nil, t, func(b []byte) []byte {
		return appendVector(append(b, head...), 2, func(b []byte) []byte {
			for _, e := range exts {
				b = appendExtension(b, e.Type, func(b []byte) []byte { return append(b, e.Data...) })
			}
			return b
		})
	})
}

// with returns a message of this kind that has the short form's head and only
// these extensions.
func (m message) with(t testing.TB, exts ...rawExtension) []byte {
	t.Helper()
	raw := m.again(nil, m.values[len(m.values)-1])
	head, _, ok := m.split(t, raw)
	if !ok {
		t.Fatalf("%s has no extensions.", m)
	}
	return join(TypeOf(raw), head, exts)
}

func kind(t testing.TB, name string) message {
	t.Helper()
	for _, m := range messages() {
		if m.name == name {
			return m
		}
	}
	t.Fatalf("No message is called %s.", name)
	return message{}
}

// wantAlert checks that err tells the peer d; nil errors have no alert.
func wantAlert(t testing.TB, err error, d alert.Description, what string) {
	t.Helper()
	var local *alert.LocalError
	switch {
	case err == nil:
		t.Errorf("%s was accepted; want alert %s.", what, d)
	case !errors.As(err, &local):
		t.Errorf("%s ended in %q, which carries no alert; want %s.", what, err, d)
	case local.Description != d:
		t.Errorf("%s ended in alert %s (%s); want %s.", what, local.Description, local.Why(), d)
	}
}

// wantTree checks that recorded fields form a tree within a message of n bytes:
// parts lie in order inside their field and do not overlap. If whole, they also
// fill it, so that each byte belongs to exactly one field without parts.
func wantTree(t testing.TB, list []Field, n int, whole bool) {
	t.Helper()
	if len(list) == 0 {
		t.Fatal("Nothing was recorded.")
	}
	if f := list[0]; f.Depth != 0 || f.Offset != 0 || f.Length != n {
		t.Fatalf("The first field is %+v; want one of depth 0 that covers all %d bytes.", f, n)
	}
	if rest := wantParts(t, list, whole); len(rest) > 0 {
		t.Fatalf("Field %+v stands outside the message.", rest[0])
	}
}

// wantParts checks the first field of list and its parts, and returns what
// follows them.
func wantParts(t testing.TB, list []Field, whole bool) []Field {
	t.Helper()
	f := list[0]
	if f.Name == "" || f.Section == "" {
		t.Fatalf("Field %+v has no name or no section.", f)
	}
	at, rest := f.Offset, list[1:]
	isLeaf := len(rest) == 0 || rest[0].Depth <= f.Depth
	for len(rest) > 0 && rest[0].Depth > f.Depth {
		part := rest[0]
		if part.Depth != f.Depth+1 {
			t.Fatalf("Field %+v is more than one step below %+v.", part, f)
		}
		if part.Offset < at || part.Length < 0 || part.Offset+part.Length > f.Offset+f.Length {
			t.Fatalf("Field %+v overlaps what is before it or leaves %+v.", part, f)
		}
		if whole && part.Offset != at {
			t.Fatalf("Between byte %d and field %+v is a gap, in %+v.", at, part, f)
		}
		at = part.Offset + part.Length
		rest = wantParts(t, rest, whole)
	}
	if whole && !isLeaf && at != f.Offset+f.Length {
		t.Fatalf("The parts of %+v end at byte %d.", f, at)
	}
	return rest
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	return b
}

func to[T any](v T) *T { return &v }

func box[T any](v T, err error) (any, error) { return v, err }

// be16 puts a length of two bytes before content.
func be16(content ...byte) []byte { return appendBytes(nil, 2, content) }

// be8 puts a length of one byte before content.
func be8(content ...byte) []byte { return appendBytes(nil, 1, content) }

func TestRoundTrip(t *testing.T) {
	for _, m := range messages() {
		for i, v := range m.values {
			t.Run(fmt.Sprintf("%s/%d", m, i), func(t *testing.T) {
				raw := m.again(nil, v)
				got, err := m.parse(raw, nil)
				if err != nil {
					t.Fatalf("What was appended does not parse: %v.", err)
				}
				if !same(got, v) {
					t.Errorf("Parsed %+v; want %+v.", got, v)
				}
				if after := m.again([]byte("before"), got); !bytes.Equal(after, append([]byte("before"), raw...)) {
					t.Error("Appended again, behind other bytes, the message is another one.")
				}
			})
		}
	}
}
