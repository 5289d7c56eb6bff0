package keyfile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// Keys for tests. They are no secrets.
const (
	k1 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	k2 = "1111111111111111111111111111111122222222222222222222222222222222"
	k3 = "333333333333333333333333333333334444444444444444444444444444"
	k4 = "5555555555555555555555555555555566666666666666666666666666666666"
	k5 = "7777777777777777777777777777777788888888888888888888888888888888"
)

func mustParse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("test.keys", []byte(text))
	if err != nil {
		t.Fatalf("a good file is refused: %v", err)
	}
	return f
}

func mustKey(t *testing.T, identity, secret string, o watchword.KeyOptions) *watchword.Key {
	t.Helper()
	raw, err := hex.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	k, err := watchword.NewKey(identity, raw, o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sameKeys(a, b []*watchword.Key) bool {
	return slices.EqualFunc(a, b, (*watchword.Key).Equal)
}

func TestParseAcceptsWhatOthersWrite(t *testing.T) {
	external := watchword.KeyOptions{Kind: watchword.External}
	for _, c := range []struct {
		name, text string
		want       []*watchword.Key
	}{
		{"one key", "alice:" + k1 + "\n", []*watchword.Key{mustKey(t, "alice", k1, watchword.KeyOptions{})}},
		{"no final newline", "alice:" + k1, []*watchword.Key{mustKey(t, "alice", k1, watchword.KeyOptions{})}},
		{"CRLF", "# a\r\nalice:" + k1 + "\r\nbob:" + k2, []*watchword.Key{
			mustKey(t, "alice", k1, watchword.KeyOptions{}), mustKey(t, "bob", k2, watchword.KeyOptions{})}},
		{"upper case", "alice:" + strings.ToUpper(k1), []*watchword.Key{mustKey(t, "alice", k1, watchword.KeyOptions{})}},
		{"comments and blank lines", "#\n# x: y\n\n \t\nalice:" + k1 + "\n#end", []*watchword.Key{mustKey(t, "alice", k1, watchword.KeyOptions{})}},
		{"identity in hex", "#613a00ff:" + k1, []*watchword.Key{mustKey(t, "a:\x00\xff", k1, watchword.KeyOptions{})}},
		{"a disabled key", "#alice:" + k1 + "\nbob:" + k2, []*watchword.Key{mustKey(t, "bob", k2, watchword.KeyOptions{})}},
		{"a disabled key of the default name", "#watchword:" + k1 + "\n# watchword:" + k2 + "\nbob:" + k2,
			[]*watchword.Key{mustKey(t, "bob", k2, watchword.KeyOptions{})}},
		{"hex with blanks around is a comment", "# cafe:" + k1 + "\n#cafe :" + k1 + "\n#cafe:" + k1 + " \n", nil},
		{"UTF-8 and blanks inside", "b\u00e9 b:" + k1, []*watchword.Key{mustKey(t, "b\u00e9 b", k1, watchword.KeyOptions{})}},
		{"rotation", "a:" + k2 + "\na:" + k1, []*watchword.Key{
			mustKey(t, "a", k2, watchword.KeyOptions{}), mustKey(t, "a", k1, watchword.KeyOptions{})}},
		{"external", "# watchword: external\na:" + k1 + "\nb:" + k2, []*watchword.Key{
			mustKey(t, "a", k1, external), mustKey(t, "b", k2, watchword.KeyOptions{})}},
		{"every attribute", "#watchword:hash=sha384\t context=0aff  role=client\r\na:" + k1 + "\n#  watchword: role=server hash=sha256 external\n#00:" + k2,
			[]*watchword.Key{
				mustKey(t, "a", k1, watchword.KeyOptions{Hash: watchword.SHA384, Context: []byte{10, 255}, Role: watchword.ClientRole}),
				mustKey(t, "\x00", k2, watchword.KeyOptions{Kind: watchword.External, Role: watchword.ServerRole}),
			}},
		{"pinned to a version", "# watchword: tls=1.2 external\na:" + k1 + "\n# watchword: tls=1.3\nb:" + k2, []*watchword.Key{
			mustKey(t, "a", k1, watchword.KeyOptions{Kind: watchword.External, Version: watchword.VersionTLS12}),
			mustKey(t, "b", k2, watchword.KeyOptions{Version: watchword.VersionTLS13})}},
		{"no attribute", "# watchword:\na:" + k1, []*watchword.Key{mustKey(t, "a", k1, watchword.KeyOptions{})}},
		{"other comments above a key", "# watchwords: x\n# Watchword: y\na:" + k1, []*watchword.Key{mustKey(t, "a", k1, watchword.KeyOptions{})}},
		{"empty", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustParse(t, c.text)
			if !sameKeys(f.Keys(), c.want) {
				t.Errorf("the keys are %v, want %v", f.Keys(), c.want)
			}
			if w := f.Warnings(); len(w) != 0 {
				t.Errorf("a file with nothing odd is warned about: %q", w)
			}
		})
	}
}

func TestParseRefusesWithOneSentence(t *testing.T) {
	long := strings.Repeat("00", limits.MaxKeyLen+1)
	for _, c := range []struct{ name, text, want string }{
		{"no colon", "\n" + k1, "test.keys:2: the line has no colon: a key line is identity:hex, a comment begins with #"},
		{"empty identity", ":" + k1, "test.keys:1: the identity is empty: a key line is identity:hex"},
		{"two colons", "a:b:" + k1, "test.keys:1: the line has more than one colon: an identity with a colon is written in hex, as #HEX:HEX"},
		{"no key", "alice:\n", "test.keys:1: there is no key after the colon"},
		{"not hex", "alice:my secret pass phrase", "test.keys:1: the key is not hex: its character 1 is not one of 0-9 and a-f"},
		{"blank after the key", "alice:" + k1 + " ", "test.keys:1: the key is not hex: its character 65 is not one of 0-9 and a-f"},
		{"odd digits", "alice:" + k1 + "0", "test.keys:1: the key has an odd number of hex digits, 65: one is missing or too many"},
		{"odd digits of an identity", "#abc:" + k1, "test.keys:1: the identity has an odd number of hex digits after the #"},
		{"short key", "alice:000102030405060708090a0b0c0d0e", "test.keys:1: the key has 15 bytes, at least 16 are needed (RFC 9257): a shorter one can be guessed"},
		{"long key", "alice:" + long, "test.keys:1: the key has 513 bytes, at most 512 are allowed"},
		{"long identity", strings.Repeat("a", limits.MaxIdentityLen+1) + ":" + k1, "test.keys:1: the identity has 4097 bytes, at most 4096 are allowed"},
		{"long line", "#" + strings.Repeat("x", limits.MaxKeyFileLine), fmt.Sprintf("test.keys:1: the line is longer than %d bytes", limits.MaxKeyFileLine)},
		{"control character", "al\x1bice:" + k1, "test.keys:1: the identity contains the control character U+001B: write it in hex, as #HEX:HEX"},
		{"NUL", "al\x00ice:" + k1, "test.keys:1: the identity contains the control character U+0000: write it in hex, as #HEX:HEX"},
		{"text direction", "al\u202eice:" + k1, "test.keys:1: the identity contains U+202E, which does not print: write it in hex, as #HEX:HEX"},
		{"not UTF-8", "al\xffice:" + k1, "test.keys:1: the identity is not UTF-8: write it in hex, as #HEX:HEX"},
		{"blank before", " alice:" + k1, "test.keys:1: the identity begins or ends with a blank: remove it, or write the identity in hex, as #HEX:HEX"},
		{"blank after", "alice :" + k1, "test.keys:1: the identity begins or ends with a blank: remove it, or write the identity in hex, as #HEX:HEX"},
		{"byte order mark", "\xef\xbb\xbfalice:" + k1, "test.keys: the file begins with a byte order mark: save it as UTF-8 without one"},
		{"the same twice", "alice:" + k1 + "\n\nalice:" + strings.ToUpper(k1), "test.keys:3: the same identity and key stand in line 1 already: remove one of the two lines"},
		{"both kinds", "a:" + k1 + "\n# watchword: external\nb:" + k1, "test.keys:3: the same key is imported in line 1: a key is imported or external, never both (RFC 9258)"},
		{"both hashes", "# watchword: hash=sha384\na:" + k1 + "\nb:" + k1, "test.keys:3: the same key belongs to sha384 in line 2: a key belongs to one hash"},
		{"five keys", "a:" + k1 + "\na:" + k2 + "\na:" + k3 + "\na:" + k4 + "\n# x\na:" + k5, "test.keys:6: this is key number 5 of identity a, at most 4 are allowed: remove old ones"},
		{"unknown attribute", "# watchword: externel\na:" + k1, `test.keys:1: unknown attribute "externel": known are external, hash=, context=, role= and tls=`},
		{"a key as an attribute", "# watchword: " + k1 + "\na:" + k1, "test.keys:1: unknown attribute of a name too long to show: known are external, hash=, context=, role= and tls="},
		{"attribute twice", "# watchword: role=client role=server\na:" + k1, `test.keys:1: the attribute "role" is given twice`},
		{"unknown hash", "# watchword: hash=md5\na:" + k1, "test.keys:1: the attribute hash has no such value: it is written hash=sha256 or hash=sha384"},
		{"unknown role", "# watchword: role=any\na:" + k1, "test.keys:1: the attribute role has no such value: it is written role=client or role=server"},
		{"value of external", "# watchword: external=yes\na:" + k1, "test.keys:1: the attribute external has no such value: it is written external, with no value"},
		{"unknown version", "# watchword: tls=1.1\na:" + k1, "test.keys:1: the attribute tls has no such value: it is written tls=1.2 or tls=1.3"},
		{"imported for TLS 1.2", "# watchword: tls=1.2\na:" + k1, "test.keys:1: a key for TLS 1.2 is external: write external beside tls=1.2 (RFC 9258 imports keys into TLS 1.3 alone)"},
		{"context not hex", "# watchword: context=abc\na:" + k1, "test.keys:1: the attribute context has no such value: it is written context=HEX, with an even number of hex digits"},
		{"context of an external key", "# watchword: context=ab external\na:" + k1, "test.keys:1: a key is external or has a context, not both: a context is bound when a key is imported (RFC 9258)"},
		{"attributes above a comment", "# watchword: external\n# mine\na:" + k1, "test.keys:1: these attributes do not stand directly above a key: move them to the line above it, or remove them"},
		{"attributes above a blank line", "\n# watchword: external\n\na:" + k1, "test.keys:2: these attributes do not stand directly above a key: move them to the line above it, or remove them"},
		{"attributes above attributes", "# watchword: external\n# watchword: external\na:" + k1, "test.keys:1: these attributes do not stand directly above a key: move them to the line above it, or remove them"},
		{"attributes at the end", "a:" + k1 + "\n# watchword: external", "test.keys:2: these attributes do not stand directly above a key: move them to the line above it, or remove them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("test.keys", []byte(c.text))
			if err == nil {
				t.Fatal("a faulty file is accepted")
			}
			if err.Error() != c.want {
				t.Errorf("the sentence is\n%s\nwant\n%s", err, c.want)
			}
		})
	}
}

