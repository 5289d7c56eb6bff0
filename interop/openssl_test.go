package interop

// Our client and our server against OpenSSL 3, s_server and s_client: every
// suite and group that both have, HelloRetryRequest, psk_ke, ALPN, SNI and the
// failures of keys.

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

const (
	aes128 = watchword.TLS_AES_128_GCM_SHA256
	aes256 = watchword.TLS_AES_256_GCM_SHA384
	chacha = watchword.TLS_CHACHA20_POLY1305_SHA256
)

var suiteNames = map[watchword.SuiteID]string{
	aes128: "TLS_AES_128_GCM_SHA256",
	aes256: "TLS_AES_256_GCM_SHA384",
	chacha: "TLS_CHACHA20_POLY1305_SHA256",
}

var groupNames = map[watchword.Group]string{
	watchword.X25519: "X25519",
	watchword.P256:   "P-256",
}

func suiteHash(s watchword.SuiteID) watchword.Hash {
	if s == aes256 {
		return watchword.SHA384
	}
	return watchword.SHA256
}

// opensslKey returns the flags that give OpenSSL the key: plain for SHA-256,
// as a session for SHA-384, since -psk means SHA-256.
func opensslKey(t *testing.T, s secret, suite watchword.SuiteID) []string {
	if suite == aes256 {
		return []string{"-psk_identity", identity, "-psk_session", s.sessionFile(t, aes256, 0)}
	}
	return []string{"-psk_identity", identity, "-psk", s.hex()}
}

// sServer starts openssl s_server and returns it with its port.
func sServer(t *testing.T, args ...string) (*peer, string) {
	t.Helper()
	p := start(t, "openssl", append([]string{"s_server", "-accept", "127.0.0.1:0", "-nocert"}, args...)...)
	return p, p.prints(`ACCEPT 127\.0\.0\.1:(\d+)`)
}

// sClient starts openssl s_client towards our server.
func sClient(t *testing.T, s *service, args ...string) *peer {
	t.Helper()
	return start(t, "openssl", append([]string{"s_client", "-connect", "127.0.0.1:" + s.port}, args...)...)
}

// quiet makes s_client print data only, and end at the end of its input.
var quiet = []string{"-quiet", "-no_ign_eof"}

// reversed sends a line to "s_server -rev" and wants it back reversed, and then
// a clean end after ours.
func reversed(t *testing.T, c *watchword.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "watchword\n"); err != nil {
		t.Fatalf("our client cannot write: %v", err)
	}
	if got := readLine(t, c); got != "drowhctaw\n" {
		t.Errorf("s_server -rev answers %q, want the line reversed", got)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatalf("our client cannot end its stream: %v", err)
	}
	readAll(t, c)
}

// echoLine answers one line with "got LINE" and reads to the client's end.
func echoLine(c *watchword.Conn) error {
	line := make([]byte, 0, 64)
	var b [1]byte
	for {
		if _, err := io.ReadFull(c, b[:]); err != nil {
			return fmt.Errorf("reading a line: %w", err)
		}
		line = append(line, b[0])
		if b[0] == '\n' {
			break
		}
	}
	if _, err := fmt.Fprintf(c, "got %s", line); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

// saysHello sends a line with s_client, waits for our answer, and wants a clean
// end.
func saysHello(t *testing.T, p *peer) {
	t.Helper()
	p.say("hello\n")
	p.prints("got hello")
	if status := p.ends(); status != 0 {
		t.Errorf("s_client ends with status %d, want 0", status)
	}
}

func TestOpenSSLServerSuitesAndGroups(t *testing.T) {
	for suite, suiteName := range suiteNames {
		for group, groupName := range groupNames {
			t.Run(suiteName+"/"+groupName, func(t *testing.T) {
				key := newSecret(32)
				_, port := sServer(t, append(opensslKey(t, key, suite), "-rev", "-naccept", "1")...)
				c := dial(t, port, &watchword.Config{
					Keys:   []*watchword.Key{key.external(t, suiteHash(suite))},
					Suites: []watchword.SuiteID{suite}, Groups: []watchword.Group{group}, KeyShares: []watchword.Group{group},
				})
				wantSession(t, c, suite, group)
				reversed(t, c)
			})
		}
	}
}

func TestOpenSSLClientSuitesAndGroups(t *testing.T) {
	for suite, suiteName := range suiteNames {
		for group, groupName := range groupNames {
			t.Run(suiteName+"/"+groupName, func(t *testing.T) {
				key := newSecret(32)
				s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, suiteHash(suite))}}, func(c *watchword.Conn) error {
					if err := sessionError(c, suite, group); err != nil {
						return err
					}
					return echoLine(c)
				})
				p := sClient(t, s, append(opensslKey(t, key, suite), "-ciphersuites", suiteName, "-groups", groupName)...)
				saysHello(t, p)
				s.succeeds()
			})
		}
	}
}

