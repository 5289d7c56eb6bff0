package keyfile

// Writing key files: never half, never over somebody else's, never readable
// for others in between.

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/watchword-tls/watchword"
)

// ErrChanged is what a change ends in if a program that does not wait for
// others wrote to the file meanwhile.
var ErrChanged = errors.New("changed since it was read")

// save replaces the file that f was loaded from, all or nothing: a new file is
// written next to it and takes its name. A symbolic link stays, its target is
// replaced. Mode and owner stay. On any error the old file is as it was. Only
// [Edit] calls it, which keeps our other commands out.
func (f *File) save() error {
	if f.info == nil {
		return fmt.Errorf("%s was not loaded from a file: create it", f.name)
	}
	path, err := filepath.EvalSymlinks(f.name)
	if err != nil {
		return f.notWritten(err)
	}
	if err := f.checkUnchanged(path); err != nil {
		return err
	}
	temp, err := f.writeTemp(filepath.Dir(path), f.info)
	if err != nil {
		return f.notWritten(err)
	}
	defer os.Remove(temp) // fails, as it should, once it has its new name
	// Once more, as late as can be: a program that knows no locks, or a file
	// system without them, may have let somebody in while it was written.
	if err := f.checkUnchanged(path); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return f.notWritten(err)
	}
	f.written(path)
	return nil
}

// checkUnchanged refuses to write over a file that is not what was loaded.
func (f *File) checkUnchanged(path string) error {
	now, err := os.Stat(path)
	if err != nil {
		return f.notWritten(err)
	}
	if !sameFile(now, f.info) {
		return &Error{fmt.Sprintf("%s was changed by another program at the same moment: run the command again", f.name), ErrChanged}
	}
	return nil
}

// written notes that the file is in place. It is also where its folder cannot
// be synced, as some file systems have it: only a power failure right now could
// then bring the old state back, and that was whole as well.
func (f *File) written(path string) {
	_ = syncFolder(filepath.Dir(path))
	f.info, _ = os.Stat(path)
}

// Create writes f to its name, where there must be no file yet, with mode
// 0600. Of several programs that create one file at once, one succeeds, and
// nobody ever sees a part of it. The error of the others wraps [fs.ErrExist].
func (f *File) Create() error {
	temp, err := f.writeTemp(filepath.Dir(f.name), nil)
	if err != nil {
		return f.notWritten(err)
	}
	defer os.Remove(temp)
	if err := publish(temp, f.name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return &Error{fmt.Sprintf("%s exists already: nothing was written", f.name), fs.ErrExist}
		}
		return f.notWritten(err)
	}
	f.written(f.name)
	return nil
}

// publish gives a finished file its name, if nothing has that name.
func publish(temp, path string) error {
	// A hard link is made in one step and fails if the name is taken.
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return claim(temp, path)
}

// claim does the same where there are no hard links, as on FAT: an empty file
// that is created exclusively claims the name, and is replaced in one step.
func claim(temp, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		os.Remove(path)
		return err
	}
	return fill(temp, path)
}

// fill replaces the claimed file, unless somebody put a key into it already:
// until it is locked here, a command may take it for a file without keys.
func fill(temp, path string) error {
	unlock, err := lock(path)
	if err != nil {
		return stillClaimed(err)
	}
	defer unlock()
	info, err := os.Stat(path)
	if err != nil {
		return stillClaimed(err)
	}
	if info.Size() > 0 {
		return fs.ErrExist
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

// claimedError leaves the empty file that claimed the name: without a lock nobody
// knows whether it is still empty.
type claimedError struct{ err error }

// stillClaimed says so, unless somebody has removed the file meanwhile.
func stillClaimed(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &claimedError{err}
}

func (e *claimedError) Error() string { return e.err.Error() }
func (e *claimedError) Unwrap() error { return e.err }

// openTemp creates a file that nobody else can open, with mode 0600. Tests put
// a full disk in its place.
var openTemp = func(folder string) (*os.File, error) { return os.CreateTemp(folder, ".watchword-*.tmp") }

// writeTemp writes f to a new file in the folder and returns its path. Nothing
// stays behind if it fails.
func (f *File) writeTemp(folder string, old fs.FileInfo) (path string, err error) {
	file, err := openTemp(folder)
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	if _, err = file.Write(f.Bytes()); err != nil {
		return "", err
	}
	if old != nil {
		if err = keepOwner(file, old); err != nil {
			return "", fmt.Errorf("its owner and mode could not be kept: %w", reason(err))
		}
	}
	return file.Name(), file.Sync()
}

func (f *File) notWritten(err error) error {
	state := "the old file is unchanged"
	if f.info == nil {
		state = "nothing is left of it"
		var claimed *claimedError
		if errors.As(err, &claimed) {
			state = "it is there without a key; watchword key new puts one into it"
		}
	}
	return &Error{fmt.Sprintf("%s could not be written: %v; %s", f.name, reason(err), state), err}
}

// EnsureDefault loads the named file, or creates it with one new key for
// [DefaultIdentity] if there is none. Two ends that start at the same moment
// end up with the same key.
func EnsureDefault(name string, o LoadOptions) (f *File, created bool, err error) {
	f, err = Load(name, o)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, false, err
	}
	f = New(name)
	if _, err = f.Add(DefaultIdentity, NewSecret(DefaultKeyLen), watchword.KeyOptions{}); err != nil {
		return nil, false, err
	}
	err = f.Create()
	if !errors.Is(err, fs.ErrExist) {
		if err != nil {
			return nil, false, err
		}
		return f, true, nil
	}
	f, err = loadOther(name, o)
	return f, false, err
}

// loadOther loads the file that another program is creating. Only where there
// are no hard links it may be seen while it is empty.
func loadOther(name string, o LoadOptions) (f *File, err error) {
	const attempts, pause = 50, 10 * time.Millisecond
	for range attempts {
		if f, err = Load(name, o); !errors.Is(err, ErrNoKeys) {
			break
		}
		time.Sleep(pause)
	}
	return f, err
}

// NewSecret returns n random bytes.
func NewSecret(n int) []byte {
	secret := make([]byte, n)
	rand.Read(secret) // never fails: see its documentation
	return secret
}
