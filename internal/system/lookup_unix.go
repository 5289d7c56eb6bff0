//go:build unix

package system

// The user that the program becomes: who it is.

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// account is a user and its one group, as numbers.
type account struct{ uid, gid int }

// lookup finds a user and a group by name or number. Without a group it is the
// user's own. A number need not be in the lists: a container may have none.
func lookup(name, group string) (account, error) {
	var a account
	if name == "" {
		return a, fmt.Errorf("the group %q is set without a user: name the user too", group)
	}
	u, err := user.Lookup(name)
	if err != nil {
		if byNumber, err := user.LookupId(name); err == nil {
			u = byNumber
		}
	}
	switch number, bad := strconv.ParseUint(name, 10, 31); {
	case u != nil:
		if a.uid, err = strconv.Atoi(u.Uid); err != nil {
			return a, errors.New("this system has no users by number")
		}
	case bad != nil:
		return a, fmt.Errorf("there is no user %q on this machine: create it, or name another", name)
	case group == "":
		return a, fmt.Errorf("the user %q is a number that has no name here, and so no group: name the group too", name)
	default:
		a.uid = int(number)
	}
	if a.uid == 0 {
		return a, fmt.Errorf("the user %q is root, which has every privilege: name another, or leave the user out", name)
	}
	if group == "" {
		a.gid, err = strconv.Atoi(u.Gid)
		return a, err
	}
	a.gid, err = lookupGroup(group)
	return a, err
}

func lookupGroup(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err == nil {
		return strconv.Atoi(g.Gid)
	}
	number, err := strconv.ParseUint(name, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q on this machine: create it, or name another", name)
	}
	return int(number), nil
}
