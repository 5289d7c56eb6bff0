package main

// Two ends of a pipe as processes of their own: what goes in comes out, and
// whatever fails at any stage is said on both ends.

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
)

// pipeEnd is a running end.
type pipeEnd struct {
	t       *testing.T
	cmd     *exec.Cmd
	folder  string // with the key
	address string // of one that listens
	key     *watchword.Key
	stdin   *os.File // to be written to
	stdout  *os.File // to be read from
	stderr  lockedBuffer
	exited  chan struct{}
}

// startPipe starts an end that listens, with a key of its own.
func startPipe(t *testing.T, args ...string) *pipeEnd {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the ends are stopped with signals")
	}
	folder := t.TempDir()
	file, _, err := keyfile.EnsureDefault(filepath.Join(folder, keyfile.DefaultName), keyfile.LoadOptions{})
	if err != nil {
		t.Fatalf("no key file: %v", err)
	}
	e := runPipeEnd(t, folder, args...)
	e.key = file.Keys()[0]
	e.address = e.stderr.waitFor(t, regexp.MustCompile(`listening on (\S+), `))
	return e
}

// call starts the other end of one that listens.
func (e *pipeEnd) call(args ...string) *pipeEnd {
	e.t.Helper()
	return runPipeEnd(e.t, e.folder, append([]string{e.address}, args...)...)
}

func runPipeEnd(t *testing.T, folder string, args ...string) *pipeEnd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatalf("where is this program? %v", err)
	}
	e := &pipeEnd{t: t, folder: folder, cmd: exec.Command(program), exited: make(chan struct{})}
	// TestMain runs what the name says.
	e.cmd.Args = append([]string{"watchword", "pipe"}, args...)
	e.cmd.Dir, e.cmd.Stderr = folder, &e.stderr
	stdin, in, err := os.Pipe()
	if err != nil {
		t.Fatalf("no pipe: %v", err)
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		t.Fatalf("no pipe: %v", err)
	}
	e.stdin, e.stdout, e.cmd.Stdin, e.cmd.Stdout = in, out, stdin, stdout
	if err := e.cmd.Start(); err != nil {
		t.Fatalf("the program does not start: %v", err)
	}
	stdin.Close()
	stdout.Close()
	go func() { e.cmd.Wait(); close(e.exited) }()
	t.Cleanup(func() {
		e.cmd.Process.Kill()
		<-e.exited
		in.Close()
		out.Close()
	})
	return e
}

// give writes to its input.
func (e *pipeEnd) give(text string) {
	e.t.Helper()
	if _, err := io.WriteString(e.stdin, text); err != nil {
		e.t.Fatalf("an end takes no input: %v", err)
	}
}

// take reads so many bytes of its output.
func (e *pipeEnd) take(n int) string {
	e.t.Helper()
	b := make([]byte, n)
	if n, err := io.ReadFull(e.stdout, b); err != nil {
		e.t.Fatalf("an end wrote %q, and then its output ended: %v; it said: %s", b[:n], err, e.stderr.String())
	}
	return string(b)
}

func (e *pipeEnd) readAll() string {
	e.t.Helper()
	b, err := io.ReadAll(e.stdout)
	if err != nil {
		e.t.Fatalf("the output cannot be read: %v", err)
	}
	return string(b)
}

func (e *pipeEnd) signal(s os.Signal) {
	e.t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		e.t.Fatalf("an end has ended before: %v; it said: %s", err, e.stderr.String())
	}
}

// flood has the listener connected, and writes to the caller's input until nothing of
// it is taken any more.
func flood(l, e *pipeEnd) {
	e.t.Helper()
	connected(l, e) // or what the system takes may be all
	zeros := make([]byte, 1<<16)
	for {
		if err := e.stdin.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			e.t.Fatalf("no deadline on a pipe: %v", err)
		}
		if n, err := e.stdin.Write(zeros); timedOut(err) && n == 0 {
			return
		} else if err != nil && !timedOut(err) {
			e.t.Fatalf("an end takes no input: %v", err)
		}
	}
}

