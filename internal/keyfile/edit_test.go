package keyfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAddKeepsTheRest(t *testing.T) {
	external := watchword.KeyOptions{Kind: watchword.External, Role: watchword.ServerRole}
	const old = "# mine\n# watchword: hash=sha384\nalice:" + k1 + "\n\n# the other\nbob:" + k2
	for _, c := range []struct {
		name, text, identity string
		options              watchword.KeyOptions
		want                 string
	}{
		{"to an empty file", "", "alice", watchword.KeyOptions{}, "alice:" + k3 + "\n"},
		{"another identity goes to the end", old, "carol", external, old + "\n# watchword: external role=server\ncarol:" + k3 + "\n"},
		{"a new key of an identity goes above its first", old, "alice", external,
			"# mine\n# watchword: external role=server\nalice:" + k3 + "\n# watchword: hash=sha384\nalice:" + k1 + "\n\n# the other\nbob:" + k2 + "\n"},
		{"also where that has no attributes", old, "bob", watchword.KeyOptions{},
			strings.Replace(old, "bob:", "bob:"+k3+"\nbob:", 1) + "\n"},
		{"the ending of lines is the file's", "a:" + k1 + "\r\n", "b", external, "a:" + k1 + "\r\n# watchword: external role=server\r\nb:" + k3 + "\r\n"},
		{"an identity with a colon", "", "a:b", watchword.KeyOptions{Context: []byte{0xab}}, "# watchword: context=ab\n#613a62:" + k3 + "\n"},
		{"a key for one version", "", "a", watchword.KeyOptions{Kind: watchword.External, Version: watchword.VersionTLS12}, "# watchword: external tls=1.2\na:" + k3 + "\n"},
		{"an identity that is not ASCII", "", "b\u00e9", watchword.KeyOptions{}, "#62c3a9:" + k3 + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustParse(t, c.text)
			k, err := f.Add(c.identity, unhex(t, k3), c.options)
			if err != nil {
				t.Fatal(err)
			}
			if !k.Equal(mustKey(t, c.identity, k3, c.options)) {
				t.Errorf("the key added is %v", k)
			}
			if got := string(f.Bytes()); got != c.want {
				t.Errorf("the file is\n%s\nwant\n%s", got, c.want)
			}
			if got := f.KeysOf(c.identity)[0]; !got.Equal(k) {
				t.Errorf("the new key is not the current one but %v is", got)
			}
		})
	}
}

func TestAddRefuses(t *testing.T) {
	for _, c := range []struct {
		text, identity string
		secret         string
		options        watchword.KeyOptions
		want           string
	}{
		{"", "a", "0011", watchword.KeyOptions{}, "the key has 2 bytes, at least 16 are needed (RFC 9257): a shorter one can be guessed"},
		{"", "", k1, watchword.KeyOptions{}, "the identity is empty: give the key a name"},
		{"a:" + k1, "a", k1, watchword.KeyOptions{}, "test.keys:2: the same identity and key stand in line 1 already: remove one of the two lines"},
		{"a:" + k1 + "\na:" + k2 + "\na:" + k3 + "\na:" + k4, "a", k5, watchword.KeyOptions{}, "test.keys has 4 keys for a already, as many as are allowed: remove old ones"},
	} {
		f := mustParse(t, c.text)
		if _, err := f.Add(c.identity, unhex(t, c.secret), c.options); err == nil || err.Error() != c.want {
			t.Errorf("the error is %v, want %q", err, c.want)
		}
		if got := strings.TrimSuffix(string(f.Bytes()), "\n"); got != c.text {
			t.Errorf("a refused key changed the file to %q", got)
		}
	}
}

func TestRemoveKeepsTheRest(t *testing.T) {
	const text = "# mine\n# watchword: external\nalice:" + k1 + "\nalice:" + k2 + "\n# end\n"
	f := mustParse(t, text)
	if err := f.Remove(f.Keys()[0]); err != nil {
		t.Fatal(err)
	}
	if got, want := string(f.Bytes()), "# mine\nalice:"+k2+"\n# end\n"; got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	if err := f.Remove(mustKey(t, "bob", k1, watchword.KeyOptions{})); err == nil {
		t.Error("a key that is not there can be removed")
	}
	one := mustParse(t, "alice:"+k1)
	if err := one.Remove(one.Keys()[0]); err != nil {
		t.Fatal(err)
	}
	if got := string(one.Bytes()); got != noKeysComment+"\n" {
		t.Errorf("a file without its last key is %q", got)
	}
}

