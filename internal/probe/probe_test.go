package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

func namesOf(items []Item) string {
	var names []string
	for _, x := range items {
		names = append(names, x.Name)
	}
	return strings.Join(names, " ")
}

func codesOf(r *Report) string {
	var codes []string
	for _, f := range r.Findings {
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, " ")
}

// Without a key: what each kind of server shows, with how many connections, and
// what is made of it.
func TestWithoutAKey(t *testing.T) {
	both := []wire.NamedGroup{wire.GroupX25519, wire.GroupP256}
	for name, c := range map[string]struct {
		server         model
		tls13, tls12   Known
		suites, groups string // of TLS 1.2, or of TLS 1.3 where that is not spoken
		policy         string
		findings       string
		connections    int
	}{
		"TLS 1.3 alone, a binder first": {
			model{suites13: suite.Preferred(), groups13: both, unknownKey: alert.DecryptError}, Yes, No, "", "", "modern",
			"policy", 3, // TLS 1.3, 1.2, 1.1, and that is the end
		},
		"TLS 1.3 alone, as OpenSSL": {
			model{suites13: suite.Preferred(), groups13: both, unknownKey: alert.MissingExtension}, Yes, No, "", "", "modern", "policy", 3,
		},
		"TLS 1.3 alone, as GnuTLS": {
			model{suites13: suite.Preferred(), groups13: both, unknownKey: alert.IllegalParameter}, Yes, No, "", "", "modern", "policy", 3,
		},
		"TLS 1.3 with a certificate": {
			model{suites13: []suite.ID{suite.AES256GCMSHA384, suite.AES128GCMSHA256}, groups13: []wire.NamedGroup{wire.GroupX25519, groupP384}, certificate: true},
			Yes, No, "TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256", "x25519 secp384r1", "", "certificate", 3 + 2 + 2,
		},
		"TLS 1.3 with a certificate, after a HelloRetryRequest": {
			model{suites13: suite.Preferred()[:1], groups13: []wire.NamedGroup{wire.GroupP256, wire.GroupX25519}, certificate: true},
			Yes, No, suite.Preferred()[0].String(), "secp256r1 x25519", "", "certificate", 4 + 1 + 2,
		},
		"TLS 1.3 alone, a HelloRetryRequest before the key": {
			model{suites13: suite.Preferred()[:1], groups13: []wire.NamedGroup{wire.GroupP256, wire.GroupX25519}, retries: true, unknownKey: alert.DecryptError},
			Yes, No, suite.Preferred()[0].String(), "secp256r1 x25519", "modern", "policy", 4 + 1 + 2,
		},
		"TLS 1.2 as it should be": {
			model{suites12: []suite.ID{suite.ECDHEPSKAES128GCMSHA256, suite.ECDHEPSKAES128CBCSHA256}, groups12: both, etm: true, ems: true, ri: true, nothing: alert.HandshakeFailure},
			No, Yes, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256 TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", "x25519 secp256r1", "compatible",
			"policy no-tls13", 1 + 3 + 2,
		},
		"an old device": {
			model{suites12: []suite.ID{suite.PSKAES128CBCSHA}, oldest: 0x0301, nothing: alert.HandshakeFailure},
			No, Yes, "TLS_PSK_WITH_AES_128_CBC_SHA", "", "legacy",
			"policy no-tls13 old-version only-without-forward-secrecy no-encrypt-then-mac no-extended-master-secret no-renegotiation-info sha1", 1 + 2 + 1,
		},
		"as Zabbix": {
			model{suites12: []suite.ID{suite.ECDHEPSKAES128CBCSHA256, suite.PSKAES128GCMSHA256}, groups12: both, etm: true, ri: true, nothing: alert.HandshakeFailure},
			No, Yes, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256 TLS_PSK_WITH_AES_128_GCM_SHA256", "x25519 secp256r1", "legacy",
			"policy no-tls13 without-forward-secrecy no-extended-master-secret", 1 + 3 + 2,
		},
		"P-521 alone": {
			model{suites12: []suite.ID{suite.ECDHEPSKAES128GCMSHA256}, groups12: []wire.NamedGroup{groupP521}, ems: true, ri: true, nothing: alert.HandshakeFailure},
			No, Yes, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "secp521r1", "", "nothing-usable no-tls13 foreign-groups", 1 + 2 + 1,
		},
		"TLS 1.3 that only the sentinel tells": {
			model{suites13: suite.Preferred(), unknownKey: alert.HandshakeFailure, suites12: []suite.ID{suite.ECDHEPSKAES128GCMSHA256}, groups12: both, ems: true, ri: true, nothing: alert.HandshakeFailure},
			Yes, Yes, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "x25519 secp256r1", "modern", "policy", 2 + 2 + 1 + 1,
		},
		"DHE_PSK alone": {
			model{suites12: []suite.ID{0x00AA}, nothing: alert.HandshakeFailure}, No, No, "", "", "", "foreign-suites no-tls13", 4,
		},
		"TLS 1.2 with a certificate": {
			model{suites12: []suite.ID{0xC02F}, nothing: alert.HandshakeFailure}, No, No, "", "", "", "no-shared-key no-tls13", 4,
		},
		"a certificate of TLS 1.2, and an unclear TLS 1.3": {
			model{suites13: suite.Preferred(), unknownKey: alert.HandshakeFailure, suites12: []suite.ID{0xC02F}, nothing: alert.HandshakeFailure}, Unknown, No, "", "", "", "certificate", 5,
		},
		"nothing but handshake_failure": {
			model{suites13: suite.Preferred(), unknownKey: alert.HandshakeFailure}, Unknown, No, "", "", "", "nothing-usable", 5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			address, count := listen(t, answering(c.server.answer))
			r, err := probeOf(t, Options{Address: address})
			if err != nil {
				t.Fatalf("The probe failed: %v", err)
			}
			if r.Stopped != nil {
				t.Errorf("The probe stopped early: %v", r.Stopped)
			}
			if r.TLS13.Spoken != c.tls13 || r.TLS12.Spoken != c.tls12 {
				t.Errorf("TLS 1.3 is %v and TLS 1.2 is %v, want %v and %v.", r.TLS13.Spoken, r.TLS12.Spoken, c.tls13, c.tls12)
			}
			v := &r.TLS12
			if r.TLS12.Spoken != Yes {
				v = &r.TLS13
			}
			if namesOf(v.Suites) != c.suites || namesOf(v.Groups) != c.groups {
				t.Errorf("It found the suites %s and the groups %s, want %s and %s.", namesOf(v.Suites), namesOf(v.Groups), c.suites, c.groups)
			}
			policy := ""
			if r.Usable {
				policy = r.Policy.String()
			}
			if policy != c.policy {
				t.Errorf("The policy that reaches it is %q, want %q.", policy, c.policy)
			}
			if codesOf(r) != c.findings {
				t.Errorf("The findings are %s, want %s.", codesOf(r), c.findings)
			}
			if n := int(count.Load()); n != c.connections || r.Connections != n {
				t.Errorf("It took %d connections and says %d, want %d.", n, r.Connections, c.connections)
			}
		})
	}
}

