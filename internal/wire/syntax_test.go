package wire

// Messages that the syntax does not allow end in decode_error (RFC 9846 §6).

import (
	"fmt"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

// relength makes a handshake message of a body, so that not only the header's
// length is wrong. Other structures have no header.
func relength(m message, raw []byte) []byte {
	if m.hasNoHeader() || len(raw) < HeaderLen {
		return raw
	}
	return frame(nil, TypeOf(raw), func(b []byte) []byte { return append(b, raw[HeaderLen:]...) })
}

// mayEndHere says that a message without extensions is that of an older
// version (RFC 9846 §4.2.2).
func mayEndHere(t *testing.T, m message, whole []byte, n int) bool {
	head, _, ok := m.split(t, whole)
	return ok && (m.name == "ClientHello" || m.name == "ServerHello") && n == HeaderLen+len(head)
}

func TestTruncatedAtEveryByte(t *testing.T) {
	for _, m := range messages() {
		for i, v := range m.values {
			whole := m.again(nil, v)
			for n := range whole {
				what := fmt.Sprintf("%s %d cut after %d of %d bytes", m, i, n, len(whole))
				_, err := m.parse(whole[:n], nil)
				wantAlert(t, err, alert.DecodeError, what)

				var rec Fields
				cut := relength(m, whole[:n:n])
				_, err = m.parse(cut, &rec)
				wantTree(t, rec.List, len(cut), err == nil)
				if !mayEndHere(t, m, whole, n) {
					wantAlert(t, err, alert.DecodeError, what+", its length made right,")
				} else if err != nil {
					t.Errorf("%s is well formed without extensions, but: %v.", what, err)
				}
			}
		}
	}
}

func TestOneByteTooMany(t *testing.T) {
	for _, m := range messages() {
		for i, v := range m.values {
			long := append(m.again(nil, v), 0)
			what := fmt.Sprintf("%s %d with a byte too many", m, i)
			_, err := m.parse(long, nil)
			wantAlert(t, err, alert.DecodeError, what)
			_, err = m.parse(relength(m, long), nil)
			wantAlert(t, err, alert.DecodeError, what+", its length made right,")
		}
	}
}

// TestExtensionDataCutAndExtended cuts and extends the content of each
// extension, with every length around it made right.
func TestExtensionDataCutAndExtended(t *testing.T) {
	for _, m := range messages() {
		for i, v := range m.values {
			raw := m.again(nil, v)
			head, exts, _ := m.split(t, raw)
			for j, e := range exts {
				if m.name == "ClientHello" && e.Type == ExtSessionTicket {
					continue // its content, whatever it is, is the ticket (RFC 5077 §3.2)
				}
				for n := range len(e.Data) + 2 {
					data := append(e.Data[:len(e.Data):len(e.Data)], 0)[:n]
					if n == len(e.Data) {
						continue
					}
					changed := append([]rawExtension{}, exts...)
					changed[j].Data = data
					_, err := m.parse(join(TypeOf(raw), head, changed), nil)
					wantAlert(t, err, alert.DecodeError, fmt.Sprintf("%s %d with %d of %d bytes in %s", m, i, n, len(e.Data), e.Type))
				}
			}
		}
	}
}

// vectorCase is a vector with the lengths of its content that are legal at the
// edges, and those next to them that are not.
type vectorCase struct {
	message   string
	name      string
	build     func(t *testing.T, n int) []byte
	good, bad []int
}

func extensionCase(message string, typ ExtensionType, name string, content func(n int) []byte, good, bad []int) vectorCase {
	return vectorCase{message, typ.String() + " " + name, func(t *testing.T, n int) []byte {
		return kind(t, message).with(t, rawExtension{typ, content(n)})
	}, good, bad}
}

func headCase(message string, typ HandshakeType, name string, content func(n int) []byte, good, bad []int) vectorCase {
	return vectorCase{message, name, func(_ *testing.T, n int) []byte {
		return frame(nil, typ, func(b []byte) []byte { return append(b, content(n)...) })
	}, good, bad}
}

// helloHead is a hello's version and random, and after them the rest.
func helloHead(rest ...[]byte) []byte {
	b := append([]byte{3, 3}, make([]byte, 32)...)
	for _, r := range rest {
		b = append(b, r...)
	}
	return b
}

// room is what fits into a vector in the extension that has the whole block of
// extensions for itself: 2^16 - 1 less the frame of the extension and the
// length of the vector.
const room = 1<<16 - 1 - 4 - 2

func vectorCases() []vectorCase {
	list16 := func(n int) []byte { return be16(make([]byte, n)...) }
	list8 := func(n int) []byte { return be8(make([]byte, n)...) }
	names := func(n int) []byte { return be16(append([]byte{0}, be16(letters(n)...)...)...) }
	share := func(n int) []byte { return append([]byte{0, 29}, list16(n)...) }
	binders := func(list []byte) []byte { return append(be16([]byte{0, 1, 'a', 0, 0, 0, 0}...), list...) }
	ticket := func(n int) []byte {
		return append(append(make([]byte, 8), 0), append(list16(n), 0, 0)...)
	}
	return []vectorCase{
		headCase("ClientHello", TypeClientHello, "legacy_session_id", func(n int) []byte { return helloHead(list8(n), list16(2), list8(1)) }, []int{0, 1, 32}, []int{33, 255}),
		headCase("ClientHello", TypeClientHello, "cipher_suites", func(n int) []byte { return helloHead(list8(0), list16(n), list8(1)) }, []int{2, 4, 1<<16 - 2}, []int{0, 1, 3, 1<<16 - 1}),
		headCase("ClientHello", TypeClientHello, "legacy_compression_methods", func(n int) []byte { return helloHead(list8(0), list16(2), list8(n)) }, []int{1, 255}, []int{0}),
		headCase("ClientHello", TypeClientHello, "extensions", func(n int) []byte {
			return helloHead(list8(0), list16(2), list8(1), be16([]byte{0x55, 0x55, 0, 0}[:n]...))
		}, []int{0, 4}, []int{1, 2, 3}),
		extensionCase("ClientHello", ExtServerName, "server_name_list", list16, nil, []int{0, 1, 2}),
		extensionCase("ClientHello", ExtServerName, "host_name", names, []int{1, room - 3}, []int{0}),
		extensionCase("ClientHello", ExtSupportedGroups, "named_group_list", list16, []int{2, 4, room - 1}, []int{0, 1, 3, room}),
		extensionCase("ClientHello", ExtSignatureAlgorithms, "supported_signature_algorithms", list16, []int{2, 4, room - 1}, []int{0, 1, 3, room}),
		extensionCase("ClientHello", ExtALPN, "protocol_name_list", list16, nil, []int{0, 1, 2}),
		extensionCase("ClientHello", ExtALPN, "protocol_name", func(n int) []byte { return be16(list8(n)...) }, []int{1, 255}, []int{0}),
		extensionCase("ClientHello", ExtRecordSizeLimit, "content", func(n int) []byte { return make([]byte, n) }, []int{2}, []int{0, 1, 3}),
		extensionCase("ClientHello", ExtEarlyData, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1}),
		extensionCase("ClientHello", ExtSupportedVersions, "versions", list8, []int{2, 254}, []int{0, 1, 3, 255}),
		extensionCase("ClientHello", ExtCookie, "cookie", list16, []int{1, room}, []int{0}),
		extensionCase("ClientHello", ExtPSKKeyExchangeModes, "ke_modes", list8, []int{1, 255}, []int{0}),
		extensionCase("ClientHello", ExtRenegotiationInfo, "renegotiated_connection", list8, []int{0, 12, 255}, nil),
		extensionCase("ClientHello", ExtRenegotiationInfo, "content", func(n int) []byte { return make([]byte, n) }, []int{1}, []int{0, 2, 13}),
		extensionCase("ClientHello", ExtEncryptThenMAC, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1, 2}),
		extensionCase("ClientHello", ExtExtendedMainSecret, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1, 2}),
		extensionCase("ClientHello", ExtSessionTicket, "ticket", pattern, []int{0, 1, 2, 255, 256, room + 2}, nil),
		extensionCase("ClientHello", ExtECPointFormats, "ec_point_format_list", list8, []int{1, 2, 255}, []int{0}),
		extensionCase("ClientHello", ExtKeyShare, "client_shares", list16, []int{0}, []int{1, 2, 3, 4}),
		extensionCase("ClientHello", ExtKeyShare, "key_exchange", func(n int) []byte { return be16(share(n)...) }, []int{1, room - 4}, []int{0}),
		extensionCase("ClientHello", ExtPreSharedKey, "identities", func(n int) []byte { return append(list16(n), be16(list8(32)...)...) }, nil, []int{0, 6}),
		extensionCase("ClientHello", ExtPreSharedKey, "identity", func(n int) []byte {
			return append(be16(append(list16(n), 0, 0, 0, 0)...), be16(list8(32)...)...)
		}, []int{1, room - 6 - 35}, []int{0}),
		extensionCase("ClientHello", ExtPreSharedKey, "binders", func(n int) []byte { return binders(list16(n)) }, nil, []int{0, 1}),
		extensionCase("ClientHello", ExtPreSharedKey, "binder", func(n int) []byte { return binders(be16(list8(n)...)) }, []int{1, 31, 32, 48, 255}, []int{0}),

		headCase("ServerHello", TypeServerHello, "legacy_session_id_echo", func(n int) []byte { return helloHead(list8(n), []byte{0x13, 1, 0}) }, []int{0, 1, 32}, []int{33, 255}),
		headCase("ServerHello", TypeServerHello, "extensions", func(n int) []byte { return helloHead(list8(0), []byte{0x13, 1, 0}, list16(n)) }, []int{0, 4}, []int{1, 2, 3}),
		extensionCase("ServerHello", ExtSupportedVersions, "content", func(n int) []byte { return make([]byte, n) }, []int{2}, []int{0, 1, 3}),
		extensionCase("ServerHello", ExtPreSharedKey, "content", func(n int) []byte { return make([]byte, n) }, []int{2}, []int{0, 1, 3}),
		extensionCase("ServerHello", ExtCookie, "cookie", list16, []int{1, room}, []int{0}),
		extensionCase("ServerHello", ExtKeyShare, "key_exchange", share, []int{1, room - 2}, []int{0}),

		extensionCase("ServerHello", ExtRenegotiationInfo, "renegotiated_connection", list8, []int{0, 24, 255}, nil),
		extensionCase("ServerHello", ExtRenegotiationInfo, "content", func(n int) []byte { return make([]byte, n) }, []int{1}, []int{0, 2, 25}),
		extensionCase("ServerHello", ExtEncryptThenMAC, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1, 2}),
		extensionCase("ServerHello", ExtExtendedMainSecret, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1, 2}),
		extensionCase("ServerHello", ExtSessionTicket, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1, 2}),
		extensionCase("ServerHello", ExtServerName, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1, 2}),
		extensionCase("ServerHello", ExtECPointFormats, "ec_point_format_list", list8, []int{1, 2, 255}, []int{0}),
		extensionCase("ServerHello", ExtALPN, "protocol_name", func(n int) []byte { return be16(list8(n)...) }, []int{1, 255}, []int{0}),
		extensionCase("ServerHello", ExtRecordSizeLimit, "content", func(n int) []byte { return make([]byte, n) }, []int{2}, []int{0, 1, 3}),

		headCase("ServerKeyExchange of PSK", TypeServerKeyExchange, "psk_identity_hint", list16, []int{0, 1, 1<<16 - 1}, nil),
		headCase("ServerKeyExchange of ECDHE_PSK", TypeServerKeyExchange, "psk_identity_hint", func(n int) []byte {
			return append(list16(n), 3, 0, 29, 1, 7)
		}, []int{0, 1, 1<<16 - 1}, nil),
		headCase("ServerKeyExchange of ECDHE_PSK", TypeServerKeyExchange, "point", func(n int) []byte {
			return append([]byte{0, 0, 3, 0, 29}, list8(n)...)
		}, []int{1, 32, 65, 255}, []int{0}),
		headCase("ClientKeyExchange of PSK", TypeClientKeyExchange, "psk_identity", list16, []int{0, 1, 1<<16 - 1}, nil),
		headCase("ClientKeyExchange of ECDHE_PSK", TypeClientKeyExchange, "psk_identity", func(n int) []byte {
			return append(list16(n), 1, 7)
		}, []int{0, 1, 1<<16 - 1}, nil),
		headCase("ClientKeyExchange of ECDHE_PSK", TypeClientKeyExchange, "point", func(n int) []byte {
			return append([]byte{0, 0}, list8(n)...)
		}, []int{1, 32, 65, 255}, []int{0}),
		headCase("HelloRequest", TypeHelloRequest, "content", pattern, []int{0}, []int{1, 2}),
		headCase("ServerHelloDone", TypeServerHelloDone, "content", pattern, []int{0}, []int{1, 2}),
		headCase("NewSessionTicket of TLS 1.2", TypeNewSessionTicket, "ticket", func(n int) []byte {
			return append(make([]byte, 4), list16(n)...)
		}, []int{0, 1, 1<<16 - 1}, nil),

		extensionCase("EncryptedExtensions", ExtServerName, "content", func(n int) []byte { return make([]byte, n) }, []int{0}, []int{1, 2}),
		extensionCase("EncryptedExtensions", ExtALPN, "protocol_name", func(n int) []byte { return be16(list8(n)...) }, []int{1, 255}, []int{0}),
		extensionCase("EncryptedExtensions", ExtSupportedGroups, "named_group_list", list16, []int{2, room - 1}, []int{0, 1, 3, room}),
		headCase("EncryptedExtensions", TypeEncryptedExtensions, "extensions", list16, []int{0, 4}, []int{1, 2, 3}),
		headCase("EncryptedExtensions", TypeEncryptedExtensions, "content", func(n int) []byte { return make([]byte, n) }, []int{2}, []int{0, 1, 3}),

		headCase("NewSessionTicket", TypeNewSessionTicket, "ticket_nonce", func(n int) []byte {
			return append(append(make([]byte, 8), list8(n)...), 0, 1, 'x', 0, 0)
		}, []int{0, 255}, nil),
		headCase("NewSessionTicket", TypeNewSessionTicket, "ticket", ticket, []int{1, 1<<16 - 1}, []int{0}),
		extensionCase("NewSessionTicket", ExtEarlyData, "content", func(n int) []byte { return make([]byte, n) }, []int{4}, []int{0, 3, 5}),

		headCase("KeyUpdate", TypeKeyUpdate, "content", func(n int) []byte { return make([]byte, n) }, []int{1}, []int{0, 2}),
		headCase("Finished", TypeFinished, "verify_data", pattern, []int{32}, []int{0, 12, 31, 33, 48}),
		headCase("Finished of TLS 1.2", TypeFinished, "verify_data", pattern, []int{12}, []int{0, 11, 13, 32}),
		headCase("Finished of SHA-384", TypeFinished, "verify_data", pattern, []int{48}, []int{0, 32, 47, 49}),

		{"Alert", "content", func(_ *testing.T, n int) []byte { return []byte{2, 40, 2, 40}[:n] }, []int{2}, []int{0, 1, 3, 4}},
		{"ImportedIdentity", "external_identity", func(_ *testing.T, n int) []byte { return append(list16(n), 0, 0, 3, 4, 0, 1) }, []int{1, 1<<16 - 1}, []int{0}},
		{"ImportedIdentity", "context", func(_ *testing.T, n int) []byte { return append(append([]byte{0, 1, 'a'}, list16(n)...), 3, 4, 0, 1) }, []int{0, 1<<16 - 1}, nil},
	}
}

