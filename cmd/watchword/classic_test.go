package main

// Commands for the scripts that need a running classic server.

import (
	"bytes"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/watchword-tls/watchword/classic"
)

func init() {
	scriptCommands["classicserver"] = scriptClassicServer
	scriptCommands["classicraw"] = scriptClassicRaw
}

// classicserver [ARGUMENTS...]: what "serve server" does, for a classic server.
func scriptClassicServer(ts *testscript.TestScript, _ bool, args []string) {
	scriptServe(ts, false, append([]string{"server", "classic", "server", "--listen", "127.0.0.1:0"}, args...))
	ts.Setenv("ADDR", awaitText(ts, "server.err", `listening on (\S+), `)[1])
}

// classicraw TEXT [flipped]: sends TEXT, with Go's escapes, under a new session
// key, with a bit flipped if asked.
func scriptClassicRaw(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
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

// When the reader of its output goes away, the server ends with status 1.
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
	late := false
	defer time.AfterFunc(patienceOfTests, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.signal().Broadcast()
	}).Stop()
	for {
		if m := re.FindStringSubmatch(l.b.String()); m != nil {
			return m[len(m)-1]
		}
		if late {
			t.Fatalf("It never says %s, but:\n%s", re, l.b.String())
		}
		l.signal().Wait()
	}
}
