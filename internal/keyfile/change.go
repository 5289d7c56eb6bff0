package keyfile

// Changing a key file while other commands do the same: one after the other,
// each on what the one before it left.

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// ErrBusy is what a change ends in if another program holds the file for too
// long.
var ErrBusy = errors.New("held by another program")

// Edit loads the named file, which may be without a key, lets change work on
// it and saves it. An error of change leaves the file as it is. Other calls
// wait, in this process and in others, from before the file is read until it
// is replaced, so that none undoes what another did.
func Edit(name string, o LoadOptions, change func(*File) error) error {
	unlock, err := lock(o.Find(name))
	if err != nil {
		return err
	}
	defer unlock()
	f, err := LoadAny(name, o)
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	return f.save()
}

// EditOrCreate is Edit, but makes the file if there is none. If another program
// makes it at the same moment, change is called again, with that one's file.
func EditOrCreate(name string, o LoadOptions, change func(*File) error) error {
	const attempts = 3 // a name that is taken and stands for no file stays so
	var err error
	for range attempts {
		if err = Edit(name, o, change); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f := New(name)
		if err := change(f); err != nil {
			return err
		}
		if err = f.Create(); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return err
}

// lockPatience is how long lock waits. Tests shorten it.
var lockPatience = limits.KeyFileLockSeconds * time.Second

// busy says that the file was not to be had.
func busy(path string) error {
	return &Error{fmt.Sprintf("%s is being changed by another program, which did not end within %d seconds: run the command again", path, limits.KeyFileLockSeconds), ErrBusy}
}
