package handshake

// Messages of TLS 1.2 that are well formed and not allowed: for each the alert
// that its RFC asks for, and what the sentence says.

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// refusal12 is a row of a table: what one side must say of a changed message.
type refusal12[M any] struct {
	what   string
	set    []func(*setup12)
	change func(*M)
	want   alert.Description
	says   string // part of the sentence
}

// check runs a handshake in which the message of type kind is changed on its way
// and holds the end that receives it against the row.
func (c refusal12[M]) check(t *testing.T, kind wire.HandshakeType, parse func([]byte) (*M, error), encode func(*M) []byte) *run12 {
	t.Helper()
	s := newSetup12()
	for _, set := range c.set {
		set(s)
	}
	changed, toServer := false, false
	r := s.converse(t, func(direction bool, i item) item {
		if i.raw == nil || changed || wire.TypeOf(i.raw) != kind {
			return i
		}
		m, err := parse(bytes.Clone(i.raw))
		if err != nil {
			t.Fatalf("%s: the honest message cannot be parsed: %v", c.what, err)
		}
		c.change(m)
		changed, toServer = true, direction
		return item{encode(m)}
	})
	what := kind.String() + ", " + c.what
	err, done := r.clientErr, r.clientDone
	if toServer {
		err, done = r.serverErr, r.serverDone
	}
	if !changed {
		t.Fatalf("%s: there was no such message.", what)
	}
	if c.want == accepted {
		// A message that was changed is found out by the Finished at the
		// latest (RFC 5246 §7.4.9).
		if err != nil && !strings.Contains(err.Error(), "Finished does not verify") {
			t.Errorf("%s: it is refused: %v.", what, err)
		}
		return r
	}
	outcome(t, what, err, c.want)
	if done {
		t.Errorf("%s: the handshake completes.", what)
	}
	if err != nil && !strings.Contains(err.Error(), c.says) {
		t.Errorf("%s: the sentence %q does not say %q.", what, err, c.says)
	}
	return r
}

func parseHello(raw []byte) (*wire.ClientHello, error) { return wire.ParseClientHello(raw, nil) }

func encodeHello(m *wire.ClientHello) []byte { return m.Append(nil) }

func parseServerHello(raw []byte) (*wire.ServerHello, error) { return wire.ParseServerHello(raw, nil) }

func encodeServerHello(m *wire.ServerHello) []byte { return m.Append(nil) }

// What rows are set up with, beside the sequences.
func serverLegacy(s *setup12) { s.server.Legacy = true }
func clientLegacy(s *setup12) { s.client.Legacy = true }

func serverCompatible(s *setup12) { s.server.Suites12 = suite.Compatible12() }

func offersAll(s *setup12) { s.client.Suites12 = suite.Legacy12() }

func cbc(s *setup12) { s.suites(suite.ECDHEPSKAES128CBCSHA256) }

func named(s *setup12) {
	s.client.ServerName, s.client.NextProtos, s.client.RecordSizeLimit = "host", []string{"a"}, 1000
}

