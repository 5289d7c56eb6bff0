package handshake

// Messages that are well formed and not allowed: for each the alert that
// RFC 9846 asks for.

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

const accepted alert.Description = 255 // stands for no alert

// outcome checks an error, or that there is none.
func outcome(t testing.TB, what string, err error, want alert.Description) {
	t.Helper()
	if want == accepted {
		if err != nil {
			t.Errorf("%s: refused: %v.", what, err)
		}
		return
	}
	wantAlert(t, what, err, want)
}

func limit(n uint16) *uint16 { return &n }

func name(s string) *string { return &s }

func TestClientHelloRefused(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*wire.ClientHello)
		want   alert.Description
	}{
		{"as it is", func(h *wire.ClientHello) {}, accepted},
		{"without supported_versions", func(h *wire.ClientHello) { h.SupportedVersions = nil }, alert.ProtocolVersion},
		{"TLS 1.2 only", func(h *wire.ClientHello) { h.SupportedVersions = []uint16{0x0303, 0x0302} }, alert.ProtocolVersion},
		{"versions of the future beside ours", func(h *wire.ClientHello) { h.SupportedVersions = []uint16{0x7a7a, 0x0305, 0x0304} }, accepted},
		{"an old legacy_version", func(h *wire.ClientHello) { h.LegacyVersion = 0x0301 }, alert.ProtocolVersion},
		{"compression", func(h *wire.ClientHello) { h.LegacyCompressionMethods = []byte{1, 0} }, alert.IllegalParameter},
		{"no session id", func(h *wire.ClientHello) { h.LegacySessionID = nil }, accepted},
		{"no pre_shared_key", func(h *wire.ClientHello) { h.PreSharedKey = nil }, alert.HandshakeFailure},
		{"no psk_key_exchange_modes", func(h *wire.ClientHello) { h.PSKKeyExchangeModes = nil }, alert.MissingExtension},
		{"no key_share", func(h *wire.ClientHello) { h.KeyShare = nil }, alert.MissingExtension},
		{"no supported_groups", func(h *wire.ClientHello) { h.SupportedGroups = nil }, alert.MissingExtension},
		{"neither of both", func(h *wire.ClientHello) { h.SupportedGroups, h.KeyShare = nil, nil }, alert.HandshakeFailure},
		{"a share of a group that is not listed", func(h *wire.ClientHello) { h.SupportedGroups = []wire.NamedGroup{wire.GroupP256} }, alert.IllegalParameter},
		{"groups that we do not have", func(h *wire.ClientHello) {
			h.SupportedGroups, h.KeyShare.Shares = []wire.NamedGroup{0x18, 0x100}, nil
		}, alert.HandshakeFailure},
		{"psk_ke, which was not asked for", func(h *wire.ClientHello) { h.PSKKeyExchangeModes = []wire.PSKKeyExchangeMode{wire.PSKOnly} }, alert.HandshakeFailure},
		{"unknown modes beside ours", func(h *wire.ClientHello) { h.PSKKeyExchangeModes = []wire.PSKKeyExchangeMode{77, wire.PSKWithECDHE} }, accepted},
		{"unknown suites only", func(h *wire.ClientHello) { h.CipherSuites = []uint16{0x1304, 0xc0a8} }, alert.HandshakeFailure},
		{"suites of another hash than the key", func(h *wire.ClientHello) { h.CipherSuites = []uint16{0x1302} }, alert.HandshakeFailure},
		{"unknown suites beside ours", func(h *wire.ClientHello) { h.CipherSuites = []uint16{0x0a0a, 0x00ff, 0x1303} }, accepted},
		{"a record_size_limit of 63", func(h *wire.ClientHello) { h.RecordSizeLimit = limit(63) }, alert.IllegalParameter},
		{"a record_size_limit of 64", func(h *wire.ClientHello) { h.RecordSizeLimit = limit(64) }, accepted},
		{"a record_size_limit over the most", func(h *wire.ClientHello) { h.RecordSizeLimit = limit(65535) }, accepted},
		{"early data", func(h *wire.ClientHello) { h.EarlyData = true }, accepted},
		{"protocols of which we name none", func(h *wire.ClientHello) { h.ALPN = []string{"x"} }, accepted},
		{"a cookie that nobody gave", func(h *wire.ClientHello) { h.Cookie = []byte("c") }, accepted},
		{"two identities and one binder", func(h *wire.ClientHello) {
			h.PreSharedKey.Identities = append(h.PreSharedKey.Identities, wire.PSKIdentity{Identity: []byte("bob")})
		}, alert.IllegalParameter},
	} {
		s := newSetup()
		raw := helloWith(t, s, c.change)
		_, server := s.machines(t)
		_, err := s.deliver(server, raw)
		outcome(t, "a ClientHello, "+c.what, err, c.want)
	}
}

