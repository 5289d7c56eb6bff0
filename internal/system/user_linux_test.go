package system

// A process that becomes another user: what the kernel says of its threads.

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func init() {
	children["nobody"] = becomeNobody
	children["nobody, then daemon"] = func([]string) error {
		if err := BecomeUser("nobody", ""); err != nil {
			return err
		}
		return wantError(BecomeUser("daemon", ""), "is not root (its user is 65534) and cannot become user \"daemon\": start it as root, or leave the user out")
	}
	children["numbers"] = func([]string) error {
		if err := BecomeUser("54321", "54322"); err != nil {
			return err
		}
		return everyThread("54321", "54322")
	}
	children["twice"] = func([]string) error {
		if err := BecomeUser("nobody", ""); err != nil {
			return err
		}
		return BecomeUser("nobody", "")
	}
}

func wantError(err error, want string) error {
	if err == nil || !strings.Contains(err.Error(), want) {
		return fmt.Errorf("the error is %v instead of one with %q", err, want)
	}
	return nil
}

// becomeNobody starts threads first, as a program that serves has them.
func becomeNobody([]string) error {
	const threads = 8
	var ready sync.WaitGroup
	var hold, done sync.WaitGroup
	ready.Add(threads)
	hold.Add(1)
	for range threads {
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			hold.Wait()
		})
	}
	ready.Wait()
	defer done.Wait()
	defer hold.Done()
	if err := BecomeUser("nobody", ""); err != nil {
		return err
	}
	if syscall.Setuid(0) == nil || syscall.Setgroups([]int{0}) == nil {
		return fmt.Errorf("the process can become root again")
	}
	return everyThread("65534", "65534")
}

// everyThread reads what the kernel says of each thread: user and group, real,
// effective, saved and of the file system, and the only other group.
func everyThread(uid, gid string) error {
	list, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(list) < 2 {
		return fmt.Errorf("the threads cannot be listed: %v, %v", list, err)
	}
	for _, name := range list {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var found []string
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			switch fields[0] {
			case "Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "CapAmb:":
				found = append(found, strings.Join(fields, " "))
			}
		}
		want := []string{
			"Uid: " + strings.Repeat(uid+" ", 3) + uid,
			"Gid: " + strings.Repeat(gid+" ", 3) + gid,
			"Groups: " + gid,
			"CapPrm: 0000000000000000", "CapEff: 0000000000000000", "CapAmb: 0000000000000000",
		}
		if !slices.Equal(found, want) {
			return fmt.Errorf("%s says %q instead of %q", name, found, want)
		}
	}
	return nil
}

func TestBecomeUser(t *testing.T) {
	if os.Geteuid() != 0 {
		err := wantError(BecomeUser("nobody", ""), "is not root")
		if err != nil && os.Geteuid() != 65534 {
			t.Errorf("A process that is not root became another user: %v", err)
		}
		return
	}
	for _, name := range []string{"nobody", "nobody, then daemon", "numbers", "twice"} {
		t.Run(name, func(t *testing.T) { mustRun(t, child(t, name)) })
	}
}

func TestLookupUser(t *testing.T) {
	for _, c := range []struct{ user, group, want string }{
		{"nobody", "", ""},
		{"65534", "", ""},
		{"54321", "54321", ""},
		{"watchword-missing", "", `there is no user "watchword-missing" on this machine: create it, or name another`},
		{"nobody", "watchword-missing", `there is no group "watchword-missing" on this machine: create it, or name another`},
		{"54321", "", `the user "54321" is a number that has no name here, and so no group: name the group too`},
		{"", "nogroup", `the group "nogroup" is set without a user: name the user too`},
		{"root", "", `the user "root" is root, which has every privilege: name another, or leave the user out`},
		{"0", "54321", `the user "0" is root, which has every privilege: name another, or leave the user out`},
		{"-1", "54321", `there is no user "-1" on this machine: create it, or name another`},
		{"4294967295", "54321", `there is no user "4294967295" on this machine: create it, or name another`},
	} {
		said := ""
		if err := LookupUser(c.user, c.group); err != nil {
			said = err.Error()
		}
		if said != c.want {
			t.Errorf("LookupUser(%q, %q) says %q instead of %q.", c.user, c.group, said, c.want)
		}
	}
}
