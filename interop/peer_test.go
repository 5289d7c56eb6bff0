// Package interop runs Watchword against other implementations of TLS.
//
// Each test starts a program on a port of 127.0.0.1, waits for what it prints,
// and stops it. A program that is missing skips the test by name; with
// WATCHWORD_REQUIRE_PEERS=1, as CI has it, it fails the test.
package interop

// This file starts and stops the other programs and reads what they say.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/needs"
)

// testTime bounds each thing that a test waits for, so that nothing hangs.
const testTime = 30 * time.Second

// wholeTime bounds a test of many such things, so that what is slow each time is
// told by this test, and not by the time limit of "go test".
const wholeTime = 2 * time.Minute

// buildTime bounds the compiler, which is slow where nothing is built yet.
const buildTime = 5 * time.Minute

// outputTime bounds how long a program's output is read after its end: children
// may keep it open, and a loaded machine takes seconds for what is in the pipe.
const outputTime = 10 * time.Second

// An overall is the end of a test of many things.
type overall struct {
	t   *testing.T
	end time.Time
}

func begin(t *testing.T) overall { return overall{t, time.Now().Add(wholeTime)} }

// check fails the test if its time is over; done says what it has done so far.
func (o overall) check(format string, done ...any) {
	o.t.Helper()
	if time.Now().After(o.end) {
		o.t.Fatalf("%v are over after "+format, append([]any{wholeTime}, done...)...)
	}
}

// command is a program that runs to its end, and is killed if that takes longer
// than limit.
func command(t *testing.T, limit time.Duration, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = outputTime
	return cmd
}

// A peer is a running program. Its standard input is held open until the test
// closes it: s_client, s_server and gnutls-cli stop at its end.
type peer struct {
	t        *testing.T
	name     string
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	deadline time.Time
	children bool // it has processes of its own

	mu     sync.Mutex
	output bytes.Buffer // stdout and stderr, in the order in which they came
	stdout bytes.Buffer
	ended  bool
	news   chan struct{} // closed and replaced whenever output or ended changes
}

// lookup finds the program or skips the test.
func lookup(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		// Debian keeps daemons where only root looks.
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	if err != nil {
		missing(t, "the program "+name)
	}
	return path
}

// missing skips the test, or fails it where nothing may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	needs.Missing(t, what)
}

// start starts the program in a folder of its own.
func start(t *testing.T, name string, args ...string) *peer {
	t.Helper()
	return startIn(t, t.TempDir(), nil, name, args...)
}

// startIn starts the program in this folder, with env besides our environment.
func startIn(t *testing.T, folder string, env []string, name string, args ...string) *peer {
	t.Helper()
	p := &peer{t: t, name: name, deadline: time.Now().Add(testTime), news: make(chan struct{})}
	p.cmd = exec.Command(lookup(t, name), args...)
	p.cmd.Dir = folder
	p.cmd.WaitDelay = outputTime
	if env != nil {
		p.cmd.Env = append(os.Environ(), env...)
	}
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatalf("no pipe to %s: %v", name, err)
	}
	p.stdin = &peerInput{stdin, p}
	p.cmd.Stdout = writerFunc(func(b []byte) { p.output.Write(b); p.stdout.Write(b) }).of(p)
	p.cmd.Stderr = writerFunc(func(b []byte) { p.output.Write(b) }).of(p)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s does not start: %v", name, err)
	}
	done := make(chan struct{})
	go func() {
		p.cmd.Wait()
		p.change(func() { p.ended = true })
		close(done)
	}()
	t.Cleanup(func() {
		p.stdin.Close()
		p.cmd.Process.Kill()
		<-done
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", name, strings.Join(redact(args), " "), tail(p.text(), 8000))
		}
	})
	return p
}

// redact takes keys out of a command line that is shown.
func redact(args []string) []string {
	shown := append([]string(nil), args...)
	for i, a := range args {
		switch a {
		case "-psk", "--psk", "--pskkey", "-k":
			if i+1 < len(args) {
				shown[i+1] = "(key)"
			}
		}
	}
	return shown
}

// peerInput does not wait beyond the peer's deadline for a program that reads
// nothing.
type peerInput struct {
	io.WriteCloser
	p *peer
}

