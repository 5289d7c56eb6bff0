package examples

// This file builds the examples, and starts and stops them and the servers.

import (
	"bytes"
	"compress/gzip"
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

// testTime bounds what one program is waited for, so that nothing hangs.
const testTime = 30 * time.Second

// programs is the folder with the examples that TestMain has built.
var programs string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "examples"); err != nil {
		fmt.Fprintln(os.Stderr, "there is no folder for the programs:", err)
		return 1
	}
	defer os.RemoveAll(programs)
	build := exec.Command("go", "build", "-o", programs, "./...")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the examples do not build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// example returns the path of an example that is built.
func example(name string) string { return filepath.Join(programs, name) }

// lookup finds a program or skips the test.
func lookup(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "the program "+name)
	}
	return path
}

func missing(t *testing.T, what string) {
	t.Helper()
	needs.Missing(t, what)
}

// daemon returns the path of a program that Debian keeps where only root looks.
func daemon(name string) string {
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return name
}

// A program is running. Its output is kept until the test ends.
type program struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended

	mu             sync.Mutex
	output, stdout bytes.Buffer  // output has both streams
	ended          bool          // no more output will come
	news           chan struct{} // closed and replaced whenever one of these changes
}

// start starts a program in a folder of its own, and stops it with the test.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(lookup(t, name), args...)
	cmd.Dir = t.TempDir()
	return startCommand(t, cmd)
}

// startCommand starts a program as it is told to, and stops it with the test.
func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, name: filepath.Base(cmd.Path), cmd: cmd, done: make(chan struct{}), news: make(chan struct{})}
	cmd.WaitDelay = time.Second // for children that outlive it and hold its output
	cmd.Stdout = writer(func(b []byte) { p.change(func() { p.output.Write(b); p.stdout.Write(b) }) })
	cmd.Stderr = writer(func(b []byte) { p.change(func() { p.output.Write(b) }) })
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s does not start: %v", p.name, err)
	}
	go func() {
		cmd.Wait()
		p.change(func() { p.ended = true })
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, tail(p.output.String(), 8000))
		}
	})
	return p
}

// stop asks the program to end, which stops its own children too, and returns
// its exit status.
func (p *program) stop() int {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(testTime):
		p.cmd.Process.Kill()
		<-p.done
	}
	return p.cmd.ProcessState.ExitCode()
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func (p *program) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.news)
	p.news = make(chan struct{})
}

// prints waits until the program has printed something that matches, and
// returns the last group of the match.
func (p *program) prints(expr string) string {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	late := time.After(testTime)
	for {
		p.mu.Lock()
		found, ended, news := re.FindStringSubmatch(p.output.String()), p.ended, p.news
		p.mu.Unlock()
		switch {
		case found != nil:
			return found[len(found)-1]
		case ended:
			p.t.Fatalf("%s ended before it printed %s", p.name, expr)
		}
		select {
		case <-news:
		case <-late:
			p.t.Fatalf("%s: time is over before it printed %s", p.name, expr)
		}
	}
}

// data returns what the program has printed to its standard output.
func (p *program) data() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String()
}

// run runs an example to its end.
func run(t *testing.T, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return runWith(t, nil, name, args...)
}

// runWith runs an example with this standard input.
func runWith(t *testing.T, stdin io.Reader, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	var out, errs strings.Builder
	cmd := exec.CommandContext(ctx, example(name), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("the example %s does not run to its end: %v", name, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// succeeds runs an example and returns what it prints.
func succeeds(t *testing.T, name string, args ...string) string {
	t.Helper()
	stdout, stderr, status := run(t, name, args...)
	if status != 0 || stderr != "" {
		t.Fatalf("The example %s ends with status %d and says %q, want 0 and nothing.", name, status, stderr)
	}
	return stdout
}

// fails runs an example that must end with status 1 and one line that says why.
func fails(t *testing.T, says, name string, args ...string) {
	t.Helper()
	stdout, stderr, status := run(t, name, args...)
	if status != 1 || stdout != "" || !strings.Contains(stderr, says) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("The example %s ends with status %d, prints %q and says %q, want 1, nothing, and one line with %q.", name, status, stdout, stderr, says)
	}
	for i := 0; i+8 <= len(rightKey); i++ {
		if strings.Contains(stderr, rightKey[i:i+8]) || strings.Contains(stderr, wrongKey[i:i+8]) {
			t.Fatalf("The example %s says a part of the key.", name)
		}
	}
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort returns a port that nobody listens on. Zabbix takes none above
// 32,767; below that, the kernel gives none to outgoing connections either.
func freePort(t *testing.T) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(needs.Address(t))
	return port
}

// zabbixConfig returns what agents and the proxy have in common.
func zabbixConfig(t *testing.T, port string) string {
	t.Helper()
	return fmt.Sprintf("Server=127.0.0.1\nListenIP=127.0.0.1\nListenPort=%s\nHostname=examples\nLogType=console\n"+
		"TLSAccept=psk\nTLSConnect=psk\nTLSPSKIdentity=%s\nTLSPSKFile=%s\nPidFile=%s\n",
		port, identity, writeFile(t, "zabbix.psk", rightKey+"\n"), filepath.Join(t.TempDir(), "pid"))
}

// startZabbixProxy starts a proxy that a server would have told of one host,
// cellar, with one item, temperature, and returns its port.
func startZabbixProxy(t *testing.T) string {
	t.Helper()
	const schemaFile = "/usr/share/zabbix-proxy-sqlite3/schema.sql.gz"
	zipped, err := os.Open(schemaFile)
	if err != nil {
		missing(t, "the proxy's "+schemaFile)
	}
	defer zipped.Close()
	schema, err := gzip.NewReader(zipped)
	if err != nil {
		t.Fatalf("%s is not compressed: %v", schemaFile, err)
	}
	database := filepath.Join(t.TempDir(), "proxy.db")
	fill := exec.Command(lookup(t, "sqlite3"), database)
	fill.Stdin = io.MultiReader(strings.NewReader("BEGIN;"), schema, strings.NewReader(
		"INSERT INTO hosts (hostid, host, name, tls_connect, tls_accept, tls_psk_identity, tls_psk)"+
			" VALUES (1, 'cellar', 'cellar', 2, 2, '"+identity+"', '"+rightKey+"');"+
			"INSERT INTO items (itemid, type, hostid, name, key_) VALUES (1, 2, 1, 'temperature', 'temperature');"+
			"INSERT INTO item_rtdata (itemid) VALUES (1); COMMIT;"))
	if out, err := fill.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("the proxy's database cannot be made: %v\n%s", err, out)
	}
	port := freePort(t)
	config := zabbixConfig(t, port) + "ProxyMode=1\nAllowRoot=1\nDBName=" + database + "\nSocketDir=" + t.TempDir() + "\n"
	start(t, daemon("zabbix_proxy"), "-f", "-c", writeFile(t, "proxy.conf", config)).prints(`started \[trapper #1\]`)
	return port
}

// tail returns the last n bytes of s.
func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}