func TestClientHelloOf12Refused(t *testing.T) {
	versions := func(list ...uint16) func(*wire.ClientHello) {
		return func(h *wire.ClientHello) { h.SupportedVersions = list }
	}
	legacyVersion := func(v uint16) func(*wire.ClientHello) {
		return func(h *wire.ClientHello) { h.LegacyVersion = v }
	}
	addSuite := func(id uint16) func(*wire.ClientHello) {
		return func(h *wire.ClientHello) { h.CipherSuites = append(h.CipherSuites, id) }
	}
	for _, c := range []refusal12[wire.ClientHello]{
		{"as it is", nil, func(h *wire.ClientHello) {}, accepted, ""},

		// Versions.
		{"TLS 1.0", nil, legacyVersion(0x0301), alert.ProtocolVersion, "the client offers at most TLS 1.0, and TLS 1.2 is the oldest that is allowed here"},
		{"TLS 1.1", set{serverBoth}, legacyVersion(0x0302), alert.ProtocolVersion, "at most TLS 1.1, and TLS 1.2 is the oldest"},
		{"no TLS", nil, legacyVersion(0xfeff), alert.ProtocolVersion, ""},
		{"a legacy_version of the future", nil, legacyVersion(0x0304), accepted, ""}, // RFC 9846 §4.3.1
		{"supported_versions with TLS 1.2", nil, versions(0x0303), accepted, ""},
		{"supported_versions with values without meaning", nil, versions(0x7a7a, 0x0303), accepted, ""},
		{"TLS 1.3 only", nil, versions(0x0304), alert.ProtocolVersion, "the client offers TLS 1.3, and TLS 1.2 is the newest that is allowed here"},
		{"TLS 1.1 in supported_versions", nil, versions(0x0302), alert.ProtocolVersion, "TLS 1.2 is the oldest"},
		{"a fallback, where TLS 1.3 is spoken here", set{serverBoth}, addSuite(wire.FallbackSCSV), alert.InappropriateFallback, "fell back to TLS 1.2"},
		{"a fallback, to the best version here", nil, addSuite(wire.FallbackSCSV), accepted, ""},

		// Suites and groups: see TestNothingOf12InCommon.
		{"no ec_point_formats", nil, func(h *wire.ClientHello) { h.ECPointFormats = nil }, accepted, ""},
		{"no uncompressed points", nil, func(h *wire.ClientHello) { h.ECPointFormats = []byte{1, 2} }, alert.IllegalParameter, "uncompressed"}, // RFC 8422 §5.1.2

		// Compression, renegotiation, extended master secret.
		{"compression and null", nil, func(h *wire.ClientHello) { h.LegacyCompressionMethods = []byte{1, 0} }, accepted, ""},
		{"compression without null", nil, func(h *wire.ClientHello) { h.LegacyCompressionMethods = []byte{1} }, alert.IllegalParameter, "without compression"},
		{"no renegotiation_info", nil, func(h *wire.ClientHello) { h.RenegotiationInfo = nil }, accepted, ""}, // RFC 5746 §3.6: whoever never renegotiates is safe
		{"the SCSV in its place", nil, func(h *wire.ClientHello) {
			h.RenegotiationInfo, h.CipherSuites = nil, append(h.CipherSuites, wire.RenegotiationSCSV)
		}, accepted, ""},
		{"renegotiation_info of an earlier handshake", nil, func(h *wire.ClientHello) { h.RenegotiationInfo = make([]byte, 12) }, alert.HandshakeFailure, "renegotiation_info speaks of an earlier handshake"},
		{"the same in legacy", set{serverLegacy}, func(h *wire.ClientHello) { h.RenegotiationInfo = make([]byte, 12) }, alert.HandshakeFailure, "renegotiation_info"},
		{"no extended_main_secret", nil, func(h *wire.ClientHello) { h.ExtendedMasterSecret = false }, alert.HandshakeFailure, "extended master secret (RFC 7627), which only the policy legacy goes without"},
		{"no extended_main_secret, in legacy", set{serverLegacy}, func(h *wire.ClientHello) { h.ExtendedMasterSecret = false }, accepted, ""},

		// What else it can say.
		{"a record_size_limit of 63", nil, func(h *wire.ClientHello) { h.RecordSizeLimit = limit(63) }, alert.IllegalParameter, "63 bytes"},
		{"a record_size_limit of 64", nil, func(h *wire.ClientHello) { h.RecordSizeLimit = limit(64) }, accepted, ""},
		{"a record_size_limit over the most", nil, func(h *wire.ClientHello) { h.RecordSizeLimit = limit(65535) }, accepted, ""},
		{"another protocol", set{func(s *setup12) { s.server.NextProtos = []string{"a"} }}, func(h *wire.ClientHello) { h.ALPN = []string{"b"} }, alert.NoApplicationProtocol, `the client offers "b"; we have "a" (sent`},
		{"many other protocols", set{func(s *setup12) { s.server.NextProtos = []string{"a"} }}, func(h *wire.ClientHello) { h.ALPN = strings.Split("bcdefghijklm", "") }, alert.NoApplicationProtocol, `"h", "i" and 4 more; we have "a"`},
		{"a session id", nil, func(h *wire.ClientHello) { h.LegacySessionID = make([]byte, 32) }, accepted, ""},
		{"no extensions at all, in legacy", set{serverLegacy, plainPSK}, func(h *wire.ClientHello) {
			*h = wire.ClientHello{LegacyVersion: h.LegacyVersion, Random: h.Random, CipherSuites: h.CipherSuites, LegacyCompressionMethods: h.LegacyCompressionMethods}
		}, accepted, ""},
	} {
		c.check(t, wire.TypeClientHello, parseHello, encodeHello)
	}
}

