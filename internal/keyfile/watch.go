package keyfile

// A key file that a running server follows.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/watchword-tls/watchword"
)

// WatchOptions say how to read the file and whom to tell of changes. The
// functions are called during a lookup, by one goroutine at a time.
type WatchOptions struct {
	LoadOptions
	// Changed, if set, is told of each new content that came into use.
	Changed func(*File)
	// Failed, if set, is told once of each change that could not be used.
	// The keys read last stay in use.
	Failed func(error)
}

// Watched is a key file that is looked at in each lookup and read again when
// it changed: when it was written to, renamed over, or a symbolic link on the
// way to it was turned. All of it comes into use or nothing: a faulty new file
// leaves the old keys in use. So does a file that is gone or empty, as it is
// while a clumsy program writes it; but one that holds comments and no key is
// believed, and then nobody is let in. It may be used by many goroutines.
type Watched struct {
	name    string
	options WatchOptions

	telling sync.Mutex // held around options.Changed and options.Failed

	mu       sync.Mutex // guards what follows
	file     *File
	ring     *Ring
	seen     seen   // what was looked at last, good or bad
	lastFail string // the last sentence told, until a file is good again
}

// seen is a look at the file.
type seen struct {
	info   fs.FileInfo // nil: look again in any case
	digest [sha256.Size]byte
	recent bool // it changed so shortly before that its time may not tell the next change
}

// Watch loads the file and returns it as a lookup for a server. One without a
// key that a server takes is refused at the start, and believed later.
func Watch(name string, o WatchOptions) (*Watched, error) {
	r, err := read(name, o.LoadOptions)
	if err != nil {
		return nil, err
	}
	f, err := r.parse(nil)
	if err != nil {
		return nil, err
	}
	if err := f.CheckServer(""); err != nil {
		return nil, err
	}
	w := &Watched{name: name, options: o}
	w.use(f)
	w.seen = look(r, time.Now())
	return w, nil
}

// File returns the content in use since the last lookup. Do not change it.
func (w *Watched) File() *File {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.file
}

// LookupKeys implements [watchword.KeyLookup]. Keys that only a client uses
// are found too: the server takes none of them, and can say so.
func (w *Watched) LookupKeys(_ context.Context, offered []watchword.OfferedIdentity) ([]*watchword.Key, error) {
	w.check()
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []*watchword.Key
	done := make(map[string]bool, len(offered))
	for _, o := range offered {
		if !done[o.Identity] {
			done[o.Identity] = true
			found = append(found, w.ring.Of(o.Identity)...)
		}
	}
	return found, nil
}

// KeysPerIdentity implements [watchword.RotationLookup].
func (w *Watched) KeysPerIdentity() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ring.KeysPerIdentity()
}

// check looks at the file and tells what came of it.
func (w *Watched) check() {
	w.mu.Lock()
	changed, err := w.reload()
	w.mu.Unlock()
	if !changed && err == nil {
		return
	}
	w.telling.Lock()
	defer w.telling.Unlock()
	if err != nil && w.options.Failed != nil {
		w.options.Failed(fmt.Errorf("%w; the keys read before stay in use", err))
	}
	if changed && w.options.Changed != nil {
		w.options.Changed(w.File())
	}
}

// reload brings a changed file into use. Its error is new: it was not returned
// before for the same state of the file.
func (w *Watched) reload() (changed bool, err error) {
	path := w.options.Find(w.name)
	if info, err := os.Stat(path); err == nil && w.seen.info != nil && !w.seen.recent && sameFile(info, w.seen.info) {
		return false, nil
	}
	r, err := read(w.name, w.options.LoadOptions)
	if r == nil {
		w.seen = seen{}
		return false, w.fail(err, false)
	}
	before := w.seen
	w.seen = look(r, time.Now())
	same := before.info != nil && sameFile(before.info, r.info) && before.digest == w.seen.digest
	if same {
		return false, nil
	}
	var f *File
	if err == nil {
		f, err = r.parse(w.file)
	}
	if err == nil && len(f.Keys()) == 0 && !f.hasComment() {
		err = f.noKeys()
	}
	if err != nil {
		return false, w.fail(err, true)
	}
	w.lastFail = ""
	if bytes.Equal(f.Bytes(), w.file.Bytes()) {
		w.file = f
		return false, nil
	}
	w.use(f)
	return true, nil
}

// fail returns the error unless it was returned before and the file is as it
// was then.
func (w *Watched) fail(err error, newContent bool) error {
	if !newContent && err.Error() == w.lastFail {
		return nil
	}
	w.lastFail = err.Error()
	return err
}

func (w *Watched) use(f *File) {
	w.file, w.ring = f, f.Ring()
}

// clockStep is the coarsest step of a file system's clock, FAT's. Two changes
// within it may leave the same time, so a file that changed so shortly before
// it was read is read again at the next lookup.
const clockStep = 2 * time.Second

func look(r *content, now time.Time) seen {
	age := now.Sub(r.info.ModTime())
	return seen{info: r.info, digest: sha256.Sum256(r.data), recent: age.Abs() <= clockStep}
}

// sameFile reports whether two looks saw the same file with the same content,
// as far as that can be told without reading it.
func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}

var _ watchword.RotationLookup = (*Watched)(nil)
