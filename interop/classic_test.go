package interop

// The teaching protocol against messages that OpenSSL's commands and a short
// Python script make and open: whatever "AES-128-CBC, then HMAC" means to them
// is what it means to us.

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const zeroIV = "00000000000000000000000000000000"

var classicMessages = []string{"hello", "", "exactly 16 bytes", strings.Repeat("0123456789", 100)}

func TestClassic(t *testing.T) {
	program := filepath.Join(t.TempDir(), "watchword.exe")
	filter(t, "", lookup(t, "go"), "build", "-o", program, "../cmd/watchword")
	c := &classicBench{program, filepath.Join(t.TempDir(), "session.key")}
	t.Run("OpenSSL's messages are shown", c.openSSLToOurs)
	t.Run("Python's messages are shown", c.pythonToOurs)
	t.Run("OpenSSL opens ours", c.oursToOpenSSL)
	t.Run("Python opens ours", c.oursToPython)
}

type classicBench struct{ program, keyFile string }

// server starts our server and returns its port.
func (c *classicBench) server(t *testing.T) (server *peer, port string) {
	t.Helper()
	server = start(t, c.program, "classic", "server", "--listen", "127.0.0.1:0", "--session-key", c.keyFile)
	return server, server.prints(`listening on 127\.0\.0\.1:(\d+), `)
}

// shows waits until the server has printed exactly these messages.
func shows(server *peer, messages ...string) {
	server.t.Helper()
	want := strings.Join(messages, "\n") + "\n"
	server.until("it printed the messages", func(string, bool) bool { return len(server.data()) >= len(want) })
	if got := server.data(); got != want {
		server.t.Errorf("the server printed %q, want %q", got, want)
	}
}

// client runs our client with one message.
func (c *classicBench) client(t *testing.T, port, message string) {
	t.Helper()
	p := start(t, c.program, "classic", "client", "--connect", "127.0.0.1:"+port, "--session-key", c.keyFile, "-m", message)
	if status := p.ends(); status != 0 || p.data() != "" {
		t.Errorf("our client ended with status %d and printed %q", status, p.data())
	}
}

// filter runs a program to its end and returns what it prints.
func filter(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	cmd := command(t, buildTime, name, args...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s fails: %v\n%s", name, args[0], err, stderr.String())
	}
	return stdout.String()
}

// python returns Debian's Python, with its package cryptography.
func python(t *testing.T) string {
	t.Helper()
	const path = "/usr/bin/python3"
	if err := command(t, testTime, path, "-c", "import cryptography").Run(); err != nil {
		missing(t, fmt.Sprintf("%s with the package cryptography (%v)", path, err))
	}
	return path
}

func openSSLMAC(t *testing.T, key, ciphertext string) string {
	t.Helper()
	return filter(t, ciphertext, lookup(t, "openssl"), "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:"+key, "-binary")
}

// sendRaw sends bytes as they are and waits until the server has closed.
func sendRaw(t *testing.T, port, wire string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, testTime)
	if err != nil {
		t.Fatalf("the server does not listen: %v", err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTime))
	if _, err := io.WriteString(conn, wire); err != nil {
		t.Fatalf("the server does not read: %v", err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatalf("the stream cannot be ended: %v", err)
	}
	if answer := readAll(t, conn); answer != "" {
		t.Errorf("the server answered %q, and the protocol has no answer", answer)
	}
}

func (c *classicBench) openSSLToOurs(t *testing.T) {
	openssl := lookup(t, "openssl")
	server, port := c.server(t)
	key := make([]byte, 16)
	for _, message := range classicMessages {
		rand.Read(key)
		if err := os.WriteFile(c.keyFile, key, 0o600); err != nil {
			t.Fatal(err)
		}
		ciphertext := filter(t, message, openssl, "enc", "-aes-128-cbc", "-K", hex.EncodeToString(key), "-iv", zeroIV)
		wire := ciphertext + openSSLMAC(t, hex.EncodeToString(key), ciphertext)
		sendRaw(t, port, wire)

		flipped := []byte(wire)
		flipped[len(message)%16] ^= 0x10
		sendRaw(t, port, string(flipped))
	}
	shows(server, classicMessages...)
	refused := regexp.MustCompile(`(?m)^refused a message from 127\.0\.0\.1:\d+: the MAC is wrong`)
	server.until("it refused each message with a flipped bit", func(output string, _ bool) bool {
		return len(refused.FindAllString(output, -1)) == len(classicMessages)
	})
}

func (c *classicBench) pythonToOurs(t *testing.T) {
	python := python(t)
	server, port := c.server(t)
	for i, message := range classicMessages {
		filter(t, message, python, "testdata/classic_seal.py", c.keyFile, port)
		// Python does not wait for the server, and writes the next key.
		shows(server, classicMessages[:i+1]...)
	}
}

func (c *classicBench) oursToOpenSSL(t *testing.T) {
	openssl := lookup(t, "openssl")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no port to listen on: %v", err)
	}
	defer l.Close()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(testTime))
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, message := range classicMessages {
		received := make(chan string, 1)
		go func() {
			defer close(received)
			if conn, err := l.Accept(); err == nil {
				conn.SetDeadline(time.Now().Add(testTime))
				wire, _ := io.ReadAll(conn)
				received <- string(wire)
				conn.Close()
			}
		}()
		c.client(t, port, message)
		wire := <-received
		raw, err := os.ReadFile(c.keyFile)
		if err != nil || len(raw) != 16 || len(wire) < 48 {
			t.Fatalf("our client sent %d bytes under a key of %d (error %v)", len(wire), len(raw), err)
		}
		key, ciphertext := hex.EncodeToString(raw), wire[:len(wire)-32]
		if openSSLMAC(t, key, ciphertext) != wire[len(wire)-32:] {
			t.Errorf("our MAC over a message of %d bytes is not OpenSSL's", len(message))
		}
		if got := filter(t, ciphertext, openssl, "enc", "-d", "-aes-128-cbc", "-K", key, "-iv", zeroIV); got != message {
			t.Errorf("OpenSSL decrypts our message as %q, want %q", got, message)
		}
	}
}

func (c *classicBench) oursToPython(t *testing.T) {
	python := python(t)
	script, err := filepath.Abs("testdata/classic_open.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range classicMessages {
		p := start(t, python, script, c.keyFile)
		port := p.prints(`port (\d+)\n`)
		c.client(t, port, message)
		if status := p.ends(); status != 0 || p.data() != "port "+port+"\n"+message {
			t.Errorf("Python opens our message as %q, status %d, want %q", p.data(), status, message)
		}
	}
}
