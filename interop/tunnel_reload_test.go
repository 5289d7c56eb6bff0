//go:build unix

package interop

// Keys rotated, files read again, servers ended in order, all under load: of
// what was taken nothing is lost.

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A load is connections that come and go, and some that stay, until it ends.
type runningLoad struct {
	stop     chan struct{}
	end      time.Time // all of it is to be over by then
	work     sync.WaitGroup
	short    atomic.Int64 // connections that were whole
	rounds   atomic.Int64 // of the connections that stay
	failed   atomic.Int64
	mu       sync.Mutex
	failures []string
}

// startLoad keeps comers connections coming and going, and stayers that send
// something and wait for it to come back, again and again.
func startLoad(address string, comers, stayers int) *runningLoad {
	l := &runningLoad{stop: make(chan struct{}), end: time.Now().Add(wholeTime)}
	data := noise(100_000)
	for i := range comers {
		l.work.Go(func() {
			for n := i; !l.ended(); n++ {
				if err := carry(address, data[:1+n*7919%len(data)]); err != nil {
					l.fail("a short connection", err)
					return
				}
				l.short.Add(1)
			}
		})
	}
	for range stayers {
		l.work.Go(func() {
			if err := l.stay(address, data[:20_000]); err != nil {
				l.fail("a connection that stays", err)
			}
		})
	}
	return l
}

func (l *runningLoad) ended() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *runningLoad) fail(what string, err error) {
	l.failed.Add(1)
	l.mu.Lock()
	l.failures = append(l.failures, fmt.Sprintf("%s: %v", what, err))
	l.mu.Unlock()
}

func (l *runningLoad) stay(address string, data []byte) error {
	raw, err := net.DialTimeout("tcp", address, testTime)
	if err != nil {
		return err
	}
	defer raw.Close()
	c := raw.(*net.TCPConn)
	got := make([]byte, len(data))
	for !l.ended() {
		c.SetDeadline(time.Now().Add(testTime))
		if _, err := c.Write(data); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
			return fmt.Errorf("something else comes back: %w", err)
		}
		l.rounds.Add(1)
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		return fmt.Errorf("instead of the end come %d bytes and %v", len(rest), err)
	}
	return nil
}

// more waits until the load has done n short connections and rounds more.
func (l *runningLoad) more(t *testing.T, n int64) {
	t.Helper()
	short, rounds := l.short.Load()+n, l.rounds.Load()+n
	for end := time.Now().Add(testTime); l.short.Load() < short || l.rounds.Load() < rounds; {
		if now := time.Now(); l.failed.Load() > 0 || now.After(end) || now.After(l.end) {
			l.finish(t)
			t.Fatal("the load stands still")
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}

// finish ends the load and says what was lost.
func (l *runningLoad) finish(t *testing.T) {
	t.Helper()
	if !l.ended() {
		close(l.stop)
	}
	l.work.Wait()
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d connections were dropped:\n%s", n, strings.Join(l.failures, "\n"))
	}
}

func signal(t *testing.T, p *peer, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// reloads counts the lines of the log that say so.
func reloads(p *peer) int { return strings.Count(p.text(), "msg=reloaded") }

// replace puts a file in the place of another one, as a whole.
func replace(t *testing.T, name string, content []byte) {
	t.Helper()
	next := name + ".next"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, name); err != nil {
		t.Fatal(err)
	}
}

var fingerprints = regexp.MustCompile(`[0-9a-f]{4}(-[0-9a-f]{4}){4}`)

// A key is rotated while connections come, go and stay, and both ends are told
// to read their files again all the time, with hostile clients besides.
func TestTunnelRotationUnderLoad(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	keys := filepath.Join(folder, "watchword.keys")
	oursDone(t, folder, "key", "new", "--id", "web-1")
	before, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	clientKeys := filepath.Join(folder, "client.keys")
	replace(t, clientKeys, before)
	config := filepath.Join(folder, "tunnel.toml")
	echo := echoServer(t)
	configure := func(more string) {
		text := "[[service]]\nname = \"echo\"\ndirection = \"server\"\nlisten = \"127.0.0.1:0\"\nto = \"" + echo + "\"\nkeys = \"watchword.keys\"\n"
		replace(t, config, []byte(text+more))
	}
	configure("")
	server := ours(t, folder, "tunnel", "run", "tunnel.toml")
	server.deadline = server.deadline.Add(testTime)
	front := tunnelAt(server, "echo")
	client, plain := tunnel(t, folder, "client", "--to", front, "--keys", "client.keys", "--id", "web-1")
	client.deadline = server.deadline
	load := startLoad(plain, 6, 6)
	hostile := startHostile(front, 6)
	load.more(t, 50)

	again := func(p *peer) {
		n := reloads(p)
		signal(t, p, syscall.SIGHUP)
		p.until("it was reloaded", func(string, bool) bool { return reloads(p) > n })
		load.more(t, 20)
	}
	again(server)
	again(client)
	// Both keys at the server, then the new one at the client, then the old one gone.
	oursDone(t, folder, "key", "new", "--id", "web-1", "--rotate")
	again(server)
	both, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, clientKeys, both)
	again(client)
	listed := fingerprints.FindAllString(oursDone(t, folder, "key", "list"), -1)
	if len(listed) != 2 {
		t.Fatalf("key list has %d keys, want the new one and the old one", len(listed))
	}
	oursDone(t, folder, "key", "remove", "--id", "web-1", "--fingerprint", listed[1])
	again(server)
	configure("max-per-source = 10000\nidle-timeout = \"1h\"\n")
	again(server)
	// Mistakes leave in force what was there.
	after, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, keys, noise(100_000))
	server.prints(`msg="not reloaded: what was in force stays in force" error=.*watchword\.keys`)
	configure("max-per-source = \"many\"\n")
	server.prints(`msg="not reloaded: what was in force stays in force" error=.*tunnel\.toml:7: max-per-source`)
	load.more(t, 20)
	replace(t, keys, after)
	configure("")
	again(server)

	hostile.finish()
	load.finish(t)
	if err := carry(plain, noise(1000)); err != nil {
		t.Errorf("after all that a connection fails: %v", err)
	}
	t.Logf("%d connections came and went, %d rounds of those that stayed, %d hostile ones; the server was reloaded %d times; dropped: %d",
		load.short.Load(), load.rounds.Load(), hostile.count.Load(), reloads(server), load.failed.Load())
}

// One of two servers ends in order, under load: what is open goes on to its end,
// what comes goes to the other one.
func TestTunnelDrainUnderLoad(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	newKeyFile(t, folder)
	echo := echoServer(t)
	one, first := tunnel(t, folder, "server", "--to", echo)
	_, second := tunnel(t, folder, "server", "--to", echo)
	_, plain := tunnel(t, folder, "client", "--to", first+","+second)
	load := startLoad(plain, 6, 6)
	load.more(t, 50)
	signal(t, one, syscall.SIGTERM)
	one.prints(`msg="ending: no new connections"`)
	load.more(t, 200)
	load.finish(t)
	if status := one.ends(); status != 0 {
		t.Errorf("the server that was told to end ends with status %d", status)
	}
	if cut := one.prints(`msg=ended seconds=\S+ cut=(\d+)`); cut != "0" {
		t.Errorf("%s connections were cut", cut)
	}
	t.Logf("%d connections came and went, %d rounds of those that stayed, one of two servers ended; dropped: %d",
		load.short.Load(), load.rounds.Load(), load.failed.Load())
}