func TestServerHelloOf12Refused(t *testing.T) {
	version := func(v uint16) *uint16 { return &v }
	legacyVersion := func(v uint16) func(*wire.ServerHello) {
		return func(h *wire.ServerHello) { h.LegacyVersion = v }
	}
	suiteOf := func(id suite.ID) func(*wire.ServerHello) {
		return func(h *wire.ServerHello) { h.CipherSuite = uint16(id) }
	}
	sentinel := func(last byte) func(*wire.ServerHello) {
		return func(h *wire.ServerHello) { copy(h.Random[24:], "DOWNGRD"+string(rune(last))) }
	}
	for _, c := range []refusal12[wire.ServerHello]{
		{"as it is", nil, func(h *wire.ServerHello) {}, accepted, ""},
		{"as it is, TLS 1.3 was offered", set{both}, func(h *wire.ServerHello) {}, accepted, ""},

		{"TLS 1.1", nil, legacyVersion(0x0302), alert.ProtocolVersion, "TLS 1.1 only"},
		{"TLS 1.0, TLS 1.3 was offered", set{both}, legacyVersion(0x0301), alert.ProtocolVersion, "TLS 1.0 only"},
		{"TLS 1.3 as legacy_version", set{both}, legacyVersion(0x0304), alert.ProtocolVersion, ""},
		{"TLS 1.2 as selected_version", set{both}, func(h *wire.ServerHello) { h.SelectedVersion = version(0x0303) }, alert.IllegalParameter, ""}, // RFC 9846 §4.3.1
		{"selected_version, not offered", nil, func(h *wire.ServerHello) {
			h.SelectedVersion, h.RenegotiationInfo, h.ExtendedMasterSecret, h.ECPointFormats = version(0x0304), nil, false, nil
		}, alert.UnsupportedExtension, "supported_versions"},
		{"the sentinel of TLS 1.2", set{both}, sentinel(1), alert.IllegalParameter, "somebody changed our ClientHello"}, // RFC 9846 §4.2.3
		{"the sentinel of TLS 1.1", set{both}, sentinel(0), alert.IllegalParameter, "somebody changed our ClientHello"},
		{"the sentinel of TLS 1.2, TLS 1.3 was not offered", nil, sentinel(1), accepted, ""},

		{"a suite that was not offered", nil, suiteOf(suite.ECDHEPSKAES256GCMSHA384), alert.IllegalParameter, "not offered for TLS 1.2"},
		{"an unknown suite", nil, suiteOf(0xc0a4), alert.IllegalParameter, "not offered"},
		{"a suite of TLS 1.3", set{both}, suiteOf(suite.AES128GCMSHA256), alert.IllegalParameter, "not offered for TLS 1.2"},
		{"the SCSV as a suite", nil, suiteOf(suite.ID(wire.RenegotiationSCSV)), alert.IllegalParameter, ""},
		{"compression", nil, func(h *wire.ServerHello) { h.LegacyCompressionMethod = 1 }, alert.IllegalParameter, "compression"},

		{"no renegotiation_info", nil, func(h *wire.ServerHello) { h.RenegotiationInfo = nil }, alert.HandshakeFailure, "RFC 5746"},
		{"no renegotiation_info, in legacy", set{clientLegacy}, func(h *wire.ServerHello) { h.RenegotiationInfo = nil }, accepted, ""},
		{"renegotiation_info of an earlier handshake", nil, func(h *wire.ServerHello) { h.RenegotiationInfo = make([]byte, 24) }, alert.HandshakeFailure, "earlier handshake"}, // RFC 5746 §3.4
		{"the same in legacy", set{clientLegacy}, func(h *wire.ServerHello) { h.RenegotiationInfo = make([]byte, 24) }, alert.HandshakeFailure, "earlier handshake"},
		{"no extended_main_secret", nil, func(h *wire.ServerHello) { h.ExtendedMasterSecret = false }, alert.HandshakeFailure, "extended master secret (RFC 7627), which only the policy legacy goes without"},
		{"no extended_main_secret, in legacy", set{clientLegacy}, func(h *wire.ServerHello) { h.ExtendedMasterSecret = false }, accepted, ""},

		{"encrypt_then_mac, not offered", nil, func(h *wire.ServerHello) { h.EncryptThenMAC = true }, alert.UnsupportedExtension, "encrypt_then_mac"},
		{"encrypt_then_mac with an AEAD", set{offersAll}, func(h *wire.ServerHello) { h.EncryptThenMAC = true }, accepted, ""}, // without effect
		{"no encrypt_then_mac", set{cbc}, func(h *wire.ServerHello) { h.EncryptThenMAC = false }, accepted, ""},
		{"session_ticket, not asked for", nil, func(h *wire.ServerHello) { h.SessionTicket = true }, alert.UnsupportedExtension, "session_ticket"},
		{"server_name, not sent", nil, func(h *wire.ServerHello) { h.ServerName = true }, alert.UnsupportedExtension, "server_name"},
		{"server_name", set{named}, func(h *wire.ServerHello) { h.ServerName = true }, accepted, ""},
		{"a protocol, none offered", nil, func(h *wire.ServerHello) { h.ALPN = name("a") }, alert.UnsupportedExtension, "protocol"},
		{"a protocol that was not offered", set{named}, func(h *wire.ServerHello) { h.ALPN = name("z") }, alert.IllegalParameter, "protocol that was not offered"},
		{"a record_size_limit of 63", set{named}, func(h *wire.ServerHello) { h.RecordSizeLimit = limit(63) }, alert.IllegalParameter, "63 bytes"},
		{"a record_size_limit, none offered", nil, func(h *wire.ServerHello) { h.RecordSizeLimit = limit(64) }, alert.UnsupportedExtension, "record_size_limit"},
		{"no uncompressed points", nil, func(h *wire.ServerHello) { h.ECPointFormats = []byte{1} }, alert.IllegalParameter, "uncompressed"},
		{"a share", set{both}, func(h *wire.ServerHello) {
			h.KeyShare = &wire.KeyShareEntry{Group: wire.GroupX25519, KeyExchange: make([]byte, 32)}
		}, alert.IllegalParameter, "where it does not belong"},
		{"a selected identity", set{both}, func(h *wire.ServerHello) { h.SelectedIdentity = new(uint16) }, alert.IllegalParameter, "where it does not belong"},

		{"a session id of its own", set{both}, func(h *wire.ServerHello) { h.LegacySessionIDEcho = h.Random[:] }, accepted, ""},
	} {
		c.check(t, wire.TypeServerHello, parseServerHello, encodeServerHello)
	}
}