// wantEnd waits until the end has ended with the status, and what it said has
// the sentence as its last line.
func (e *pipeEnd) wantEnd(status int, sentence string) {
	e.t.Helper()
	select {
	case <-e.exited:
	case <-time.After(patienceOfTests):
		e.t.Fatalf("An end does not end; it said: %s", e.stderr.String())
	}
	if got := e.cmd.ProcessState.ExitCode(); got != status {
		e.t.Errorf("An end has the status %d, want %d; it said: %s", got, status, e.stderr.String())
	}
	said := strings.Split(strings.TrimSuffix(e.stderr.String(), "\n"), "\n")
	if last := said[len(said)-1]; !regexp.MustCompile(sentence).MatchString(last) {
		e.t.Errorf("An end says %q, want %s.", last, sentence)
	}
}

const (
	peerOfListener = `watchword at 127\.0\.0\.1:\d+ `
	peerOfCaller   = `127\.0\.0\.1:\d+ `
	ownStop        = `^watchword: stopped before all was sent and confirmed \(`
	stoppedPeer    = `was stopped before all was sent and confirmed \(`
	brokeOff       = `broke off: (the connection ended without close_notify|the other end cut it)`
)

// Each case has an end that listens and one that calls, both with an input that
// is open.
func TestPipeBreaksAtEachStage(t *testing.T) {
	for _, c := range []struct {
		name             string
		do               func(l, c *pipeEnd)
		listener, caller string // the last sentence of each
	}{
		{"the listener's reader goes", func(l, c *pipeEnd) { readerGoes(c, l) },
			"^watchword: the program that read standard output ended", "^watchword: " + peerOfCaller + "could not write all"},
		{"the caller's reader goes", func(l, c *pipeEnd) { readerGoes(l, c) },
			"^watchword: " + peerOfListener + "could not write all", "^watchword: the program that read standard output ended"},
		{"the listener is killed", func(l, c *pipeEnd) { connected(l, c); l.signal(syscall.SIGKILL) },
			"listening", "^watchword: the connection with " + peerOfCaller + brokeOff},
		{"the caller is killed", func(l, c *pipeEnd) { connected(l, c); c.signal(syscall.SIGKILL) },
			"^watchword: the connection with " + peerOfListener + brokeOff, ""},
		{"the caller is killed in full flow", func(l, c *pipeEnd) { flood(l, c); c.signal(syscall.SIGKILL); go io.Copy(io.Discard, l.stdout) },
			"^watchword: the connection with " + peerOfListener + brokeOff, ""},
		{"the listener is stopped", func(l, c *pipeEnd) { connected(l, c); l.signal(os.Interrupt) },
			ownStop, "^watchword: " + peerOfCaller + stoppedPeer},
		{"the caller is stopped", func(l, c *pipeEnd) { connected(l, c); c.signal(syscall.SIGTERM) },
			"^watchword: " + peerOfListener + stoppedPeer, ownStop},
		{"the listener is stopped while its output is stuck", func(l, c *pipeEnd) { flood(l, c); l.signal(os.Interrupt) },
			ownStop, "^watchword: " + peerOfCaller + stoppedPeer},
		{"the caller is stopped while the listener's output is stuck", func(l, c *pipeEnd) { flood(l, c); c.signal(os.Interrupt); <-c.exited; go io.Copy(io.Discard, l.stdout) },
			"^watchword: (the connection with )?" + peerOfListener + "(" + brokeOff + "|" + stoppedPeer + ")", ownStop},
		{"the caller is stopped after its end", func(l, c *pipeEnd) { c.give("x"); c.stdin.Close(); l.readAll(); c.signal(os.Interrupt) },
			"^watchword: " + peerOfListener + stoppedPeer, ownStop},
		{"the listener is stopped after the caller's end", func(l, c *pipeEnd) { c.give("x"); c.stdin.Close(); l.readAll(); l.signal(os.Interrupt) },
			ownStop, "^watchword: " + peerOfCaller + stoppedPeer},
		{"the caller's reader goes after its own end", func(l, c *pipeEnd) {
			c.give("x")
			c.stdin.Close()
			l.readAll()
			readerGoes(l, c)
		}, "^watchword: " + peerOfListener + "could not write all", "^watchword: the program that read standard output ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := startPipe(t, "--listen", "127.0.0.1:0")
			caller := l.call()
			c.do(l, caller)
			for _, end := range []struct {
				*pipeEnd
				sentence string
			}{{l, c.listener}, {caller, c.caller}} {
				status := statusFailed
				if end.sentence == "" || end.sentence == "listening" {
					status = -1 // killed
				}
				end.wantEnd(status, end.sentence)
			}
		})
	}
}

