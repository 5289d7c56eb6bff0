package wire

// Messages that the syntax allows and the RFC does not: the alert for each, and
// what has to be accepted although nobody knows it.

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

// unknown is an extension that this package has never heard of, and one that
// it can name but does not read.
var unknown = []rawExtension{{0x5555, []byte{1, 2, 3}}, {0x1a1a, nil}, {ExtStatusRequest, []byte{9}}}

func TestRepeatedExtension(t *testing.T) {
	for _, m := range messages() {
		for i, v := range m.values {
			raw := m.again(nil, v)
			head, exts, ok := m.split(t, raw)
			if !ok {
				continue
			}
			exts = append([]rawExtension{unknown[0]}, exts...)
			for j, e := range exts {
				for _, at := range []int{0, j, len(exts)} {
					twice := append(append(append([]rawExtension{}, exts[:at]...), e), exts[at:]...)
					_, err := m.parse(join(TypeOf(raw), head, twice), nil)
					wantAlert(t, err, alert.IllegalParameter, fmt.Sprintf("%s %d with a second %s at %d", m, i, e.Type, at))
				}
			}
		}
	}
}

func TestUnknownExtensionIsIgnored(t *testing.T) {
	for _, m := range messages() {
		for i, v := range m.values {
			raw := m.again(nil, v)
			head, exts, ok := m.split(t, raw)
			if !ok {
				continue
			}
			for at := range len(exts) + 1 {
				more := append(append(append([]rawExtension{}, exts[:at]...), unknown...), exts[at:]...)
				what := fmt.Sprintf("%s %d with unknown extensions at %d", m, i, at)
				got, err := m.parse(join(TypeOf(raw), head, more), nil)
				if at > 0 && m.name == "ClientHello" && exts[at-1].Type == ExtPreSharedKey {
					wantAlert(t, err, alert.IllegalParameter, what+", behind pre_shared_key,") // RFC 9846 §4.3.11
					continue
				}
				if err != nil {
					t.Errorf("%s: %v.", what, err)
				} else if !same(got, v) {
					t.Errorf("%s means something else.", what)
				}
				wantListed(t, got, more)
			}
		}
	}
}

// wantListed checks that a message lists the types of its extensions in order.
func wantListed(t *testing.T, v any, exts []rawExtension) {
	t.Helper()
	list := reflect.Indirect(reflect.ValueOf(v)).FieldByName("Extensions")
	if !list.IsValid() {
		return
	}
	got := list.Interface().([]ExtensionType)
	for i, e := range exts {
		if len(got) != len(exts) || got[i] != e.Type {
			t.Fatalf("Extensions lists %v; want those of %v.", got, exts)
		}
	}
}

// TestThousandsOfExtensions fills a ClientHello with them: all different they
// are ignored, and the one repetition among them is found.
func TestThousandsOfExtensions(t *testing.T) {
	m := kind(t, "ClientHello")
	var exts []rawExtension
	for i := range 16000 {
		exts = append(exts, rawExtension{Type: ExtensionType(1000 + i)})
	}
	got, err := m.parse(m.with(t, exts...), nil)
	if err != nil {
		t.Fatalf("16000 unknown extensions: %v.", err)
	}
	wantListed(t, got, exts)
	_, err = m.parse(m.with(t, append(exts, exts[0])...), nil)
	wantAlert(t, err, alert.IllegalParameter, "16001 extensions, the last like the first,")
}

