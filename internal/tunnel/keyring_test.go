package tunnel

import (
	"testing"
)

// Patterns hold for the whole identity: a slash in it is a letter like any other.
func TestAdmission(t *testing.T) {
	for _, c := range []struct {
		identity    string
		allow, deny []string
		want        bool
	}{
		{"web/1", nil, []string{"web*"}, false},
		{"web/1", []string{"web*"}, nil, true},
		{"a/b/c", []string{"*"}, []string{"*c"}, false},
		{"web-1", nil, []string{"web?1"}, false},
		{"web/1", nil, []string{"web?1"}, false},
		{"db", nil, []string{"web*"}, true},
		{"db", []string{"web*"}, nil, false},
	} {
		r := &keyring{allow: c.allow, deny: c.deny}
		if got := r.admits(c.identity); got != c.want {
			t.Errorf("%q with allow %q and deny %q: %v, want %v.", c.identity, c.allow, c.deny, got, c.want)
		}
	}
}