// A suite of TLS 1.2 has no place in a ServerHello of TLS 1.3.
func TestSuiteOf12InServerHelloOf13(t *testing.T) {
	refusal12[wire.ServerHello]{"a suite of TLS 1.2 in TLS 1.3", set{both, serverBoth, func(s *setup12) { s.candidates = s.candidates[:1] }},
		func(h *wire.ServerHello) { h.CipherSuite = uint16(suite.ECDHEPSKAES128GCMSHA256) }, alert.IllegalParameter, "a suite that was not offered"}.
		check(t, wire.TypeServerHello, parseServerHello, encodeServerHello)
}

// What a server answers, field by field, as far as a peer could mind.
func TestServerHelloOf12(t *testing.T) {
	hello := func(h *wire.ClientHello) {}
	for _, c := range []struct {
		what   string
		set    []func(*setup12)
		change func(*wire.ClientHello)
		ok     func(*wire.ServerHello) bool
	}{
		{"encrypt_then_mac, with CBC", set{cbc}, hello, func(m *wire.ServerHello) bool { return m.EncryptThenMAC }},
		{"no encrypt_then_mac, with an AEAD", set{offersAll}, hello, func(m *wire.ServerHello) bool { return !m.EncryptThenMAC }}, // RFC 7366 §3
		{"no encrypt_then_mac, where nobody asks", set{cbc}, func(h *wire.ClientHello) { h.EncryptThenMAC = false }, func(m *wire.ServerHello) bool { return !m.EncryptThenMAC }},
		{"extended_main_secret", nil, hello, func(m *wire.ServerHello) bool { return m.ExtendedMasterSecret }},
		{"no extended_main_secret, where nobody asks", set{serverLegacy}, func(h *wire.ClientHello) { h.ExtendedMasterSecret = false }, func(m *wire.ServerHello) bool { return !m.ExtendedMasterSecret }},
		{"an empty renegotiation_info", nil, hello, func(m *wire.ServerHello) bool { return m.RenegotiationInfo != nil && len(m.RenegotiationInfo) == 0 }},
		{"the same for the SCSV", nil, func(h *wire.ClientHello) {
			h.RenegotiationInfo, h.CipherSuites = nil, append(h.CipherSuites, wire.RenegotiationSCSV)
		}, func(m *wire.ServerHello) bool { return m.RenegotiationInfo != nil }},
		{"no renegotiation_info, where nobody asks", nil, func(h *wire.ClientHello) { h.RenegotiationInfo = nil }, func(m *wire.ServerHello) bool { return m.RenegotiationInfo == nil }},
		{"no echo of a session id without a ticket", set{both}, hello, func(m *wire.ServerHello) bool { return len(m.LegacySessionIDEcho) == 0 }},
		{"no echo of a session id with a ticket that is no good", set{forgotten}, hello, func(m *wire.ServerHello) bool { return len(m.LegacySessionIDEcho) == 0 && m.SessionTicket }},
		{"an echo with a good ticket", set{resumable}, hello, func(m *wire.ServerHello) bool { return len(m.LegacySessionIDEcho) == 32 }}, // RFC 5077 §3.4
		{"no session_ticket, where nobody asks", set{tickets}, func(h *wire.ClientHello) { h.SessionTicket = nil }, func(m *wire.ServerHello) bool { return !m.SessionTicket }},
		{"the sentinel, where TLS 1.3 is spoken", set{serverBoth}, hello, func(m *wire.ServerHello) bool { return string(m.Random[24:]) == "DOWNGRD\x01" }}, // RFC 9846 §4.2.3
		{"the sentinel, in a resumed session", set{serverBoth, resumable}, hello, func(m *wire.ServerHello) bool { return string(m.Random[24:]) == "DOWNGRD\x01" }},
		{"no sentinel, where it is not spoken", nil, hello, func(m *wire.ServerHello) bool { return !bytes.HasPrefix(m.Random[24:], []byte("DOWNGRD")) }},
		{"no selected_version", set{both}, hello, func(m *wire.ServerHello) bool { return m.SelectedVersion == nil && m.LegacyVersion == 0x0303 }},
		{"the point formats, where they are asked for", nil, hello, func(m *wire.ServerHello) bool { return bytes.Equal(m.ECPointFormats, []byte{0}) }},
		{"no point formats with plain PSK", set{plainPSK}, hello, func(m *wire.ServerHello) bool { return m.ECPointFormats == nil }},
		{"a record_size_limit that counts content", set{named}, hello, func(m *wire.ServerHello) bool { return m.RecordSizeLimit != nil && *m.RecordSizeLimit == 1<<14 }}, // RFC 8449 §4
	} {
		var got *wire.ServerHello
		r := refusal12[wire.ClientHello]{c.what, c.set, c.change, accepted, ""}.check(t, wire.TypeClientHello, parseHello, encodeHello)
		if len(r.toClient) > 0 {
			got, _ = wire.ParseServerHello(r.toClient[0].raw, nil)
		}
		if got == nil || !c.ok(got) {
			t.Errorf("%s: the ServerHello is %+v.", c.what, got)
		}
	}
}