func BenchmarkClientHelloOfThousands(b *testing.B) {
	var exts []rawExtension
	var shares []byte
	for i := range 16000 {
		exts = append(exts, rawExtension{Type: ExtensionType(1000 + i)})
	}
	for i := range 13000 {
		shares = append(appendUint16(shares, uint16(i)), 0, 1, 0)
	}
	m := kind(b, "ClientHello")
	for _, c := range []struct {
		name string
		raw  []byte
	}{{"extensions", m.with(b, exts...)}, {"shares", m.with(b, rawExtension{ExtKeyShare, be16(shares...)})}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.parse(c.raw, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAlertOfEachFault(t *testing.T) {
	binder := be8(pattern(32)...)
	identity := []byte{0, 1, 'a', 0, 0, 0, 0}
	hostName := func(s string) []byte { return append([]byte{0}, be16([]byte(s)...)...) }
	serverName := func(names ...[]byte) rawExtension {
		return rawExtension{ExtServerName, be16(bytes.Join(names, nil)...)}
	}
	for _, c := range []struct {
		message string
		what    string
		ext     rawExtension
	}{
		{"ClientHello", "two shares of one group", rawExtension{ExtKeyShare, be16(0, 29, 0, 1, 7, 0, 23, 0, 1, 7, 0, 29, 0, 1, 8)}}, // RFC 9846 §4.3.8
		{"ClientHello", "more identities than binders", rawExtension{ExtPreSharedKey, append(be16(append(identity, identity...)...), be16(binder...)...)}},
		{"ClientHello", "more binders than identities", rawExtension{ExtPreSharedKey, append(be16(identity...), be16(append(binder, binder...)...)...)}},
		{"ClientHello", "two host names", serverName(hostName("a"), hostName("b"))}, // RFC 6066 §3
		{"ClientHello", "two names of an unknown type", serverName([]byte{9, 0, 0}, hostName("a"), []byte{9, 0, 0})},
		{"ClientHello", "a NUL in a host name", serverName(hostName("a\x00b"))},
		{"ClientHello", "an escape sequence in a host name", serverName(hostName("a\x1b[2J"))},
		{"ClientHello", "a host name that is not ASCII", serverName(hostName("bücher.example"))},
		{"EncryptedExtensions", "two selected protocols", rawExtension{ExtALPN, be16(1, 'a', 1, 'b')}}, // RFC 7301 §3.1
		{"ServerHello", "two selected protocols", rawExtension{ExtALPN, be16(1, 'a', 1, 'b')}},
		// RFC 8422 §5.1.2.
		{"ClientHello", "point formats, but not the uncompressed one", rawExtension{ExtECPointFormats, be8(1, 2, 255)}},
		{"ServerHello", "point formats, but not the uncompressed one", rawExtension{ExtECPointFormats, be8(1)}},
		// RFC 9846 §4.3: known, and not specified for this message.
		{"NewSessionTicket", "supported_versions", rawExtension{ExtSupportedVersions, []byte{3, 4}}},
		{"NewSessionTicket", "an empty pre_shared_key", rawExtension{ExtPreSharedKey, nil}},
		{"NewSessionTicket", "extended_main_secret", rawExtension{ExtExtendedMainSecret, nil}},
	} {
		m := kind(t, c.message)
		var rec Fields
		raw := m.with(t, c.ext)
		_, err := m.parse(raw, &rec)
		wantAlert(t, err, alert.IllegalParameter, c.message+" with "+c.what)
		wantTree(t, rec.List, len(raw), false)
	}
	for v := 2; v < 256; v++ {
		_, err := ParseKeyUpdate([]byte{byte(TypeKeyUpdate), 0, 0, 1, byte(v)}, nil)
		wantAlert(t, err, alert.IllegalParameter, fmt.Sprintf("KeyUpdate %d", v)) // RFC 9846 §4.7.3
	}
	for _, level := range []byte{0, 3, 255} {
		_, d, err := ParseAlert([]byte{level, 51}, nil)
		wantAlert(t, err, alert.IllegalParameter, fmt.Sprintf("An alert of level %d", level))
		if d != alert.DecryptError {
			t.Errorf("The description beside level %d reads as %s; want decrypt_error, not close_notify.", level, d)
		}
	}
}

func TestMessageOfAnotherType(t *testing.T) {
	for _, m := range messages() {
		raw := m.again(nil, m.values[0])
		if m.hasNoHeader() {
			continue
		}
		raw[0] = byte(TypeCertificate)
		var rec Fields
		_, err := m.parse(raw, &rec)
		wantAlert(t, err, alert.UnexpectedMessage, m.name+" of type certificate")
		if len(rec.List) != 2 || rec.List[1].Value != "certificate" {
			t.Errorf("%s of another type left the record %+v; want nothing behind its msg_type.", m, rec.List)
		}
	}
}

// TestServerNames has names that are legal and less usual.
func TestServerNames(t *testing.T) {
	m := kind(t, "ClientHello")
	for _, c := range []struct {
		list string
		want *string
	}{
		{"\x00\x00\x0fserver.example.", to("server.example.")},
		{"\x00\x00\x09127.0.0.1", to("127.0.0.1")},
		{"\x07\x00\x02\x00\x01\x00\x00\x01a", to("a")}, // an unknown type first
		{"\x00\x00\x01a\x07\x00\x00", to("a")},
		{"\x07\x00\x00", nil},
	} {
		got, err := m.parse(m.with(t, rawExtension{ExtServerName, be16([]byte(c.list)...)}), nil)
		if err != nil {
			t.Errorf("The list %q: %v.", c.list, err)
		} else if name := got.(*ClientHello).ServerName; !reflect.DeepEqual(name, c.want) {
			t.Errorf("The list %q reads as the wrong name.", c.list)
		}
	}
}

func TestBindersOffset(t *testing.T) {
	m := fullClientHello()
	raw := m.Append([]byte("anything before"))[len("anything before"):]
	list := m.PreSharedKey.AppendBinders(nil)
	if at := len(raw) - len(list); m.PreSharedKey.BindersOffset != at || !bytes.Equal(raw[at:], list) {
		t.Errorf("Append says that the binders begin at %d; want %d.", m.PreSharedKey.BindersOffset, at)
	}
	got, err := ParseClientHello(raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.PreSharedKey.BindersOffset != m.PreSharedKey.BindersOffset {
		t.Errorf("The parser says that the binders begin at %d; want %d.", got.PreSharedKey.BindersOffset, m.PreSharedKey.BindersOffset)
	}
}

func TestHelloRetryRequestIsToldByItsRandom(t *testing.T) {
	for _, m := range []*ServerHello{fullServerHello(), fullHelloRetryRequest()} {
		raw := m.Append(nil)
		got, err := ParseServerHello(raw, nil)
		if err != nil || got.HelloRetryRequest != m.HelloRetryRequest {
			t.Errorf("HelloRetryRequest reads as %v, %v; want %v.", got.HelloRetryRequest, err, m.HelloRetryRequest)
		}
		// The form of key_share depends on it (RFC 9846 §4.3.8).
		raw[HeaderLen+2] ^= 1
		if got, err := ParseServerHello(raw, nil); m.HelloRetryRequest {
			wantAlert(t, err, alert.DecodeError, "A HelloRetryRequest with another random")
		} else if err != nil || got.HelloRetryRequest {
			t.Errorf("A ServerHello with another random: %v.", err)
		}
	}
}

func TestTooLongForItsLengthField(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("A session id of 256 bytes was appended; its length has one byte.")
		}
	}()
	(&ClientHello{LegacySessionID: make([]byte, 256)}).Append(nil)
}

func TestMessageHash(t *testing.T) {
	got := AppendMessageHash([]byte{9}, pattern(32))
	want := append([]byte{9, 254, 0, 0, 32}, pattern(32)...) // RFC 9846 §4.1
	if !bytes.Equal(got, want) {
		t.Errorf("message_hash is %x; want %x.", got, want)
	}
}

func TestShare(t *testing.T) {
	var none *ClientKeyShare
	shares := &ClientKeyShare{[]KeyShareEntry{{GroupX25519, []byte{1}}, {GroupP256, []byte{2}}}}
	if none.Share(GroupX25519) != nil || shares.Share(GroupX25519MLKEM768) != nil || !bytes.Equal(shares.Share(GroupP256), []byte{2}) {
		t.Error("Share finds a share that is not there, or not the one that is.")
	}
}
