package classic

// The session key's file: KeyLen raw bytes and nothing else.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteKeyFile writes key to the file name, readable by its owner only. An old
// file is replaced in one step: a reader finds the old key or the new one, and
// when the disk is full the old one stays.
func WriteKeyFile(name string, key *Key) error {
	err := replaceFile(name, key[:])
	if err != nil {
		return fmt.Errorf("cannot write the session key to %s: %w", name, cause(err))
	}
	return nil
}

func replaceFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".session-key-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// ReadKeyFile reads the session key from the file name.
func ReadKeyFile(name string) (*Key, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no session key in %s: the client writes it, and the file has to be carried here", name)
	case err != nil:
		return nil, fmt.Errorf("cannot read the session key from %s: %w", name, cause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("cannot read the session key from %s: it is not a regular file", name)
	case info.Size() != KeyLen:
		return nil, fmt.Errorf("%s has %d bytes, a session key has %d", name, info.Size(), KeyLen)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the session key from %s: %w", name, cause(err))
	}
	defer f.Close()
	var key Key
	if _, err := io.ReadFull(f, key[:]); err != nil {
		return nil, fmt.Errorf("cannot read the session key from %s: %w", name, cause(err))
	}
	return &key, nil
}

// cause takes the operation and the path off err: the sentence around it names
// the file already, and the path may be that of a temporary file.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
