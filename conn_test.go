package watchword

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

func testKey(t testing.TB, id string, o KeyOptions) *Key {
	t.Helper()
	k, err := NewKey(id, bytes.Repeat([]byte(id+"0"), 16)[:32], o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// tcpPair returns both ends of a loopback TCP connection.
func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	a, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b = <-accepted
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// handshaken returns both ends of a connection after their handshakes.
func handshaken(t testing.TB, client, server *Config) (*Conn, *Conn, error, error) {
	t.Helper()
	a, b := tcpPair(t)
	c, s := Client(a, client), Server(b, server)
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	cerr := c.Handshake()
	return c, s, cerr, <-done
}

func TestMessageCrosses(t *testing.T) {
	for _, o := range []KeyOptions{{}, {Hash: SHA384}, {Kind: External}, {Kind: External, Hash: SHA384}, {Context: []byte("both")}} {
		for _, suite := range []SuiteID{TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256} {
			if o.Kind == External && (o.Hash == SHA384) != (suite == TLS_AES_256_GCM_SHA384) {
				continue
			}
			for _, g := range []Group{X25519MLKEM768, X25519, P256, 0} {
				k := testKey(t, "alice", o)
				cc := &Config{Keys: []*Key{k}, Suites: []SuiteID{suite}}
				sc := &Config{Keys: []*Key{testKey(t, "alice", o)}, AllowSameProcess: true}
				if g == 0 {
					cc.KeyExchange, sc.KeyExchange = PSKOnly, PSKOnlyAllowed
				} else {
					sc.Groups = []Group{g}
				}
				c, s, cerr, serr := handshaken(t, cc, sc)
				if cerr != nil || serr != nil {
					t.Fatalf("%v %x %x: client: %v; server: %v", o, suite, g, cerr, serr)
				}
				if c.Session().Identity != "alice" || s.Session().Identity != "alice" || c.Session().Group != g || s.Session().Suite != suite {
					t.Errorf("sessions: %+v, %+v", c.Session(), s.Session())
				}
				if s.Session().Retried != (g == P256) {
					t.Errorf("group %x: retried is %v", g, s.Session().Retried)
				}
				echo(t, c, s)
			}
		}
	}
}

// echo sends a text across and back and closes both ends in order.
func echo(t testing.TB, c, s *Conn) {
	t.Helper()
	go func() {
		io.Copy(s, s)
		s.CloseWrite()
	}()
	text := strings.Repeat("a message ", 10000)
	go func() {
		io.WriteString(c, text)
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || string(got) != text {
		t.Fatalf("%d bytes came back of %d, error %v", len(got), len(text), err)
	}
}

func TestWrongKeyAndUnknownIdentity(t *testing.T) {
	k := testKey(t, "alice", KeyOptions{})
	other, _ := NewKey("alice", bytes.Repeat([]byte{9}, 32), KeyOptions{})
	_, _, cerr, serr := handshaken(t, &Config{Keys: []*Key{k}}, &Config{Keys: []*Key{other}, AllowSameProcess: true})
	t.Log(cerr, serr)
	if !errors.Is(cerr, ErrKeyRejected) || !errors.Is(serr, ErrWrongKey) {
		t.Errorf("client: %v; server: %v", cerr, serr)
	}
	_, _, cerr, serr = handshaken(t, &Config{Keys: []*Key{k}}, &Config{Keys: []*Key{testKey(t, "bob", KeyOptions{})}, AllowSameProcess: true})
	t.Log(cerr, serr)
	if !errors.Is(cerr, ErrKeyRejected) || !errors.Is(serr, ErrUnknownIdentity) {
		t.Errorf("client: %v; server: %v", cerr, serr)
	}
}

func TestResumption(t *testing.T) {
	k := testKey(t, "alice", KeyOptions{})
	cc := &Config{Keys: []*Key{k}, Tickets: &Tickets{Cache: NewTicketCache()}, ServerName: "here"}
	sc := &Config{Keys: []*Key{k}, AllowSameProcess: true}
	for i := range 3 {
		a, b := tcpPair(t)
		c, s := Client(a, cc), Server(b, sc)
		c.dialed = "same"
		go s.Handshake()
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		echo(t, c, s)
		if c.Session().Resumed != (i > 0) || s.Session().Resumed != (i > 0) || s.Session().Identity != "alice" {
			t.Errorf("connection %d: %+v %+v", i, c.Session(), s.Session())
		}
	}
}

func TestReflectionRefused(t *testing.T) {
	k := testKey(t, "alice", KeyOptions{})
	_, _, _, serr := handshaken(t, &Config{Keys: []*Key{k}}, &Config{Keys: []*Key{k}})
	if !errors.Is(serr, ErrReflected) {
		t.Error(serr)
	}
}