func letters(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a'
	}
	return b
}

func TestLeastAndMostOfEachVector(t *testing.T) {
	for _, c := range vectorCases() {
		t.Run(c.message+"/"+c.name, func(t *testing.T) {
			m := kind(t, c.message)
			for _, n := range c.good {
				var rec Fields
				raw := c.build(t, n)
				if _, err := m.parse(raw, &rec); err != nil {
					t.Errorf("%d bytes are legal, but: %v.", n, err)
					continue
				}
				wantTree(t, rec.List, len(raw), true)
			}
			for _, n := range c.bad {
				var rec Fields
				raw := c.build(t, n)
				_, err := m.parse(raw, &rec)
				wantAlert(t, err, alert.DecodeError, fmt.Sprintf("A content of %d bytes", n))
				wantTree(t, rec.List, len(raw), false)
			}
		})
	}
}

func TestErrorNamesTheField(t *testing.T) {
	for _, c := range []struct {
		message string
		ext     rawExtension
		want    string
	}{
		{"ClientHello", rawExtension{ExtKeyShare, be16(append([]byte{0, 29}, be16()...)...)},
			"client_hello.extensions.key_share.client_shares.key_exchange: 0 bytes, 1 to 65535 are allowed"},
		{"ClientHello", rawExtension{ExtCookie, []byte{0, 9, 1}},
			"client_hello.extensions.cookie.cookie: its length goes beyond the end of what contains it"},
		{"ServerHello", rawExtension{ExtSupportedVersions, []byte{3, 4, 5}}, "server_hello.extensions.supported_versions.end: 1 byte left over"},
		{"ClientHello", rawExtension{ExtEncryptThenMAC, []byte{1}}, "client_hello.extensions.encrypt_then_mac.end: 1 byte left over"},
		{"ClientHello", rawExtension{ExtRenegotiationInfo, []byte{12, 1}},
			"client_hello.extensions.renegotiation_info.renegotiated_connection: its length goes beyond the end of what contains it"},
		{"EncryptedExtensions", rawExtension{ExtRecordSizeLimit, []byte{1}},
			"encrypted_extensions.extensions.record_size_limit.record_size_limit: 2 bytes wanted, 1 left"},
	} {
		m := kind(t, c.message)
		_, err := m.parse(m.with(t, c.ext), nil)
		want := c.want + " (sent alert 50 decode_error)"
		if err == nil || err.Error() != want {
			t.Errorf("The error is %q; want %q.", err, want)
		}
	}
}