// connected waits until both have a connection.
func connected(l, c *pipeEnd) {
	c.give("to the listener")
	l.take(len("to the listener"))
	l.give("to the caller")
	c.take(len("to the caller"))
}

// readerGoes is head -c 10.
func readerGoes(writer, reader *pipeEnd) {
	go io.Copy(writer.stdin, rand.NewChaCha8([32]byte{})) // ends with the reader
	reader.take(10)
	reader.stdout.Close()
}

// Ctrl-C while nobody answers the ClientHello.
func TestPipeStoppedInHandshake(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no listener: %v", err)
	}
	defer listener.Close()
	idle := startPipe(t, "--listen", "127.0.0.1:0")
	caller := runPipeEnd(t, idle.folder, listener.Addr().String())
	raw, err := listener.Accept()
	if err != nil {
		t.Fatalf("the pipe does not call: %v", err)
	}
	defer raw.Close()
	caller.signal(os.Interrupt)
	caller.wantEnd(statusFailed, `^watchword: stopped before there was a connection with 127\.0\.0\.1:\d+: nothing was sent$`)
	// One that has begun with a client is stopped no less.
	silent, err := net.Dial("tcp", idle.address)
	if err != nil {
		t.Fatalf("the pipe does not listen: %v", err)
	}
	defer silent.Close()
	idle.signal(os.Interrupt)
	idle.wantEnd(statusFailed, `^watchword: stopped before a client proved its key: nothing was sent$`)
}

