package interop

// Our client and our server against OpenSSL 3 once the connection stands:
// tickets, KeyUpdate, closing, key log, exporter.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestOpenSSLServerTickets(t *testing.T) {
	for suite, name := range suiteNames {
		t.Run(name, func(t *testing.T) {
			key := newSecret(32)
			_, port := sServer(t, append(opensslKey(t, key, suite), "-rev")...)
			cfg := &watchword.Config{
				Keys:    []*watchword.Key{key.external(t, suiteHash(suite))},
				Suites:  []watchword.SuiteID{suite},
				Tickets: clientTickets(),
			}
			for i, want := range []bool{false, true, true} {
				c := dial(t, port, cfg)
				if got := c.Session().Resumed; got != want {
					t.Errorf("connection %d: resumed is %t, want %t", i+1, got, want)
				}
				if got := c.Session().Identity; got != identity {
					t.Errorf("connection %d: the identity is %q, want %q", i+1, got, identity)
				}
				reversed(t, c)
				c.Close()
			}
		})
	}
}

// A ticket that the server does not know stands beside the key itself, and the
// connection falls back on the key.
func TestOpenSSLServerForgetsTickets(t *testing.T) {
	key := newSecret(32)
	cfg := &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, Tickets: clientTickets()}
	for i := range 2 {
		// A new s_server has new ticket keys. The name stands for the server,
		// whose port changes.
		_, port := sServer(t, append(opensslKey(t, key, chacha), "-rev", "-naccept", "1")...)
		cfg.ServerName = "example.org"
		c := dial(t, port, cfg)
		if c.Session().Resumed {
			t.Errorf("connection %d resumes a session that the server cannot know", i+1)
		}
		reversed(t, c)
		c.Close()
	}
}

func TestOpenSSLClientTickets(t *testing.T) {
	for suite, name := range suiteNames {
		t.Run(name, func(t *testing.T) {
			key := newSecret(32)
			var resumed []bool
			cfg := &watchword.Config{Keys: []*watchword.Key{key.external(t, suiteHash(suite))}}
			s := serve(t, cfg, func(c *watchword.Conn) error {
				resumed = append(resumed, c.Session().Resumed)
				if got := c.Session().Identity; got != identity {
					return fmt.Errorf("the identity is %q, want %q", got, identity)
				}
				return echoLine(c)
			})
			ticket := writeFile(t, "ticket.pem", nil)
			first := sClient(t, s, append(opensslKey(t, key, suite), "-ciphersuites", name, "-sess_out", ticket)...)
			saysHello(t, first)
			s.succeeds()
			// The second holds the ticket only; the third offers the ticket
			// and then the key.
			second := sClient(t, s, "-sess_in", ticket, "-ciphersuites", name)
			saysHello(t, second)
			second.prints("Reused, TLSv1.3")
			s.succeeds()
			third := sClient(t, s, append(opensslKey(t, key, suite), "-ciphersuites", name, "-sess_in", ticket)...)
			saysHello(t, third)
			s.succeeds()
			if fmt.Sprint(resumed) != "[false true true]" {
				t.Errorf("resumed is %v in the three connections, want [false true true]", resumed)
			}
		})
	}
}

// A ticket of another server is unknown here; the key beside it still counts.
func TestOpenSSLClientForeignTicket(t *testing.T) {
	key := newSecret(32)
	ticket := writeFile(t, "ticket.pem", nil)
	for i := range 2 {
		s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, func(c *watchword.Conn) error {
			if c.Session().Resumed {
				return errors.New("a ticket of another server is taken")
			}
			return echoLine(c)
		})
		args := append(opensslKey(t, key, chacha), "-sess_out", ticket)
		if i > 0 {
			args = append(opensslKey(t, key, chacha), "-sess_in", ticket)
		}
		saysHello(t, sClient(t, s, args...))
		s.succeeds()
	}
}

