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

// Owner returns what gives a file, such as a socket that root made, to the user
// and group that the process becomes; where they are empty, or the process's own
// already, it changes nothing. A link in the file's place is given away itself,
// not what it leads to. Who they are is looked up now: a process that was confined
// cannot do it later.
func Owner(user, group string) (give func(path string) error, err error) {
	if user == "" && group == "" {
		return func(string) error { return nil }, nil
	}
	a, err := lookup(user, group)
	if err != nil {
		return nil, err
	}
	return func(path string) error {
		if a.isNow() {
			return nil
		}
		switch err := os.Lchown(path, a.uid, a.gid); {
		case errors.Is(err, syscall.EPERM):
			return fmt.Errorf("%s cannot be given to user %q: this process is not root (its user is %d): start it as root, or leave the user out", path, user, os.Geteuid())
		case err != nil:
			return fmt.Errorf("%s cannot be given to user %q: %w", path, user, err)
		}
		return nil
	}, nil
}

// MayMake reports whether this process can make a file in the folder.
func MayMake(folder string) bool {
	return unix.Access(folder, unix.W_OK|unix.X_OK) == nil
}