// Whatever is wrong with a line, no error shows more of it than an identity.
func TestErrorsHoldNoSecret(t *testing.T) {
	for _, text := range []string{
		k1, k1 + ":alice", k1 + ":", "alice " + k1, "alice:" + k1 + "x", "alice:" + k1 + ":", "alice:" + k1 + "\nalice:" + k1,
		"# watchword: " + k1, "# watchword: alice:" + k1, "#watchword:" + k1 + "x", "# watchword: context=" + k1 + "x",
		"# watchword: hash=" + k1, "alice:" + k1[:31], "\x1b:" + k1, "a:" + k1 + "\n# watchword: external\nb:" + k1,
	} {
		_, err := Parse("test.keys", []byte(text))
		if err == nil {
			t.Fatalf("%q is accepted", text)
		}
		if strings.Contains(err.Error(), k1[:8]) || strings.Contains(err.Error(), k1[24:31]) {
			t.Errorf("the error shows a part of the key: %v", err)
		}
	}
}

func TestFilePrintsNoSecret(t *testing.T) {
	f := mustParse(t, "alice:"+k1)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{f, []*File{f}, struct{ F *File }{f}, struct{ f *File }{f}, *f, struct{ F File }{*f}} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, k1[:8]) || strings.Contains(s, "0 1 2 3") {
				t.Errorf("%s of %T prints the key: %s", verb, v, s)
			}
		}
	}
}