// The facts of TLS 1.2 that are beside suites and groups.
func TestFactsOfTLS12(t *testing.T) {
	hint := []byte(strings.Repeat("\x1b", 1<<16-1))
	for name, c := range map[string]struct {
		server                model
		etm, ems, ri, tickets Known
		hint                  []byte
	}{
		"all":       {model{suites12: suite.Legacy12(), groups12: groups12(), etm: true, ems: true, ri: true, ticket: true, hint: hint}, Yes, Yes, Yes, Yes, hint},
		"none":      {model{suites12: suite.Legacy12(), groups12: groups12()}, No, No, No, No, nil},
		"no CBC":    {model{suites12: []suite.ID{suite.PSKAES128GCMSHA256}, etm: true}, Unknown, No, No, No, nil},
		"plain PSK": {model{suites12: []suite.ID{suite.PSKAES128CBCSHA256}, etm: true, hint: []byte("h")}, Yes, No, No, No, []byte("h")},
	} {
		c.server.nothing = alert.HandshakeFailure
		address, _ := listen(t, answering(c.server.answer))
		r, err := probeOf(t, Options{Address: address})
		if err != nil {
			t.Fatalf("%s: the probe failed: %v", name, err)
		}
		v := r.TLS12
		if v.EncryptThenMAC != c.etm || v.ExtendedMasterSecret != c.ems || v.RenegotiationInfo != c.ri || v.Ticket != c.tickets || string(v.Hint) != string(c.hint) {
			t.Errorf("%s: encrypt-then-MAC %v, extended master secret %v, renegotiation info %v, ticket %v, hint of %d bytes.",
				name, v.EncryptThenMAC, v.ExtendedMasterSecret, v.RenegotiationInfo, v.Ticket, len(v.Hint))
		}
	}
}

