//go:build unix

package keyfile

// What systems with modes, owners and hard links do.

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// The bits of a mode that matter.
const (
	forGroup  = 0o060
	forOthers = 0o006
)

// checkMode refuses a file that every user can read or change.
func checkMode(name string, info fs.FileInfo, allowReadable bool) (warnings []string, err error) {
	mode := info.Mode().Perm()
	verb := func(bits fs.FileMode) string {
		if mode&bits&0o222 != 0 {
			return "change"
		}
		return "read"
	}
	switch {
	case mode&forOthers != 0 && !allowReadable:
		return nil, &Error{fmt.Sprintf("every user of this machine can %s %s (mode %04o), and its keys are secret: close it with chmod 600 %s, or say --allow-readable-keys if that is meant",
			verb(forOthers), name, mode, Quote(name)), nil}
	case mode&forOthers != 0:
		return []string{fmt.Sprintf("%s: EVERY USER OF THIS MACHINE CAN %s THE KEYS in it (mode %04o), as --allow-readable-keys allows",
			name, map[string]string{"read": "READ", "change": "CHANGE"}[verb(forOthers)], mode)}, nil
	case mode&forGroup != 0:
		return []string{fmt.Sprintf("%s: the group of the file can %s it (mode %04o): if that is not meant, chmod 600 %s",
			name, verb(forGroup), mode, Quote(name))}, nil
	}
	return nil, nil
}

// keepOwner gives the new file the mode and the owner of the old one, so that
// a program that could read the keys before still can.
func keepOwner(file *os.File, old fs.FileInfo) error {
	if was, ok := old.Sys().(*syscall.Stat_t); ok {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		is, ok := info.Sys().(*syscall.Stat_t)
		if ok && (is.Uid != was.Uid || is.Gid != was.Gid) {
			if err := file.Chown(int(was.Uid), int(was.Gid)); err != nil {
				return err
			}
		}
	}
	return file.Chmod(old.Mode().Perm())
}

// syncFolder makes a rename last through a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
