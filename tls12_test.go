package watchword

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
)

// configs12 returns configurations that can only meet in TLS 1.2.
func configs12(t testing.TB, p Policy) (client, server *Config) {
	t.Helper()
	client, server = configs(t, KeyOptions{Kind: External})
	client.Policy, server.Policy = p, p
	client.MaxVersion = VersionTLS12
	return client, server
}

func TestEverySuiteOfTLS12(t *testing.T) {
	for _, id := range suite.Legacy12() {
		for _, g := range []Group{X25519, P256} {
			t.Run(fmt.Sprintf("%s/%s", id, g), func(t *testing.T) {
				c, s := configs12(t, Legacy)
				c.Suites, s.Groups = []SuiteID{SuiteID(id)}, []Group{g}
				p := connected(t, c, s)
				p.exchange("up", "down")
				p.exchange(string(bytes.Repeat([]byte("long "), 20_000)), "down")
				chosen, _ := suite.ByID(id)
				for _, e := range []*Engine{p.client, p.server} {
					got := e.Session()
					group := Group(0)
					if chosen.KeyExchange == suite.ECDHEPSK {
						group = g
					}
					if got.Version != VersionTLS12 || got.Identity != "alice" || got.Kind != External || got.Suite != SuiteID(id) || got.Group != group ||
						!got.ExtendedMasterSecret || got.EncryptThenMAC != (chosen.Cipher == suite.BlockCBC) || got.Resumed {
						t.Errorf("The session is %+v.", got)
					}
				}
				a, errA := p.client.Session().Export("EXPERIMENTAL test", nil, 40)
				b, errB := p.server.Session().Export("EXPERIMENTAL test", nil, 40)
				if errA != nil || errB != nil || !bytes.Equal(a, b) {
					t.Errorf("The ends export different keying material (%v, %v).", errA, errB)
				}
				p.closeBoth()
			})
		}
	}
}

// closeBoth closes in order, first the client.
func (p *pair) closeBoth() {
	p.t.Helper()
	p.client.CloseWrite()
	p.run()
	if _, err := drain(p.server, p.now); err == nil || err.Error() != "EOF" {
		p.t.Errorf("The server read %v in place of the end of the stream.", err)
	}
	p.server.CloseWrite()
	p.run()
	if _, err := drain(p.client, p.now); err == nil || err.Error() != "EOF" {
		p.t.Errorf("The client read %v in place of the end of the stream.", err)
	}
}

func TestVersionsMeet(t *testing.T) {
	for _, c := range []struct {
		client, server Policy
		clientMax      uint16
		serverMax      uint16
		want           uint16
	}{
		{Compatible, Compatible, 0, 0, VersionTLS13},
		{Modern, Legacy, 0, 0, VersionTLS13},
		{Legacy, Modern, 0, 0, VersionTLS13},
		{Compatible, Compatible, VersionTLS12, 0, VersionTLS12},
		{Compatible, Compatible, 0, VersionTLS12, VersionTLS12},
		{Compatible, Legacy, 0, VersionTLS12, VersionTLS12},
		{Legacy, Compatible, VersionTLS12, 0, VersionTLS12},
	} {
		cc, sc := configs(t, KeyOptions{Kind: External})
		cc.Policy, cc.MaxVersion, sc.Policy, sc.MaxVersion = c.client, c.clientMax, c.server, c.serverMax
		p := connected(t, cc, sc)
		if got := p.client.Session().Version; got != c.want {
			t.Errorf("A client (%s, at most %x) and a server (%s, at most %x) speak %x, want %x.", c.client, c.clientMax, c.server, c.serverMax, got, c.want)
		}
		p.exchange("up", "down")
	}
}

func TestWrongKeyIn12(t *testing.T) {
	for _, c := range []struct {
		what string
		key  *Key
		want error
	}{
		{"a wrong key", keyWith(t, "alice", 9, KeyOptions{Kind: External}), ErrWrongKey},
		{"an unknown identity", keyWith(t, "mallory", 1, KeyOptions{Kind: External}), ErrUnknownIdentity},
	} {
		cc, sc := configs12(t, Legacy)
		cc.Keys = []*Key{c.key}
		p := newPair(t, cc, sc)
		p.run()
		var local *alert.LocalError
		if err := p.server.Err(); !errors.Is(err, c.want) || !errors.As(err, &local) || local.Description != alert.BadRecordMAC {
			t.Errorf("With %s the server says %v.", c.what, err)
		}
		if err := p.client.Err(); !errors.Is(err, ErrKeyRejected) {
			t.Errorf("With %s the client says %v.", c.what, err)
		}
	}
}

func TestRotationIn12(t *testing.T) {
	for fill := byte(1); fill <= 4; fill++ {
		c, s := configs12(t, Compatible)
		s.Keys = nil
		for f := byte(1); f <= 4; f++ {
			s.Keys = append(s.Keys, keyWith(t, "alice", f, KeyOptions{Kind: External}))
		}
		c.Keys = []*Key{s.Keys[fill-1]}
		p := connected(t, c, s)
		if p.server.provenKey() != s.Keys[fill-1] {
			t.Errorf("The server takes the key for another than number %d.", fill)
		}
		p.exchange("up", "down")
	}
}

func TestResumptionIn12(t *testing.T) {
	for _, id := range []SuiteID{TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256, TLS_PSK_WITH_AES_256_GCM_SHA384, TLS_PSK_WITH_AES_128_CBC_SHA} {
		c, s := configs12(t, Legacy)
		c.Suites = []SuiteID{id}
		c.Tickets = &Tickets{Cache: NewTicketCache()}
		for i := range 4 {
			p := newPairAt(t, c, s, testNow.Add(time.Duration(i)*time.Hour))
			p.mustComplete()
			p.exchange("up", "down")
			for _, e := range []*Engine{p.client, p.server} {
				if got := e.Session(); got.Resumed != (i > 0) || got.Identity != "alice" || got.Suite != id {
					t.Errorf("Connection %d with %s: %+v.", i, id, got)
				}
			}
		}
		s.Keys = []*Key{keyWith(t, "alice", 7, KeyOptions{Kind: External})}
		p := newPair(t, c, s)
		p.run()
		if err := p.server.Err(); !errors.Is(err, ErrWrongKey) {
			t.Errorf("With a ticket of a key that was replaced, the server says %v.", err)
		}
	}
}

// A server that closes without an alert after the client's Finished most likely
// refuses the key: Zabbix does.
func TestSilentRefusalIn12(t *testing.T) {
	c, s := configs12(t, Compatible)
	p := newPair(t, c, s)
	p.collect()
	p.deliver(true)
	p.collect()
	p.deliver(false)
	if err := p.client.ReceivedEOF(); !errors.Is(err, ErrKeyRejected) {
		t.Errorf("The end of the stream after the client's Finished is %v, want ErrKeyRejected.", err)
	}
	p = newPair(t, c, s)
	p.collect()
	p.deliver(true)
	p.collect()
	p.toClient = p.toClient[:len(p.toClient)-1] // not all of the ServerHelloDone
	p.deliver(false)
	if err := p.client.ReceivedEOF(); errors.Is(err, ErrKeyRejected) || !errors.Is(err, ErrTruncated) {
		t.Errorf("The end of the stream in the server's first flight is %v.", err)
	}
}
