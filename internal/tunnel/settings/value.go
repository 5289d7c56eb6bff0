package settings

// Values of options, from a file or from a command line, which has texts alone.

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/watchword-tls/watchword"
)

// kind is what a value looks like in a file.
type kind uint8

const (
	textValue kind = iota
	numberValue
	boolValue
	listValue // of texts
	otherValue
	typedValue // on a command line, where everything is text
)

type value struct {
	kind kind
	text string   // of a number or a bool too
	list []string // of a listValue
}

func (v value) oneText() (string, error) {
	if v.kind == textValue || v.kind == typedValue {
		return v.text, nil
	}
	return "", fmt.Errorf("a text in quotes is needed")
}

// texts are those of a list; a single text is a list of one, and a typed one has
// commas in it.
func (v value) texts() ([]string, error) {
	switch v.kind {
	case listValue:
		return v.list, nil
	case textValue:
		return []string{v.text}, nil
	case typedValue:
		var list []string
		for _, s := range strings.Split(v.text, ",") {
			list = append(list, strings.TrimSpace(s))
		}
		return list, nil
	}
	return nil, fmt.Errorf("a text in quotes is needed, or several in [ ]")
}

func (v value) yes() (bool, error) {
	if v.kind == boolValue || v.kind == typedValue {
		if b, err := strconv.ParseBool(v.text); err == nil {
			return b, nil
		}
	}
	return false, fmt.Errorf("true or false is needed, without quotes")
}

func (v value) number(least, most int64) (int64, error) {
	if v.kind != numberValue && v.kind != typedValue {
		return 0, fmt.Errorf("a number is needed, without quotes")
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(v.text, "_", ""), 0, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a whole number", v.text)
	case n < least || n > most:
		return 0, fmt.Errorf("%d is not between %d and %d", n, least, most)
	}
	return n, nil
}

func (v value) duration(least, most time.Duration) (time.Duration, error) {
	if v.kind != textValue && v.kind != typedValue {
		return 0, fmt.Errorf(`a time in quotes is needed, such as "30s" or "5m"`)
	}
	d, err := time.ParseDuration(v.text)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%q is no time: write "500ms", "30s", "5m" or "2h"`, v.text)
	case d < least || d > most:
		return 0, fmt.Errorf("%v is not between %v and %v", d, least, most)
	}
	return d, nil
}

// size is a number of bytes, with a unit or without.
func (v value) size() (int64, error) {
	if v.kind == numberValue {
		return v.number(0, math.MaxInt64)
	}
	if v.kind != textValue && v.kind != typedValue {
		return 0, fmt.Errorf(`a number of bytes is needed, such as 1000000 or "1MB"`)
	}
	text, unit := strings.TrimSpace(v.text), int64(1)
	for i, suffix := range []string{"KB", "MB", "GB"} {
		if rest, ok := strings.CutSuffix(strings.ToUpper(text), suffix); ok {
			text = strings.TrimSpace(rest)
			unit = []int64{1e3, 1e6, 1e9}[i]
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf(`%q is no number of bytes: write 1000000, "500KB", "10MB" or "1GB"`, v.text)
	}
	return n * unit, nil
}

// choose returns what one of a few words stands for.
func choose[T any](v value, words []string, values []T) (t T, err error) {
	text, err := v.oneText()
	if err != nil {
		return t, err
	}
	for i, w := range words {
		if w == text {
			return values[i], nil
		}
	}
	return t, fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
}

// each parses every text of a list.
func each[T any](v value, most int, parse func(string) (T, error)) ([]T, error) {
	texts, err := v.texts()
	if err != nil {
		return nil, err
	}
	if len(texts) > most {
		return nil, fmt.Errorf("there are %d, at most %d are allowed", len(texts), most)
	}
	var list []T
	for _, s := range texts {
		t, err := parse(s)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

func asText(s string) (string, error) {
	if s == "" {
		return "", fmt.Errorf("an empty text means nothing here")
	}
	return s, nil
}

func asPattern(s string) (string, error) {
	if checkPattern(s) != nil {
		return "", fmt.Errorf(`%q is no pattern: a pattern is a name, in which * stands for anything, ? for one character and [ ] for one of several`, s)
	}
	return s, nil
}

func asPrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is no range of addresses: write 10.0.0.0/8, 2001:db8::/32 or one address", s)
	}
	return p.Masked(), nil
}

func asSuite(s string) (watchword.SuiteID, error) {
	id, err := watchword.SuiteByName(s)
	if err != nil {
		return id, fmt.Errorf(`there is no suite %q; "watchword help tunnel server" lists them`, s)
	}
	return id, nil
}

func asGroup(s string) (watchword.Group, error) {
	g, err := watchword.GroupByName(s)
	if err != nil {
		return g, fmt.Errorf("there is no group %q; there are X25519MLKEM768, x25519 and secp256r1", s)
	}
	return g, nil
}
