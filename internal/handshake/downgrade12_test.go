package handshake

// Attacks on TLS 1.2 by whoever sits in the middle, with and without a key of
// his own. Each test names the defence, and fails when the defence is taken out.

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// withoutExtension takes the extended master secret out of a client's ClientHello
// before it is sent: our own always offers it.
func withoutExtension(t testing.TB, client *Machine) {
	t.Helper()
	s := client.state.(*clientWaitServerHello)
	s.hello.ExtendedMasterSecret = false
	client.Effects()
	if s.psks != nil {
		t.Fatal("The binders would have to be made again.")
	}
	s.sendHello(client)
}

// starts makes both machines, without the extended master secret if that is
// wanted.
func (s *setup12) starts(t testing.TB, extended bool) (client, server *Machine, hello []item) {
	t.Helper()
	client, server = s.machines(t)
	if !extended {
		s.client.Legacy, s.server.Legacy = true, true
		client, server = s.machines(t)
		withoutExtension(t, client)
	}
	hello, _, err := s.take(client)
	if err != nil {
		t.Fatal(err)
	}
	return client, server, hello
}

// relay lets both machines talk. change sees each item and may replace it.
func (s *setup12) relay(t testing.TB, extended bool, change func(toServer bool, n int, i item) item) *run12 {
	t.Helper()
	r := &run12{}
	var up []item
	r.client, r.server, up = s.starts(t, extended)
	for len(up) > 0 {
		var down []item
		for _, i := range up {
			r.toServer = append(r.toServer, i)
			if r.serverErr == nil {
				sent, done, err := s.give(r.server, change(true, len(r.toServer)-1, i))
				down, r.serverDone, r.serverErr = append(down, sent...), r.serverDone || done, err
			}
		}
		up = nil
		for _, i := range down {
			r.toClient = append(r.toClient, i)
			if r.clientErr == nil {
				sent, done, err := s.give(r.client, change(false, len(r.toClient)-1, i))
				up, r.clientDone, r.clientErr = append(up, sent...), r.clientDone || done, err
			}
		}
	}
	return r
}

// Every byte of every message changed in flight: never do both ends complete.
// The machines have no records, so that what is sent protected is looked at as
// well. The defence is the Finished of each end (RFC 5246 §7.4.9), and nothing
// else where the extended master secret is missing: without the comparison in
// receiveFinished, both complete.
func TestEveryMessageByteFlipped12(t *testing.T) {
	for _, c := range []struct {
		name     string
		set      []func(*setup12)
		extended bool
	}{
		{"PSK", set{plainPSK, hint, tickets}, true},
		{"PSK, no extended master secret", set{plainPSK, hint, tickets}, false},
		{"ECDHE_PSK", nil, true},
		{"resumed", set{plainPSK, resumable}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			setup := func() *setup12 {
				s := newSetup12()
				for _, change := range c.set {
					change(s)
				}
				return s
			}
			honest := setup().relay(t, c.extended, func(_ bool, _ int, i item) item { return i })
			if !honest.clientDone || !honest.serverDone || honest.client.Result().ExtendedMasterSecret != c.extended {
				t.Fatalf("An undisturbed handshake fails: %v, %v.", honest.clientErr, honest.serverErr)
			}
			for toServer, list := range map[bool][]item{true: honest.toServer, false: honest.toClient} {
				for n, i := range list {
					for at := range i.raw {
						r := setup().relay(t, c.extended, func(direction bool, k int, i item) item {
							if direction == toServer && k == n && i.raw != nil {
								i.raw = bytes.Clone(i.raw)
								i.raw[at] ^= 1 << (at % 8)
							}
							return i
						})
						if r.clientDone && r.serverDone {
							t.Errorf("Both ends complete, though byte %d of %s was changed.", at, wire.TypeOf(i.raw))
						}
					}
				}
			}
		})
	}
}

