package handshake

// Faults that a review of the states found.

import (
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/wire"
)

// RFC 9846 §4.2.2: any legacy_version but 0x0303 is refused, a higher one too.
func TestReviewLegacyVersion(t *testing.T) {
	for _, v := range []uint16{0x0300, 0x0302, 0x0304, 0x03ff, 0x7f12} {
		m := &wire.ClientHello{LegacyVersion: v, SupportedVersions: []uint16{wire.VersionTLS13}, LegacyCompressionMethods: []byte{0}}
		wantAlert(t, "another legacy_version", checkHello13(m), alert.ProtocolVersion)
	}
}

// The shares of groups that a hostile ClientHello lists by the thousand are
// looked up, not searched for.
func TestReviewShareGroups(t *testing.T) {
	m := &wire.ClientHello{KeyShare: &wire.ClientKeyShare{}}
	for g := range 1 << 14 {
		m.SupportedGroups = append(m.SupportedGroups, wire.NamedGroup(g))
		m.KeyShare.Shares = append(m.KeyShare.Shares, wire.KeyShareEntry{Group: wire.NamedGroup(1<<14 - 1 - g)})
	}
	if err := checkShareGroups(m); err != nil {
		t.Errorf("Shares of groups that are all supported are refused: %v.", err)
	}
	m.KeyShare.Shares = append(m.KeyShare.Shares, wire.KeyShareEntry{Group: 1<<16 - 1})
	wantAlert(t, "a share without its group", checkShareGroups(m), alert.IllegalParameter)
}
