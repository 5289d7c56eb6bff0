package handshake

// A ClientHello of TLS 1.2 with no suite or no group in common: the sentence
// names what each side offered, however much that is.

import (
	"fmt"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

func TestNothingOf12InCommon(t *testing.T) {
	suites := func(list ...uint16) func(*wire.ClientHello) {
		return func(h *wire.ClientHello) { h.CipherSuites = list }
	}
	only13 := func(s *setup12) { s.server.Versions = []uint16{wire.VersionTLS13} }
	const noSuite = "no TLS 1.2 suite in common: the client offers "
	for _, c := range []refusal12[wire.ClientHello]{
		{"no suite with a shared key", nil, suites(0xc02b, 0x002f, 0x1301), alert.HandshakeFailure, noSuite + "none with a pre-shared key that we have, but TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256; here TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256 are allowed (sent"},
		{"CCM and DHE_PSK", nil, suites(0xc0a4, 0x00aa), alert.HandshakeFailure, noSuite + "none with a pre-shared key that we have, but TLS_PSK_WITH_AES_128_CCM, TLS_DHE_PSK_WITH_AES_128_GCM_SHA256; here "},
		{"a suite without a name, and signals", nil, suites(wire.RenegotiationSCSV, 0xfe01, wire.FallbackSCSV), alert.HandshakeFailure, noSuite + "none with a pre-shared key that we have, but suite 0xfe01; here "},
		{"signals alone", nil, suites(wire.RenegotiationSCSV), alert.HandshakeFailure, noSuite + "none; here "},
		{"more suites than go into a sentence", nil, suites(0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, wire.RenegotiationSCSV, 0xc014), alert.HandshakeFailure, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA and 2 more; here "},
		{"more of ours than go into a sentence", set{func(s *setup12) { s.server.Suites12, s.server.Legacy = suite.Legacy12(), true }}, suites(0x00aa), alert.HandshakeFailure, fmt.Sprintf(" and %d more are allowed (sent", len(suite.Legacy12())-8)},
		{"signals alone, where TLS 1.2 is not spoken", set{only13}, suites(wire.RenegotiationSCSV), alert.ProtocolVersion, "; it offers no suite (sent"},
		{"no suite with a shared key, where TLS 1.2 is not spoken", set{only13}, suites(0x00aa, 0xfe01), alert.ProtocolVersion, "none of the suites that it offers is one with a pre-shared key that we have: TLS_DHE_PSK_WITH_AES_128_GCM_SHA256, suite 0xfe01 (sent"},
		{"suites of the policy legacy", set{serverCompatible}, suites(0x00a8, 0x008c), alert.HandshakeFailure, noSuite + "TLS_PSK_WITH_AES_128_GCM_SHA256, TLS_PSK_WITH_AES_128_CBC_SHA; here TLS_ECDHE"},
		{"suites of the policy legacy, and a hint at it", set{serverCompatible}, suites(0x00a8), alert.HandshakeFailure, "the policy legacy would allow what it offers"},
		{"suites that legacy has not chosen", set{serverLegacy}, suites(0x00a8), alert.HandshakeFailure, "are allowed (sent"},
		{"groups that we do not have", nil, func(h *wire.ClientHello) { h.SupportedGroups = []wire.NamedGroup{0x18, 0x100} }, alert.HandshakeFailure, "no group in common for the TLS 1.2 suites that both ends have: the client offers secp384r1, ffdhe2048; here x25519, secp256r1 are allowed (sent"},
		{"the hybrid group alone", set{func(s *setup12) { s.server.Groups = allGroups }}, func(h *wire.ClientHello) { h.SupportedGroups = []wire.NamedGroup{wire.GroupX25519MLKEM768} }, alert.HandshakeFailure, "no group in common for the TLS 1.2 suites that both ends have: the client offers "},
		{"no supported_groups", nil, func(h *wire.ClientHello) { h.SupportedGroups = nil }, accepted, ""}, // RFC 8422 §4
		{"no supported_groups, and no P-256 here", set{func(s *setup12) { s.server.Groups = []wire.NamedGroup{wire.GroupX25519} }}, func(h *wire.ClientHello) { h.SupportedGroups = nil }, alert.HandshakeFailure, "no group in common for the TLS 1.2 suites that both ends have: the client offers "},
	} {
		c.check(t, wire.TypeClientHello, parseHello, encodeHello)
	}
}
