package keyfile

// The comment that says what the key below it is. The grammar is in the
// package documentation.

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/watchword-tls/watchword"
)

const (
	attributeMark = "watchword:"
	blanks        = " \t"
)

// cutAttributes returns what follows the mark if the line holds attributes.
// A key of the identity "watchword", which is the default, with a '#' put in
// front to disable it, is none: it is a comment as any other disabled key.
func cutAttributes(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, "#")
	if !ok {
		return "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, blanks), attributeMark)
	disabled := rest != "" && notHex(rest) < 0
	return rest, ok && !disabled
}

func parseAttributes(text string) (watchword.KeyOptions, error) {
	var o watchword.KeyOptions
	seen := make(map[string]bool)
	isBlank := func(r rune) bool { return strings.ContainsRune(blanks, r) }
	for _, word := range strings.FieldsFunc(text, isBlank) {
		name, value, hasValue := strings.Cut(word, "=")
		if seen[name] {
			return o, fmt.Errorf("the attribute %s is given twice", showAttribute(name))
		}
		seen[name] = true
		if err := setAttribute(&o, name, value, hasValue); err != nil {
			return o, err
		}
	}
	switch {
	case o.Kind == watchword.External && seen["context"]:
		return o, errors.New("a key is external or has a context, not both: a context is bound when a key is imported (RFC 9258)")
	case o.Kind == watchword.Imported && o.Version == watchword.VersionTLS12:
		return o, errors.New("a key for TLS 1.2 is external: write external beside tls=1.2 (RFC 9258 imports keys into TLS 1.3 alone)")
	}
	return o, nil
}

func setAttribute(o *watchword.KeyOptions, name, value string, hasValue bool) error {
	ok := true
	switch name {
	case "external":
		o.Kind, ok = watchword.External, !hasValue
	case "hash":
		o.Hash, ok = hashes[value]
	case "role":
		o.Role, ok = roles[value]
	case "tls":
		o.Version, ok = versions[value]
	case "context":
		context, err := hex.DecodeString(value)
		o.Context, ok = context, err == nil && len(context) > 0
	default:
		return fmt.Errorf("unknown attribute %s: known are external, hash=, context=, role= and tls=", showAttribute(name))
	}
	if !ok {
		return fmt.Errorf("the attribute %s has no such value: it is written %s", name, attributeForms[name])
	}
	return nil
}

// showAttribute returns the name for a sentence, unless it might be a key that
// somebody put in the wrong place.
func showAttribute(name string) string {
	const longest = 15 // letters; a key has at least 32 hex digits
	if len(name) > longest {
		return "of a name too long to show"
	}
	return strconv.QuoteToASCII(name)
}

var (
	hashes   = map[string]watchword.Hash{"sha256": watchword.SHA256, "sha384": watchword.SHA384}
	roles    = map[string]watchword.Role{"client": watchword.ClientRole, "server": watchword.ServerRole}
	versions = map[string]uint16{"1.2": watchword.VersionTLS12, "1.3": watchword.VersionTLS13}

	attributeForms = map[string]string{
		"external": "external, with no value",
		"hash":     "hash=sha256 or hash=sha384",
		"role":     "role=client or role=server",
		"tls":      "tls=1.2 or tls=1.3",
		"context":  "context=HEX, with an even number of hex digits",
	}
)

// FormatVersion returns what the attribute tls says: the version that a key is
// pinned to, or any.
func FormatVersion(version uint16) string {
	for name, v := range versions {
		if v == version {
			return name
		}
	}
	return "any"
}

// formatAttributes returns the comment for the options, or nothing for a key
// that needs none.
func formatAttributes(o watchword.KeyOptions) string {
	var words []string
	if o.Kind == watchword.External {
		words = append(words, "external")
	}
	if o.Hash != watchword.SHA256 {
		words = append(words, "hash="+o.Hash.String())
	}
	if len(o.Context) > 0 {
		words = append(words, "context="+hex.EncodeToString(o.Context))
	}
	if o.Role != watchword.AnyRole {
		words = append(words, "role="+o.Role.String())
	}
	if o.Version != 0 {
		words = append(words, "tls="+FormatVersion(o.Version))
	}
	if len(words) == 0 {
		return ""
	}
	return "# " + attributeMark + " " + strings.Join(words, " ")
}
