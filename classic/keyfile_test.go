package classic

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestKeyFileComesBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "session.key")
	for range 2 { // the second time it is replaced
		key := NewKey()
		if err := WriteKeyFile(name, key); err != nil {
			t.Fatalf("Writing the key failed: %v", err)
		}
		raw, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(raw, key[:]) {
			t.Errorf("The file does not hold the key's raw bytes (error %v).", err)
		}
		got, err := ReadKeyFile(name)
		if err != nil || *got != *key {
			t.Errorf("The key did not come back from its file: error %v.", err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("Beside the key file something was left: %v, error %v.", entries, err)
	}
	if info, err := os.Stat(name); runtime.GOOS != "windows" && (err != nil || info.Mode() != 0o600) {
		t.Errorf("The key file has mode %v, error %v, want 0600.", info.Mode(), err)
	}
}

func TestReplacingAReadableFileMakesItPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes.")
	}
	name := filepath.Join(t.TempDir(), "session.key")
	if err := os.WriteFile(name, make([]byte, KeyLen), 0o644); err != nil {
		t.Fatalf("Writing the old key failed: %v", err)
	}
	if err := WriteKeyFile(name, NewKey()); err != nil {
		t.Fatalf("Writing the key failed: %v", err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
		t.Errorf("The key file has mode %v, error %v, want 0600.", info.Mode(), err)
	}
}

func TestKeyFileErrorsAreSentences(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatalf("Writing %s failed: %v", name, err)
		}
		return name
	}
	for _, c := range []struct{ why, name, want string }{
		{"A missing file", filepath.Join(dir, "none"), "there is no session key in "},
		{"An empty file", file("empty", ""), "empty has 0 bytes, a session key has 16"},
		{"A short key", file("short", "fifteen bytes.."), "short has 15 bytes, a session key has 16"},
		{"A key in hex", file("hex", strings.Repeat("00", 16)), "hex has 32 bytes, a session key has 16"},
		{"A directory", dir, "it is not a regular file"},
	} {
		if _, err := ReadKeyFile(c.name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s gave %v, want a sentence with %q.", c.why, err, c.want)
		}
	}
}

func TestWhereTheKeyCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Join(dir, "directory")
	if err := os.MkdirAll(filepath.Join(full, "sub"), 0o700); err != nil {
		t.Fatalf("Making a directory failed: %v", err)
	}
	for _, name := range []string{filepath.Join(dir, "no such folder", "session.key"), full} {
		err := WriteKeyFile(name, NewKey())
		if err == nil || !strings.HasPrefix(err.Error(), "cannot write the session key to "+name+": ") || strings.Contains(err.Error(), ".session-key-") {
			t.Errorf("Writing to %s gave %v, want a sentence that names the file and no other.", name, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("Something was left behind: %v, error %v.", entries, err)
	}
}