// What is asked of a server is what a client may ask.
func TestQuestionsAreWellFormed(t *testing.T) {
	p := &prober{Options: Options{ServerName: "host.example"}}
	for name, h := range map[string]*wire.ClientHello{
		"TLS 1.3": withShare(p.hello13(suite.Preferred(), allGroups)), "TLS 1.2": p.hello12(suite.Legacy12(), groups12()),
	} {
		back, err := wire.ParseClientHello(h.Append(nil), nil)
		if err != nil {
			t.Fatalf("%s: our own parser refuses the question: %v", name, err)
		}
		if back.ServerName == nil || *back.ServerName != "host.example" {
			t.Errorf("%s: the server name is missing.", name)
		}
		if name == "TLS 1.3" && (!strings.HasPrefix(string(back.PreSharedKey.Identities[0].Identity), "watchword-probe-") || back.SupportedVersions[0] != wire.VersionTLS13) {
			t.Errorf("%s: the question is not the one that was meant: %v", name, back.Extensions)
		}
		if name == "TLS 1.2" && (back.SupportedVersions != nil || !back.EncryptThenMAC || !back.ExtendedMasterSecret || back.RenegotiationInfo == nil || back.SessionTicket == nil) {
			t.Errorf("%s: the question is not the one that was meant: %v", name, back.Extensions)
		}
	}
}

func sends(text string) func(net.Conn) {
	return func(raw net.Conn) {
		if _, err := io.WriteString(raw, text); err == nil {
			waitForEnd(raw)
		}
	}
}

// sendsEndlessly repeats text for as long as somebody takes it.
func sendsEndlessly(text string) func(net.Conn) {
	return func(raw net.Conn) {
		for {
			if _, err := io.WriteString(raw, text); err != nil {
				return
			}
		}
	}
}

func hello(change func(*wire.ServerHello)) func(net.Conn) {
	return answering(func(h *wire.ClientHello) []byte {
		version := wire.VersionTLS13
		sh := &wire.ServerHello{LegacyVersion: wire.VersionTLS12, LegacySessionIDEcho: h.LegacySessionID, CipherSuite: 0x1301, SelectedVersion: &version,
			KeyShare: &wire.KeyShareEntry{Group: wire.GroupX25519, KeyExchange: make([]byte, 32)}}
		change(sh)
		return handshakeRecord(sh.Append(nil))
	})
}

