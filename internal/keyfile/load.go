package keyfile

// Reading a key file from disk, with the checks that stand before it.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/watchword-tls/watchword/internal/limits"
)

// LoadOptions say where a file may be and what is tolerated.
type LoadOptions struct {
	// AllowReadable takes a file that every user of the machine can read. It
	// is then a warning, for secrets mounted into a container.
	AllowReadable bool
	// Credentials is the folder that systemd hands over in
	// $CREDENTIALS_DIRECTORY, or empty. A relative name that is not in the
	// working directory is looked up there. Files in it are taken as systemd
	// made them, whatever their mode: the folder is what guards them.
	Credentials string
}

// An Error is a fault of the file as a whole. It is a sentence by itself;
// errors.Is finds what the system said, such as [fs.ErrNotExist].
type Error struct {
	sentence string
	cause    error
}

func (e *Error) Error() string { return e.sentence }

// Unwrap returns what the system said, or one of this package's errors.
func (e *Error) Unwrap() error { return e.cause }

// ErrNoKeys is what a file without any key wraps.
var ErrNoKeys = errors.New("no keys")

func (f *File) noKeys() error {
	what := "holds no key, only comments"
	if !f.hasComment() {
		what = "is empty"
	}
	return &Error{fmt.Sprintf("%s %s: make a key with %s", f.name, what, newCommand(f.name)), ErrNoKeys}
}

// newCommand is the command that makes a key in the named file.
func newCommand(name string) string {
	if name == DefaultName {
		return "watchword key new"
	}
	return "watchword key new --keys " + Quote(name)
}

// Load reads the named file. It must hold a key and be closed to other users;
// symbolic links are followed.
func Load(name string, o LoadOptions) (*File, error) {
	f, err := LoadAny(name, o)
	if err == nil && len(f.Keys()) == 0 {
		return nil, f.noKeys()
	}
	return f, err
}

// LoadAny is Load, but a file without a key will do: one is about to be added.
func LoadAny(name string, o LoadOptions) (*File, error) {
	r, err := read(name, o)
	if err != nil {
		return nil, err
	}
	return r.parse(nil)
}

// content is what was read from disk, not parsed yet.
type content struct {
	path     string // where it was found
	data     []byte
	info     fs.FileInfo
	warnings []string
}

func (r *content) parse(old *File) (*File, error) {
	f, err := parse(r.path, r.data, old)
	if err != nil {
		return nil, err
	}
	f.info = r.info
	f.warnings = append(r.warnings, f.warnings...)
	return f, nil
}

// read checks the file and reads it. The checks are made on the open file,
// since the name may stand for another one a moment later. A content that comes
// with an error was refused for what it is, not for failing to be read.
func read(name string, o LoadOptions) (*content, error) {
	path := o.Find(name)
	// Opening a pipe would wait for its writer: look first.
	info, err := os.Stat(path)
	if err == nil {
		err = checkType(path, info)
	}
	if err != nil {
		return nil, explain(path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, explain(path, err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, explain(path, err)
	}
	r := &content{path: path, info: info}
	if !o.fromSystemd(path) {
		if r.warnings, err = checkMode(path, info, o.AllowReadable); err != nil {
			return r, err
		}
	}
	var data bytes.Buffer
	if _, err = data.ReadFrom(io.LimitReader(file, limits.MaxKeyFileBytes+1)); err != nil {
		return nil, explain(path, err)
	}
	r.data = data.Bytes()
	return r, nil
}

// Find returns the path that the name stands for.
func (o LoadOptions) Find(name string) string {
	if o.Credentials == "" || filepath.IsAbs(name) {
		return name
	}
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return name
	}
	path := filepath.Join(o.Credentials, name)
	if _, err := os.Lstat(path); err != nil {
		return name
	}
	return path
}

func (o LoadOptions) fromSystemd(path string) bool {
	if o.Credentials == "" {
		return false
	}
	rel, err := filepath.Rel(o.Credentials, path)
	return err == nil && filepath.IsLocal(rel)
}

func checkType(name string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &Error{name + " is a directory: a key file is needed, name one in it", nil}
	case !info.Mode().IsRegular():
		return &Error{name + " is not a regular file, so it cannot be watched for changes: copy the keys into a file of their own", nil}
	}
	return nil
}

// explain turns what the system said into a sentence with what to do.
func explain(name string, err error) error {
	var ours *Error
	if errors.As(err, &ours) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if target, linkErr := os.Readlink(name); linkErr == nil {
			return &Error{fmt.Sprintf("%s is a symbolic link to %s, which does not exist", name, target), err}
		}
		return &Error{fmt.Sprintf("the key file %s does not exist: make it with %s, or copy the other end's file here", name, newCommand(name)), err}
	case errors.Is(err, fs.ErrPermission):
		return &Error{fmt.Sprintf("%s cannot be read: permission denied: run as the user it belongs to, or give it to this one with chown", name), err}
	}
	return &Error{fmt.Sprintf("%s cannot be read: %v", name, reason(err)), err}
}

// reason is what the system said without the path, which the sentence has.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	var linkError *os.LinkError
	if errors.As(err, &linkError) {
		return linkError.Err
	}
	return err
}