// A client whose session id comes back takes the session for resumed. It must
// have offered one, and the rest must be as it was (RFC 5077 §3.4,
// RFC 7627 §5.3).
func TestResumptionThatWasNotOffered(t *testing.T) {
	for _, c := range []struct {
		what     string
		set      []func(*setup12)
		extended bool // the session of the ticket
		change   func(*wire.ServerHello)
		want     alert.Description
		says     string
	}{
		{"an echo without a ticket", set{both}, true, func(h *wire.ServerHello) {}, alert.IllegalParameter, "none was offered"},
		{"as it should be", set{forgotten}, true, func(h *wire.ServerHello) {}, accepted, ""},
		{"another suite", set{offersAll, forgotten}, true, func(h *wire.ServerHello) { h.CipherSuite = uint16(suite.ECDHEPSKAES128CBCSHA256) }, alert.IllegalParameter, "another suite"},
		{"without the extended master secret", set{clientLegacy, forgotten}, true, func(h *wire.ServerHello) { h.ExtendedMasterSecret = false }, alert.HandshakeFailure, "another form of the master secret"},
		{"with the extended master secret, which the session has not", set{clientLegacy, forgotten}, false, func(h *wire.ServerHello) {}, alert.HandshakeFailure, "another form of the master secret"},
		{"neither has it", set{clientLegacy, forgotten}, false, func(h *wire.ServerHello) { h.ExtendedMasterSecret = false }, accepted, ""},
		{"neither has it, and not in legacy", set{forgotten}, false, func(h *wire.ServerHello) { h.ExtendedMasterSecret = false }, alert.HandshakeFailure, "only the policy legacy"},
	} {
		s := newSetup12()
		for _, set := range c.set {
			set(s)
		}
		if s.client.Ticket12 != nil {
			s.client.Ticket12.Session = s.session(c.extended)
		}
		client, server := s.machines(t)
		hello, _, err := s.take(client)
		if err != nil {
			t.Fatal(err)
		}
		own, err := wire.ParseClientHello(hello[0].raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		flight, _, err := s.give(server, hello[0])
		if err != nil {
			t.Fatal(err)
		}
		answer, err := wire.ParseServerHello(flight[0].raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.LegacySessionIDEcho = own.LegacySessionID
		c.change(answer)
		err = client.Step(answer.Append(nil))
		outcome(t, "a ServerHello that resumes, "+c.what, err, c.want)
		if err == nil && !client.Result().Resumed {
			t.Errorf("%s: the client does not take it for resumed.", c.what)
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the sentence %q does not say %q.", c.what, err, c.says)
		}
	}
}

// What a server makes of a ticket: RFC 7627 §5.3's four cases, and a suite that
// one of the ends does not have any more.
func TestServerResumesOrNot(t *testing.T) {
	const full, resumed = "full", "resumed"
	for _, c := range []struct {
		what           string
		session, hello bool // extended master secret
		legacy         bool
		set            []func(*setup12)
		change         func(*wire.ClientHello)
		want           string // or the sentence of a refusal
	}{
		{"both have it", true, true, false, nil, nil, resumed},
		{"both have it, in legacy", true, true, true, nil, nil, resumed},
		{"the hello alone", false, true, false, nil, nil, full},
		{"the hello alone, in legacy", false, true, true, nil, nil, full},
		{"the session alone", true, false, true, nil, nil, "the client resumes a session that had the extended master secret"},
		{"the session alone, not in legacy", true, false, false, nil, nil, "only the policy legacy"},
		{"neither, in legacy", false, false, true, nil, nil, resumed},
		{"neither", false, false, false, nil, nil, "only the policy legacy"},
		{"a suite that the client does not offer any more", true, true, false, set{offersAll}, func(h *wire.ClientHello) {
			h.CipherSuites = []uint16{uint16(suite.ECDHEPSKAES256GCMSHA384)}
		}, full},
		{"a suite that the server does not allow any more", true, true, false, set{offersAll}, nil, full},
	} {
		s := newSetup12()
		for _, set := range c.set {
			set(s)
		}
		s.resumable()
		s.candidates[len(s.candidates)-1].Session12 = s.session(c.session)
		if strings.HasPrefix(c.what, "a suite") {
			s.server.Suites12 = []suite.ID{suite.ECDHEPSKAES256GCMSHA384}
		}
		s.server.Legacy = c.legacy
		r := s.converse(t, func(toServer bool, i item) item {
			if i.raw == nil || wire.TypeOf(i.raw) != wire.TypeClientHello {
				return i
			}
			hello, err := wire.ParseClientHello(i.raw, nil)
			if err != nil {
				t.Fatal(err)
			}
			hello.ExtendedMasterSecret = c.hello
			if c.change != nil {
				c.change(hello)
			}
			return item{hello.Append(nil)}
		})
		switch {
		case c.want != full && c.want != resumed:
			outcome(t, c.what, r.serverErr, alert.HandshakeFailure)
			if r.serverErr != nil && !strings.Contains(r.serverErr.Error(), c.want) {
				t.Errorf("%s: the sentence %q does not say %q.", c.what, r.serverErr, c.want)
			}
		case len(r.toClient) == 0 || r.server.Result().Resumed != (c.want == resumed):
			t.Errorf("%s: resumed is %v (%v), want %s.", c.what, r.server.Result().Resumed, r.serverErr, c.want)
		}
	}
}

func TestServerKeyExchangeRefused(t *testing.T) {
	parse := func(raw []byte) (*wire.ServerKeyExchange, error) {
		return wire.ParseServerKeyExchangeECDHEPSK(raw, nil)
	}
	encode := func(m *wire.ServerKeyExchange) []byte { return m.Append(nil) }
	x25519Only := func(s *setup12) { s.client.Groups = []wire.NamedGroup{wire.GroupX25519} }
	group := func(g wire.NamedGroup, t testing.TB) func(*wire.ServerKeyExchange) {
		share, _ := goodShare(t, g, false)
		return func(m *wire.ServerKeyExchange) { m.Group, m.Point = g, share[:min(len(share), 255)] }
	}
	rows := []refusal12[wire.ServerKeyExchange]{
		{"as it is", nil, func(m *wire.ServerKeyExchange) {}, accepted, ""},
		{"a hint of 65,535 bytes", nil, func(m *wire.ServerKeyExchange) { m.Hint = make([]byte, 65535) }, accepted, ""},
		{"a hint that is no UTF-8", nil, func(m *wire.ServerKeyExchange) { m.Hint = []byte("\xff\x00\x1b[2J") }, accepted, ""},
		{"the other group", nil, group(wire.GroupP256, t), accepted, ""},
		{"a group that was not offered", set{x25519Only}, group(wire.GroupP256, t), alert.IllegalParameter, "selected secp256r1, which was not offered for TLS 1.2"},
		{"a group that nobody offers", nil, func(m *wire.ServerKeyExchange) { m.Group = 0x18 }, alert.IllegalParameter, "selected secp384r1"},
		{"the hybrid group, which is of TLS 1.3", set{both, func(s *setup12) { s.client.Groups = allGroups }}, group(wire.GroupX25519MLKEM768, t), alert.IllegalParameter, "selected X25519MLKEM768"},
		{"a group of number 0", nil, func(m *wire.ServerKeyExchange) { m.Group = 0 }, alert.IllegalParameter, "not offered"},
	}
	for _, g := range []wire.NamedGroup{wire.GroupX25519, wire.GroupP256} {
		for what, point := range badShares(t, g, false) {
			rows = append(rows, refusal12[wire.ServerKeyExchange]{fmt.Sprintf("a point of %s, %s", g, what), nil,
				func(m *wire.ServerKeyExchange) { m.Group, m.Point = g, point }, alert.IllegalParameter, "not a valid one"})
		}
	}
	for _, c := range rows {
		c.check(t, wire.TypeServerKeyExchange, parse, encode)
	}
}

func TestClientKeyExchangeRefused(t *testing.T) {
	parse := func(raw []byte) (*wire.ClientKeyExchange, error) {
		return wire.ParseClientKeyExchangeECDHEPSK(raw, nil)
	}
	encode := func(m *wire.ClientKeyExchange) []byte { return m.Append(nil) }
	identity := func(id string) func(*wire.ClientKeyExchange) {
		return func(m *wire.ClientKeyExchange) { m.Identity = []byte(id) }
	}
	rows := []refusal12[wire.ClientKeyExchange]{
		{"as it is", nil, func(m *wire.ClientKeyExchange) {}, accepted, ""},
		// The application judges the identity, and whoever does not know it
		// finds out no more than that the key is wrong.
		{"an identity of 0 bytes", nil, identity(""), accepted, ""},
		{"an identity of 65,535 bytes", nil, identity(strings.Repeat("i", 65535)), accepted, ""},
		{"an identity that is no UTF-8", nil, identity("\xff\xfe\x00"), accepted, ""},
	}
	for _, g := range []wire.NamedGroup{wire.GroupX25519, wire.GroupP256} {
		only := func(s *setup12) { s.server.Groups = []wire.NamedGroup{g} }
		for what, point := range badShares(t, g, true) {
			rows = append(rows, refusal12[wire.ClientKeyExchange]{fmt.Sprintf("a point of %s, %s", g, what), set{only},
				func(m *wire.ClientKeyExchange) { m.Point = point }, alert.IllegalParameter, "not a valid one"})
		}
	}
	for _, c := range rows {
		c.check(t, wire.TypeClientKeyExchange, parse, encode)
	}
}

// Messages that the syntax does not allow: each end says decode_error
// (RFC 5246 §7.2.2).
func TestMalformedMessagesIn12(t *testing.T) {
	type raw = []byte
	parse := func(b []byte) (*raw, error) { return &b, nil }
	encode := func(b *raw) []byte { return *b }
	resize := func(b raw) raw { // with its length made right
		n := len(b) - wire.HeaderLen
		b[1], b[2], b[3] = byte(n>>16), byte(n>>8), byte(n)
		return b
	}
	short := func(b *raw) { *b = resize((*b)[:len(*b)-1]) }
	long := func(b *raw) { *b = resize(append(*b, 0)) }
	for _, c := range []struct {
		kind wire.HandshakeType
		set  []func(*setup12)
	}{
		{wire.TypeClientHello, nil}, {wire.TypeServerHello, nil},
		{wire.TypeServerKeyExchange, nil}, {wire.TypeServerKeyExchange, set{plainPSK, hint}},
		{wire.TypeClientKeyExchange, nil}, {wire.TypeClientKeyExchange, set{plainPSK}},
		{wire.TypeNewSessionTicket, set{tickets}}, {wire.TypeNewSessionTicket, set{resumable}},
		{wire.TypeFinished, nil}, {wire.TypeFinished, set{resumable}},
	} {
		refusal12[raw]{"a byte short", c.set, short, alert.DecodeError, ""}.check(t, c.kind, parse, encode)
		refusal12[raw]{"a byte long", c.set, long, alert.DecodeError, ""}.check(t, c.kind, parse, encode)
	}
	refusal12[raw]{"a byte long", nil, long, alert.DecodeError, ""}.check(t, wire.TypeServerHelloDone, parse, encode)

	// The form of the other key exchange.
	toPSK := func(b *raw) { *b = (&wire.ClientKeyExchange{Identity: []byte("alice")}).Append(nil) }
	toECDHE := func(b *raw) {
		*b = (&wire.ClientKeyExchange{Identity: []byte("alice"), Point: make([]byte, 32)}).Append(nil)
	}
	refusal12[raw]{"without a point", nil, toPSK, alert.DecodeError, ""}.check(t, wire.TypeClientKeyExchange, parse, encode)
	refusal12[raw]{"with a point", set{plainPSK}, toECDHE, alert.DecodeError, ""}.check(t, wire.TypeClientKeyExchange, parse, encode)
	hintOnly := func(b *raw) { *b = (&wire.ServerKeyExchange{Hint: []byte("hint")}).Append(nil) }
	explicit := func(b *raw) { (*b)[wire.HeaderLen+2] = 1 } // explicit_prime (RFC 8422 §5.4)
	refusal12[raw]{"without parameters", nil, hintOnly, alert.DecodeError, ""}.check(t, wire.TypeServerKeyExchange, parse, encode)
	refusal12[raw]{"with a curve of its own", nil, explicit, alert.IllegalParameter, "named_curve"}.check(t, wire.TypeServerKeyExchange, parse, encode)

	// A Finished: any bit counts.
	for i := range wire.VerifyDataLen12 {
		flip := func(b *raw) { (*b)[wire.HeaderLen+i] ^= 0x10 }
		refusal12[raw]{fmt.Sprintf("byte %d changed", i), nil, flip, alert.DecryptError, "Finished does not verify"}.check(t, wire.TypeFinished, parse, encode)
		refusal12[raw]{fmt.Sprintf("byte %d changed, resumed", i), set{resumable}, flip, alert.DecryptError, "Finished does not verify"}.check(t, wire.TypeFinished, parse, encode)
	}
}
