package keyfile

// The one parser of key files. It takes any bytes, and its errors name the file
// and the line but repeat nothing that might be a secret: who writes the key
// first and the name after it must not find the key in a log.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// Parse reads the content of a key file. The name is for its errors. A file
// without keys is no error here.
func Parse(name string, data []byte) (*File, error) { return parse(name, data, nil) }

// parse is Parse, and takes the keys that stand in old as well from there:
// preparing a key for TLS takes far longer than reading it, and a server must
// not pause because one of many thousand keys changed.
func parse(name string, data []byte, old *File) (*File, error) {
	if len(data) > limits.MaxKeyFileBytes {
		return nil, tooLarge(name)
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return nil, fmt.Errorf("%s: the file begins with a byte order mark: save it as UTF-8 without one", name)
	}
	p := &parser{
		file:     &File{name: name, ending: "\n", digest: sha256.Sum256(data)},
		known:    old.byText(),
		byID:     make(map[string][]*numbered),
		bySecret: make(map[[sha256.Size]byte]*numbered),
	}
	for len(data) > 0 {
		raw, rest, found := bytes.Cut(data, []byte("\n"))
		data = rest
		p.number++
		if err := p.line(string(raw), found); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, p.number, err)
		}
	}
	if p.pending != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, p.number, errNotAbove)
	}
	return p.file, nil
}

var errNotAbove = errors.New("these attributes do not stand directly above a key: move them to the line above it, or remove them")

// parser is the state between lines.
type parser struct {
	file     *File
	number   int                   // of the line being read, from 1
	pending  *watchword.KeyOptions // from an attribute line just above
	keys     int
	known    map[string]*entry // by their lines, from an earlier content
	byID     map[string][]*numbered
	bySecret map[[sha256.Size]byte]*numbered
}

type numbered struct {
	*entry
	number int
}

func (p *parser) line(text string, ended bool) error {
	l := &line{ending: p.file.ending}
	if t, ok := strings.CutSuffix(text, "\r"); ok {
		text, l.ending = t, "\r\n"
	} else if ended {
		l.ending = "\n"
	}
	if p.number == 1 {
		p.file.ending = l.ending
	}
	l.text = text
	if len(text) > limits.MaxKeyFileLine {
		return fmt.Errorf("the line is longer than %d bytes", limits.MaxKeyFileLine)
	}
	p.file.lines = append(p.file.lines, l)
	if !isKeyLine(text) {
		return p.comment(l)
	}
	var options watchword.KeyOptions
	if p.pending != nil {
		options = *p.pending
	}
	p.pending = nil
	e := p.known[formatAttributes(options)+text]
	if e == nil {
		var err error
		if e, err = parseKey(text, options); err != nil {
			return err
		}
	}
	l.entry = e
	return p.add(e)
}

// byText returns the keys by their attributes and lines. There are none in no
// file.
func (f *File) byText() map[string]*entry {
	if f == nil {
		return nil
	}
	known := make(map[string]*entry)
	for _, l := range f.lines {
		if l.entry != nil {
			known[formatAttributes(l.entry.key.Options())+l.text] = l.entry
		}
	}
	return known
}

// isKeyLine tells a key from a comment. With a '#' only GnuTLS's notation
// counts, hex and a colon and hex, with nothing around it.
func isKeyLine(text string) bool {
	rest, ok := strings.CutPrefix(text, "#")
	if !ok {
		return strings.Trim(text, blanks) != ""
	}
	id, key, _ := strings.Cut(rest, ":")
	return id != "" && key != "" && notHex(id) < 0 && notHex(key) < 0
}

func (p *parser) comment(l *line) error {
	if p.pending != nil {
		p.number--
		return errNotAbove
	}
	text, ok := cutAttributes(l.text)
	if !ok {
		return nil
	}
	o, err := parseAttributes(text)
	if err != nil {
		return err
	}
	l.attributes, p.pending = true, &o
	return nil
}