func TestOpenSSLServerKeyUpdate(t *testing.T) {
	for _, tt := range []struct{ name, command, seen string }{
		{"not requested", "k\n", ">>> .*KeyUpdate"},
		{"requested", "K\n", ">>> .*KeyUpdate"},
	} {
		t.Run("theirs "+tt.name, func(t *testing.T) {
			key := newSecret(32)
			p, port := sServer(t, append(opensslKey(t, key, chacha), "-msg", "-naccept", "1")...)
			c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}})
			exchange(t, c, p, "before")
			p.say(tt.command)
			p.prints(tt.seen)
			// Their next data comes under their new key, and so tells us
			// that we have read the KeyUpdate.
			p.say("under their new key\n")
			if got := readLine(t, c); got != "under their new key\n" {
				t.Errorf("after their KeyUpdate we read %q", got)
			}
			exchange(t, c, p, "after")
			if tt.name == "requested" {
				p.prints("<<< .*KeyUpdate")
			}
			endOurs(t, c)
		})
	}
	for _, request := range []bool{false, true} {
		t.Run(fmt.Sprintf("ours, request %t", request), func(t *testing.T) {
			key := newSecret(32)
			p, port := sServer(t, append(opensslKey(t, key, chacha), "-msg", "-naccept", "1")...)
			c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}})
			exchange(t, c, p, "before")
			updateKeys(t, c, request)
			exchange(t, c, p, "after")
			p.prints("<<< .*KeyUpdate")
			exchange(t, c, p, "again")
			if request {
				p.prints(">>> .*KeyUpdate")
			}
			endOurs(t, c)
		})
	}
}

func TestOpenSSLClientKeyUpdate(t *testing.T) {
	key := newSecret(32)
	// Our server echoes lines and updates its keys when it is told to.
	s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, func(c *watchword.Conn) error {
		return eachLine(c, func(line string) error {
			switch line {
			case "update\n":
				if err := c.UpdateKeys(false); err != nil {
					return err
				}
			case "ask for an update\n":
				if err := c.UpdateKeys(true); err != nil {
					return err
				}
			}
			_, err := io.WriteString(c, "got "+line)
			return err
		})
	})
	p := sClient(t, s, append(opensslKey(t, key, chacha), "-msg")...)
	turn := func(line string) {
		p.say(line + "\n")
		p.prints("got " + line)
	}
	turn("one")
	p.say("k\n")
	p.prints(">>> .*KeyUpdate")
	turn("two")
	p.say("K\n")
	p.prints(`(?s)(KEYUPDATE.*){2}`) // or it would swallow what follows
	turn("three")
	p.prints("<<< .*KeyUpdate")
	turn("update")
	turn("ask for an update")
	turn("four")
	if n := strings.Count(p.text(), ">>> TLS 1.3, Handshake [length 0005], KeyUpdate"); n != 3 {
		t.Errorf("s_client sent %d KeyUpdates, want its two and its answer to ours", n)
	}
	if status := p.ends(); status != 0 {
		t.Errorf("s_client ends with status %d, want 0", status)
	}
	s.succeeds()
}

// exchange sends a line from each end to the other.
func exchange(t *testing.T, c *watchword.Conn, p *peer, word string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "ours %s\n", word); err != nil {
		t.Fatalf("our client cannot write %q: %v", word, err)
	}
	p.prints("ours " + word)
	p.say("theirs " + word + "\n")
	if got, want := readLine(t, c), "theirs "+word+"\n"; got != want {
		t.Fatalf("our client reads %q, want %q", got, want)
	}
}

// endOurs ends our stream and wants a clean end of theirs.
func endOurs(t *testing.T, c *watchword.Conn) {
	t.Helper()
	if err := c.CloseWrite(); err != nil {
		t.Fatalf("our client cannot end its stream: %v", err)
	}
	readAll(t, c)
}

func updateKeys(t *testing.T, c *watchword.Conn, request bool) {
	t.Helper()
	if err := c.UpdateKeys(request); err != nil {
		t.Fatalf("our KeyUpdate fails: %v", err)
	}
}