// Whatever is no server of TLS ends in one sentence, soon.
func TestNoServer(t *testing.T) {
	for name, c := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"http":                 {sends("HTTP/1.1 400 Bad Request\r\n\r\n"), `it speaks something else than TLS, or something else first; its answer begins with "HTTP/1.1 400 Bad Request\r\n\r\n"`},
		"ssh":                  {sends("SSH-2.0-OpenSSH_9.2\r\n"), `begins with "SSH-2.0-OpenSSH_9.2\r\n"`},
		"escapes":              {sends("\x1b[2J\x1b]0;title\a"), `begins with "\x1b[2J\x1b]0;title\a"`},
		"long text":            {sends(strings.Repeat("hello ", 100)), "something else than TLS"},
		"silent":               {waitForEnd, "it is silent: "},
		"closes":               {func(net.Conn) {}, "it closes every connection without an answer: "},
		"closes after hello":   {func(raw net.Conn) { readHello(raw) }, "it closes every connection without an answer: "},
		"half a record":        {sends("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03 and no more"), "it began an answer and did not go on in time"},
		"cut in a record":      {func(raw net.Conn) { readHello(raw); io.WriteString(raw, "\x16\x03\x03\x00\x7a\x02\x00") }, "it closed the connection in the middle of its answer"},
		"cut in a message":     {func(raw net.Conn) { readHello(raw); io.WriteString(raw, "\x16\x03\x03\x00\x04\x02\x00\x00\x76") }, "in the middle of its answer"},
		"garbage in a hello":   {sends("\x16\x03\x03\x00\x2a\x02\x00\x00\x26" + strings.Repeat("\xff", 38)), "server_hello"},
		"application data":     {sends("\x17\x03\x03\x00\x05hello"), "before there is a key for it"},
		"a change of ciphers":  {sends("\x14\x03\x03\x00\x01\x01"), "change_cipher_spec, which has no place there"},
		"unknown record":       {sends("\x63\x03\x03\x00\x01\x01"), "a type that does not exist"},
		"long record":          {sends("\x16\x03\x03\xff\xff\x01"), "a record longer than allowed"},
		"long message":         {sends("\x16\x03\x03\x00\x04\x02\xff\xff\xff"), "longer than allowed"},
		"other message":        {sends("\x16\x03\x03\x00\x04\x0e\x00\x00\x00"), "holds a server_hello_done that has no place there"},
		"bad alert":            {sends("\x15\x03\x03\x00\x02\x07\x28"), "level"},
		"endless warnings":     {sendsEndlessly("\x15\x03\x03\x00\x02\x01\x70"), "it sends nothing but warnings: after 5 alerts of that level there was no answer"},
		"endless handshake":    {sendsEndlessly("\x16\x03\x03\x00\x04\x00\x00\x00\x00"), "no place there"},
		"endless hello":        {sendsEndlessly("\x16\x03\x03\x00\x01\x02"), "longer than allowed"},
		"endless small pieces": {sendsEndlessly("\x16\x03\x03\x00\x01\x00"), "no place there"},
		"another version":      {hello(func(h *wire.ServerHello) { v := uint16(0x0305); h.SelectedVersion = &v }), "a version that was not offered"},
		"an older version":     {hello(func(h *wire.ServerHello) { h.SelectedVersion, h.KeyShare = nil, nil }), "a version that was not offered"},
		"another suite":        {hello(func(h *wire.ServerHello) { h.CipherSuite = 0x1304 }), "a suite that was not offered"},
		"another group":        {hello(func(h *wire.ServerHello) { h.KeyShare.Group = 0x0100 }), "a group that was not offered"},
		"any key":              {hello(func(h *wire.ServerHello) { i := uint16(0); h.SelectedIdentity = &i }), "it checks nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := listen(t, c.handle)
			patience := 10 * time.Second
			if strings.Contains(c.want, "silent") {
				patience = 200 * time.Millisecond
			} else if strings.Contains(c.want, "in time") {
				patience = 2 * time.Second // the half of it must come
			}
			r, err := probeOf(t, Options{Address: address, Timeout: patience})
			if err == nil && r.Stopped != nil {
				err = r.Stopped // it sent something that is TLS
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("The probe says %v, want a sentence with %q.", err, c.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\a\n") {
				t.Errorf("A control character of the server's is in the sentence %q.", err)
			}
		})
	}
}

// A flight that has a beginning and no end.
func TestEndlessFlight(t *testing.T) {
	m := model{suites12: []suite.ID{suite.PSKAES128GCMSHA256}, nothing: alert.HandshakeFailure}
	address, _ := listen(t, func(raw net.Conn) {
		h := readHello(raw)
		if h == nil {
			return
		}
		out := m.answer(h)
		if !slices.Contains(h.SupportedVersions, wire.VersionTLS13) {
			out = out[:len(out)-9] // without the record of ServerHelloDone
		}
		if _, err := raw.Write(out); err == nil {
			sendsEndlessly("\x16\x03\x03\x00\x04\x0d\x00\x00\x00")(raw)
		}
	})
	// TLS 1.3 was refused before.
	r, err := probeOf(t, Options{Address: address})
	if err != nil || r.Stopped != ErrEndless {
		t.Errorf("The probe ended with %v: %+v", err, r)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	var op *net.OpError
	if _, err := probeOf(t, Options{Address: l.Addr().String()}); !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("The probe of a port that nobody listens at says %v.", err)
	}
}

