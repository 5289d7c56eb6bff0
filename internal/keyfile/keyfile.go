// Package keyfile reads, writes and watches files of pre-shared keys.
//
// # Format
//
// A key is a line
//
//	identity:hex
//
// as Mosquitto, GnuTLS, QEMU, nbdkit and stunnel read it. The identity is
// printable UTF-8 without a colon, with no blank at either end, and does not
// begin with '#'. Any other identity is written in GnuTLS's notation, bytes in
// hex after a '#':
//
//	#HEX:HEX
//
// Every other line that begins with '#' is a comment, and a line of blanks
// means nothing. Lines end in LF or CRLF; the last may end without.
//
// What a key is beyond its bytes stands in a comment directly above it:
//
//	# watchword: external hash=sha384 context=HEX role=client
//
// That is '#', blanks or none, "watchword:", then attributes with blanks
// between them, each at most once (but "watchword:" and nothing else than hex
// digits is a key of that name, disabled, and so a comment):
//
//	external         the key is used as it is, not imported (RFC 9258)
//	hash=sha256      the hash that the key belongs to; sha256 if not given
//	hash=sha384
//	context=HEX      the context of an imported key (RFC 9258 §5.1)
//	role=client      only a client uses the key on this machine
//	role=server      only a server does (RFC 9257 §4.1)
//	tls=1.2          the key is for TLS 1.2 alone; it is external
//	tls=1.3          the key is for TLS 1.3 alone
//
// A key with no such line is imported, for SHA-256, without context and for
// both roles. Several keys with one identity are a rotation: the first is the
// current one, which a client offers; a server accepts all, at most four.
//
// Only this package knows the format. It says nothing to anybody: warnings and
// errors are returned, and none of them holds a secret.
package keyfile

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// What a program uses that is told nothing else.
const (
	// DefaultName is the key file in the working directory.
	DefaultName = "watchword.keys"
	// DefaultIdentity names the key in it. It goes over the network in the
	// clear, so it tells nothing of the machine or of the user.
	DefaultIdentity = "watchword"
	// DefaultKeyLen is the length of a new key in bytes. Keys of 16 to 32
	// bytes work with every implementation known.
	DefaultKeyLen = 32
)

// A File is the content of a key file: its keys, and its comments in their
// places. It is not safe for use by several goroutines while one changes it.
// It prints without its secrets.
type File struct {
	name     string // as the user gave it, for sentences
	lines    []*line
	ending   string // what a new line ends in: the file's own habit
	warnings []string

	// info and digest tell whether the file on disk is still what was read;
	// info is nil for a File that did not come from one.
	info   fs.FileInfo
	digest [sha256.Size]byte
}

// line is one line without its ending: a key, the attributes of the key on
// the next line, or anything else.
type line struct {
	text       string
	ending     string
	attributes bool
	entry      *entry
}

type entry struct {
	key    *watchword.Key
	secret []byte
}

// Name returns the name that the file was read or parsed by.
func (f *File) Name() string { return f.name }

// Keys returns the keys in the order of the file.
func (f *File) Keys() []*watchword.Key {
	var keys []*watchword.Key
	for _, k := range f.List() {
		keys = append(keys, k.Key)
	}
	return keys
}

// Info is what may be told about a key.
type Info struct {
	Key     *watchword.Key
	Len     int  // of the secret, in bytes
	Current bool // it is the first key of its identity
}

// List returns what may be told about each key, in the order of the file.
func (f *File) List() []Info {
	var list []Info
	seen := make(map[string]bool)
	for _, l := range f.lines {
		if l.entry != nil {
			id := l.entry.key.Identity()
			list = append(list, Info{l.entry.key, len(l.entry.secret), !seen[id]})
			seen[id] = true
		}
	}
	return list
}

// Identities returns each identity once, in the order of the file.
func (f *File) Identities() []string {
	var ids []string
	for _, k := range f.List() {
		if k.Current {
			ids = append(ids, k.Key.Identity())
		}
	}
	return ids
}

// KeysOf returns the keys of one identity, first the current one.
func (f *File) KeysOf(identity string) []*watchword.Key {
	return slices.DeleteFunc(f.Keys(), func(k *watchword.Key) bool { return k.Identity() != identity })
}

// Current returns the key that a client offers for the identity. An empty
// identity stands for the only one in the file.
func (f *File) Current(identity string) (*watchword.Key, error) {
	ids := f.Identities()
	switch {
	case len(ids) == 0:
		return nil, f.noKeys()
	case identity == "" && len(ids) > 1:
		return nil, fmt.Errorf("%s holds keys of several identities: say which one to use with --id: %s", f.name, listNames(ids))
	case identity == "":
		identity = ids[0]
	}
	if keys := f.KeysOf(identity); len(keys) > 0 {
		return keys[0], nil
	}
	return nil, fmt.Errorf("%s has no key for %s, it has: %s", f.name, FormatIdentity(identity), listNames(ids))
}

// CheckServer says why no client could prove itself to a server with this file,
// or with the keys of one identity in it: each may be for clients alone here.
func (f *File) CheckServer(identity string) error {
	keys, which := f.Keys(), ""
	if identity != "" {
		keys, which = f.KeysOf(identity), " of "+FormatIdentity(identity)
	}
	for _, k := range keys {
		if k.Options().Role != watchword.ClientRole {
			return nil
		}
	}
	if len(keys) == 0 {
		_, err := f.Current(identity)
		return err
	}
	return &Error{fmt.Sprintf("%s has no key%s for a server: each is for clients alone; add one without role=client", f.name, which), nil}
}

// Warnings returns a sentence for each thing that is allowed but that somebody
// should know.
func (f *File) Warnings() []string {
	if n := len(f.warnings) - limits.MaxKeyFileWarnings; n > 0 {
		return append(slices.Clone(f.warnings[:limits.MaxKeyFileWarnings]),
			fmt.Sprintf("%s: %d more warnings like these", f.name, n))
	}
	return slices.Clone(f.warnings)
}

// Bytes returns the content as it stands in a file, secrets included.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	for _, l := range f.lines {
		b.WriteString(l.text)
		b.WriteString(l.ending)
	}
	return b.Bytes()
}

// String names the file without its secrets. It and the next two take a copy,
// so that they work for a File as well as for a pointer to one.
func (f File) String() string { return fmt.Sprintf("key file %s", f.name) }

// GoString is String, so that %#v does not print secrets either.
func (f File) GoString() string { return f.String() }

// Format keeps every verb of package fmt from reaching a secret.
func (f File) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// listNames joins identities for a sentence, and stops before it gets long.
func listNames(ids []string) string {
	const shown = 8
	var names []string
	for _, id := range ids[:min(len(ids), shown)] {
		names = append(names, FormatIdentity(id))
	}
	if len(ids) > shown {
		names = append(names, fmt.Sprintf("and %d more", len(ids)-shown))
	}
	return strings.Join(names, ", ")
}
