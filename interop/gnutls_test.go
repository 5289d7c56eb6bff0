package interop

// Our client and our server against GnuTLS 3, gnutls-serv and gnutls-cli. The
// tools of version 3.7 know external keys for SHA-256 only.

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

// Priority strings: all PSK key exchanges, those with a Diffie-Hellman
// exchange, and those without.
const (
	anyPSK  = "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK"
	dhePSK  = "NORMAL:-KX-ALL:+ECDHE-PSK"
	onlyPSK = "NORMAL:-KX-ALL:+PSK"
)

// gnutlsServer starts gnutls-serv, which cannot pick its port itself and always
// listens on every address.
func gnutlsServer(t *testing.T, s secret, priority string, args ...string) (*peer, string) {
	t.Helper()
	keys := writeFile(t, "psk.txt", []byte(identity+":"+s.hex()+"\n"))
	port := freePort(t)
	p := start(t, "gnutls-serv", append([]string{
		"--port", port, "--pskpasswd", keys, "--echo", "--priority", priority,
	}, args...)...)
	p.prints(`listening on IPv4 0\.0\.0\.0 port \d+\.\.\.done`)
	return p, port
}

func gnutlsClient(t *testing.T, s *service, key secret, id, priority string, args ...string) *peer {
	t.Helper()
	return start(t, "gnutls-cli", append([]string{
		"-p", s.port, "--pskusername", id, "--pskkey", key.hex(), "--priority", priority, "127.0.0.1",
	}, args...)...)
}

// echoes sends a line to gnutls-serv --echo, wants it back, and a clean end
// after ours.
func echoes(t *testing.T, c *watchword.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "watchword\n"); err != nil {
		t.Fatalf("our client cannot write: %v", err)
	}
	if got := readLine(t, c); got != "watchword\n" {
		t.Errorf("gnutls-serv echoes %q", got)
	}
	endOurs(t, c)
}

func TestGnuTLSServer(t *testing.T) {
	for _, tt := range []struct {
		name, priority string
		args           []string
		set            func(*watchword.Config)
		check          func(watchword.Session) error
	}{
		{"default", anyPSK, nil, nil, wantGroup(watchword.X25519, false)},
		{"P-256", anyPSK, nil, func(c *watchword.Config) { c.Groups = []watchword.Group{watchword.P256} }, wantGroup(watchword.P256, false)},
		{"AES-128-GCM", anyPSK, nil, func(c *watchword.Config) { c.Suites = []watchword.SuiteID{aes128} }, nil},
		{"ChaCha20-Poly1305", anyPSK, nil, func(c *watchword.Config) { c.Suites = []watchword.SuiteID{chacha} }, nil},
		{"HelloRetryRequest", anyPSK + ":-GROUP-ALL:+GROUP-SECP256R1", nil, nil, wantGroup(watchword.P256, true)},
		{"record size limit, theirs", anyPSK, []string{"--recordsize", "600"}, nil, nil},
		{"record size limit, ours", anyPSK, nil, func(c *watchword.Config) { c.RecordSizeLimit = 600 }, nil},
		{"padding", anyPSK, nil, func(c *watchword.Config) { c.PadRecords = 512 }, nil},
		{"psk_ke", onlyPSK, nil, func(c *watchword.Config) { c.KeyExchange = watchword.PSKOnly }, wantGroup(0, false)},
		{"psk_dhe_ke preferred", anyPSK, nil, func(c *watchword.Config) { c.KeyExchange = watchword.PSKOnlyAllowed }, wantGroup(watchword.X25519, false)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := newSecret(32)
			_, port := gnutlsServer(t, key, tt.priority, tt.args...)
			cfg := &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}
			if tt.set != nil {
				tt.set(cfg)
			}
			c := dial(t, port, cfg)
			if tt.check != nil {
				if err := tt.check(c.Session()); err != nil {
					t.Error(err)
				}
			}
			echoes(t, c)
		})
	}
}

func wantGroup(g watchword.Group, retried bool) func(watchword.Session) error {
	return func(s watchword.Session) error {
		if s.Group != g || s.Retried != retried {
			return fmt.Errorf("the group is %#x, retried %t; want %#x, %t", s.Group, s.Retried, g, retried)
		}
		return nil
	}
}

func TestGnuTLSClient(t *testing.T) {
	for _, tt := range []struct {
		name, priority string
		args           []string
		set            func(*watchword.Config)
		check          func(watchword.Session) error
	}{
		{"default", anyPSK, nil, nil, nil},
		{"P-256", anyPSK + ":-GROUP-ALL:+GROUP-SECP256R1", nil, nil, wantGroup(watchword.P256, false)},
		{"X25519", anyPSK + ":-GROUP-ALL:+GROUP-X25519", nil, nil, wantGroup(watchword.X25519, false)},
		{"AES-128-GCM", anyPSK, nil, func(c *watchword.Config) { c.Suites = []watchword.SuiteID{aes128} }, nil},
		{"HelloRetryRequest", anyPSK + ":-GROUP-ALL:+GROUP-SECP384R1:+GROUP-SECP256R1", []string{"--single-key-share"}, nil, wantGroup(watchword.P256, true)},
		{"record size limit, theirs", anyPSK, []string{"--recordsize", "600"}, nil, nil},
		{"record size limit, ours", anyPSK, nil, func(c *watchword.Config) { c.RecordSizeLimit = 600 }, nil},
		{"psk_ke", onlyPSK, nil, func(c *watchword.Config) { c.KeyExchange = watchword.PSKOnly }, wantGroup(0, false)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := newSecret(32)
			cfg := &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}
			if tt.set != nil {
				tt.set(cfg)
			}
			s := serve(t, cfg, func(c *watchword.Conn) error {
				if tt.check != nil {
					if err := tt.check(c.Session()); err != nil {
						return err
					}
				}
				return eachLine(c, func(line string) error {
					_, err := io.WriteString(c, "got "+line)
					return err
				})
			})
			p := gnutlsClient(t, s, key, identity, tt.priority, tt.args...)
			p.prints("Handshake was completed")
			p.say("hello\n")
			p.prints("got hello")
			if status := p.ends(); status != 0 {
				t.Errorf("gnutls-cli ends with status %d, want 0", status)
			}
			s.succeeds()
		})
	}
}