// Without any restriction both ends must meet in one round trip.
func TestOpenSSLDefaults(t *testing.T) {
	key := newSecret(32)
	t.Run("server", func(t *testing.T) {
		_, port := sServer(t, append(opensslKey(t, key, chacha), "-rev", "-naccept", "1")...)
		c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}})
		if s := c.Session(); s.Retried || s.Group != watchword.X25519 {
			t.Errorf("with a stock s_server the session has group %#x, retried %t; want X25519 in one round trip", s.Group, s.Retried)
		}
		reversed(t, c)
	})
	t.Run("client", func(t *testing.T) {
		s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, func(c *watchword.Conn) error {
			if s := c.Session(); s.Retried || s.Group != watchword.X25519 || s.Identity != identity {
				return fmt.Errorf("session of %q with group %#x, retried %t; want X25519 in one round trip", s.Identity, s.Group, s.Retried)
			}
			return echoLine(c)
		})
		saysHello(t, sClient(t, s, opensslKey(t, key, chacha)...))
		s.succeeds()
	})
	// Without -tls1_3, s_client offers TLS 1.2 suites too; with it, only 1.3.
	t.Run("client of TLS 1.3 only", func(t *testing.T) {
		s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, echoLine)
		saysHello(t, sClient(t, s, append(opensslKey(t, key, chacha), "-tls1_3")...))
		s.succeeds()
	})
}

func TestOpenSSLHelloRetryRequest(t *testing.T) {
	for suite, name := range suiteNames {
		t.Run("server/"+name, func(t *testing.T) {
			key := newSecret(32)
			_, port := sServer(t, append(opensslKey(t, key, suite), "-groups", "P-256", "-rev", "-naccept", "1")...)
			c := dial(t, port, &watchword.Config{
				Keys:      []*watchword.Key{key.external(t, suiteHash(suite))},
				KeyShares: []watchword.Group{watchword.X25519},
			})
			if !c.Session().Retried {
				t.Error("no HelloRetryRequest was seen, though s_server has P-256 alone and we sent a share of X25519")
			}
			if g := c.Session().Group; g != watchword.P256 {
				t.Errorf("the group is %#x, want P-256", g)
			}
			reversed(t, c)
		})
		// With -psk_session s_client forgets its key at a HelloRetryRequest,
		// towards s_server too. A ticket it keeps.
		t.Run("client/"+name, func(t *testing.T) {
			key, ticket := newSecret(32), writeFile(t, "ticket.pem", nil)
			s := serve(t, &watchword.Config{
				Keys:   []*watchword.Key{key.external(t, suiteHash(suite))},
				Groups: []watchword.Group{watchword.P256},
			}, func(c *watchword.Conn) error {
				if s := c.Session(); s.Retried != s.Resumed {
					return fmt.Errorf("retried %t, want it with the ticket (%t)", s.Retried, s.Resumed)
				}
				return echoLine(c)
			})
			saysHello(t, sClient(t, s, append(opensslKey(t, key, suite), "-groups", "P-256", "-ciphersuites", name, "-sess_out", ticket)...))
			s.succeeds()
			p := sClient(t, s, "-sess_in", ticket, "-groups", "X25519:P-256", "-ciphersuites", name)
			saysHello(t, p)
			p.prints("Server Temp Key: ECDH, prime256v1")
			s.succeeds()
		})
	}
	t.Run("client with a key", func(t *testing.T) {
		key := newSecret(32)
		s := serve(t, &watchword.Config{
			Keys:   []*watchword.Key{key.external(t, watchword.SHA256)},
			Groups: []watchword.Group{watchword.P256},
		}, func(c *watchword.Conn) error {
			if !c.Session().Retried {
				return errors.New("no HelloRetryRequest was sent")
			}
			return echoLine(c)
		})
		saysHello(t, sClient(t, s, append(opensslKey(t, key, chacha), "-groups", "X25519:P-256")...))
		s.succeeds()
	})
}

