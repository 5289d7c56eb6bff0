//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/needs"
)

// tunnelProcess is a tunnel client and server, each a process of its own, of which
// the server is under test.
type tunnelProcess struct {
	t       *testing.T
	config  string
	service string // the configuration's good text
	cmd     *exec.Cmd
	stderr  lockedBuffer
	client  string        // where plain connections are taken
	told    *net.UnixConn // what systemd hears
}

func (p *tunnelProcess) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func startProcess(t *testing.T, stderr io.Writer, env []string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Args, cmd.Stderr, cmd.Env = append([]string{"watchword"}, args...), stderr, append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func startTunnelProcess(t *testing.T) *tunnelProcess {
	t.Helper()
	folder, err := os.MkdirTemp("", "ww") // a socket has no room for more
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	keys := filepath.Join(folder, "keys")
	if _, _, err := keyfile.EnsureDefault(keys, keyfile.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	p := &tunnelProcess{t: t, config: filepath.Join(folder, "x.toml")}
	if p.told, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(folder, "notify"), Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.told.Close() })
	p.service = fmt.Sprintf("[[service]]\nname = \"s\"\ndirection = \"server\"\nlisten = \"127.0.0.1:0\"\nto = %q\nkeys = %q\n", echo.Addr(), keys)
	p.write(p.service)
	p.cmd = startProcess(t, &p.stderr, []string{"NOTIFY_SOCKET=" + filepath.Join(folder, "notify")}, "tunnel", "run", p.config)
	address := p.stderr.waitFor(t, regexp.MustCompile(`at=\[(\S+)\]`))
	var client lockedBuffer
	startProcess(t, &client, nil, "tunnel", "client", "--listen", "127.0.0.1:0", "--to", address, "--keys", keys)
	p.client = client.waitFor(t, regexp.MustCompile(`at=\[(\S+)\]`))
	return p
}

// hears waits until systemd is told this.
func (p *tunnelProcess) hears(want string) {
	p.t.Helper()
	_ = p.told.SetReadDeadline(time.Now().Add(patienceOfTests))
	buffer := make([]byte, 4096)
	for {
		n, err := p.told.Read(buffer)
		if err != nil {
			p.t.Fatalf("systemd is not told %q: %v\n%s", want, err, p.stderr.String())
		}
		if strings.Contains(string(buffer[:n]), want) {
			return
		}
	}
}

func (p *tunnelProcess) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// SIGHUP while the tunnel ends is said to do little, and kills nobody: the
// connections go on.
func TestHangupWhileEnding(t *testing.T) {
	p := startTunnelProcess(t)
	c, err := net.Dial("tcp", p.client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	roundTrip := func() {
		t.Helper()
		_ = c.SetDeadline(time.Now().Add(patienceOfTests))
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatalf("The connection is gone: %v\n%s", err, p.stderr.String())
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatalf("The connection is gone: %v\n%s", err, p.stderr.String())
		}
	}
	roundTrip()
	p.signal(syscall.SIGTERM)
	p.hears("STATUS=ending")
	for range 2 {
		p.signal(syscall.SIGHUP)
		p.stderr.waitFor(t, regexp.MustCompile(`(the tunnel is ending: of the reload only)`))
		roundTrip()
	}
	c.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("The tunnel did not end in order: %v\n%s", err, p.stderr.String())
	}
}

// Whether a reload went through stands in the status, where systemctl shows it.
func TestReloadTellsSystemd(t *testing.T) {
	p := startTunnelProcess(t)
	p.hears("READY=1\nSTATUS=serving")
	p.write(p.service + "wibble = 1\n")
	p.signal(syscall.SIGHUP)
	p.hears("RELOADING=1")
	p.hears("STATUS=reload failed")
	p.hears("READY=1")
	p.write(p.service + "# mended\n") // seen without a signal
	p.hears("STATUS=serving; reloaded ")
}

// Root opens a socket, and the user that the process becomes has it.
func TestASocketBelongsToTheUser(t *testing.T) {
	if os.Getuid() != 0 {
		needs.Missing(t, "the right to become another user, which root has,")
	}
	folder, err := os.MkdirTemp("/tmp", "ww") // others may go through it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	keys, socket, config := filepath.Join(folder, "keys"), filepath.Join(folder, "s"), filepath.Join(folder, "x.toml")
	if _, _, err := keyfile.EnsureDefault(keys, keyfile.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("user = \"nobody\"\n[[service]]\nname = \"s\"\ndirection = \"client\"\nlisten = \"unix:%s\"\nto = \"127.0.0.1:1\"\nkeys = %q\n", socket, keys)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var stderr lockedBuffer
	startProcess(t, &stderr, nil, "tunnel", "run", config)
	stderr.waitFor(t, regexp.MustCompile(`at=\[(\S+)\]`))
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner == 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("The socket is user %d's, with the mode %v, want nobody's, 0600.", owner, info.Mode().Perm())
	}
}