func (i *peerInput) Write(b []byte) (int, error) {
	if f, ok := i.WriteCloser.(*os.File); ok {
		_ = f.SetWriteDeadline(i.p.deadline) // not every system has one
	}
	return i.WriteCloser.Write(b)
}

type writerFunc func([]byte)

func (f writerFunc) of(p *peer) io.Writer { return &peerWriter{p, f} }

type peerWriter struct {
	p     *peer
	write writerFunc
}

func (w *peerWriter) Write(b []byte) (int, error) {
	w.p.change(func() { w.write(b) })
	return len(b), nil
}

func (p *peer) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.news)
	p.news = make(chan struct{})
}

// text returns all that the program has printed.
func (p *peer) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// data returns what the program has printed to stdout.
func (p *peer) data() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String()
}

// dataLen is how much the program has printed to stdout.
func (p *peer) dataLen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.Len()
}

func (p *peer) hasEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// wait waits until ok says yes. It is asked again whenever something changed.
func (p *peer) wait(what string, ok func() bool) {
	p.t.Helper()
	late := time.NewTimer(time.Until(p.deadline))
	defer late.Stop()
	for {
		p.mu.Lock()
		ended, news := p.ended, p.news
		p.mu.Unlock()
		switch {
		case ok():
			return
		case ended:
			p.t.Fatalf("%s ended before %s", p.name, what)
		}
		select {
		case <-news:
		case <-late.C:
			p.t.Fatalf("%s: time is over before %s", p.name, what)
		}
	}
}

// until waits until ok says yes; ended tells it that no more output will come.
func (p *peer) until(what string, ok func(output string, ended bool) bool) {
	p.t.Helper()
	p.wait(what, func() bool { return ok(p.text(), p.hasEnded()) })
}

// prints waits for output that matches the expression, and returns the first
// group of the match, or the whole match.
func (p *peer) prints(expr string) string {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	var found string
	p.until("it printed "+expr, func(output string, _ bool) bool {
		m := re.FindStringSubmatch(output)
		if m != nil {
			found = m[len(m)-1]
		}
		return m != nil
	})
	return found
}

// say writes to the program's standard input.
func (p *peer) say(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, text); err != nil {
		p.t.Fatalf("%s does not read its standard input: %v", p.name, err)
	}
}

// ends closes the program's standard input, waits for its end and returns its
// exit status.
func (p *peer) ends() int {
	p.t.Helper()
	p.stdin.Close()
	p.wait("it ended", p.hasEnded)
	return p.cmd.ProcessState.ExitCode()
}

// printsData waits until the program has printed n bytes to stdout, and returns
// all that it printed there.
func (p *peer) printsData(n int) []byte {
	p.t.Helper()
	p.wait(fmt.Sprintf("it printed %d bytes", n), func() bool { return p.dataLen() >= n })
	return []byte(p.data())
}

// hasChildren is for a program that must end them itself: it is asked to stop,
// and not killed.
func (p *peer) hasChildren() {
	p.children = true
	p.t.Cleanup(p.stop)
}

// stop ends the program and waits for its end, for which it has time even where
// the test took all of its own.
func (p *peer) stop() {
	p.deadline = time.Now().Add(testTime)
	p.stdin.Close()
	if p.children {
		p.cmd.Process.Signal(syscall.SIGTERM)
	} else {
		p.cmd.Process.Kill()
	}
	p.wait("it ended", p.hasEnded)
}

// freePort returns a port that nobody listens on, for programs that cannot
// pick one themselves. Zabbix takes none above 32,767, and this one is below.
func freePort(t *testing.T) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(needs.Address(t))
	return port
}

// tail returns the last n bytes of s.
func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

// readAll reads until the end of the stream, which must be a clean one.
func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading ended with %v after %d bytes, want a clean end", err, len(b))
	}
	return string(b)
}

// readLine reads up to and with the next newline, byte by byte.
func readLine(t *testing.T, r io.Reader) string {
	t.Helper()
	var line []byte
	var b [1]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			t.Fatalf("reading a line ended with %v after %q", err, line)
		}
		line = append(line, b[0])
		if b[0] == '\n' {
			return string(line)
		}
	}
}