// A server with several identities offered drops those of another hash from
// its second ClientHello (RFC 9846 §4.2.2).
func TestOpenSSLServerHelloRetryRequestSeveralKeys(t *testing.T) {
	key, other := newSecret(32), newSecret(48)
	_, port := sServer(t, append(opensslKey(t, key, chacha), "-groups", "P-256", "-rev", "-naccept", "1")...)
	c := dial(t, port, &watchword.Config{
		Keys:      []*watchword.Key{other.named(t, "bob", watchword.SHA384), key.external(t, watchword.SHA256)},
		KeyShares: []watchword.Group{watchword.X25519},
		Suites:    []watchword.SuiteID{chacha, aes128, aes256},
	})
	if s := c.Session(); s.Identity != identity || !s.Retried {
		t.Errorf("the session is of %q, retried %t; want alice after a HelloRetryRequest", s.Identity, s.Retried)
	}
	reversed(t, c)
}

func TestOpenSSLPSKOnly(t *testing.T) {
	key := newSecret(32)
	t.Run("server", func(t *testing.T) {
		_, port := sServer(t, append(opensslKey(t, key, chacha), "-allow_no_dhe_kex", "-rev", "-naccept", "1")...)
		c := dial(t, port, &watchword.Config{
			Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, KeyExchange: watchword.PSKOnly,
		})
		if g := c.Session().Group; g != 0 {
			t.Errorf("the group is %#x, want none with psk_ke", g)
		}
		reversed(t, c)
	})
	t.Run("client", func(t *testing.T) {
		s := serve(t, &watchword.Config{
			Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, KeyExchange: watchword.PSKOnly,
		}, func(c *watchword.Conn) error {
			if g := c.Session().Group; g != 0 {
				return fmt.Errorf("the group is %#x, want none with psk_ke", g)
			}
			return echoLine(c)
		})
		p := sClient(t, s, append(opensslKey(t, key, chacha), "-allow_no_dhe_kex")...)
		saysHello(t, p)
		if strings.Contains(p.text(), "Server Temp Key") {
			t.Error("s_client saw a key share, want psk_ke")
		}
		s.succeeds()
	})
	t.Run("both modes prefer psk_dhe_ke", func(t *testing.T) {
		s := serve(t, &watchword.Config{
			Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, KeyExchange: watchword.PSKOnlyAllowed,
		}, func(c *watchword.Conn) error {
			if c.Session().Group == 0 {
				return errors.New("psk_ke was chosen, though psk_dhe_ke was offered too")
			}
			return echoLine(c)
		})
		saysHello(t, sClient(t, s, append(opensslKey(t, key, chacha), "-allow_no_dhe_kex")...))
		s.succeeds()
	})
	// psk_ke is never used unless a configuration asks for it.
	t.Run("not by default", func(t *testing.T) {
		s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)},
			Groups: []watchword.Group{watchword.P256}}, echoLine)
		p := sClient(t, s, append(opensslKey(t, key, chacha), "-allow_no_dhe_kex", "-groups", "X25519")...)
		if status := p.ends(); status == 0 {
			t.Error("s_client connects without a common group, so psk_ke was used")
		}
		if err := s.result(); err == nil {
			t.Error("our server accepts a connection without a common group")
		}
	})
}