func TestALPN(t *testing.T) {
	for _, c := range []struct {
		offered, ours []string
		want          string
		alert         alert.Description
	}{
		{nil, nil, "", accepted},
		{[]string{"a"}, nil, "", accepted},
		{nil, []string{"a"}, "", accepted},
		{[]string{"a"}, []string{"a"}, "a", accepted},
		{[]string{"a", "b"}, []string{"b", "a"}, "b", accepted}, // our order
		{[]string{"x", "y", "b"}, []string{"a", "b"}, "b", accepted},
		{[]string{"a"}, []string{"b"}, "", alert.NoApplicationProtocol},
		{[]string{"A"}, []string{"a"}, "", alert.NoApplicationProtocol},
	} {
		s := newSetup()
		s.client.NextProtos, s.server.NextProtos = c.offered, c.ours
		what := fmt.Sprintf("%q offered, %q ours", c.offered, c.ours)
		client, server := s.machines(t)
		first, _ := s.take(client)
		_, err := s.deliver(server, first.sent[0])
		outcome(t, what, err, c.alert)
		if c.alert != accepted {
			continue
		}
		s = newSetup()
		s.client.NextProtos, s.server.NextProtos = c.offered, c.ours
		r := s.handshake(t)
		if got := r.client.Result().NextProto; got != c.want || r.server.Result().NextProto != c.want {
			t.Errorf("%s: the client has %q, the server %q.", what, got, r.server.Result().NextProto)
		}
	}
}

func TestSecondClientHelloRefused(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*wire.ClientHello)
		want   alert.Description
	}{
		{"as it is", func(h *wire.ClientHello) {}, accepted},
		{"another random", func(h *wire.ClientHello) { h.Random[3] ^= 1 }, alert.IllegalParameter},
		{"another session id", func(h *wire.ClientHello) { h.LegacySessionID = []byte("other") }, alert.IllegalParameter},
		{"a suite less", func(h *wire.ClientHello) { h.CipherSuites = h.CipherSuites[:1] }, alert.IllegalParameter},
		{"other suites", func(h *wire.ClientHello) { h.CipherSuites = []uint16{0x1303, 0x1301} }, alert.IllegalParameter},
		{"compression", func(h *wire.ClientHello) { h.LegacyCompressionMethods = []byte{1} }, alert.IllegalParameter},
		{"a version more", func(h *wire.ClientHello) { h.SupportedVersions = append(h.SupportedVersions, 0x0303) }, alert.IllegalParameter},
		{"a group less", func(h *wire.ClientHello) { h.SupportedGroups = []wire.NamedGroup{wire.GroupP256} }, alert.IllegalParameter},
		{"another name", func(h *wire.ClientHello) { h.ServerName = name("other") }, alert.IllegalParameter},
		{"without the name", func(h *wire.ClientHello) { h.ServerName = nil }, alert.IllegalParameter},
		{"another protocol", func(h *wire.ClientHello) { h.ALPN = []string{"b"} }, alert.IllegalParameter},
		{"a mode more", func(h *wire.ClientHello) { h.PSKKeyExchangeModes = []wire.PSKKeyExchangeMode{1, 0} }, alert.IllegalParameter},
		{"a record_size_limit", func(h *wire.ClientHello) { h.RecordSizeLimit = limit(100) }, alert.IllegalParameter},
		{"early data", func(h *wire.ClientHello) { h.EarlyData = true }, alert.IllegalParameter},
		{"a cookie", func(h *wire.ClientHello) { h.Cookie = []byte("c") }, alert.IllegalParameter},
		{"no shares", func(h *wire.ClientHello) { h.KeyShare.Shares = nil }, alert.IllegalParameter},
		{"a share more", func(h *wire.ClientHello) {
			h.KeyShare.Shares = append(h.KeyShare.Shares, wire.KeyShareEntry{Group: wire.GroupX25519, KeyExchange: make([]byte, 32)})
		}, alert.IllegalParameter},
		{"a share of another group", func(h *wire.ClientHello) {
			h.KeyShare.Shares = []wire.KeyShareEntry{{Group: wire.GroupX25519, KeyExchange: make([]byte, 32)}}
		}, alert.IllegalParameter},
		{"another identity", func(h *wire.ClientHello) { h.PreSharedKey.Identities[0].Identity = []byte("bob") }, alert.IllegalParameter},
		{"no pre_shared_key", func(h *wire.ClientHello) { h.PreSharedKey = nil }, alert.MissingExtension},
	} {
		s := newSetup()
		s.server.Groups = []wire.NamedGroup{wire.GroupP256}
		s.client.ServerName, s.client.NextProtos = "host", []string{"a"}
		raw, server := s.retriedHello(t)
		hello, err := wire.ParseClientHello(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.change(hello)
		if hello.PreSharedKey != nil {
			raw = bindPSKs(hello, s.client.PSKs, s.history)
		} else {
			raw = hello.Append(nil)
		}
		_, err = s.deliver(server, raw)
		outcome(t, "a second ClientHello, "+c.what, err, c.want)
	}
	// A binder over another transcript.
	s := newSetup()
	s.server.Groups = []wire.NamedGroup{wire.GroupP256}
	raw, server := s.retriedHello(t)
	raw[len(raw)-1] ^= 1
	_, err := s.deliver(server, raw)
	wantAlert(t, "a second ClientHello with a binder that does not verify", err, alert.DecryptError)
}

