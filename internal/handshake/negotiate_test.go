package handshake

import (
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/wire"
)

// A client of TLS 1.3 without a group of ours: the sentence names what both ends
// have.
func TestNoGroupInCommon(t *testing.T) {
	c := &ServerConfig{}
	c.Modes, c.Groups = []wire.PSKKeyExchangeMode{wire.PSKWithECDHE}, []wire.NamedGroup{wire.GroupX25519, wire.GroupP256}
	for want, groups := range map[string][]wire.NamedGroup{
		"the client offers secp384r1, secp521r1; here x25519, secp256r1 are allowed": {0x18, 0x19},
		"the client offers none; here x25519, secp256r1 are allowed":                 nil,
		" and 992 more; here ": make([]wire.NamedGroup, 1000),
	} {
		_, err := chooseMode(&wire.ClientHello{PSKKeyExchangeModes: c.Modes, SupportedGroups: groups}, c, 0)
		if err == nil || !strings.Contains(err.Error(), "no group in common: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("The sentence is %v, want one with %q.", err, want)
		}
	}
}
