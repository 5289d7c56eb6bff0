package main

// Commands for the scripts about server and client.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/needs"
)

func init() {
	scriptCommands["serve"] = scriptServe
	scriptCommands["run"] = scriptRun
	scriptCommands["type"] = scriptType
	scriptCommands["hangup"] = scriptHangUp
	scriptCommands["quit"] = scriptStop
	scriptCommands["await"] = scriptAwait
	scriptCommands["hostile"] = scriptHostile
	scriptCommands["fake"] = scriptFake
	scriptCommands["missing"] = scriptMissing
	scriptCommands["repeat"] = scriptRepeat
	scriptCommands["freeport"] = scriptFreePort
	scriptCommands["fill"] = scriptFill
	scriptCommands["nofiles"] = scriptNoFiles
}

// patienceOfTests is how long a script waits for what must come.
const patienceOfTests = 30 * time.Second

// background is a program that runs beside a script.
type background struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan error
}

var (
	backgroundsLock sync.Mutex
	backgrounds     = make(map[string]*background) // by script and name
)

func backgroundOf(ts *testscript.TestScript, name string) *background {
	backgroundsLock.Lock()
	defer backgroundsLock.Unlock()
	b := backgrounds[ts.Getenv("WORK")+" "+name]
	if b == nil {
		ts.Fatalf("nothing called %s runs", name)
	}
	return b
}

// serve NAME VERB ARGUMENTS...: run for the program itself. A server gets a free
// port; ADDR is its address once it listens.
func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: serve NAME VERB ARGUMENTS...")
	}
	name, verb := args[0], args[1]
	if verb == "server" {
		args = slices.Insert(slices.Clone(args), 2, "--listen", "127.0.0.1:0")
	}
	scriptRun(ts, false, slices.Insert(slices.Clone(args), 1, "watchword"))
	if verb == "server" {
		ts.Setenv("ADDR", awaitText(ts, name+".err", `listening on (\S+), `)[1])
	}
}

// run NAME PROGRAM ARGUMENTS...: starts the program in the background, with an
// input that stays open. What it prints goes to NAME.out and NAME.err. STDOUT, if
// set, is what it prints to: a file, "gone" for a pipe that nobody reads any more,
// "stuck" for one that somebody keeps open and does not read.
func scriptRun(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: run NAME PROGRAM ARGUMENTS...")
	}
	name := args[0]
	cmd := exec.Command(args[1], args[2:]...)
	// Programs are found where testscript put them.
	if path := lookPath(args[1], ts.Getenv("PATH")); path != "" {
		cmd.Path, cmd.Err = path, nil
	}
	cmd.Dir = ts.MkAbs(".")
	for _, variable := range []string{"HOME", "PATH", "TMPDIR", "CREDENTIALS_DIRECTORY"} {
		cmd.Env = append(cmd.Env, variable+"="+ts.Getenv(variable))
	}
	stdout, err := scriptStdout(ts, name)
	ts.Check(err)
	cmd.Stdout = stdout
	cmd.Stderr, err = os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	b := &background{cmd: cmd, exited: make(chan error, 1)}
	b.stdin, err = cmd.StdinPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	go func() { b.exited <- cmd.Wait() }()
	ts.Defer(func() { cmd.Process.Kill() })
	backgroundsLock.Lock()
	backgrounds[ts.Getenv("WORK")+" "+name] = b
	backgroundsLock.Unlock()
}

// scriptStdout opens what STDOUT names.
func scriptStdout(ts *testscript.TestScript, name string) (*os.File, error) {
	switch where := ts.Getenv("STDOUT"); where {
	case "":
		return os.Create(ts.MkAbs(name + ".out"))
	case "gone", "stuck":
		r, w, err := os.Pipe()
		if err == nil && where == "gone" {
			err = r.Close()
		} else if err == nil {
			ts.Defer(func() { r.Close() })
		}
		return w, err
	default:
		return os.OpenFile(where, os.O_WRONLY, 0)
	}
}

func lookPath(name, path string) string {
	for _, folder := range strings.Split(path, string(os.PathListSeparator)) {
		for _, suffix := range []string{"", ".exe"} {
			if _, err := os.Stat(folder + "/" + name + suffix); err == nil {
				return folder + "/" + name + suffix
			}
		}
	}
	return ""
}

// type NAME TEXT: a line for the input of what serve started.
func scriptType(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: type NAME TEXT")
	}
	_, err := io.WriteString(backgroundOf(ts, args[0]).stdin, args[1]+"\n")
	ts.Check(err)
}