func TestOpenSSLALPN(t *testing.T) {
	key := newSecret(32)
	keys := []*watchword.Key{key.external(t, watchword.SHA256)}
	t.Run("server", func(t *testing.T) {
		_, port := sServer(t, append(opensslKey(t, key, chacha), "-alpn", "ww/1", "-rev", "-naccept", "1")...)
		c := dial(t, port, &watchword.Config{Keys: keys, NextProtos: []string{"ww/2", "ww/1"}})
		if got := c.Session().NextProto; got != "ww/1" {
			t.Errorf("the protocol is %q, want ww/1", got)
		}
		if got := c.ConnectionState().NegotiatedProtocol; got != "ww/1" {
			t.Errorf("ConnectionState says protocol %q, want ww/1", got)
		}
		reversed(t, c)
	})
	t.Run("server without a common one", func(t *testing.T) {
		_, port := sServer(t, append(opensslKey(t, key, chacha), "-alpn", "other", "-rev", "-naccept", "1")...)
		_, err := tryDial(t, port, &watchword.Config{Keys: keys, NextProtos: []string{"ww/1"}})
		var remote *watchword.RemoteError
		if !errors.As(err, &remote) || remote.Description != 120 {
			t.Errorf("the handshake ends with %v, want the peer's alert 120 no_application_protocol", err)
		}
	})
	t.Run("client", func(t *testing.T) {
		s := serve(t, &watchword.Config{Keys: keys, NextProtos: []string{"ww/2", "ww/1"}}, func(c *watchword.Conn) error {
			if got := c.Session().NextProto; got != "ww/2" {
				return fmt.Errorf("the protocol is %q, want ww/2, which our server prefers", got)
			}
			return echoLine(c)
		})
		p := sClient(t, s, append(opensslKey(t, key, chacha), "-alpn", "ww/1,ww/2")...)
		saysHello(t, p)
		p.prints("ALPN protocol: ww/2")
		s.succeeds()
	})
	t.Run("client without a common one", func(t *testing.T) {
		s := serve(t, &watchword.Config{Keys: keys, NextProtos: []string{"ww/1"}}, echoLine)
		p := sClient(t, s, append(opensslKey(t, key, chacha), "-alpn", "other")...)
		if status := p.ends(); status == 0 {
			t.Error("s_client connects without a common protocol")
		}
		p.prints("SSL alert number 120")
		var local *watchword.LocalError
		if err := s.result(); !errors.As(err, &local) || local.Description != 120 {
			t.Errorf("our server says %v, want its alert 120 no_application_protocol", err)
		}
	})
}

func TestOpenSSLServerName(t *testing.T) {
	key := newSecret(32)
	keys := []*watchword.Key{key.external(t, watchword.SHA256)}
	t.Run("server", func(t *testing.T) {
		p, port := sServer(t, append(opensslKey(t, key, chacha), "-tlsextdebug", "-naccept", "1")...)
		c := dial(t, port, &watchword.Config{Keys: keys, ServerName: "example.org"})
		exchange(t, c, p, "line")
		p.prints(`(?s)TLS client extension "server name".{1,100}example\.org`)
		endOurs(t, c)
	})
	t.Run("client", func(t *testing.T) {
		s := serve(t, &watchword.Config{Keys: keys}, func(c *watchword.Conn) error {
			if got := c.Session().ServerName; got != "example.org" {
				return fmt.Errorf("the server name is %q, want example.org", got)
			}
			return echoLine(c)
		})
		saysHello(t, sClient(t, s, append(opensslKey(t, key, chacha), "-servername", "example.org")...))
		s.succeeds()
	})
}

