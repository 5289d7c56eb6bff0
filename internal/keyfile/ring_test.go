package keyfile

import (
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestRing(t *testing.T) {
	f := New("keys")
	want := map[string]int{"alice": 1, "bob": 3, "carol": 2, "nobody": 0}
	for round := range 3 {
		for _, id := range []string{"alice", "bob", "carol"} {
			if round >= want[id] {
				continue
			}
			if _, err := f.Add(id, NewSecret(DefaultKeyLen), watchword.KeyOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 4 { // a server tries none of them
		if _, err := f.Add("dave", NewSecret(DefaultKeyLen), watchword.KeyOptions{Role: watchword.ClientRole}); err != nil {
			t.Fatal(err)
		}
	}
	want["dave"] = 4
	r := f.Ring()
	for id, n := range want {
		keys := r.Of(id)
		if len(keys) != n {
			t.Errorf("%s has %d keys, want %d.", id, len(keys), n)
		}
		for _, k := range keys {
			if k.Identity() != id {
				t.Errorf("Among the keys of %s is one of %s.", id, k.Identity())
			}
		}
	}
	if r.KeysPerIdentity() != 3 || New("none").Ring().KeysPerIdentity() != 0 {
		t.Errorf("One identity has %d keys at most, want 3; of no key %d.", r.KeysPerIdentity(), New("none").Ring().KeysPerIdentity())
	}
}