// parseKey reads identity:hex or #HEX:HEX.
func parseKey(text string, o watchword.KeyOptions) (*entry, error) {
	identity, digits, found := strings.Cut(text, ":")
	if !found {
		return nil, errors.New("the line has no colon: a key line is identity:hex, a comment begins with #")
	}
	if strings.HasPrefix(identity, "#") {
		if len(identity)%2 == 0 {
			return nil, errors.New("the identity has an odd number of hex digits after the #")
		}
		identity = ParseIdentity(identity)
	} else if err := checkPlain(identity); err != nil {
		return nil, err
	}
	secret, err := parseSecret(digits)
	if err != nil {
		return nil, err
	}
	return newEntry(identity, secret, o)
}

// parseSecret reads the hex of a key. Its errors tell where the fault is and
// not what stands there.
func parseSecret(digits string) ([]byte, error) {
	if digits == "" {
		return nil, errors.New("there is no key after the colon")
	}
	if strings.Contains(digits, ":") {
		return nil, errors.New("the line has more than one colon: an identity with a colon is written in hex, as #HEX:HEX")
	}
	if i := notHex(digits); i >= 0 {
		return nil, fmt.Errorf("the key is not hex: its character %d is not one of 0-9 and a-f", i+1)
	}
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("the key has an odd number of hex digits, %d: one is missing or too many", len(digits))
	}
	return hex.DecodeString(digits)
}

// notHex returns the place of the first byte that is no hex digit, or -1.
func notHex(s string) int {
	return strings.IndexFunc(s, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F')
	})
}

func newEntry(identity string, secret []byte, o watchword.KeyOptions) (*entry, error) {
	key, err := watchword.NewKey(identity, secret, o)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "watchword: "))
	}
	return &entry{key, secret}, nil
}

// add checks a key against those above it.
func (p *parser) add(e *entry) error {
	id := e.key.Identity()
	n := &numbered{e, p.number}
	digest := sha256.Sum256(e.secret)
	if other := p.bySecret[digest]; other != nil {
		warning, err := sameSecret(e, other)
		if err != nil {
			return err
		}
		p.warn(warning)
	} else {
		p.bySecret[digest] = n
	}
	p.keys++
	if p.keys > limits.MaxKeysInFile {
		return fmt.Errorf("the file holds more than %d keys", limits.MaxKeysInFile)
	}
	p.byID[id] = append(p.byID[id], n)
	if len(p.byID[id]) > limits.RotationKeys {
		return fmt.Errorf("this is key number %d of identity %s, at most %d are allowed: remove old ones",
			len(p.byID[id]), FormatIdentity(id), limits.RotationKeys)
	}
	for _, w := range e.key.Warnings() {
		p.warn(w)
	}
	return nil
}

// sameSecret judges a secret that stands in two lines. A key is used one way
// only (RFC 9258 §8), and names one pair of ends (RFC 9257 §4).
func sameSecret(e *entry, other *numbered) (warning string, err error) {
	a, b := e.key, other.key
	switch {
	case a.Identity() == b.Identity():
		return "", fmt.Errorf("the same identity and key stand in line %d already: remove one of the two lines", other.number)
	case a.Options().Kind != b.Options().Kind:
		return "", fmt.Errorf("the same key is %s in line %d: a key is imported or external, never both (RFC 9258)", b.Options().Kind, other.number)
	case a.Options().Hash != b.Options().Hash:
		return "", fmt.Errorf("the same key belongs to %s in line %d: a key belongs to one hash", b.Options().Hash, other.number)
	}
	return fmt.Sprintf("the same key belongs to identity %s in line %d: each can pass for the other",
		FormatIdentity(b.Identity()), other.number), nil
}

func (p *parser) warn(sentence string) {
	p.file.warnings = append(p.file.warnings, fmt.Sprintf("%s:%d: %s", p.file.name, p.number, sentence))
}

func tooLarge(name string) error {
	return fmt.Errorf("%s is larger than %d bytes: that is no key file", name, limits.MaxKeyFileBytes)
}