// Peers without the key, silent or hostile, hold up nobody; the first with it is
// the only one.
func TestPipeAmongHostileOnes(t *testing.T) {
	l := startPipe(t, "--listen", "127.0.0.1:0", "--handshake-timeout", "5m")
	for range 200 {
		raw, err := net.Dial("tcp", l.address)
		if err != nil {
			t.Fatalf("the pipe does not take one more silent connection: %v", err)
		}
		defer raw.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, kind := range []string{"http", "random", "classic", "tls12", "certificate", "silent", "half-hello", "cut-hello", "no-finished-silent", "wrong-key", "unknown-identity", "other-kind"} {
		// Those that come too late are refused by the system.
		running.Go(func() { _ = beHostile(ctx, l.address, kind, l.key) })
	}
	c := l.call()
	connected(l, c)
	if raw, err := net.Dial("tcp", l.address); err == nil {
		raw.Close()
		t.Error("The pipe still listens though it has its client.")
	}
	cancel()
	running.Wait()
	l.stdin.Close()
	c.stdin.Close()
	l.wantEnd(statusOK, "has written all of it$")
	c.wantEnd(statusOK, "has written all of it$")
}

// A program that answers only at the end of its input, while the connection goes
// on in the other direction.
func TestPipeHalfClose(t *testing.T) {
	for _, args := range [][]string{nil, {"--raw"}} {
		l := startPipe(t, append(args, "--listen", "127.0.0.1:0")...)
		c := l.call()
		c.give("b\na\n")
		c.stdin.Close()
		if got := l.readAll(); got != "b\na\n" {
			t.Errorf("With the options %v %q went in at the one end and %q came out.", args, "b\na\n", got)
		}
		l.give("a\n")
		if got := c.take(2); got != "a\n" {
			t.Errorf("With the options %v %q came back.", args, got)
		}
		l.give("b\n")
		l.stdin.Close()
		if got := c.readAll(); got != "b\n" {
			t.Errorf("With the options %v %q came back at last.", args, got)
		}
		c.wantEnd(statusOK, `^sent 4 bytes in \S+ s, received 4 bytes in \S+ s; `)
		if args == nil {
			l.wantEnd(statusOK, `^sent 4 bytes in \S+ s, received 4 bytes in \S+ s; `+peerOfListener+`has written all of it$`)
		} else {
			l.wantEnd(statusFailed, peerOfListener+`closed the connection first: whether it took all that was sent to it is not known`)
		}
	}
}

// Much, both ways at once, in writes of odd sizes.
func TestPipeCarriesExactly(t *testing.T) {
	size := int64(4<<20 + 1)
	if !testing.Short() {
		size = 100 << 20
	}
	for _, args := range [][]string{nil, {"--raw"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			t.Parallel()
			l := startPipe(t, append(args, "--listen", "127.0.0.1:0")...)
			c := l.call()
			stream := func(seed byte) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{seed}), size) }
			sums := make(chan string, 2)
			for _, way := range []struct {
				from, to *pipeEnd
				seed     byte
			}{{l, c, 1}, {c, l, 2}} {
				go func() {
					writeOddly(way.from.stdin, stream(way.seed))
					way.from.stdin.Close()
				}()
				go func() { sums <- sum(way.to.stdout) }()
			}
			got := map[string]bool{<-sums: true, <-sums: true}
			if !got[sum(stream(1))] || !got[sum(stream(2))] {
				t.Error("What came out is not what went in.")
			}
			<-l.exited
			<-c.exited
			// Raw, the one that closed first learns that all is well, the other
			// does not.
			if args == nil {
				l.wantEnd(statusOK, "has written all of it$")
				c.wantEnd(statusOK, "has written all of it$")
			} else if l.cmd.ProcessState.ExitCode() != statusOK && c.cmd.ProcessState.ExitCode() != statusOK {
				t.Errorf("Neither end knows that all is well: one says %s, the other %s.", l.stderr.String(), c.stderr.String())
			}
		})
	}
}

// writeOddly copies in pieces of many sizes.
func writeOddly(w io.Writer, r io.Reader) {
	sizes := []int64{1, 3, 4095, 65536, 65532, 65537, 16384, 100_000, 1 << 20}
	for i := 0; ; i++ {
		if n, err := io.CopyN(w, r, sizes[i%len(sizes)]); n == 0 || err != nil {
			return
		}
	}
}

func sum(r io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%x, %d bytes, error %v", h.Sum(nil), n, err)
}

// A terminal line for progress stays short, whatever the numbers.
func TestByteCount(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 12_345: "12.3 kB", 999_400: "999 kB",
		1_234_567: "1.23 MB", 10_000_000_000: "10.0 GB", 1 << 62: "4.61 EB",
	} {
		if got := byteCount(n); got != want {
			t.Errorf("%d bytes are shown as %q, want %q.", n, got, want)
		}
	}
}

// The line says what came since the last one, and leaves nothing behind.
func TestPipeProgress(t *testing.T) {
	var speech strings.Builder
	p := &pipe{env: &ui{stderr: &speech}, begin: time.Now()}
	s := &progress{pipe: p, ticker: time.NewTicker(time.Hour), clear: "<clear>", at: time.Now().Add(-2 * time.Second)}
	p.sent.bytes.Store(4_000_000)
	s.draw()
	s.around(func() { p.env.say("a sentence") })
	s.stop()
	const want = `^<clear>0 s: sent 4\.00 MB \(\d\.\d\d MB/s\), received 0 B \(0 B/s\)<clear>a sentence\n$`
	if got := speech.String(); !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("The terminal gets %q, want %s.", got, want)
	}
	var none *progress
	none.draw()
	none.stop()
	if none.tick() != nil {
		t.Error("Where nobody looks there is a clock.")
	}
}