// GnuTLS refuses what it takes for too old in a record that has the version of
// DTLS in its header. That is a refusal, and a server of TLS stays one.
func TestAlertWithTheVersionOfDTLS(t *testing.T) {
	m := model{suites13: suite.Preferred(), groups13: groups12(), suites12: suite.Legacy12(), groups12: groups12(), unknownKey: alert.IllegalParameter, nothing: alert.HandshakeFailure}
	for _, refusal := range []string{"\x15\xfe\xfd\x00\x02\x02\x46", "\x15\xfe\xff\x00\x02\x02\x46"} {
		address, _ := listen(t, answering(func(h *wire.ClientHello) []byte {
			if h.LegacyVersion < wire.VersionTLS12 {
				return []byte(refusal)
			}
			return m.answer(h)
		}))
		r, err := probeOf(t, Options{Address: address})
		if err != nil {
			t.Fatalf("The probe failed: %v", err)
		}
		if r.Stopped != nil || r.Older != No {
			t.Errorf("The probe stopped because of %v, and something older than TLS 1.2 is spoken: %v.", r.Stopped, r.Older)
		}
	}
	// What is longer than an alert, or no alert, is no TLS all the same.
	for _, other := range []string{"\x15\xfe\xfd\x00\x03\x02\x46\x00", "\x16\xfe\xfd\x00\x02\x02\x46"} {
		address, _ := listen(t, sends(other))
		if _, err := probeOf(t, Options{Address: address}); err == nil || !strings.Contains(err.Error(), "something else than TLS") {
			t.Errorf("The probe of a server that answers %q says %v.", other, err)
		}
	}
}

// A server that stops answering after a while costs what was not asked, and not
// what was.
func TestStoppedOnTheWay(t *testing.T) {
	m := model{suites12: suite.Legacy12(), groups12: groups12(), ems: true, ri: true, nothing: alert.HandshakeFailure}
	for name, c := range map[string]struct {
		after func(net.Conn)
		o     Options
		want  string
	}{
		"silent":      {waitForEnd, Options{Timeout: 2 * time.Second}, "it is silent"},
		"garbage":     {sends("no TLS any more"), Options{}, `one of its answers is no TLS; it begins with "no TLS any more"`},
		"few allowed": {answering(m.answer), Options{MaxConnections: 5}, "5 connections are as many as may be"},
		"little time": {waitForEnd, Options{Total: 2 * time.Second}, "all connections together may take 2s"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			handle := answering(m.answer)
			address, _ := listen(t, func(raw net.Conn) {
				if asked.Add(1) > 4 { // connections follow each other
					c.after(raw)
					return
				}
				handle(raw)
			})
			c.o.Address = address
			r, err := probeOf(t, c.o)
			if err != nil {
				t.Fatalf("The probe forgot what it knew: %v", err)
			}
			if r.Stopped == nil || !strings.Contains(r.Stopped.Error(), c.want) {
				t.Errorf("It stopped because of %v, want a sentence with %q.", r.Stopped, c.want)
			}
			if r.TLS12.Spoken != Yes || r.TLS12.SuitesComplete || len(r.TLS12.Suites) == 0 {
				t.Errorf("Of TLS 1.2 it knows %+v.", r.TLS12)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	address, _ := listen(t, func(raw net.Conn) { cancel(); waitForEnd(raw) })
	if _, err := Run(ctx, Options{Address: address, Timeout: 10 * time.Second}); !errors.Is(err, context.Canceled) {
		t.Errorf("A canceled probe says %v.", err)
	}
}

// There are never two connections at once, and never more than the limit.
func TestPolite(t *testing.T) {
	m := model{suites12: suite.Legacy12(), groups12: groups12(), suites13: suite.Preferred(), groups13: allGroups, certificate: true, nothing: alert.HandshakeFailure}
	busy := make(chan struct{}, 1)
	handle := answering(m.answer)
	address, count := listen(t, func(raw net.Conn) {
		select {
		case busy <- struct{}{}:
		case <-time.After(5 * time.Second):
			t.Error("Two connections stood at once.")
			return
		}
		handle(raw)
		<-busy
	})
	if _, err := probeOf(t, Options{Address: address}); err != nil {
		t.Fatalf("The probe failed: %v", err)
	}
	if n := count.Load(); n > limits.MaxProbeConnections {
		t.Errorf("The probe opened %d connections to the most talkative server, the limit is %d.", n, limits.MaxProbeConnections)
	}
}

// The tables of suites agree with the registry, by way of internal/wire.
func TestTablesOfSuites(t *testing.T) {
	for _, id := range foreignSuites {
		if _, ours := suite.ByID(suite.ID(id)); ours || !strings.Contains(wire.SuiteName(id), "PSK") {
			t.Errorf("The suite 0x%04X, %s, has no place among those that we do not have.", id, wire.SuiteName(id))
		}
	}
	for _, id := range certificateSuites {
		if name := wire.SuiteName(id); strings.Contains(name, "PSK") || !strings.HasPrefix(name, "TLS_") {
			t.Errorf("The suite 0x%04X, %s, has no place among those with a certificate.", id, name)
		}
	}
}
