package keyfile

// Changes to a File: keys come and go, comments and order stay.

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// New returns an empty File to be filled and created.
func New(name string) *File { return &File{name: name, ending: "\n"} }

// Add puts a key into the file: above the other keys of its identity, so that
// it is the current one from now on, or at the end. In a rotation the servers
// get the changed file first, since they accept the old key as well as the
// new, and the clients after them.
func (f *File) Add(identity string, secret []byte, o watchword.KeyOptions) (*watchword.Key, error) {
	e, err := newEntry(identity, secret, o)
	if err != nil {
		return nil, err
	}
	if n := len(f.KeysOf(identity)); n >= limits.RotationKeys {
		return nil, fmt.Errorf("%s has %d keys for %s already, as many as are allowed: remove old ones", f.name, n, FormatIdentity(identity))
	}
	at := len(f.lines)
	if i := slices.IndexFunc(f.lines, func(l *line) bool {
		return l.entry != nil && l.entry.key.Identity() == identity
	}); i >= 0 {
		at = i
		if i > 0 && f.lines[i-1].attributes {
			at--
		}
	}
	changed := *f
	changed.lines = slices.Insert(slices.Clone(f.lines), at, f.linesOf(e, notation(identity))...)
	// Whatever a parser would refuse must not be written.
	parsed, err := parse(f.name, changed.Bytes(), f)
	if err != nil {
		return nil, err
	}
	f.lines = parsed.lines
	return e.key, nil
}

// linesOf returns the lines of one key: its attributes, if any, and itself.
func (f *File) linesOf(e *entry, identity string) []*line {
	var lines []*line
	if text := formatAttributes(e.key.Options()); text != "" {
		lines = append(lines, &line{text: text, ending: f.ending, attributes: true})
	}
	text := identity + ":" + hex.EncodeToString(e.secret)
	return append(lines, &line{text: text, ending: f.ending, entry: e})
}

// noKeysComment keeps a file from being empty, as one is that somebody cut off
// by accident: see [Watched].
const noKeysComment = "# no key is left in this file"

// Remove takes a key and its attributes out of the file.
func (f *File) Remove(k *watchword.Key) error {
	i := slices.IndexFunc(f.lines, func(l *line) bool { return l.entry != nil && l.entry.key.Equal(k) })
	if i < 0 {
		return fmt.Errorf("%s does not hold that %v", f.name, k)
	}
	from := i
	if i > 0 && f.lines[i-1].attributes {
		from--
	}
	f.lines = slices.Delete(slices.Clone(f.lines), from, i+1)
	if len(f.Keys()) == 0 && !f.hasComment() {
		f.lines = append(f.lines, &line{text: noKeysComment, ending: f.ending})
	}
	return nil
}

func (f *File) hasComment() bool {
	return slices.ContainsFunc(f.lines, func(l *line) bool { return strings.HasPrefix(l.text, "#") && l.entry == nil })
}

// ForPeer returns a file for the other end with the keys of one identity, or
// of all if it is empty. A key that only a client uses here is one that only a
// server uses there.
func (f *File) ForPeer(name, identity string) (*File, error) {
	out := New(name)
	for _, e := range f.entries(identity) {
		o := e.key.Options()
		switch o.Role {
		case watchword.ClientRole:
			o.Role = watchword.ServerRole
		case watchword.ServerRole:
			o.Role = watchword.ClientRole
		}
		mirrored, err := newEntry(e.key.Identity(), e.secret, o)
		if err != nil {
			return nil, err
		}
		out.lines = append(out.lines, out.linesOf(mirrored, notation(e.key.Identity()))...)
	}
	return out, f.found(out, identity)
}

// Plain returns a file without any comment, for programs that take none, such
// as stunnel: the current key of one identity, or of each if it is empty.
// Other programs do not agree on which of several keys they take. The
// attributes are lost: such programs know external keys only.
func (f *File) Plain(name, identity string) (*File, error) {
	out := New(name)
	done := make(map[string]bool)
	for _, e := range f.entries(identity) {
		id := e.key.Identity()
		if done[id] {
			continue
		}
		done[id] = true
		if err := checkPlain(id); err != nil {
			return nil, fmt.Errorf("identity %s cannot stand in a plain file, which has no notation for it: choose others with --id", FormatIdentity(id))
		}
		out.lines = append(out.lines, &line{text: id + ":" + hex.EncodeToString(e.secret), ending: out.ending, entry: e})
	}
	return out, f.found(out, identity)
}

func (f *File) entries(identity string) []*entry {
	var es []*entry
	for _, l := range f.lines {
		if l.entry != nil && (identity == "" || l.entry.key.Identity() == identity) {
			es = append(es, l.entry)
		}
	}
	return es
}

// found explains an export that came out empty.
func (f *File) found(out *File, identity string) error {
	if len(out.lines) > 0 {
		return nil
	}
	_, err := f.Current(identity)
	return err
}
