package system

// What Go's packages read while a program runs. Its runtime needs no rule: it
// opens what it reads of control groups as it starts, and keeps it open.

import (
	"os"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// resolver are the files of package net.
var resolver = []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services"}

// forGo returns the rules that every process needs. What a machine does not
// have, a small container for one, is left out.
func forGo() []landlock.Rule {
	open := func(access landlock.AccessFSSet, paths ...string) landlock.Rule {
		return landlock.PathAccess(access, paths...).IgnoreIfMissing()
	}
	rules := []landlock.Rule{
		open(readFile, resolver...),
		// Package time.
		open(readFile, "/etc/localtime"),
		open(readFolder, "/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"),
		// Counts of memory and descriptors, profiles.
		open(readFolder, "/proc/self"),
		// How many connections may wait at a listener.
		open(readFile, "/proc/sys/net/core/somaxconn"),
		open(useFile, "/dev/null"),
	}
	return append(rules, resolverFolders()...)
}

// resolverFolders opens the folders that resolver's files are renamed into, as
// DHCP clients do with resolv.conf: package net takes one that it cannot read
// for an empty one, and asks a name server that is not there. Where that is
// /etc, other files become readable as far as their modes let this user. Root
// has no such bound, and must do with the files as they are.
func resolverFolders() []landlock.Rule {
	var rules []landlock.Rule
	for _, name := range resolver {
		file, err := filepath.EvalSymlinks(name)
		if err != nil {
			continue
		}
		if folder := filepath.Dir(file); folder != "/" && (folder != "/etc" || os.Geteuid() != 0) {
			rules = append(rules, landlock.PathAccess(readFile, folder).IgnoreIfMissing())
		}
	}
	return rules
}