// eachLine hands each line to f until the clean end of the stream.
func eachLine(c *watchword.Conn, f func(string) error) error {
	var line []byte
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		line = append(line, b[:n]...)
		for {
			i := bytes.IndexByte(line, '\n')
			if i < 0 {
				break
			}
			if err := f(string(line[:i+1])); err != nil {
				return err
			}
			line = line[i+1:]
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// The peer's close_notify ends reading, not writing (RFC 9846 §6.1).
func TestOpenSSLClientHalfClose(t *testing.T) {
	key := newSecret(32)
	s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, func(c *watchword.Conn) error {
		b, err := io.ReadAll(c)
		if err != nil {
			return fmt.Errorf("reading to the end: %w", err)
		}
		if string(b) != "hello\n" {
			return fmt.Errorf("the stream is %q", b)
		}
		if _, err := c.Write([]byte("after your end\n")); err != nil {
			return fmt.Errorf("writing after the client's end: %w", err)
		}
		return c.CloseWrite()
	})
	p := sClient(t, s, append(opensslKey(t, key, chacha), quiet...)...)
	p.say("hello\n")
	if status := p.ends(); status != 0 {
		t.Errorf("s_client ends with status %d, want 0", status)
	}
	s.succeeds()
}

// Our close_notify ends our stream; what s_server still sends before its own is
// read.
func TestOpenSSLServerHalfClose(t *testing.T) {
	key := newSecret(32)
	p, port := sServer(t, append(opensslKey(t, key, chacha), "-naccept", "1")...)
	c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}})
	exchange(t, c, p, "first")
	p.say("theirs, not read yet\n")
	// Reading one byte proves that the line is on its way before our end is.
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatalf("our client cannot end its stream: %v", err)
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("our client can write after its own end")
	}
	if got := string(first) + readAll(t, c); got != "theirs, not read yet\n" {
		t.Errorf("after our end we read %q", got)
	}
}

// s_server's command Q drops the connection without close_notify.
func TestOpenSSLServerTruncates(t *testing.T) {
	key := newSecret(32)
	p, port := sServer(t, append(opensslKey(t, key, chacha), "-naccept", "1")...)
	c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}})
	exchange(t, c, p, "first")
	p.say("Q\n")
	b, err := io.ReadAll(c)
	if !errors.Is(err, watchword.ErrTruncated) {
		t.Errorf("reading ends with %q and %v, want ErrTruncated", b, err)
	}
}

// A client that is killed is no clean end either.
func TestOpenSSLClientTruncates(t *testing.T) {
	key := newSecret(32)
	s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, echoLine)
	p := sClient(t, s, opensslKey(t, key, chacha)...)
	p.say("hello\n")
	p.prints("got hello")
	p.cmd.Process.Kill()
	if err := s.result(); !errors.Is(err, watchword.ErrTruncated) {
		t.Errorf("our server says %v, want ErrTruncated", err)
	}
}

// The key log is what Wireshark reads, so ours must say what OpenSSL's says.
func TestOpenSSLKeyLog(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		key, theirs := newSecret(32), writeFile(t, "keys.log", nil)
		_, port := sServer(t, append(opensslKey(t, key, chacha), "-keylogfile", theirs, "-rev", "-naccept", "1")...)
		var ours bytes.Buffer
		c := dial(t, port, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, KeyLogWriter: &ours})
		reversed(t, c)
		compareKeyLogs(t, theirs, ours.String())
	})
	t.Run("client", func(t *testing.T) {
		key, theirs := newSecret(32), writeFile(t, "keys.log", nil)
		var ours bytes.Buffer
		s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, KeyLogWriter: &ours}, echoLine)
		saysHello(t, sClient(t, s, append(opensslKey(t, key, chacha), "-keylogfile", theirs)...))
		s.succeeds()
		compareKeyLogs(t, theirs, ours.String())
	})
}

func compareKeyLogs(t *testing.T, path, ours string) {
	t.Helper()
	theirs, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(theirs)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		count++
		if !strings.Contains(strings.ToLower(ours), strings.ToLower(strings.TrimSpace(line))) {
			label, _, _ := strings.Cut(line, " ")
			t.Errorf("our key log lacks OpenSSL's line %s, or has another value", label)
		}
	}
	if count < 5 {
		t.Errorf("OpenSSL's key log has %d lines, want the 5 of TLS 1.3", count)
	}
}

func TestOpenSSLExporter(t *testing.T) {
	for suite, name := range suiteNames {
		t.Run("server/"+name, func(t *testing.T) {
			key := newSecret(32)
			p, port := sServer(t, append(opensslKey(t, key, suite), "-keymatexport", "EXPORTER-test", "-keymatexportlen", "40", "-naccept", "1")...)
			c := dial(t, port, &watchword.Config{
				Keys: []*watchword.Key{key.external(t, suiteHash(suite))}, Suites: []watchword.SuiteID{suite},
			})
			ours, err := c.Session().Export("EXPORTER-test", nil, 40)
			if err != nil {
				t.Fatalf("our exporter fails: %v", err)
			}
			if theirs := p.prints(`Keying material: ([0-9A-F]+)`); theirs != fmt.Sprintf("%X", ours) {
				t.Error("our exporter's value differs from s_server's")
			}
			endOurs(t, c)
		})
	}
}