// A version downgrade: somebody takes TLS 1.3 out of the ClientHello of ends that
// both speak it. The defence is the sentinel in the server's random (RFC 9846
// §4.2.3), which the client looks at before it says anything under a key: without
// the check in check12 the client goes on to name its identity.
func TestVersionDowngrade(t *testing.T) {
	s := newSetup12()
	s.clientBoth()
	s.serverBoth()
	r := s.converse(t, func(toServer bool, i item) item {
		if toServer && i.raw != nil && wire.TypeOf(i.raw) == wire.TypeClientHello {
			hello, err := wire.ParseClientHello(bytes.Clone(i.raw), nil)
			if err != nil {
				t.Fatal(err)
			}
			hello.SupportedVersions, hello.PreSharedKey = nil, nil
			return item{hello.Append(nil)}
		}
		return i
	})
	if len(r.toClient) == 0 || r.serverErr != nil {
		t.Fatalf("The server does not fall for it, so that the client cannot be tested: %v.", r.serverErr)
	}
	wantAlert(t, "a version downgrade", r.clientErr, alert.IllegalParameter)
	if len(r.toServer) != 1 {
		t.Errorf("After a version downgrade the client sends %d messages more.", len(r.toServer)-1)
	}

	// He takes the sentinel out as well: then the server's random is not what
	// it was, and the ends have different master secrets and transcripts.
	r = s.converse(t, func(toServer bool, i item) item {
		if i.raw == nil {
			return i
		}
		if toServer && wire.TypeOf(i.raw) == wire.TypeClientHello {
			hello, _ := wire.ParseClientHello(bytes.Clone(i.raw), nil)
			hello.SupportedVersions, hello.PreSharedKey = nil, nil
			return item{hello.Append(nil)}
		}
		if !toServer && wire.TypeOf(i.raw) == wire.TypeServerHello {
			answer, _ := wire.ParseServerHello(bytes.Clone(i.raw), nil)
			clear(answer.Random[24:])
			return item{answer.Append(nil)}
		}
		return i
	})
	wantAlert(t, "a version downgrade without its sentinel", r.serverErr, alert.DecryptError)
	if r.clientDone || r.serverDone {
		t.Error("A version downgrade without its sentinel completes.")
	}
}

// A suite downgrade: somebody takes the better suites, or the extended master
// secret, or encrypt-then-MAC, out of a hello. The defence is the Finished, which
// covers the hellos as each end saw them; see TestEveryMessageByteFlipped12.
func TestSuiteDowngrade(t *testing.T) {
	hellos := map[string]func(*wire.ClientHello){
		"forward secrecy": func(h *wire.ClientHello) {
			h.CipherSuites = []uint16{uint16(suite.PSKAES128CBCSHA256)}
		},
		"SHA-256":                        func(h *wire.ClientHello) { h.CipherSuites = []uint16{uint16(suite.PSKAES128CBCSHA)} },
		"the extended master secret":     func(h *wire.ClientHello) { h.ExtendedMasterSecret = false },
		"encrypt-then-MAC":               func(h *wire.ClientHello) { h.EncryptThenMAC = false },
		"the group X25519":               func(h *wire.ClientHello) { h.SupportedGroups = []wire.NamedGroup{wire.GroupP256} },
		"the renegotiation indication":   func(h *wire.ClientHello) { h.RenegotiationInfo = nil },
		"nothing, and a fallback is put": func(h *wire.ClientHello) { h.CipherSuites = append(h.CipherSuites, wire.FallbackSCSV) },
	}
	for what, change := range hellos {
		s := newSetup12()
		s.suites(suite.Legacy12()...)
		s.suites(slices.DeleteFunc(suite.Legacy12(), func(id suite.ID) bool { s, _ := suite.ByID(id); return s.Cipher != suite.BlockCBC })...)
		s.client.Legacy, s.server.Legacy = true, true
		r := s.converse(t, func(toServer bool, i item) item {
			if !toServer || i.raw == nil || wire.TypeOf(i.raw) != wire.TypeClientHello {
				return i
			}
			hello, _ := wire.ParseClientHello(bytes.Clone(i.raw), nil)
			change(hello)
			return item{hello.Append(nil)}
		})
		if r.clientErr != nil {
			t.Errorf("Without %s: the client finds out before its Finished: %v.", what, r.clientErr)
		}
		wantAlert(t, "a ClientHello without "+what, r.serverErr, alert.DecryptError)
		if r.clientDone || r.serverDone {
			t.Errorf("A ClientHello that lost %s leads to a connection.", what)
		}
	}
}

