package main

// The server among many peers, as a process of its own.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
)

// process is a running server.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	address        string
	key            *watchword.Key
	stdin          io.WriteCloser
	stdout, stderr lockedBuffer
}

// startServer starts "watchword server" with a key of its own.
func startServer(t *testing.T, args ...string) *process {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the server is stopped with a signal")
	}
	folder := t.TempDir()
	file, _, err := keyfile.EnsureDefault(filepath.Join(folder, keyfile.DefaultName), keyfile.LoadOptions{})
	if err != nil {
		t.Fatalf("no key file: %v", err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatalf("where is this program? %v", err)
	}
	p := &process{t: t, key: file.Keys()[0], cmd: exec.Command(program)}
	// TestMain runs what the name says.
	p.cmd.Args = append([]string{"watchword", "server", "--listen", "127.0.0.1:0"}, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = folder, &p.stdout, &p.stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatalf("no pipe: %v", err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	p.address = p.stderr.waitFor(t, regexp.MustCompile(`listening on (\S+), `))
	return p
}

// stop ends the server with a signal and returns its status.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("the server has ended before: %v", err)
	}
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) dial() *watchword.Conn {
	p.t.Helper()
	conn, err := watchword.Dial("tcp", p.address, clientConfig(p.key))
	if err != nil {
		p.t.Fatalf("an honest client is not served: %v", err)
	}
	return conn
}

// memory is the process's resident memory as the system counts it.
func (p *process) memory() string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return "unknown here"
	}
	m := regexp.MustCompile(`VmRSS:\s*(\d+ kB)`).FindSubmatch(status)
	if m == nil {
		return "unknown here"
	}
	return string(m[1])
}

// A thousand connections that send nothing and every hostile peer there is: an
// honest client is served as if they were not there.
func TestHonestClientAmongHostileOnes(t *testing.T) {
	t.Parallel()
	const silent = 1000
	p := startServer(t, "--handshake-timeout", "5m")
	t.Logf("memory before: %s", p.memory())
	for range silent {
		raw, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatalf("the server does not take one more silent connection: %v", err)
		}
		defer raw.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	kinds := slices.Sorted(maps.Keys(hostileClients))
	if len(kinds) < 20 {
		t.Errorf("There are %d kinds of hostile peers, want 20.", len(kinds))
	}
	var running sync.WaitGroup
	for _, kind := range kinds {
		running.Go(func() {
			if err := beHostile(ctx, p.address, kind, p.key); err != nil {
				t.Errorf("The hostile peer %s could not connect: %v.", kind, err)
			}
		})
	}
	conn := p.dial()
	if _, err := io.WriteString(conn, "an honest message\n"); err != nil {
		t.Fatalf("an honest client cannot send: %v", err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatalf("an honest client cannot close: %v", err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("The honest message is not confirmed: %v.", err)
	}
	t.Logf("memory with %d silent and %d hostile peers, after an honest message: %s", silent, len(kinds), p.memory())
	cancel()
	running.Wait()
	// A hostile peer that breaks off at this moment makes it 1.
	if status := p.stop(); status != statusOK && status != statusFailed {
		t.Errorf("The server ended with status %d.", status)
	}
	if !strings.Contains(p.stdout.String(), "watchword: an honest message\n") {
		t.Errorf("The honest message is not shown, but: %s", p.stdout.String())
	}
	// Nobody fills a disk through the log.
	if n := strings.Count(p.stderr.String(), "no connection with"); n > 2*21 {
		t.Errorf("The server said %d sentences about connections that failed.", n)
	}
}

// A peer that reads nothing is dropped; the others get every line.
func TestStuckPeerIsDropped(t *testing.T) {
	t.Parallel()
	p := startServer(t, "--verbose")
	stuck, good := p.dial(), p.dial()
	defer stuck.Close()
	defer good.Close()
	for _, c := range []*watchword.Conn{stuck, good} {
		p.stderr.waitFor(t, regexp.MustCompile(regexp.QuoteMeta(c.LocalAddr().String())+": watchword, imported"))
	}
	line := strings.Repeat("x", 64<<10-1) + "\n"
	const lines = 512 // more than any socket holds
	go func() {
		for range lines {
			io.WriteString(p.stdin, line)
		}
		p.stdin.Close()
	}()
	got := make([]byte, lines*len(line))
	if n, err := io.ReadFull(good, got); err != nil {
		t.Fatalf("the peer that reads got %d bytes of %d: %v", n, len(got), err)
	}
	if !bytes.Equal(got, bytes.Repeat([]byte(line), lines)) {
		t.Error("What the peer that reads got is not what was typed.")
	}
	p.stderr.waitFor(t, regexp.MustCompile("watchword at "+regexp.QuoteMeta(stuck.LocalAddr().String())+" took nothing of what was sent to it for 5 seconds, and was dropped"))
	good.Close()
	p.stop()
}

// More connections that have proved no key than are kept: the oldest goes.
func TestOldestUnprovenGoes(t *testing.T) {
	var list unprovenList
	var places []*unproven
	for range 3 {
		raw, other := net.Pipe()
		defer other.Close()
		u := &unproven{raw: raw}
		places = append(places, u)
		list.PushBack(u)
	}
	list.dropOldest()
	list.dropOldest()
	if !places[0].pushed || !places[1].pushed || places[2].pushed || list.Len() != 1 {
		t.Error("It is not the oldest connections that went.")
	}
	if _, err := places[0].raw.Read(make([]byte, 1)); err == nil {
		t.Error("The connection that went is not closed.")
	}
	list.dropOldest()
	list.dropOldest() // of none
}

func TestFailuresAreCountedNotListed(t *testing.T) {
	var said []string
	log := &failureLog{say: func(s string) { said = append(said, s) }}
	for i := range 100 {
		log.add(fmt.Sprint("failure ", i))
	}
	log.flush()
	if len(said) != 21 || said[20] != "no connection with 80 more, for reasons that are not listed" {
		t.Errorf("After 100 failures %d sentences were said, the last %q.", len(said), said[len(said)-1])
	}
	log.add("failure")
	if len(said) != 22 {
		t.Error("After the count the next failure is not said.")
	}
	log.flush()
	if len(said) != 22 {
		t.Error("Nothing was counted, and yet something is said.")
	}
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