func TestForPeerMirrorsRoles(t *testing.T) {
	f := mustParse(t, "# x\n# watchword: role=client context=ab\na:"+k1+"\n# watchword: external role=server\nb:"+k2+"\na:"+k3)
	out, err := f.ForPeer("out", "")
	if err != nil {
		t.Fatal(err)
	}
	want := "# watchword: context=ab role=server\na:" + k1 + "\n# watchword: external role=client\nb:" + k2 + "\na:" + k3 + "\n"
	if got := string(out.Bytes()); got != want {
		t.Errorf("the other end gets\n%s\nwant\n%s", got, want)
	}
	if out, err = f.ForPeer("out", "b"); err != nil || len(out.Keys()) != 1 {
		t.Errorf("one identity for the other end: %v, %v", out.Keys(), err)
	}
	if _, err = f.ForPeer("out", "carol"); err == nil || err.Error() != "test.keys has no key for carol, it has: a, b" {
		t.Errorf("an identity that is not there: %v", err)
	}
}

func TestPlain(t *testing.T) {
	f := mustParse(t, "# x\n# watchword: role=client\na:"+k1+"\nb\u00e9:"+k2+"\na:"+k3)
	out, err := f.Plain("out", "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out.Bytes()), "a:"+k1+"\nb\u00e9:"+k2+"\n"; got != want {
		t.Errorf("the plain file is\n%s\nwant\n%s", got, want)
	}
	odd := mustParse(t, "a:"+k1+"\n#613a62:"+k2)
	if _, err := odd.Plain("out", ""); err == nil || err.Error() != "identity #613a62 cannot stand in a plain file, which has no notation for it: choose others with --id" {
		t.Errorf("an identity with a colon: %v", err)
	}
	if _, err := odd.Plain("out", "a"); err != nil {
		t.Errorf("the other identity alone: %v", err)
	}
	if _, err := mustParse(t, "").Plain("out", ""); !errors.Is(err, ErrNoKeys) {
		t.Errorf("no key to export: %v", err)
	}
}

// Any sequence of additions and removals gives a file that is read back as the
// keys that were put in.
func TestSavedIsLoaded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ids := []string{"alice", "b\u00e9", "a:b", "#x", "\x00\xff", " blank ", "watchword"}
	for round := range 50 {
		f := New(t.TempDir() + "/f")
		if err := f.Create(); err != nil {
			t.Fatal(err)
		}
		for range 12 {
			change(t, random, f, ids[random.IntN(len(ids))])
		}
		if err := f.save(); err != nil {
			t.Fatal(err)
		}
		again, err := LoadAny(f.name, LoadOptions{})
		if err != nil {
			t.Fatalf("round %d: what was saved is refused: %v", round, err)
		}
		if !sameKeys(f.Keys(), again.Keys()) {
			t.Fatalf("round %d: saved %v, loaded %v", round, f.Keys(), again.Keys())
		}
	}
}

func change(t *testing.T, random *rand.Rand, f *File, id string) {
	t.Helper()
	if keys := f.Keys(); len(keys) > 0 && random.IntN(4) == 0 || len(f.KeysOf(id)) == 4 {
		if err := f.Remove(keys[random.IntN(len(keys))]); err != nil {
			t.Fatal(err)
		}
		return
	}
	o := watchword.KeyOptions{
		Kind: watchword.Kind(random.IntN(2)),
		Hash: watchword.Hash(random.IntN(2)),
		Role: watchword.Role(random.IntN(3)),
	}
	if o.Kind == watchword.Imported && random.IntN(2) == 0 {
		o.Context = fmt.Append(nil, random.IntN(1000))
	}
	if _, err := f.Add(id, NewSecret(16+random.IntN(64)), o); err != nil {
		t.Fatal(err)
	}
}
