package settings

import (
	"math/rand/v2"
	"path"
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, identity string
		want              bool
	}{
		{"web*", "web/1", true},
		{"web*", "web", true},
		{"web*", "we", false},
		{"*", "", true},
		{"*", "a/b\x00/c", true},
		{"*/1", "web/x/1", true},
		{"web?1", "web/1", true},
		{"web?1", "web1", false},
		{"web[/-]1", "", false}, // no pattern
		{`web[/\-]1`, "web/1", true},
		{`web[/\-]1`, "web-1", true},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[^a-c]x", "dx", true},
		{"[^a-c]x", "/x", true},
		{"[^a-c]x", "bx", false},
		{"?", "ß", true},
		{"??", "ß", false},
		{"[ä-ü]", "ö", true},
		{"?", "\xff", true},
		{"\xff", "\xff", true},
		{"\xff", "\xfe", false},
		{"\xff", "\uFFFD", false},
		{"[\xff]", "\xfe", false},
		{`\*`, "*", true},
		{`\*`, "x", false},
		{`a\`, `a\`, false},
		{"[", "[", false},
		{"[]", "", false},
		{"[a", "a", false},
		{"[a-]", "a", false},
		{"", "a", false},
		{"", "", false},
		{"*[", "a", false},
		{"*a*b*c", "xxaxxbxxc", true},
		{"*a*b*c", "xxaxxbxxcx", false},
		{"a*", "a\n", true},
		{"*ß", "\xc3ß", true},
	} {
		if got := Matches(c.pattern, c.identity); got != c.want {
			t.Errorf("The pattern %q and the identity %q: %v, want %v.", c.pattern, c.identity, got, c.want)
		}
	}
}

// Where no slash is in it, an identity is matched as path.Match does.
func TestMatchesLikePath(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(letters string, most int) string {
		var b strings.Builder
		for range random.IntN(most + 1) {
			b.WriteByte(letters[random.IntN(len(letters))])
		}
		return b.String()
	}
	agreed := 0
	for range 200_000 {
		pattern, identity := word(`aab**?[]^-\`, 8), word("aab-]", 6)
		want, err := path.Match(pattern, identity)
		if pattern == "" {
			continue
		}
		if bad := checkPattern(pattern) != nil; bad != (err != nil) {
			t.Fatalf("The pattern %q: is it wrong? %v, and path.Match says %v.", pattern, bad, err)
		}
		if got := Matches(pattern, identity); got != want && err == nil {
			t.Fatalf("The pattern %q and the identity %q: %v, and path.Match says %v.", pattern, identity, got, want)
		}
		if want {
			agreed++
		}
	}
	if agreed < 1000 {
		t.Errorf("Only %d of them matched: the trial says little.", agreed)
	}
}

// Many stars cost no more than a product of lengths: going back to each of them
// would take longer than there is time.
func TestManyStars(t *testing.T) {
	if Matches(strings.Repeat("*a", 1000)+"b", strings.Repeat("a", 30_000)) {
		t.Error("An identity without b matches a pattern that ends with it.")
	}
}