func TestOpenSSLServerRefusesKey(t *testing.T) {
	key := newSecret(32)
	_, port := sServer(t, append(opensslKey(t, key, chacha), "-rev")...)
	for name, k := range map[string]*watchword.Key{
		"wrong key":        newSecret(32).external(t, watchword.SHA256),
		"unknown identity": key.named(t, "mallory", watchword.SHA256),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryDial(t, port, &watchword.Config{Keys: []*watchword.Key{k}})
			if !errors.Is(err, watchword.ErrKeyRejected) {
				t.Errorf("the handshake ends with %v, want ErrKeyRejected", err)
			}
			var remote *watchword.RemoteError
			if !errors.As(err, &remote) {
				t.Errorf("the handshake's error %v does not hold the peer's alert", err)
			}
		})
	}
}

func TestOpenSSLClientWithTheWrongKey(t *testing.T) {
	key := newSecret(32)
	var alerts []string
	for _, tt := range []struct {
		name string
		args []string
		want error
	}{
		{"wrong key", []string{"-psk_identity", identity, "-psk", newSecret(32).hex()}, watchword.ErrWrongKey},
		{"unknown identity", []string{"-psk_identity", "mallory", "-psk", key.hex()}, watchword.ErrUnknownIdentity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, echoLine)
			p := sClient(t, s, tt.args...)
			alerts = append(alerts, p.prints(`SSL alert number (\d+)`))
			if status := p.ends(); status == 0 {
				t.Error("s_client connects")
			}
			if err := s.result(); !errors.Is(err, tt.want) {
				t.Errorf("our server says %v, want %v", err, tt.want)
			}
		})
	}
	if len(alerts) == 2 && (alerts[0] != alerts[1] || alerts[0] != "51") {
		t.Errorf("a wrong key gets alert %s and an unknown identity %s, want 51 decrypt_error for both", alerts[0], alerts[1])
	}
}

// wantSession checks what was negotiated.
func wantSession(t *testing.T, c *watchword.Conn, suite watchword.SuiteID, group watchword.Group) {
	t.Helper()
	if err := sessionError(c, suite, group); err != nil {
		t.Error(err)
	}
}

func sessionError(c *watchword.Conn, suite watchword.SuiteID, group watchword.Group) error {
	s := c.Session()
	switch {
	case s.Suite != suite:
		return fmt.Errorf("the suite is %#x, want %#x", s.Suite, suite)
	case s.Group != group:
		return fmt.Errorf("the group is %#x, want %#x", s.Group, group)
	case s.Identity != identity || s.Kind != watchword.External:
		return fmt.Errorf("the session is of %q (%v), want the external key %q", s.Identity, s.Kind, identity)
	}
	return nil
}

// A peer that has TLS 1.2 only is told so, and we say so.
func TestOpenSSLWithoutTLS13(t *testing.T) {
	key := newSecret(32)
	keys := []*watchword.Key{key.external(t, watchword.SHA256)}
	t.Run("server", func(t *testing.T) {
		_, port := sServer(t, append(opensslKey(t, key, chacha), "-tls1_2", "-rev", "-naccept", "1")...)
		_, err := tryDial(t, port, &watchword.Config{Keys: keys})
		var remote *watchword.RemoteError
		if !errors.As(err, &remote) || remote.Description != 70 {
			t.Errorf("the handshake ends with %v, want the peer's alert 70 protocol_version", err)
		}
	})
	t.Run("client", func(t *testing.T) {
		s := serve(t, &watchword.Config{Keys: keys}, echoLine)
		p := sClient(t, s, append(opensslKey(t, key, chacha), "-tls1_2")...)
		p.prints("SSL alert number 70")
		var local *watchword.LocalError
		if err := s.result(); !errors.As(err, &local) || local.Description != 70 {
			t.Errorf("our server says %v, want its alert 70 protocol_version", err)
		}
	})
}
