//go:build unix

package system

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// own looks up and gives at once.
func own(user, group, path string) error {
	give, err := Owner(user, group)
	if err != nil {
		return err
	}
	return give(path)
}

func TestOwner(t *testing.T) {
	folder := t.TempDir()
	name, link := filepath.Join(folder, "socket"), filepath.Join(folder, "link")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	for _, none := range []error{own("", "", "/nowhere"), own("", "", name)} {
		if none != nil {
			t.Errorf("Without a user something is done: %v", none)
		}
	}
	if err := own("watchword-missing", "", name); err == nil || !strings.Contains(err.Error(), `there is no user "watchword-missing"`) {
		t.Errorf("To a user who is nobody: %v", err)
	}
	err := own("54321", "54322", link)
	if os.Getuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "is not root") {
			t.Errorf("Not being root: %v", err)
		}
		return
	}
	owner := func(name string) (uid, gid uint32) {
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		return stat.Uid, stat.Gid
	}
	if uid, _ := owner(name); err != nil || uid != 0 {
		t.Errorf("Through a link: %v, and the file is user %d's.", err, uid)
	}
	err = own("54321", "54322", name)
	if uid, gid := owner(name); err != nil || uid != 54321 || gid != 54322 {
		t.Errorf("The file is user %d's and group %d's: %v", uid, gid, err)
	}
}

func TestMayMake(t *testing.T) {
	folder := t.TempDir()
	if !MayMake(folder) {
		t.Error("A folder of our own is said not to be writable.")
	}
	if MayMake(filepath.Join(folder, "none")) {
		t.Error("A folder that is missing is said to be writable.")
	}
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	if root := os.Geteuid() == 0; MayMake(folder) != root {
		t.Errorf("A folder without the bit: %v, being root: %v.", !root, root)
	}
}