// The triple handshake (RFC 7627 §1): somebody holds one key with a client and
// the same with a server, relays the randoms, and wants both connections to have
// one master secret, so that what is bound to one passes for the other. The
// defence is the extended master secret: the session hash has the identity in
// it. Without it, which the second half shows, the master secrets are the same.
func TestTripleHandshake(t *testing.T) {
	for _, id := range []suite.ID{suite.PSKAES128CBCSHA256, suite.ECDHEPSKAES128GCMSHA256} {
		for _, extended := range []bool{true, false} {
			var masters [2][]byte
			for i, identity := range []string{"mallory", "mallory at the server"} {
				// Seeds stand for what he relays: randoms and shares.
				s := newSetup12()
				s.suites(id)
				s.client.Key12.Identity = []byte(identity)
				r := s.relay(t, extended, func(_ bool, _ int, i item) item { return i })
				if !r.clientDone || !r.serverDone {
					t.Fatalf("The handshake fails: %v, %v.", r.clientErr, r.serverErr)
				}
				masters[i] = r.server.Result().Session12.Master.Raw()
				if !bytes.Equal(masters[i], r.client.Result().Session12.Master.Raw()) {
					t.Error("The ends have different master secrets.")
				}
				// What is exported for authentication would be the same, too.
				if (r.client.Result().Exporter == nil) == extended || (r.server.Result().Exporter == nil) == extended {
					t.Errorf("Extended master secret %v: there is an exporter: %v.", extended, r.client.Result().Exporter != nil)
				}
			}
			if same := bytes.Equal(masters[0], masters[1]); same == extended {
				t.Errorf("%s, extended master secret %v: both connections have one master secret: %v.", id, extended, same)
			}
		}
	}
}

// The server's trial: as many keys as it was told, at most four that were found,
// and none of the dummies is ever somebody.
func TestTrialOfKeys(t *testing.T) {
	for n := range 7 {
		for tries := 1; tries <= 4; tries++ {
			for opened := range max(tries, min(n, 4)) {
				trialOf(t, n, tries, opened)
			}
		}
	}
}

// trialOf lets a client with one of the keys meet a server that knows n of them.
func trialOf(t *testing.T, n, tries, opened int) {
	t.Helper()
	s := newSetup12()
	s.plainPSK()
	s.candidates, s.tries = nil, tries
	for i := range n {
		s.candidates = append(s.candidates, Candidate{Key12: testKey12(byte(i + 1)), Tag: i})
	}
	s.client.Key12.Key = testKey12(byte(opened + 1))
	client, server := s.machines(t)
	hello, _, _ := s.take(client)
	flight, _, err := s.give(server, hello[0])
	if err != nil {
		t.Fatal(err)
	}
	var reply []item
	for _, i := range flight {
		sent, _, err := s.give(client, i)
		if err != nil {
			t.Fatal(err)
		}
		reply = append(reply, sent...)
	}
	if _, _, err := s.give(server, reply[0]); err != nil { // ClientKeyExchange
		t.Fatal(err)
	}
	if server.TrialError() != nil {
		t.Errorf("There is an error of the trial before it: %v.", server.TrialError())
	}
	if _, err := server.ChangeCipherSpec(); err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, e := range server.Effects() {
		if f, ok := e.(TryReadKeys12); ok {
			keys = len(f.Keys)
		}
	}
	want := errUnknown
	if n > 0 {
		want = errWrong
	}
	what := fmt.Sprintf("%d keys are known, %d are to be tried, number %d opens the record", n, tries, opened)
	if keys != max(tries, min(n, 4)) || !errors.Is(server.TrialError(), want) {
		t.Errorf("%s: %d keys are tried, and the error is %v.", what, keys, server.TrialError())
	}
	wantAlert(t, what, server.TrialError(), alert.BadRecordMAC)
	server.KeyTried(opened)
	err = server.Step(reply[2].raw)
	if opened < n {
		if err != nil || !server.Complete() || server.Result().Tag != opened || server.TrialError() != nil {
			t.Errorf("%s: the server is in %s with key %v: %v.", what, server.State(), server.Result().Tag, err)
		}
		return
	}
	// That cannot happen: nobody has the dummy.
	wantAlert(t, what, err, alert.InternalError)
	if server.Complete() || server.Result().Tag != nil {
		t.Errorf("%s: the server completes with the key of nobody.", what)
	}
}
