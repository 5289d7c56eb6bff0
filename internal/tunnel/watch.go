package tunnel

// Which files call for a reload. They are looked at once a second: that works
// for files written in place, renamed over, or mounted anew, on every system
// and file system.

import (
	"crypto/sha256"
	"io"
	"os"
	"slices"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// Watch reloads when the configuration or a key file has changed, until the
// tunnel ends. A file must look the same twice before it is used: half of a key
// file is a key file with fewer identities.
func (t *Tunnel) Watch() {
	w := &watcher{tunnel: t, looks: make(map[string]look)}
	w.used, _ = w.see()
	t.work.Go(func() {
		tick := time.NewTicker(limits.TunnelWatchSeconds * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-t.ctx.Done():
				return
			case <-tick.C:
				w.check()
			}
		}
	})
}

// watcher remembers what the files were when they were used last.
type watcher struct {
	tunnel *Tunnel
	looks  map[string]look
	used   [sha256.Size]byte
	before [sha256.Size]byte // at the last look, where it was not what is used
}

// look is one file as it was last read.
type look struct {
	info   os.FileInfo
	digest [sha256.Size]byte
}

func (w *watcher) check() {
	now, ok := w.see()
	switch {
	case !ok || now == w.used:
		w.before = w.used
	case now != w.before:
		w.before = now
	default:
		names := w.names()
		w.used = now
		_ = w.tunnel.Reload() // it has said what was wrong
		if !slices.Equal(names, w.names()) {
			w.used, _ = w.see()
		}
	}
}

// see returns what all files are like. A file that is gone or cannot be read
// changes nothing: SIGHUP says what is wrong with it.
func (w *watcher) see() (all [sha256.Size]byte, ok bool) {
	h := sha256.New()
	ok = true
	for _, name := range w.names() {
		digest, found := w.digest(name)
		ok = ok && found
		_, _ = io.WriteString(h, name)
		h.Write(digest[:])
	}
	h.Sum(all[:0])
	return all, ok
}

func (w *watcher) names() []string {
	names := append([]string(nil), w.tunnel.options.Files...)
	seen := make(map[string]bool)
	for _, s := range w.tunnel.Settings().Services {
		if !seen[s.Keys] {
			seen[s.Keys] = true
			names = append(names, w.tunnel.options.Keys.Find(s.Keys))
		}
	}
	return names
}

// fileClockStep is the coarsest step of a file system's clock: two changes
// within it may leave the same time.
const fileClockStep = 2 * time.Second

func (w *watcher) digest(name string) (d [sha256.Size]byte, ok bool) {
	info, err := os.Stat(name)
	if err != nil {
		return d, false
	}
	old := w.looks[name]
	if old.info != nil && os.SameFile(info, old.info) && info.Size() == old.info.Size() && info.ModTime().Equal(old.info.ModTime()) &&
		time.Since(info.ModTime()).Abs() > fileClockStep {
		return old.digest, true
	}
	f, err := os.Open(name)
	if err != nil {
		return d, false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, limits.MaxKeyFileBytes+1)); err != nil {
		return d, false
	}
	h.Sum(d[:0])
	w.looks[name] = look{info, d}
	return d, true
}
