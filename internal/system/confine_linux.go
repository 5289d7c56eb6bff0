package system

// Confinement with Landlock (landlock(7)): the file system is closed but for
// what the rules open. Networks stay open, and so do signals and connections to
// Unix sockets: a tunnel's work is to connect, and systemd's watchdog listens
// at a Unix socket.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// files is all that Landlock up to version 8 can forbid about files. Version 9
// would add connections to Unix sockets, see above.
var files = landlock.V8

const (
	readFile   landlock.AccessFSSet = ll.AccessFSReadFile
	readFolder landlock.AccessFSSet = ll.AccessFSReadFile | ll.AccessFSReadDir
	useFile    landlock.AccessFSSet = ll.AccessFSReadFile | ll.AccessFSWriteFile
	useSockets landlock.AccessFSSet = ll.AccessFSMakeSock | ll.AccessFSRemoveFile
)

var confined atomic.Pointer[string]

// Confined says what is in force, for a log.
func Confined() string {
	if said := confined.Load(); said != nil {
		return *said
	}
	return "none: it was not asked for"
}

// Confine closes the file system for the whole process, all its threads, but
// for the rules and what Go's own packages read. It also sets no_new_privs: no
// program that the process could start gains rights. A kernel without Landlock
// is no error; Confined says so. There is no way back.
func Confine(r Rules) error {
	said := "none: the kernel has no Landlock"
	version, err := ll.LandlockGetABIVersion()
	switch {
	case errors.Is(err, syscall.EOPNOTSUPP):
		said = "none: Landlock is switched off at the kernel's start"
	case err != nil && !errors.Is(err, syscall.ENOSYS):
		said = fmt.Sprintf("none: Landlock may not be used here (%v)", err)
	}
	if err != nil {
		if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("the process cannot give up new privileges: %w", err)
		}
		confined.Store(&said)
		return nil
	}
	rules, err := r.landlock()
	if err != nil {
		return err
	}
	if err := files.BestEffort().RestrictPaths(rules...); err != nil {
		return fmt.Errorf("the process cannot be confined with Landlock: %w; leave confinement off if it must run here", err)
	}
	said = fmt.Sprintf("Landlock ABI %d", version)
	confined.Store(&said)
	return nil
}

// landlock returns the rules in Landlock's terms.
func (r Rules) landlock() ([]landlock.Rule, error) {
	rules := forGo()
	for _, name := range r.Read {
		folders, err := foldersOf(name)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be kept readable: %w", name, err)
		}
		rules = append(rules, landlock.PathAccess(readFile, folders...))
	}
	for _, name := range r.Sockets {
		folder, err := filepath.Abs(filepath.Dir(name))
		if err == nil {
			_, err = os.Stat(folder)
		}
		if err != nil {
			return nil, fmt.Errorf("the folder of the socket %s cannot be kept open: %w", name, err)
		}
		rules = append(rules, landlock.PathAccess(useSockets, folder))
	}
	return rules, nil
}

// foldersOf returns the folder that a file's name is in and, where the name is
// a link, the one that the file is in. The file itself may be missing for now.
// For a file right in /, as containers have it, it returns the file alone: its
// folder would be every file.
func foldersOf(name string) ([]string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var list []string
	if folder != "/" {
		list = append(list, folder)
	}
	file, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && folder != "/":
		return list, nil
	case err != nil:
		return nil, err
	case filepath.Dir(file) == "/":
		return append(list, file), nil
	case filepath.Dir(file) != folder:
		return append(list, filepath.Dir(file)), nil
	}
	return list, nil
}
