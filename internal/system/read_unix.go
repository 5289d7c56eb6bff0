//go:build unix

package system

// The user that the program becomes: what it may read.

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MayRead reports whether that user with that one group could open the file, as
// far as owners and modes say: whoever starts as root reads files that it cannot
// read again later. A file that cannot be looked at is not this function's
// business.
func MayRead(user, group, name string) error {
	a, err := lookup(user, group)
	if err != nil {
		return nil // LookupUser says it
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil
	}
	if !a.may(path, 4) {
		return fmt.Errorf("%s is not readable for user %q: it is read at the start, and not at a reload any more; chown it", name, user)
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		if !a.may(folder, 1) {
			return fmt.Errorf("%s is in the folder %s, which user %q must not enter: it is read at the start, and not at a reload any more", name, folder, user)
		}
		if folder == filepath.Dir(folder) {
			return nil
		}
	}
}

// may reports whether the account has the bit (4 reads, 1 enters a folder).
func (a account) may(path string, bit fs.FileMode) bool {
	info, err := os.Stat(path)
	if err != nil {
		return true
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	switch {
	case int(owner.Uid) == a.uid:
		bit <<= 6
	case int(owner.Gid) == a.gid:
		bit <<= 3
	}
	return info.Mode().Perm()&bit != 0
}
