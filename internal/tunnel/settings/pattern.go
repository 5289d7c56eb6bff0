package settings

// Patterns of identities. Those of package path are for paths: their * stops at
// a slash, which is a letter like any other in an identity.

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Matches reports whether the whole identity is as the pattern says: * stands
// for any bytes, none among them, ? for one character, [abc], [a-z] and [^a] for
// one of several, and \ takes from the next character what it means here.
// A pattern that is none, as no configuration has, matches nothing.
//
// A mismatch goes back to the last * alone, so the time is at most the product
// of both lengths, whatever they are.
func Matches(pattern, identity string) bool {
	if pattern == "" {
		return false
	}
	star, from := -1, 0 // what follows the last *, and where that was tried last
	p, i := 0, 0
	for {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			star, from = p, i
			continue
		case p == len(pattern) && i == len(identity):
			return true
		case p < len(pattern) && i < len(identity):
			r, size := utf8.DecodeRuneInString(identity[i:])
			if ok, used, _ := element(pattern[p:], r, identity[i:i+size]); ok {
				p, i = p+used, i+size
				continue
			}
		}
		if star < 0 || from == len(identity) {
			return false
		}
		from++
		p, i = star, from
	}
}

var errPattern = errors.New("this is no pattern")

// checkPattern says what is wrong with a pattern.
func checkPattern(pattern string) error {
	if pattern == "" {
		return errPattern
	}
	for p := 0; p < len(pattern); {
		if pattern[p] == '*' {
			p++
			continue
		}
		_, used, err := element(pattern[p:], utf8.RuneError, "")
		if err != nil {
			return err
		}
		p += used
	}
	return nil
}

// element reports whether what the pattern begins with, which is no *, stands
// for this character, and how many bytes of the pattern that is. raw is the
// character's bytes: of those that are no UTF-8 each is one of its own.
func element(pattern string, r rune, raw string) (ok bool, used int, err error) {
	switch pattern[0] {
	case '?':
		return true, 1, nil
	case '[':
		return class(pattern, r, raw)
	}
	literal, used, err := character(pattern)
	return literal == raw, used, err
}

// class is element for [ ].
func class(pattern string, r rune, raw string) (ok bool, used int, err error) {
	used = 1
	not := strings.HasPrefix(pattern[used:], "^")
	if not {
		used++
	}
	for n := 0; ; n++ {
		rest := pattern[used:]
		if n > 0 && strings.HasPrefix(rest, "]") {
			return ok != not, used + 1, nil
		}
		if rest == "" || rest[0] == ']' || rest[0] == '-' {
			return false, 0, errPattern
		}
		low, size, err := character(rest)
		if err != nil {
			return false, 0, err
		}
		used += size
		if !strings.HasPrefix(pattern[used:], "-") {
			ok = ok || low == raw
			continue
		}
		high, size, err := character(pattern[used+1:])
		if err != nil || pattern[used+1] == ']' || pattern[used+1] == '-' {
			return false, 0, errPattern
		}
		used += 1 + size
		a, _ := utf8.DecodeRuneInString(low)
		b, _ := utf8.DecodeRuneInString(high)
		if valid := r != utf8.RuneError || len(raw) == 3; valid && a <= r && r <= b {
			ok = true
		}
	}
}

// character returns the first character of a pattern, and how many bytes of the
// pattern that is.
func character(pattern string) (raw string, used int, err error) {
	if strings.HasPrefix(pattern, `\`) {
		pattern, used = pattern[1:], 1
	}
	if pattern == "" {
		return "", 0, errPattern
	}
	_, size := utf8.DecodeRuneInString(pattern)
	return pattern[:size], used + size, nil
}
