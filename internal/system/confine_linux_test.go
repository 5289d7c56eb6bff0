package system

// What a confined process can and cannot do.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

func init() {
	children["confined"] = confinedChild
	user := func([]string) error {
		return errors.Join(Confine(Rules{}), readable("/etc/hosts", "/proc/self/statm", "/proc/self/fd"), closed("/usr/bin"))
	}
	children["confined user"] = user
	children["confined nobody"] = func(args []string) error {
		return errors.Join(BecomeUser("nobody", ""), user(args))
	}
}

// needLandlock skips on a kernel without Landlock, which no package can bring;
// so it skips even where peers are required.
func needLandlock(t *testing.T) int {
	t.Helper()
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		t.Skipf("This kernel has no Landlock (%v).", err)
	}
	return version
}

// confinedChild is confined to two folders with keys, one of them with a link
// into a third, and to a folder for sockets; then it tries what should work and
// what should not.
func confinedChild(args []string) error {
	at := func(name string) string { return filepath.Join(args[0], name) }
	open, err := os.Open(at("other/secret"))
	if err != nil {
		return err
	}
	defer open.Close()
	err = Confine(Rules{Read: []string{at("keys/psk.txt"), at("keys/later.txt"), at("links/psk.txt")}, Sockets: []string{at("run/socket")}})
	if err != nil {
		return err
	}
	// The parent replaces the file now.
	fmt.Println(Confined())
	if _, err := os.Stdin.Read(make([]byte, 16)); err != nil {
		return err
	}
	replaced, err := os.ReadFile(at("keys/psk.txt"))
	if err != nil || string(replaced) != "new" {
		return fmt.Errorf("the replaced file reads %q (%w)", replaced, err)
	}
	_, stillOpen := open.Read(make([]byte, 1))
	return errors.Join(stillOpen,
		readable(at("keys/psk.txt"), at("keys/later.txt"), at("links/psk.txt"), "/etc/hosts", "/proc/self/statm", "/proc/self/fd", "/dev/null"),
		closed(at("other/secret"), at("other"), args[0], "/etc/ssl", "/usr/bin"),
		unwritable(at("keys/psk.txt"), at("keys/new"), at("run/file"), at("other/new")),
		remains(at("keys/psk.txt"), at("other/secret")),
		socketWorks("unix", at("run/socket")), socketWorks("tcp", "127.0.0.1:0"), everyThreadWithoutPrivileges())
}

func readable(names ...string) error {
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("%s should be readable: %w", name, err)
		}
		f.Close()
	}
	return nil
}

func closed(names ...string) error {
	for _, name := range names {
		if _, err := os.Open(name); !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s should be closed, but opening it gave %v", name, err)
		}
	}
	return nil
}

func unwritable(names ...string) error {
	for _, name := range names {
		if err := os.WriteFile(name, nil, 0o600); !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%s should not be writable, but writing gave %v", name, err)
		}
	}
	return nil
}

func remains(names ...string) error {
	for _, name := range names {
		if err := os.Remove(name); !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%s should not be removable, but removing gave %v", name, err)
		}
	}
	return nil
}

// socketWorks listens, connects and closes, which removes a Unix socket.
func socketWorks(network, address string) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	conn, err := net.Dial(network, l.Addr().String())
	if err != nil {
		return err
	}
	conn.Close()
	if err := l.Close(); err != nil {
		return err
	}
	if _, err := os.Lstat(address); network == "unix" && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the socket %s should be gone: %v", address, err)
	}
	return nil
}

func everyThreadWithoutPrivileges() error {
	list, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(list) == 0 {
		return fmt.Errorf("the threads cannot be listed: %v, %v", list, err)
	}
	for _, name := range list {
		text, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(text), "\nNoNewPrivs:\t1\n") {
			return fmt.Errorf("%s does not say NoNewPrivs: 1 (%v)", name, err)
		}
	}
	return nil
}

func TestConfine(t *testing.T) {
	version := needLandlock(t)
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("The test cannot make its files: %v", err)
		}
	}
	for _, name := range []string{"keys", "links", "linked", "other", "run"} {
		must(os.Mkdir(at(name), 0o700))
	}
	must(os.WriteFile(at("keys/psk.txt"), []byte("old"), 0o600))
	must(os.WriteFile(at("linked/psk.txt"), []byte("linked"), 0o600))
	must(os.WriteFile(at("other/secret"), []byte("secret"), 0o600))
	must(os.Symlink("../linked/psk.txt", at("links/psk.txt")))

	command := child(t, "confined", folder)
	in, err := command.StdinPipe()
	must(err)
	out, err := command.StdoutPipe()
	must(err)
	must(command.Start())
	lines := bufio.NewReader(out)
	said, _ := lines.ReadString('\n')
	if want := fmt.Sprintf("Landlock ABI %d\n", version); said != want {
		t.Errorf("Confined() of the child says %q instead of %q.", said, want)
	}
	must(os.WriteFile(at("other/new"), []byte("new"), 0o600))
	must(os.Rename(at("other/new"), at("keys/psk.txt")))
	must(os.WriteFile(at("keys/later.txt"), nil, 0o600))
	_, err = io.WriteString(in, "replaced\n")
	must(err)
	rest, _ := io.ReadAll(lines)
	if err := command.Wait(); err != nil {
		t.Errorf("The confined child failed (%v): %s", err, rest)
	}
}

func TestConfineAsNobody(t *testing.T) {
	needLandlock(t)
	name := "confined nobody"
	if os.Geteuid() != 0 {
		name = "confined user"
	}
	mustRun(t, child(t, name))
}

func TestConfineNamesWhatIsMissing(t *testing.T) {
	needLandlock(t)
	missing := filepath.Join(t.TempDir(), "missing", "file")
	for _, c := range []struct {
		rules Rules
		want  string
	}{
		{Rules{Read: []string{missing}}, missing + " cannot be kept readable: "},
		{Rules{Sockets: []string{missing}}, "the folder of the socket " + missing + " cannot be kept open: "},
	} {
		if err := Confine(c.rules); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("Confine(%v) returned %v instead of an error with %q.", c.rules, err, c.want)
		}
	}
	if got := Confined(); got != "none: it was not asked for" {
		t.Errorf("Confined() = %q where nothing is in force.", got)
	}
}

// TestFoldersOf: a file right in / opens itself alone.
func TestFoldersOf(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatalf("There is no folder: %v", err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink("/proc", link); err != nil {
		t.Fatalf("There is no link: %v", err)
	}
	for name, want := range map[string][]string{
		filepath.Join(folder, "later"): {folder},
		"/proc":                        {"/proc"},
		link:                           {folder, "/proc"},
	} {
		if got, err := foldersOf(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("foldersOf(%q) = %q, %v instead of %q.", name, got, err, want)
		}
	}
}