// hangup NAME: the end of its input.
func scriptHangUp(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(backgroundOf(ts, args[0]).stdin.Close())
}

// quit NAME SIGNAL STATUS: sends INT, TERM or none, and waits until it ends
// with the status.
func scriptStop(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: quit NAME INT|TERM|none STATUS")
	}
	b := backgroundOf(ts, args[0])
	if signal := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[1]]; signal != 0 {
		ts.Check(b.cmd.Process.Signal(signal))
	}
	select {
	case <-b.exited:
	case <-time.After(patienceOfTests):
		ts.Fatalf("%s does not end; it said:\n%s", args[0], ts.ReadFile(args[0]+".err"))
	}
	if status := strconv.Itoa(b.cmd.ProcessState.ExitCode()); status != args[2] {
		ts.Fatalf("%s ended with status %s; it said:\n%s", args[0], status, ts.ReadFile(args[0]+".err"))
	}
}

// await FILE REGEXP [VARIABLE]: waits until the file has it. The variable is set
// to the first group.
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: await FILE REGEXP [VARIABLE]")
	}
	found := awaitText(ts, args[0], args[1])
	if len(args) == 3 {
		ts.Setenv(args[2], found[1])
	}
}

func awaitText(ts *testscript.TestScript, file, pattern string) []string {
	re := regexp.MustCompile("(?m)" + pattern)
	for end := time.Now().Add(patienceOfTests); ; {
		text, _ := os.ReadFile(ts.MkAbs(file)) // it may not be there yet
		if found := re.FindStringSubmatch(string(text)); found != nil {
			return found
		}
		if time.Now().After(end) {
			ts.Fatalf("%s never had %s, but:\n%s", file, pattern, text)
		}
		time.Sleep(2 * time.Millisecond) // between two looks; what is waited for may come late
	}
}

// scriptKey is the first key of the default file, or of $KEYS.
func scriptKey(ts *testscript.TestScript) *watchword.Key {
	name := ts.Getenv("KEYS")
	if name == "" {
		name = keyfile.DefaultName
	}
	file, err := keyfile.Load(ts.MkAbs(name), keyfile.LoadOptions{})
	ts.Check(err)
	return file.Keys()[0]
}

// hostile KIND...: such clients, one after the other, at $ADDR.
func scriptHostile(ts *testscript.TestScript, _ bool, args []string) {
	for _, kind := range args {
		ts.Check(beHostile(context.Background(), ts.Getenv("ADDR"), kind, scriptKey(ts)))
	}
}

// fake KIND: a server of this kind at $ADDR.
func scriptFake(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 || fakeServers[args[0]] == nil {
		ts.Fatalf("usage: fake KIND, which is one of %s", strings.Join(slices.Sorted(maps.Keys(fakeServers)), ", "))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("ADDR", l.Addr().String())
	key := scriptKey(ts)
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer raw.Close()
				_ = fakeServers[args[0]](raw, key) // the client's view is what counts
			}()
		}
	}()
}

// missing PROGRAM: fails where peers are required.
func scriptMissing(ts *testscript.TestScript, _ bool, args []string) {
	if os.Getenv("WATCHWORD_REQUIRE_PEERS") == "1" {
		ts.Fatalf("%s is missing, and WATCHWORD_REQUIRE_PEERS=1 requires it", args[0])
	}
}

// repeat FILE N TEXT: writes TEXT, with Go's escapes, N times, and a line feed.
func scriptRepeat(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: repeat FILE N TEXT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text, err := strconv.Unquote(`"` + args[2] + `"`)
	ts.Check(err)
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer file.Close()
	w := bufio.NewWriter(file)
	for range n {
		w.WriteString(text)
	}
	fmt.Fprintln(w)
	ts.Check(w.Flush())
}

// freeport VARIABLE: a port that nobody listens at, for programs that cannot
// take one themselves.
func scriptFreePort(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	address, err := needs.FreeAddress()
	ts.Check(err)
	_, port, err := net.SplitHostPort(address)
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// scriptFill puts the script's variables into a file: fill FILE
func scriptFill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fill FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// scriptNoFiles fails if there is a file in the working folder or below: nofiles
func scriptNoFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: nofiles")
	}
	ts.Check(filepath.WalkDir(ts.MkAbs("."), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = fmt.Errorf("%s was left behind", path)
		}
		return err
	}))
}