func TestParseLimits(t *testing.T) {
	if _, err := Parse("big", make([]byte, limits.MaxKeyFileBytes+1)); err == nil || err.Error() != fmt.Sprintf("big is larger than %d bytes: that is no key file", limits.MaxKeyFileBytes) {
		t.Errorf("a huge file ends in %v", err)
	}
	longest := "#" + strings.Repeat("c3", limits.MaxIdentityLen) + ":" + strings.Repeat("a5", limits.MaxKeyLen)
	context := "# watchword: hash=sha384 role=client context=" + strings.Repeat("ab", limits.MaxContextLen)
	if n := len(mustParse(t, context+"\n"+longest).Keys()); n != 1 {
		t.Errorf("the longest key allowed gives %d keys", n)
	}
}

func TestWarnings(t *testing.T) {
	text := "a:" + k1 + "\nb:" + k1 + "\n" + strings.Repeat("i", limits.WarnIdentityLen+1) + ":" + strings.Repeat("0f", limits.WarnKeyLen+1)
	want := []string{
		"test.keys:2: the same key belongs to identity a in line 1: each can pass for the other",
		"test.keys:3: the key has 65 bytes: not every other program takes more than 64 (RFC 4279 §5.3)",
		"test.keys:3: the identity has 129 bytes: not every other program takes more than 128 (RFC 4279 §5.3)",
	}
	if got := mustParse(t, text).Warnings(); !slices.Equal(got, want) {
		t.Errorf("the warnings are %q, want %q", got, want)
	}
	var many strings.Builder
	for i := range 30 {
		fmt.Fprintf(&many, "a%d:%s\n", i, k1)
	}
	got := mustParse(t, many.String()).Warnings()
	if len(got) != limits.MaxKeyFileWarnings+1 || got[limits.MaxKeyFileWarnings] != "test.keys: 19 more warnings like these" {
		t.Errorf("many warnings end in %q", got)
	}
}

