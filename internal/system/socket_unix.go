//go:build unix

package system

// Unix sockets: whose they are, and where one may be made.

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Own gives a file, such as a socket that root made, to the user and group that
// the process becomes; both empty, or the process's own, change nothing. A link
// in its place is given away itself, not what it leads to.
func Own(user, group, path string) error {
	if user == "" && group == "" {
		return nil
	}
	a, err := lookup(user, group)
	if err != nil || a.isNow() {
		return err
	}
	switch err := os.Lchown(path, a.uid, a.gid); {
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%s cannot be given to user %q: this process is not root (its user is %d): start it as root, or leave the user out", path, user, os.Geteuid())
	case err != nil:
		return fmt.Errorf("%s cannot be given to user %q: %w", path, user, err)
	}
	return nil
}

// MayMake reports whether this process can make a file in the folder.
func MayMake(folder string) bool {
	return unix.Access(folder, unix.W_OK|unix.X_OK) == nil
}
