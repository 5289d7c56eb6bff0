package keyfile

// The two notations of an identity: as it is, or in hex after a '#'.

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FormatIdentity returns the identity for people to read and to type: as it is
// where a key file takes it so, else as '#' and hex. What it returns is safe to
// show on a terminal.
func FormatIdentity(identity string) string {
	if checkPlain(identity) != nil {
		return "#" + hex.EncodeToString([]byte(identity))
	}
	return identity
}

// notation returns the identity as this package writes it into a key file:
// in hex also where it is not ASCII, since programs differ in how they take
// that.
func notation(identity string) string {
	if !ascii(identity) {
		return "#" + hex.EncodeToString([]byte(identity))
	}
	return FormatIdentity(identity)
}

// ParseIdentity reads an identity that somebody typed: '#' and hex digits for
// arbitrary bytes, anything else as it is.
func ParseIdentity(s string) string {
	if digits, ok := strings.CutPrefix(s, "#"); ok && digits != "" {
		if raw, err := hex.DecodeString(digits); err == nil {
			return string(raw)
		}
	}
	return s
}

// checkPlain says why an identity cannot stand in a key file as it is.
func checkPlain(identity string) error {
	switch {
	case identity == "":
		return errors.New("the identity is empty: a key line is identity:hex")
	case !utf8.ValidString(identity):
		return errors.New("the identity is not UTF-8: write it in hex, as #HEX:HEX")
	case strings.HasPrefix(identity, "#"):
		return errors.New("the identity begins with #, which begins a comment: write it in hex, as #HEX:HEX")
	case strings.Contains(identity, ":"):
		return errors.New("the identity contains a colon, which ends it: write it in hex, as #HEX:HEX")
	}
	for _, r := range identity {
		if unicode.IsControl(r) {
			return fmt.Errorf("the identity contains the control character %U: write it in hex, as #HEX:HEX", r)
		}
		if !unicode.IsPrint(r) {
			return fmt.Errorf("the identity contains %U, which does not print: write it in hex, as #HEX:HEX", r)
		}
	}
	if identity != strings.Trim(identity, " ") {
		return errors.New("the identity begins or ends with a blank: remove it, or write the identity in hex, as #HEX:HEX")
	}
	return nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
