package tunnel

// Which files call for a reload. They are looked at once a second: that works
// for files written in place, renamed over, or mounted anew, on every system
// and file system.

import (
	"crypto/sha256"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Watch reloads when the configuration or a key file has changed, until the
// tunnel ends. A file must look the same twice before it is used: half of a key
// file is a key file with fewer identities.
func (t *Tunnel) Watch() {
	t.work.Go(func() {
		tick := time.NewTicker(limits.TunnelWatchSeconds * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-t.ctx.Done():
				return
			case <-tick.C:
				t.look()
			}
		}
	})
}

// watcher remembers what the files were when they were read last, for whatever
// reason and with whatever success. Tunnel.reloading guards it.
type watcher struct {
	looks map[string]look
	// The settings that were read last. They may have been refused, for a key file
	// that comes later.
	read settings.Settings

	used   fileState
	before fileState // at the last look, where it was not what is used
	same   int       // how many looks in a row found that
}

// fileState is what each file is like.
type fileState map[string]fileDigest

// fileDigest is what one file is like.
type fileDigest struct {
	content [sha256.Size]byte
	fault   string // why it cannot be read
}

func (s fileState) complete() bool {
	for _, d := range s {
		if d.fault != "" {
			return false
		}
	}
	return true
}

// look is one file as it was last read.
type look struct {
	info   os.FileInfo
	when   time.Time
	digest fileDigest
}

// settled reports whether no later change can have left the same time.
func (l look) settled() bool { return l.info != nil && l.when.Sub(l.info.ModTime()) > fileClockStep }

// look reloads if the files have changed. A file that is gone, or that cannot be
// read, is a change too: the reload says what is wrong with it, once, when it had
// time to come back.
func (t *Tunnel) look() {
	t.reloading.Lock()
	defer t.reloading.Unlock()
	w := &t.watcher
	now := t.see()
	if maps.Equal(now, w.used) {
		w.before, w.same = nil, 0
		return
	}
	if !maps.Equal(now, w.before) {
		w.before, w.same = now, 0
	}
	w.same++
	if w.same < 2 || w.same < limits.TunnelWatchMissingLooks && !now.complete() {
		return
	}
	_ = t.reloadAndSay()
}

// see returns what all files are like.
func (t *Tunnel) see() fileState {
	all := make(fileState)
	for _, name := range t.files() {
		all[name] = t.watcher.digest(name)
	}
	return all
}

// use remembers what the files were like before they were read: what has changed
// since calls for another reload. Those that only the reload has named are looked
// at now.
func (t *Tunnel) use(seen fileState) {
	w := &t.watcher
	w.used, w.before, w.same = make(fileState), nil, 0
	for _, name := range t.files() {
		d, ok := seen[name]
		if !ok {
			d = w.digest(name)
		}
		w.used[name] = d
	}
}

// files are those behind the settings, and the key files.
func (t *Tunnel) files() []string {
	names := slices.Clone(t.options.Files)
	for _, list := range [][]settings.Service{t.Settings().Services, t.watcher.read.Services} {
		for _, s := range list {
			names = append(names, t.options.Keys.Find(s.Keys))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fileClockStep is the coarsest step of a file system's clock: two changes
// within it may leave the same time. A file that was read so shortly after its
// change is read again, and so is one whose time is still to come, as a file
// server's clock may have it.
const fileClockStep = 2 * time.Second

func (w *watcher) digest(name string) fileDigest {
	d, err := w.take(name)
	switch {
	case outOfFiles(err):
		return w.used[name] // that says nothing about the file
	case err != nil:
		return fileDigest{fault: systemReason(err).Error()}
	}
	return d
}

func (w *watcher) take(name string) (d fileDigest, err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fileDigest{fault: "no regular file"}, nil // opening it might wait for ever
	}
	f, err := os.Open(name) // each time: it may be there and not for us any more
	if err != nil {
		return d, err
	}
	defer f.Close()
	now := time.Now()
	info, err := f.Stat()
	if err != nil {
		return d, err
	}
	old := w.looks[name]
	if old.settled() && os.SameFile(info, old.info) && info.Size() == old.info.Size() && info.ModTime().Equal(old.info.ModTime()) {
		return old.digest, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, limits.MaxKeyFileBytes+1)); err != nil {
		return d, err
	}
	h.Sum(d.content[:0])
	w.looks[name] = look{info, now, d}
	return d, nil
}
