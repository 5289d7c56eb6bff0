//go:build unix

package system

// The user that the program becomes: becoming it, for good.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
)

// LookupUser reports whether there are such a user and group, for a check that
// need not be root. Both empty is right: the process stays who it is.
func LookupUser(user, group string) error {
	if user == "" && group == "" {
		return nil
	}
	_, err := lookup(user, group)
	return err
}

// BecomeUser makes the whole process, all its threads, that user with that one
// group and no other, and makes sure that there is no way back. Both empty
// changes nothing. After an error the process may be somewhere between: end it.
func BecomeUser(user, group string) error {
	if user == "" && group == "" {
		return nil
	}
	a, err := lookup(user, group)
	if err != nil {
		return err
	}
	if a.isNow() {
		return nil
	}
	// The groups go first, while there is the right to; package syscall asks
	// on every thread.
	for _, step := range []func() error{
		func() error { return syscall.Setgroups([]int{a.gid}) },
		func() error { return syscall.Setgid(a.gid) },
		func() error { return syscall.Setuid(a.uid) },
	} {
		switch err := step(); {
		case errors.Is(err, syscall.EPERM):
			return fmt.Errorf("this process is not root (its user is %d) and cannot become user %q: start it as root, or leave the user out", os.Geteuid(), user)
		case err != nil:
			return fmt.Errorf("this process cannot become user %q with group %d: %w", user, a.gid, err)
		}
	}
	return a.verify(user)
}

// isNow reports whether the process is that account already, as a service
// manager may have seen to. Nothing is left to give up then.
func (a account) isNow() bool {
	return os.Getuid() == a.uid && os.Geteuid() == a.uid && os.Getgid() == a.gid && os.Getegid() == a.gid
}

// verify tries to go back. That works only where something kept the right to,
// such as capabilities that outlive setuid (capabilities(7), securebits).
func (a account) verify(user string) error {
	groups, err := syscall.Getgroups()
	switch {
	case err != nil:
		return fmt.Errorf("the groups of this process cannot be read: %w", err)
	case !a.isNow() || slices.ContainsFunc(groups, func(g int) bool { return g != a.gid }):
		return fmt.Errorf("this process became user %d with groups %v instead of user %q", os.Geteuid(), groups, user)
	case syscall.Setuid(0) == nil || a.gid != 0 && syscall.Setgid(0) == nil:
		return fmt.Errorf("this process became user %q but could become root again: start it without capabilities that outlive a change of user", user)
	}
	return nil
}
