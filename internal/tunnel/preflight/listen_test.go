//go:build unix

package preflight

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/watchword-tls/watchword/internal/needs"
)

// child is set in a process of the test that is another user.
const child = "WATCHWORD_TEST_CHECK_FOLDER"

// services is a configuration of servers at these addresses.
func services(top string, addresses ...string) string {
	text := top
	for i, a := range addresses {
		text += fmt.Sprintf("[[service]]\nname = \"s%d\"\ndirection = \"server\"\nlisten = %s\nto = \"127.0.0.1:5432\"\nkeys = \"KEYS\"\n", i, a)
	}
	return text
}

// What is free by itself is not free together.
func TestAddressesThatOverlap(t *testing.T) {
	l, err := net.Listen("tcp", needs.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	held := l
	at := func(host string) string { return fmt.Sprintf("%q", fmt.Sprintf("%s:%d", host, port)) }
	for _, c := range []struct {
		name, config, want string // want is a beginning, of the only line
		running            bool
	}{
		{"all addresses and one", services("", at(""), at("127.0.0.1")), fmt.Sprintf("x.toml:10: listen: 127.0.0.1:%d is taken by the service in line 1", port), false},
		{"one address and all", services("", at("127.0.0.1"), at("")), fmt.Sprintf("x.toml:10: listen: :%d is taken by the service in line 1", port), false},
		{"within a service", services("", "["+at("127.0.0.1")+", "+at("")+"]"), fmt.Sprintf("x.toml:4: listen: :%d is taken by another address of this service", port), false},
		{"a service and the metrics", services("metrics = "+at("127.0.0.1")+"\n", at("127.0.0.1")), fmt.Sprintf("x.toml:1: metrics: 127.0.0.1:%d is taken by the service in line 2", port), false},
		{"all addresses and the metrics", services("metrics = "+at("127.0.0.1")+"\n", at("")), fmt.Sprintf("x.toml:1: metrics: 127.0.0.1:%d is taken by the service in line 2", port), false},
		{"while the tunnel runs", services("", at("127.0.0.1"), at("")), fmt.Sprintf("x.toml:10: listen: :%d is taken by the service in line 1", port), true},
		{"one alone while the tunnel runs", services("", at("127.0.0.1")), "", true},
		{"one alone", services("", at("127.0.0.1")), "", false},
		{"any ports", services("metrics = \"127.0.0.1:0\"\n", `"127.0.0.1:0"`, `":0"`), "", false},
		{"one path", services("", `"unix:FOLDER/x"`, `"unix:FOLDER/./x"`), "x.toml:10: listen: unix:", false},
		{"two paths", services("", `"unix:FOLDER/x"`, `"unix:FOLDER/y"`), "", false},
	} {
		if c.running != (held != nil) {
			if held != nil {
				held.Close()
				held = nil
			} else if held, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
				t.Fatal(err)
			}
		}
		said := strings.Join(checked(t, c.config, alice, Options{Running: c.running}), "\n")
		if !strings.HasPrefix(said, c.want) || (said == "") != (c.want == "") || strings.Contains(said, "\n") {
			t.Errorf("With %s it says %q, want %q.", c.name, said, c.want)
		}
	}
	if held != nil {
		held.Close()
	}
	// The check itself holds nothing any more.
	again, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("After the check: %v", err)
	}
	again.Close()
}

// A folder that is not writable for the user who checks, which root never is.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	folder := os.Getenv(child)
	if folder == "" {
		var err error
		if folder, err = os.MkdirTemp("", "ww"); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		if err := os.Chmod(folder, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		asNobody(t, folder)
		return
	}
	said := strings.Join(checked(t, services("", fmt.Sprintf("%q", "unix:"+filepath.Join(folder, "x"))), alice, Options{}), "\n")
	if !strings.HasPrefix(said, "x.toml:4: listen: unix:") || !strings.HasSuffix(said, "must be able to write to the folder "+folder) || strings.Contains(said, "\n") {
		t.Errorf("It says %q.", said)
	}
}

// asNobody runs the test again as another user.
func asNobody(t *testing.T, folder string) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	place, err := os.MkdirTemp("/tmp", "ww") // the test's own is root's alone
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(place)
	copied := filepath.Join(place, "preflight.test")
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(place, 0o777); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(copied, "-test.run=^TestAFolderThatCannotBeWritten$", "-test.v")
	command.Dir, command.Env = place, []string{child + "=" + folder, "TMPDIR=" + place}
	command.SysProcAttr = nobody()
	if said, err := command.CombinedOutput(); err != nil || !strings.Contains(string(said), "--- PASS") {
		t.Errorf("As nobody: %v\n%s", err, said)
	}
}

func nobody() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}
