package tunnel

import (
	"context"
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