// retriedHello brings a server to where it waits for the second ClientHello,
// and returns an honest one. The transcript before it is in s.history.
func (s *setup) retriedHello(t testing.TB) (second []byte, server *Machine) {
	t.Helper()
	client, server := s.machines(t)
	first, err := s.take(client)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.deliver(server, first.sent[0])
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.deliver(client, answer.sent[0])
	if err != nil {
		t.Fatal(err)
	}
	s.history = retried(suite.SHA256, first.sent[0], answer.sent[0])
	return bytes.Clone(again.sent[0]), server
}

// withExtension adds an extension to the end of a ServerHello or
// EncryptedExtensions.
func withExtension(raw []byte, at int, kind wire.ExtensionType, content []byte) []byte {
	raw = append(bytes.Clone(raw), byte(kind>>8), byte(kind), byte(len(content)>>8), byte(len(content)))
	raw = append(raw, content...)
	n := len(raw) - 4
	raw[1], raw[2], raw[3] = byte(n>>16), byte(n>>8), byte(n)
	n = len(raw) - at - 2
	raw[at], raw[at+1] = byte(n>>8), byte(n)
	return raw
}

// serverHelloBlock is where the extensions of a ServerHello begin, with a
// session id of 32 bytes; encryptedExtensionsBlock the same of its message.
const (
	serverHelloBlock         = 4 + 2 + 32 + 1 + 32 + 2 + 1
	encryptedExtensionsBlock = 4
)

