package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
)

// inFolder makes an empty folder the working directory of the test.
func inFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	return dir
}

func write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func needModes(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes on Windows")
	}
}

func TestLoadRefuses(t *testing.T) {
	needModes(t)
	inFolder(t)
	write(t, "empty", "", 0o600)
	write(t, "blank", "\n \n", 0o600)
	write(t, "comments", "# x\n", 0o600)
	write(t, "bad", "a\n", 0o600)
	write(t, "world", "a:"+k1, 0o644)
	write(t, "world writes", "a:"+k1, 0o602)
	write(t, "large", strings.Repeat("#\n", limits.MaxKeyFileBytes/2+1), 0o600)
	if err := errors.Join(os.Mkdir("folder", 0o700), os.Symlink("nowhere", "dangling"), os.Symlink("world", "link"), os.Symlink("loop", "loop")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want string }{
		{"missing", "the key file missing does not exist: make it with watchword key new --keys missing, or copy the other end's file here"},
		{DefaultName, "the key file watchword.keys does not exist: make it with watchword key new, or copy the other end's file here"},
		{"no/such/folder", "the key file no/such/folder does not exist: make it with watchword key new --keys no/such/folder, or copy the other end's file here"},
		{"dangling", "dangling is a symbolic link to nowhere, which does not exist"},
		{"loop", "loop cannot be read: too many levels of symbolic links"},
		{"folder", "folder is a directory: a key file is needed, name one in it"},
		{"/dev/null", "/dev/null is not a regular file, so it cannot be watched for changes: copy the keys into a file of their own"},
		{"empty", "empty is empty: make a key with watchword key new --keys empty"},
		{"blank", "blank is empty: make a key with watchword key new --keys blank"},
		{"comments", "comments holds no key, only comments: make a key with watchword key new --keys comments"},
		{"bad", "bad:1: the line has no colon: a key line is identity:hex, a comment begins with #"},
		{"large", "large is larger than 8388608 bytes: that is no key file"},
		{"world", "every user of this machine can read world (mode 0644), and its keys are secret: close it with chmod 600 world, or say --allow-readable-keys if that is meant"},
		{"world writes", "every user of this machine can change world writes (mode 0602), and its keys are secret: close it with chmod 600 'world writes', or say --allow-readable-keys if that is meant"},
		{"link", "every user of this machine can read link (mode 0644), and its keys are secret: close it with chmod 600 link, or say --allow-readable-keys if that is meant"},
	} {
		if _, err := Load(c.name, LoadOptions{}); err == nil || err.Error() != c.want {
			t.Errorf("%s: the error is\n%v\nwant\n%s", c.name, err, c.want)
		}
	}
	if _, err := Load("missing", LoadOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file cannot be told from others: %v", err)
	}
	if _, err := LoadAny("empty", LoadOptions{}); err != nil {
		t.Errorf("an empty file to put keys into is refused: %v", err)
	}
}

func TestLoadUnreadable(t *testing.T) {
	const want = "secret cannot be read: permission denied: run as the user it belongs to, or give it to this one with chown"
	err := explain("secret", &fs.PathError{Op: "open", Path: "secret", Err: fs.ErrPermission})
	if err.Error() != want {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
	if os.Geteuid() <= 0 {
		return // root can read every file, and Windows has no modes
	}
	inFolder(t)
	write(t, "secret", "a:"+k1, 0o200)
	if _, err := Load("secret", LoadOptions{}); err == nil || err.Error() != want {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
}

func TestLoadWarns(t *testing.T) {
	needModes(t)
	inFolder(t)
	write(t, "keys", "a:"+k1, 0o600)
	for _, c := range []struct {
		mode fs.FileMode
		want string
	}{
		{0o600, ""},
		{0o400, ""},
		{0o440, "keys: the group of the file can read it (mode 0440): if that is not meant, chmod 600 keys"},
		{0o660, "keys: the group of the file can change it (mode 0660): if that is not meant, chmod 600 keys"},
		{0o644, "keys: EVERY USER OF THIS MACHINE CAN READ THE KEYS in it (mode 0644), as --allow-readable-keys allows"},
		{0o666, "keys: EVERY USER OF THIS MACHINE CAN CHANGE THE KEYS in it (mode 0666), as --allow-readable-keys allows"},
	} {
		if err := os.Chmod("keys", c.mode); err != nil {
			t.Fatal(err)
		}
		f, err := Load("keys", LoadOptions{AllowReadable: true})
		if err != nil {
			t.Errorf("mode %04o is refused: %v", c.mode, err)
			continue
		}
		if got := strings.Join(f.Warnings(), "|"); got != c.want {
			t.Errorf("mode %04o: the warning is %q, want %q", c.mode, got, c.want)
		}
	}
}

func TestLoadFromSystemd(t *testing.T) {
	needModes(t)
	dir := inFolder(t)
	credentials := filepath.Join(dir, "credentials")
	if err := os.Mkdir(credentials, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(credentials, "service.keys"), "from-systemd:"+k1, 0o444)
	write(t, filepath.Join(credentials, "both.keys"), "from-systemd:"+k1, 0o444)
	write(t, "both.keys", "from-here:"+k1, 0o600)
	o := LoadOptions{Credentials: credentials}
	for _, c := range []struct{ name, identity, path string }{
		{"service.keys", "from-systemd", filepath.Join(credentials, "service.keys")},
		{"both.keys", "from-here", "both.keys"},
		{filepath.Join(credentials, "both.keys"), "from-systemd", filepath.Join(credentials, "both.keys")},
	} {
		f, err := Load(c.name, o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := f.Identities()[0]; got != c.identity || f.Name() != c.path || len(f.Warnings()) != 0 {
			t.Errorf("%s: identity %s of %s, warnings %q", c.name, got, f.Name(), f.Warnings())
		}
	}
	if _, err := Load("none.keys", o); err == nil || !strings.HasPrefix(err.Error(), "the key file none.keys does not exist") {
		t.Errorf("a file that is in neither place: %v", err)
	}
	write(t, "other.keys", "a:"+k1, 0o444)
	if _, err := Load("other.keys", o); err == nil {
		t.Error("a readable file outside of the folder is accepted")
	}
}

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"a.keys": "a.keys", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "-x": "./-x", "$HOME": "'$HOME'", "-a b": "'./-a b'",
	} {
		if got := Quote(name); got != want {
			t.Errorf("%q is typed as %s, want %s", name, got, want)
		}
	}
}
