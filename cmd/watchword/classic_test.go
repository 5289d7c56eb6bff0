package main

// Commands for the scripts that need a running classic server.

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/watchword-tls/watchword/classic"
)

func init() {
	scriptCommands["classicserver"] = scriptClassicServer
	scriptCommands["classicstop"] = scriptClassicStop
	scriptCommands["classicraw"] = scriptClassicRaw
	scriptCommands["classiclong"] = scriptClassicLong
}

// classicServers are the servers that scripts have started, by their folder.
var classicServers sync.Map

type classicServer struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
	copied   sync.WaitGroup
}

// classicserver [ARGS]: start "watchword classic server" on a free port and put
// its address into $ADDR.
func scriptClassicServer(ts *testscript.TestScript, neg bool, args []string) {
	s := &classicServer{cmd: exec.Command("watchword", append([]string{"classic", "server", "--listen", "127.0.0.1:0"}, args...)...)}
	s.cmd.Dir = ts.MkAbs(".")
	s.cmd.Stdout = &s.out
	stderr, err := s.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ts.Defer(func() { s.cmd.Process.Kill(); s.copied.Wait(); s.cmd.Wait() })
	listening := regexp.MustCompile(`listening on (\S+), `)
	for b := make([]byte, 1); !listening.Match(s.err.Bytes()); {
		if _, err := stderr.Read(b); err != nil {
			ts.Fatalf("the server ended before it listened: %s", s.err.String())
		}
		s.err.Write(b)
	}
	s.copied.Go(func() { io.Copy(&s.err, stderr) })
	ts.Setenv("ADDR", listening.FindStringSubmatch(s.err.String())[1])
	classicServers.Store(ts.MkAbs("."), s)
}

// [!] classicstop [interrupt]: wait for the end of the server, after Ctrl-C if
// asked, and write what it printed and said to server.out and server.err. With
// ! its status must not be 0.
func scriptClassicStop(ts *testscript.TestScript, neg bool, args []string) {
	found, ok := classicServers.Load(ts.MkAbs("."))
	if !ok {
		ts.Fatalf("no server was started")
	}
	s := found.(*classicServer)
	if len(args) > 0 {
		ts.Check(s.cmd.Process.Signal(os.Interrupt))
	}
	s.copied.Wait()
	err := s.cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("server.out"), s.out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("server.err"), s.err.Bytes(), 0o600))
	if (err != nil) != neg {
		ts.Fatalf("the server ended with %v, and said: %s", err, s.err.String())
	}
}

// classicraw TEXT [BIT]: send TEXT, with Go's escapes, under a new session key
// and, if BIT is given, with that bit of the wire form flipped.
func scriptClassicRaw(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.NewReplacer(`\n`, "\n", `\e`, "\x1b", `\0`, "\x00", `\xff`, "\xff").Replace(args[0])
	key := classic.NewKey()
	ts.Check(classic.WriteKeyFile(ts.MkAbs("session.key"), key))
	wire, err := classic.Seal(key, []byte(text))
	ts.Check(err)
	if len(args) > 1 {
		wire[0] ^= 1
	}
	c, err := net.Dial("tcp", ts.Getenv("ADDR"))
	ts.Check(err)
	defer c.Close()
	_, err = c.Write(wire)
	ts.Check(err)
	ts.Check(c.(*net.TCPConn).CloseWrite())
	_, err = io.Copy(io.Discard, c)
	ts.Check(err)
}

// classiclong FILE N: write a line of N bytes.
func scriptClassicLong(ts *testscript.TestScript, neg bool, args []string) {
	n := classic.MaxMessage
	if args[1] == "over" {
		n++
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("x", n)+"\n"), 0o600))
}

// A full pipe's reader that goes away must end the server with status 1.
func TestClassicServerWithoutStdout(t *testing.T) {
	var speech lockedBuffer
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatalf("no pipe: %v", err)
	}
	out.Close()
	defer in.Close()
	keyFile := t.TempDir() + "/session.key"
	env := &ui{stdin: strings.NewReader(""), stdout: in, stderr: &speech, getenv: func(string) string { return "" }}
	done := make(chan int)
	go func() {
		done <- dispatch(t.Context(), env, []string{"classic", "server", "--listen", "127.0.0.1:0", "--session-key", keyFile})
	}()
	address := speech.waitFor(t, regexp.MustCompile(`listening on (\S+), `))
	client := &ui{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: env.getenv}
	dispatch(t.Context(), client, []string{"classic", "client", "--connect", address, "--session-key", keyFile, "-m", "hello"})
	if status := <-done; status != statusFailed {
		t.Errorf("With a broken standard output the server ended with status %d, want %d.", status, statusFailed)
	}
	speech.waitFor(t, regexp.MustCompile(`standard output cannot be written to`))
}

// lockedBuffer collects what one goroutine says while another waits for it.
type lockedBuffer struct {
	mu   sync.Mutex
	cond *sync.Cond
	b    bytes.Buffer
}

func (l *lockedBuffer) signal() *sync.Cond {
	if l.cond == nil {
		l.cond = sync.NewCond(&l.mu)
	}
	return l.cond
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signal().Broadcast()
	return l.b.Write(p)
}

// waitFor waits until the buffer matches and returns the last group.
func (l *lockedBuffer) waitFor(t *testing.T, re *regexp.Regexp) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if m := re.FindStringSubmatch(l.b.String()); m != nil {
			return m[len(m)-1]
		}
		l.signal().Wait()
	}
}
