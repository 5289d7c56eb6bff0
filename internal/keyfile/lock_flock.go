//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package keyfile

// The lock where there is flock(2): on the key file itself. Nothing is left
// behind by it, it ends with the process, and only who may read the keys can
// hold it; a lock on the folder could be held by every user of the machine.

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// lockPause is the time between two looks whether the file is free.
const lockPause = 5 * time.Millisecond

// lock waits until nobody else holds the file at path, and holds it until
// unlock is called. A file system that knows no locks is no reason to fail:
// save looks itself whether the file is still the one that was read.
func lock(path string) (unlock func(), err error) {
	// Opening a pipe would wait for its writer: look first.
	info, err := os.Stat(path)
	if err != nil {
		return nil, explain(path, err)
	}
	if err := checkType(path, info); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPause) {
		file, held, err := tryLock(path)
		if err != nil {
			return nil, explain(path, err)
		}
		if held {
			return func() { file.Close() }, nil
		}
		if time.Now().After(deadline) {
			return nil, busy(path)
		}
	}
}

// tryLock does not wait.
func tryLock(path string) (file *os.File, held bool, err error) {
	// NFS grants this lock only on what is open for writing.
	file, err = os.OpenFile(path, os.O_RDWR, 0)
	readOnly := errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
	if readOnly {
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, false, err
	}
	if held, err = holds(file, path, readOnly); !held || err != nil {
		file.Close()
		return nil, false, err
	}
	return file, true, nil
}

// holds locks the file if it is free. What was locked may have been replaced
// since it was opened: then it is not the file at path any more.
func holds(file *os.File, path string, readOnly bool) (bool, error) {
	switch err := flock(file); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	case noLocks(err), readOnly && errors.Is(err, syscall.EBADF):
		return true, nil
	case err != nil:
		return false, os.NewSyscallError("flock", err)
	}
	locked, err := file.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(locked, now), err
}

// noLocks reports whether this file system knows none.
func noLocks(err error) bool {
	for _, e := range []error{syscall.ENOLCK, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// flock does not wait either. Tests put a file system without locks in its place.
var flock = func(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
