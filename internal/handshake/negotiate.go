package handshake

// Choosing version, suite, group and protocol: pure functions of what both
// sides offer (RFC 9846 §4.2.1).

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// chooseSuite returns our first suite with hash h that the client offers, nil
// if there is none.
func chooseSuite(offered []uint16, ours []suite.ID, h suite.Hash) *suite.Suite {
	for _, id := range ours {
		s, ok := suite.ByID(id)
		if ok && s.Hash == h && slices.Contains(offered, uint16(id)) {
			return s
		}
	}
	return nil
}

// checkPSKOffer refuses a ClientHello that cannot lead to a connection from a
// shared key, whatever the key.
func checkPSKOffer(m *wire.ClientHello) error {
	switch {
	case m.PreSharedKey == nil:
		return alert.New(alert.HandshakeFailure, "the client offers no pre-shared key: it wants a certificate, or needs its key configured")
	case m.PSKKeyExchangeModes == nil:
		// RFC 9846 §4.3.9: a pre_shared_key without modes is an error.
		return alert.New(alert.MissingExtension, "the client sent pre_shared_key without psk_key_exchange_modes")
	case (m.SupportedGroups == nil) != (m.KeyShare == nil):
		return alert.New(alert.MissingExtension, "the client sent only one of supported_groups and key_share (RFC 9846 §9.2)")
	}
	return checkShareGroups(m)
}

// checkShareGroups refuses a share of a group that is not in supported_groups
// (RFC 9846 §4.3.8). Both lists may have thousands of entries: a set keeps a
// peer without a key from turning them into millions of comparisons.
func checkShareGroups(m *wire.ClientHello) error {
	if m.KeyShare == nil {
		return nil
	}
	var supported [1 << 16 / 64]uint64
	for _, g := range m.SupportedGroups {
		supported[g/64] |= 1 << (g % 64)
	}
	for _, e := range m.KeyShare.Shares {
		if supported[e.Group/64]&(1<<(e.Group%64)) == 0 {
			return alert.New(alert.IllegalParameter, "the client sent a share of "+e.Group.String()+", which its supported_groups lack")
		}
	}
	return nil
}

// chooseMode prefers psk_dhe_ke whatever the client's order, for the sake of
// forward secrecy: wolfSSL lists psk_ke first.
func chooseMode(hello *wire.ClientHello, c *ServerConfig, group wire.NamedGroup) (wire.PSKKeyExchangeMode, error) {
	offered, ours := hello.PSKKeyExchangeModes, c.Modes
	both := func(m wire.PSKKeyExchangeMode) bool {
		return slices.Contains(offered, m) && slices.Contains(ours, m)
	}
	switch {
	case both(wire.PSKWithECDHE) && group != 0:
		return wire.PSKWithECDHE, nil
	case both(wire.PSKOnly):
		return wire.PSKOnly, nil
	case both(wire.PSKWithECDHE):
		theirs := joined(hello.SupportedGroups)
		if theirs == "" {
			theirs = "none"
		}
		return 0, alert.New(alert.HandshakeFailure, "no group in common: the client offers "+theirs+"; here "+joined(c.Groups)+" are allowed")
	}
	return 0, alert.New(alert.HandshakeFailure, "no psk_key_exchange_mode in common: the client offers "+joined(offered)+", we allow "+joined(ours))
}

// chooseGroup returns our first group that the client sent a share of, with
// the share; else our first that it supports, for a HelloRetryRequest. Zero
// means none.
func chooseGroup(m *wire.ClientHello, ours []wire.NamedGroup) (wire.NamedGroup, []byte) {
	for _, g := range ours {
		if share := m.KeyShare.Share(g); share != nil {
			return g, share
		}
	}
	for _, g := range ours {
		if m.KeyShare != nil && slices.Contains(m.SupportedGroups, g) {
			return g, nil
		}
	}
	return 0, nil
}

// chooseProtocol returns our first protocol that the client offers. It fails
// if both name some and none is common (RFC 7301 §3.2).
func chooseProtocol(offered, ours []string) (string, error) {
	if len(offered) == 0 || len(ours) == 0 {
		return "", nil
	}
	for _, p := range ours {
		if slices.Contains(offered, p) {
			return p, nil
		}
	}
	return "", alert.New(alert.NoApplicationProtocol, "no application protocol in common: the client offers "+listed(offered, strconv.Quote)+"; we have "+listed(ours, strconv.Quote))
}

// readLimit checks a record_size_limit and returns how many bytes of content it
// leaves, since it counts the content type byte (RFC 8449 §4).
func readLimit(v uint16) (int, error) {
	if v < minRecordSizeLimit {
		return 0, alert.New(alert.IllegalParameter, fmt.Sprintf("a record_size_limit of %d bytes, at least %d are allowed", v, minRecordSizeLimit))
	}
	return int(v) - 1, nil
}

// joined lists what has a name of its own.
func joined[T fmt.Stringer](list []T) string { return listed(list, T.String) }

// listed puts as much of a list into words as goes into a sentence, and says
// how much is left out. A peer's list may have thousands of entries.
func listed[T any](list []T, name func(T) string) string {
	names := make([]string, 0, limits.ListedInSentence)
	for _, v := range list[:min(len(list), limits.ListedInSentence)] {
		names = append(names, name(v))
	}
	text := strings.Join(names, ", ")
	if rest := len(list) - len(names); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}

// limitOrMost returns the configured limit of content, or the most there is.
func limitOrMost(n int) int {
	if n == 0 {
		return limits.MaxPlaintext
	}
	return n
}
