//go:build unix

package system

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestMayRead(t *testing.T) {
	folder, err := os.MkdirTemp("/tmp", "mayread") // t.TempDir's own parents are private
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	name := filepath.Join(folder, "keys")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	uid, gid := strconv.Itoa(os.Getuid()+54321), "54322"
	for _, c := range []struct {
		user, group  string
		folder, file os.FileMode
		want         string
	}{
		{uid, gid, 0o755, 0o644, ""},
		{uid, gid, 0o711, 0o604, ""},
		{uid, gid, 0o755, 0o640, "is not readable for user"},
		{uid, strconv.Itoa(os.Getgid()), 0o750, 0o640, ""},
		{uid, strconv.Itoa(os.Getgid()), 0o700, 0o640, "must not enter"},
		{uid, gid, 0o700, 0o644, "must not enter"},
		{"watchword-missing", "", 0o700, 0o600, ""},
	} {
		if os.Getuid() != 0 && strings.Contains(c.want, "enter") {
			continue // as for root, only that root is no user to become
		}
		if err := os.Chmod(folder, c.folder); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, c.file); err != nil {
			t.Fatal(err)
		}
		err := MayRead(c.user, c.group, name)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("user %s, group %s, folder %o, file %o: %v, want %q", c.user, c.group, c.folder, c.file, err, c.want)
		}
	}
	if err := MayRead(uid, gid, filepath.Join(folder, "missing")); err != nil {
		t.Errorf("a missing file: %v", err)
	}
}
