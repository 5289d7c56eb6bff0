package handshake

// Choosing the version, and the sentences where there is none in common.

import (
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// downgrade12 ends the random of a server that could do TLS 1.3 and was asked
// for TLS 1.2; downgrade11 is for what is older (RFC 9846 §4.2.3).
var (
	downgrade12 = [8]byte{'D', 'O', 'W', 'N', 'G', 'R', 'D', 1}
	downgrade11 = [8]byte{'D', 'O', 'W', 'N', 'G', 'R', 'D', 0}
)

// downgraded reports whether a server's random says that it could do better.
func downgraded(random [32]byte) bool {
	tail := [8]byte(random[24:])
	return tail == downgrade12 || tail == downgrade11
}

// chooseVersion returns our first version that the client offers.
func chooseVersion(m *wire.ClientHello, ours []uint16) (uint16, error) {
	offered := m.SupportedVersions
	if offered == nil && m.LegacyVersion >= wire.VersionTLS12 && m.LegacyVersion>>8 == 3 {
		offered = []uint16{wire.VersionTLS12} // RFC 9846 §4.3.1
	}
	for _, v := range ours {
		if !slices.Contains(offered, v) {
			continue
		}
		if v != ours[0] && slices.Contains(m.CipherSuites, wire.FallbackSCSV) {
			return 0, alert.New(alert.InappropriateFallback, "the client fell back to "+wire.VersionName(v)+", though both ends could do better: somebody may have interfered (RFC 7507)")
		}
		return v, nil
	}
	return 0, alert.New(alert.ProtocolVersion, versionSentence(m, offered, ours))
}

func versionSentence(m *wire.ClientHello, offered, ours []uint16) string {
	newest := m.LegacyVersion
	for _, v := range offered {
		if v>>8 == 3 { // what is no version of TLS is there to test us
			newest = max(newest, v)
		}
	}
	sentence := "the client offers at most " + wire.VersionName(newest) + ", and " + wire.VersionName(ours[len(ours)-1]) + " is the oldest that is allowed here"
	if newest == wire.VersionTLS12 {
		sentence += policyHint(m.CipherSuites)
	}
	if newest >= wire.VersionTLS13 {
		sentence = "the client offers " + wire.VersionName(newest) + ", and " + wire.VersionName(ours[0]) + " is the newest that is allowed here"
	}
	return sentence
}

// policyHint names the policy that allows one of the offered suites of
// TLS 1.2.
func policyHint(offered []uint16) string {
	switch {
	case offersAny(offered, suite.Compatible12()):
		return "; with an external key, the policy compatible would allow what it offers"
	case offersAny(offered, suite.Legacy12()):
		return "; with an external key, the policy legacy would allow what it offers"
	}
	if names := suiteNames(offered); names != "" {
		return "; none of the suites that it offers is one with a pre-shared key that we have: " + names
	}
	return "; it offers no suite"
}

// offersAny reports whether a peer's list has one of these suites.
func offersAny(offered []uint16, ids []suite.ID) bool {
	return slices.ContainsFunc(ids, func(id suite.ID) bool { return slices.Contains(offered, uint16(id)) })
}

// suiteNames12 are those of TLS 1.2 with a pre-shared key in a peer's list, or
// what is there in their place.
func suiteNames12(offered []uint16) string {
	var known []suite.ID
	for _, id := range suite.Legacy12() {
		if slices.Contains(offered, uint16(id)) {
			known = append(known, id)
		}
	}
	if known != nil {
		return joined(known)
	}
	if names := suiteNames(offered); names != "" {
		return "none with a pre-shared key that we have, but " + names
	}
	return "none"
}

// suiteNames are the suites in a peer's list, without what is a signal and no
// suite.
func suiteNames(offered []uint16) string {
	suites := slices.DeleteFunc(slices.Clone(offered), func(id uint16) bool {
		return id == wire.RenegotiationSCSV || id == wire.FallbackSCSV
	})
	return listed(suites, wire.SuiteName)
}

// checkHello13 refuses a ClientHello that chose TLS 1.3 and is not one of it
// (RFC 9846 §4.2.2).
func checkHello13(m *wire.ClientHello) error {
	if m.LegacyVersion != wire.VersionTLS12 {
		return alert.New(alert.ProtocolVersion, "the client's legacy_version is not that of TLS 1.2")
	}
	if len(m.LegacyCompressionMethods) != 1 || m.LegacyCompressionMethods[0] != 0 {
		return alert.New(alert.IllegalParameter, "the client offers compression, which TLS 1.3 has not")
	}
	return nil
}