func TestCurrent(t *testing.T) {
	one := mustParse(t, "a:"+k2+"\na:"+k1)
	two := mustParse(t, "a:"+k1+"\n#0a:"+k2)
	var many strings.Builder
	for i := range 10 {
		fmt.Fprintf(&many, "id%d:%s\n", i, strings.Repeat(fmt.Sprintf("%02x", i), 16))
	}
	for _, c := range []struct {
		name, identity string
		file           *File
		want           string // hex of the key, or the error
	}{
		{"the only identity, the first of its keys", "", one, k2},
		{"by name", "\n", two, k2},
		{"none said and two there", "", two, "test.keys holds keys of several identities: say which one to use with --id: a, #0a"},
		{"not there", "bob", two, "test.keys has no key for bob, it has: a, #0a"},
		{"many", "", mustParse(t, many.String()), "test.keys holds keys of several identities: say which one to use with --id: id0, id1, id2, id3, id4, id5, id6, id7, and 2 more"},
		{"empty file", "", mustParse(t, ""), "test.keys is empty: make a key with watchword key new --keys test.keys"},
		{"only comments", "x", mustParse(t, "# x"), "test.keys holds no key, only comments: make a key with watchword key new --keys test.keys"},
	} {
		k, err := c.file.Current(c.identity)
		switch {
		case err != nil && err.Error() != c.want:
			t.Errorf("%s: the error is %q, want %q", c.name, err, c.want)
		case err == nil && !k.Equal(mustKey(t, k.Identity(), c.want, watchword.KeyOptions{})):
			t.Errorf("%s: the wrong key is current: %v", c.name, k)
		}
	}
}

func TestIdentityNotation(t *testing.T) {
	for _, c := range []struct{ identity, shown, written string }{
		{"alice", "alice", "alice"},
		{"a b", "a b", "a b"},
		{"a:b", "#613a62", "#613a62"},
		{"#a", "#2361", "#2361"},
		{"b\u00e9", "b\u00e9", "#62c3a9"},
		{" a", "#2061", "#2061"},
		{"\xff\x00", "#ff00", "#ff00"},
		{"a\u202eb", "#61e280ae62", "#61e280ae62"},
	} {
		if got := FormatIdentity(c.identity); got != c.shown {
			t.Errorf("%q is shown as %s, want %s", c.identity, got, c.shown)
		}
		if got := notation(c.identity); got != c.written {
			t.Errorf("%q is written as %s, want %s", c.identity, got, c.written)
		}
		if got := ParseIdentity(c.shown); got != c.identity {
			t.Errorf("%s is read as %q, want %q", c.shown, got, c.identity)
		}
	}
	for _, typed := range []string{"#", "#abc", "#xy", "a:b"} {
		if got := ParseIdentity(typed); got != typed {
			t.Errorf("%s, which is not hex, is read as %q", typed, got)
		}
	}
}

// FuzzParse: no input makes the parser panic; what it takes survives being
// written and read; each of its keys can be removed; errors are one line.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata: %v", err)
	}
	for _, path := range seeds {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f", data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Fatalf("the error is more than one line: %q", err)
			}
			return
		}
		again, err := Parse("f", file.Bytes())
		if err != nil || !sameKeys(again.Keys(), file.Keys()) || !bytes.Equal(again.Bytes(), file.Bytes()) {
			t.Fatalf("what is written is not what was read: %v", err)
		}
		for _, k := range file.Keys() {
			if err := again.Remove(k); err != nil {
				t.Fatalf("a key of the file cannot be removed: %v", err)
			}
		}
		if left, err := Parse("f", again.Bytes()); err != nil || len(left.Keys()) != 0 {
			t.Fatalf("after all keys were removed: %v", err)
		}
	})
}
