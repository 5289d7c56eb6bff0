package tunnel

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// A key for clients is found, so that the server can say what it is, but an
// identity with no other key is not one that a server knows: its connections end.
func TestKeysForClientsAreFoundAndNotKnown(t *testing.T) {
	f := keyfile.New("keys")
	for _, k := range []struct {
		identity string
		role     watchword.Role
	}{{"web", watchword.ClientRole}, {"both", watchword.ClientRole}, {"both", watchword.AnyRole}} {
		if _, err := f.Add(k.identity, keyfile.NewSecret(keyfile.DefaultKeyLen), watchword.KeyOptions{Role: k.role}); err != nil {
			t.Fatal(err)
		}
	}
	r := newKeyring(&settings.Service{}, f)
	keys, err := r.LookupKeys(context.Background(), []watchword.OfferedIdentity{{Identity: "web"}, {Identity: "both"}})
	if err != nil || len(keys) != 3 {
		t.Errorf("the lookup finds %v, %v", keys, err)
	}
	if r.knows("web") || !r.knows("both") {
		t.Errorf("web is known: %v, both is known: %v", r.knows("web"), r.knows("both"))
	}
}

// A refusal by the rules says so in our own log, in words that are put together
// only there; of who has no key they say nothing.
func TestTheRulesOfALookup(t *testing.T) {
	f := keyfile.New("keys")
	if _, err := f.Add("web", keyfile.NewSecret(keyfile.DefaultKeyLen), watchword.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	r := newKeyring(&settings.Service{Deny: []string{"*"}}, f)
	for identity, want := range map[string]error{"web": notAdmitted("web"), "you": nil, strings.Repeat("n", 60_000): nil} {
		keys, err := r.LookupKeys(context.Background(), []watchword.OfferedIdentity{{Identity: identity}})
		if err != want || len(keys) > 0 {
			t.Errorf("%s: %v, %v; want %v.", identity, keys, err, want)
		}
	}
	if err := error(notAdmitted("web")); !errors.Is(err, watchword.ErrNotAdmitted) || !strings.Contains(err.Error(), "web has a key, but") {
		t.Errorf("The refusal is %v.", err)
	}
}

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