// gnutls-cli ends its stream and then waits for ours to end.
func TestGnuTLSClientHalfClose(t *testing.T) {
	key := newSecret(32)
	s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, func(c *watchword.Conn) error {
		if b, err := io.ReadAll(c); err != nil || string(b) != "hello\n" {
			return fmt.Errorf("the stream is %q, ends with %w", b, err)
		}
		_, err := io.WriteString(c, "after your end\n")
		return err
	})
	p := gnutlsClient(t, s, key, identity, anyPSK)
	p.prints("Handshake was completed")
	p.say("hello\n")
	if status := p.ends(); status != 0 {
		t.Errorf("gnutls-cli ends with status %d, want 0", status)
	}
	s.succeeds()
}

func TestGnuTLSClientRekeys(t *testing.T) {
	for _, command := range []string{"^rekey1^", "^rekey^"} {
		t.Run(command, func(t *testing.T) {
			key := newSecret(32)
			s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, func(c *watchword.Conn) error {
				return eachLine(c, func(line string) error {
					_, err := io.WriteString(c, "got "+line)
					return err
				})
			})
			p := gnutlsClient(t, s, key, identity, anyPSK, "--inline-commands")
			p.prints("Handshake was completed")
			p.say("one\n")
			p.prints("got one")
			p.say(command + "\n")
			p.prints("Rekey was completed")
			p.say("two\n")
			p.prints("got two")
			if status := p.ends(); status != 0 {
				t.Errorf("gnutls-cli ends with status %d, want 0", status)
			}
			s.succeeds()
		})
	}
}

func TestGnuTLSServerTakesOurKeyUpdate(t *testing.T) {
	for _, request := range []bool{false, true} {
		t.Run(fmt.Sprintf("request %t", request), func(t *testing.T) {
			key := newSecret(32)
			_, port := gnutlsServer(t, key, anyPSK)
			c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}})
			for range 3 {
				updateKeys(t, c, request)
				if _, err := io.WriteString(c, "watchword\n"); err != nil {
					t.Fatal(err)
				}
				if got := readLine(t, c); got != "watchword\n" {
					t.Errorf("gnutls-serv echoes %q", got)
				}
			}
			endOurs(t, c)
		})
	}
}

func TestGnuTLSServerTickets(t *testing.T) {
	key := newSecret(32)
	_, port := gnutlsServer(t, key, anyPSK)
	cfg := &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, Tickets: clientTickets()}
	for i, want := range []bool{false, true, true} {
		c := dial(t, port, cfg)
		if got := c.Session().Resumed; got != want {
			t.Errorf("connection %d: resumed is %t, want %t", i+1, got, want)
		}
		echoes(t, c)
		c.Close()
	}
}

func TestGnuTLSServerRefusesKey(t *testing.T) {
	key := newSecret(32)
	_, port := gnutlsServer(t, key, anyPSK)
	for name, k := range map[string]*watchword.Key{
		"wrong key":        newSecret(32).external(t, watchword.SHA256),
		"unknown identity": key.named(t, "mallory", watchword.SHA256),
		"key of SHA-384":   key.external(t, watchword.SHA384),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tryDial(t, port, &watchword.Config{Keys: []*watchword.Key{k}}); !errors.Is(err, watchword.ErrKeyRejected) {
				t.Errorf("the handshake ends with %v, want ErrKeyRejected", err)
			}
		})
	}
}

func TestGnuTLSClientWithTheWrongKey(t *testing.T) {
	key := newSecret(32)
	for _, tt := range []struct {
		name, id string
		key      secret
		want     error
	}{
		{"wrong key", identity, newSecret(32), watchword.ErrWrongKey},
		{"unknown identity", "mallory", key, watchword.ErrUnknownIdentity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, echoLine)
			p := gnutlsClient(t, s, tt.key, tt.id, anyPSK)
			p.prints(`Received alert \[51\]`)
			if status := p.ends(); status == 0 {
				t.Error("gnutls-cli connects")
			}
			if err := s.result(); !errors.Is(err, tt.want) {
				t.Errorf("our server says %v, want %v", err, tt.want)
			}
		})
	}
}

// A record_size_limit binds what the peer sends (RFC 8449 §4): 100 KB cross in
// small records both ways.
func TestGnuTLSServerRecordSizeLimitBulk(t *testing.T) {
	key := newSecret(32)
	_, port := gnutlsServer(t, key, anyPSK, "--recordsize", "600")
	c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, RecordSizeLimit: 300})
	line := strings.Repeat("0123456789", 99) + "\n"
	for range 100 {
		if _, err := io.WriteString(c, line); err != nil {
			t.Fatalf("our client cannot write: %v", err)
		}
		if got := readLine(t, c); got != line {
			t.Fatalf("gnutls-serv echoes %d bytes that differ", len(got))
		}
	}
	endOurs(t, c)
}