func TestServerHelloRefused(t *testing.T) {
	version := func(v uint16) *uint16 { return &v }
	for _, c := range []struct {
		what   string
		change func(*wire.ServerHello)
		want   alert.Description
	}{
		{"as it is", func(h *wire.ServerHello) {}, accepted},
		{"of TLS 1.2", func(h *wire.ServerHello) { h.SelectedVersion = nil }, alert.ProtocolVersion},
		{"selecting TLS 1.2", func(h *wire.ServerHello) { h.SelectedVersion = version(0x0303) }, alert.IllegalParameter},
		{"selecting a version of the future", func(h *wire.ServerHello) { h.SelectedVersion = version(0x0305) }, alert.IllegalParameter},
		{"another legacy_version", func(h *wire.ServerHello) { h.LegacyVersion = 0x0304 }, alert.ProtocolVersion},
		{"another session id", func(h *wire.ServerHello) { h.LegacySessionIDEcho = make([]byte, 32) }, alert.IllegalParameter},
		{"no session id", func(h *wire.ServerHello) { h.LegacySessionIDEcho = nil }, alert.IllegalParameter},
		{"compression", func(h *wire.ServerHello) { h.LegacyCompressionMethod = 1 }, alert.IllegalParameter},
		{"an unknown suite", func(h *wire.ServerHello) { h.CipherSuite = 0x1304 }, alert.IllegalParameter},
		{"a suite of another hash", func(h *wire.ServerHello) { h.CipherSuite = 0x1302 }, alert.IllegalParameter},
		{"no pre_shared_key", func(h *wire.ServerHello) { h.SelectedIdentity = nil }, alert.HandshakeFailure},
		{"an identity out of range", func(h *wire.ServerHello) { h.SelectedIdentity = version(1) }, alert.IllegalParameter},
		{"no key_share", func(h *wire.ServerHello) { h.KeyShare = nil }, alert.IllegalParameter},
		{"a share of a group without ours", func(h *wire.ServerHello) { h.KeyShare.Group = wire.GroupP256 }, alert.IllegalParameter},
		{"a cookie", func(h *wire.ServerHello) { h.Cookie = []byte("c") }, alert.IllegalParameter},
	} {
		client, raw := clientBefore(t, "ServerHello", func(s *setup) {})
		sh, err := wire.ParseServerHello(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.change(sh)
		err = client.Step(sh.Append(nil))
		outcome(t, "a ServerHello, "+c.what, err, c.want)
		if c.what == "no pre_shared_key" && !errors.Is(err, ErrNoPSKSelected) {
			t.Errorf("The error of a server without a key is %v, want ErrNoPSKSelected.", err)
		}
	}
	for kind, want := range map[wire.ExtensionType]alert.Description{
		wire.ExtALPN: alert.IllegalParameter, wire.ExtServerName: alert.IllegalParameter, wire.ExtSupportedGroups: alert.IllegalParameter,
		wire.ExtPSKKeyExchangeModes: alert.IllegalParameter, wire.ExtRecordSizeLimit: alert.UnsupportedExtension,
		wire.ExtEarlyData: alert.UnsupportedExtension, wire.ExtSessionTicket: alert.UnsupportedExtension,
		wire.ExtRenegotiationInfo: alert.UnsupportedExtension, 0x4a4a: alert.UnsupportedExtension,
	} {
		client, raw := clientBefore(t, "ServerHello", func(s *setup) { s.client.ServerName, s.client.NextProtos = "host", []string{"a"} })
		// What can be read is read, since TLS 1.2 has it in this place.
		body := map[wire.ExtensionType][]byte{wire.ExtALPN: {0, 2, 1, 'a'}, wire.ExtRecordSizeLimit: {1, 0}, wire.ExtRenegotiationInfo: {0}}[kind]
		err := client.Step(withExtension(raw, serverHelloBlock, kind, body))
		outcome(t, "a ServerHello with "+kind.String(), err, want)
	}
}

// clientBefore brings a client to where it waits for a message, and returns it
// with the honest one.
func clientBefore(t testing.TB, message string, set func(*setup)) (*Machine, []byte) {
	t.Helper()
	s := newSetup()
	set(s)
	client, server := s.machines(t)
	first, err := s.take(client)
	if err != nil {
		t.Fatal(err)
	}
	flight, err := s.deliver(server, first.sent[0])
	if err != nil {
		t.Fatal(err)
	}
	if message == "ServerHello" {
		return client, flight.sent[0]
	}
	if _, err := s.deliver(client, flight.sent[0]); err != nil {
		t.Fatal(err)
	}
	return client, flight.sent[1]
}

func TestHelloRetryRequestRefused(t *testing.T) {
	group := func(g wire.NamedGroup) *wire.NamedGroup { return &g }
	for _, c := range []struct {
		what   string
		change func(*wire.ServerHello)
		want   alert.Description
	}{
		{"as it is", func(h *wire.ServerHello) {}, accepted},
		{"with a cookie", func(h *wire.ServerHello) { h.Cookie = []byte("c") }, accepted},
		{"with a cookie only", func(h *wire.ServerHello) { h.Cookie, h.SelectedGroup = []byte("c"), nil }, accepted},
		{"that asks for nothing", func(h *wire.ServerHello) { h.SelectedGroup = nil }, alert.IllegalParameter},
		{"for a group that was sent", func(h *wire.ServerHello) { h.SelectedGroup = group(wire.GroupX25519) }, alert.IllegalParameter},
		{"for a group that was not offered", func(h *wire.ServerHello) { h.SelectedGroup = group(0x18) }, alert.IllegalParameter},
		{"of TLS 1.2", func(h *wire.ServerHello) { h.SelectedVersion = nil }, alert.ProtocolVersion},
		{"with an unknown suite", func(h *wire.ServerHello) { h.CipherSuite = 0x1305 }, alert.IllegalParameter},
		{"with another session id", func(h *wire.ServerHello) { h.LegacySessionIDEcho = nil }, alert.IllegalParameter},
		{"with a selected identity", func(h *wire.ServerHello) { h.SelectedIdentity = new(uint16) }, alert.IllegalParameter},
	} {
		client, raw := clientBefore(t, "ServerHello", func(s *setup) { s.server.Groups = []wire.NamedGroup{wire.GroupP256} })
		hrr, err := wire.ParseServerHello(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.change(hrr)
		err = client.Step(hrr.Append(nil))
		outcome(t, "a HelloRetryRequest "+c.what, err, c.want)
		if err != nil {
			continue
		}
		// The cookie comes back, and the shares stay where no group was asked
		// for (RFC 9846 §4.2.4).
		second := wire.ClientHello{}
		for _, e := range client.Effects() {
			if send, ok := e.(Send); ok {
				parsed, err := wire.ParseClientHello(send.Raw, nil)
				if err != nil {
					t.Fatal(err)
				}
				second = *parsed // the last one
			}
		}
		want := wire.GroupX25519
		if hrr.SelectedGroup != nil {
			want = *hrr.SelectedGroup
		}
		if !bytes.Equal(second.Cookie, hrr.Cookie) || len(second.KeyShare.Shares) != 1 || second.KeyShare.Shares[0].Group != want {
			t.Errorf("A HelloRetryRequest %s: the second ClientHello has the cookie %q and the shares %v.", c.what, second.Cookie, second.KeyShare.Shares)
		}
		if hrr.Cookie == nil {
			// ServerHello with another suite than the HelloRetryRequest, and
			// nothing else wrong with it (RFC 9846 §4.2.4).
			share, _ := goodShare(t, want, true)
			sh := &wire.ServerHello{LegacyVersion: 0x0303, LegacySessionIDEcho: second.LegacySessionID, CipherSuite: 0x1303, SelectedVersion: limit(0x0304),
				KeyShare: &wire.KeyShareEntry{Group: want, KeyExchange: share}, SelectedIdentity: new(uint16)}
			wantAlert(t, "a ServerHello that changes the suite", client.Step(sh.Append(nil)), alert.IllegalParameter)
		}
	}
}

func TestEncryptedExtensionsRefused(t *testing.T) {
	protocol := []byte{0, 2, 1, 'a'}
	for _, c := range []struct {
		kind    wire.ExtensionType
		content []byte
		asked   bool
		want    alert.Description
	}{
		{wire.ExtALPN, protocol, true, accepted},
		{wire.ExtALPN, protocol, false, alert.UnsupportedExtension},
		{wire.ExtALPN, []byte{0, 2, 1, 'z'}, true, alert.IllegalParameter},
		{wire.ExtALPN, []byte{0, 4, 1, 'a', 1, 'b'}, true, alert.IllegalParameter},
		{wire.ExtServerName, nil, true, accepted},
		{wire.ExtServerName, nil, false, alert.UnsupportedExtension},
		{wire.ExtServerName, []byte{0}, true, alert.DecodeError},
		{wire.ExtRecordSizeLimit, []byte{0, 64}, true, accepted},
		{wire.ExtRecordSizeLimit, []byte{0, 63}, true, alert.IllegalParameter},
		{wire.ExtRecordSizeLimit, []byte{0, 64}, false, alert.UnsupportedExtension},
		{wire.ExtSupportedGroups, []byte{0, 2, 0, 0x18}, true, accepted},
		{wire.ExtKeyShare, []byte{0, 0x17}, true, alert.IllegalParameter},
		{wire.ExtPreSharedKey, []byte{0, 0}, true, alert.IllegalParameter},
		{wire.ExtSupportedVersions, []byte{3, 4}, true, alert.IllegalParameter},
		{wire.ExtEarlyData, nil, true, alert.UnsupportedExtension},
		{wire.ExtCookie, []byte{0, 1, 1}, true, alert.IllegalParameter},
		{wire.ExtMaxFragmentLength, []byte{1}, true, alert.UnsupportedExtension},
		{0xfafa, nil, true, alert.UnsupportedExtension},
	} {
		client, _ := clientBefore(t, "EncryptedExtensions", func(s *setup) {
			if c.asked {
				s.client.ServerName, s.client.NextProtos, s.client.RecordSizeLimit = "host", []string{"a"}, 1000
			}
		})
		empty := (&wire.EncryptedExtensions{}).Append(nil)
		err := client.Step(withExtension(empty, encryptedExtensionsBlock, c.kind, c.content))
		outcome(t, fmt.Sprintf("%s in EncryptedExtensions, asked for: %v, content %x", c.kind, c.asked, c.content), err, c.want)
	}
}

func TestFinishedRefused(t *testing.T) {
	for _, server := range []bool{false, true} {
		for _, c := range []struct {
			what   string
			change func([]byte) []byte
			want   alert.Description
		}{
			{"with a bit changed", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, alert.DecryptError},
			{"of zeros", func(b []byte) []byte { clear(b[4:]); return b }, alert.DecryptError},
			{"of another length", func([]byte) []byte { return wire.AppendFinished(nil, make([]byte, 48)) }, alert.DecodeError},
			{"of no length", func([]byte) []byte { return wire.AppendFinished(nil, nil) }, alert.DecodeError},
		} {
			q := sequence{name: "Finished", receive: []msg{sh, ee, fin}, set: plain}
			if server {
				q = sequence{name: "Finished at the server", server: true, receive: []msg{ch1, fin}, set: plain}
			}
			v := newVictim(t, q)
			v.prefix(q.receive[:len(q.receive)-1])
			err := v.m.Step(c.change(bytes.Clone(v.stored[fin])))
			outcome(t, "a Finished "+c.what, err, c.want)
			if v.m.Complete() {
				t.Errorf("A Finished %s completes the handshake.", c.what)
			}
		}
	}
}

// A rotation: the binder is tried against each key, whatever its place, and the
// first four of an identity count.
func TestBinderAgainstARotation(t *testing.T) {
	right := testPSK(suite.SHA256, 1)
	for n := 1; n <= 5; n++ {
		for at := range n {
			s := newSetup()
			s.candidates = nil
			for i := range n {
				psk := testPSK(suite.SHA256, byte(50+i))
				if i == at {
					psk = right
				}
				s.candidates = append(s.candidates, Candidate{Identity: 0, PSK: psk, Tag: i})
			}
			client, server := s.machines(t)
			first, _ := s.take(client)
			_, err := s.deliver(server, first.sent[0])
			if at < 4 {
				outcome(t, fmt.Sprintf("the right key as %d of %d", at, n), err, accepted)
				if server.Result().Tag != at {
					t.Errorf("Of %d keys number %v is taken for the right one, %d.", n, server.Result().Tag, at)
				}
			} else {
				outcome(t, "a fifth key", err, alert.DecryptError)
			}
		}
	}
}

// Kinds of keys have binders of their own: a key that was imported or came with
// a ticket does not pass for an external one (RFC 9846 §7.1, RFC 9258 §5.2).
func TestKindsOfKeysDoNotMix(t *testing.T) {
	kinds := []schedule.PSKKind{schedule.ExternalPSK, schedule.ResumptionPSK, schedule.ImportedPSK}
	for _, client := range kinds {
		for _, server := range kinds {
			s := newSetup()
			secret := bytes.Repeat([]byte{3}, 32)
			s.client.PSKs[0].PSK = schedule.NewPSK(suite.SHA256, client, secret)
			s.candidates[0].PSK = schedule.NewPSK(suite.SHA256, server, secret)
			c, srv := s.machines(t)
			first, _ := s.take(c)
			_, err := s.deliver(srv, first.sent[0])
			want := accepted
			if client != server {
				want = alert.DecryptError
			}
			outcome(t, fmt.Sprintf("the client's key is %s, the server's %s", client, server), err, want)
		}
	}
}
