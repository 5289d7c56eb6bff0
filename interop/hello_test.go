package interop

// What our ClientHello must keep to, found by BoringSSL's test runner.

import (
	"bytes"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Key shares stand in the order of supported_groups (RFC 9846 §4.3.8),
// whatever order a configuration names them in.
func TestKeySharesFollowSupportedGroups(t *testing.T) {
	for name, cfg := range map[string]*watchword.Config{
		"default shares": {Groups: []watchword.Group{watchword.X25519, watchword.X25519MLKEM768, watchword.P256}},
		"named shares": {
			Groups:    []watchword.Group{watchword.P256, watchword.X25519},
			KeyShares: []watchword.Group{watchword.X25519, watchword.P256},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Keys = []*watchword.Key{newSecret(32).external(t, watchword.SHA256)}
			nobody := &recordedPeer{in: bytes.NewReader(nil)}
			if err := watchword.Client(nobody, cfg).Handshake(); err == nil {
				t.Fatal("a handshake with nobody succeeds")
			}
			hello, err := wire.ParseClientHello(plaintextMessages(t, nobody.out.Bytes())[0], nil)
			if err != nil {
				t.Fatalf("our ClientHello does not parse: %v", err)
			}
			last := -1
			for _, share := range hello.KeyShare.Shares {
				at := slices.Index(hello.SupportedGroups, share.Group)
				if at <= last {
					t.Errorf("the share of %s does not stand in the order of supported_groups %v", share.Group, hello.SupportedGroups)
				}
				last = at
			}
		})
	}
}
