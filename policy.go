package watchword

// Policies: which versions, key exchanges and suites a connection may use, in
// one word (docs/design.md, "Protocol profile").

import (
	"fmt"
	"slices"
	"strings"

	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Policy says how old and how weak a peer may be.
type Policy uint8

const (
	// Modern is TLS 1.3 with forward secrecy, and nothing else.
	Modern Policy = iota
	// Compatible adds TLS 1.2 with forward secrecy: ECDHE_PSK with AES-GCM,
	// ChaCha20-Poly1305, and AES-CBC with SHA-256 or SHA-384. The extended
	// master secret (RFC 7627) is required. Only external keys can be used
	// in TLS 1.2.
	Compatible
	// Legacy adds what has NO FORWARD SECRECY, psk_ke in TLS 1.3 and PSK in
	// TLS 1.2, and AES-CBC with SHA-1. A peer may lack the extended master
	// secret and the renegotiation indication. It is for devices that speak
	// nothing better.
	Legacy
)

// The versions of TLS, for MinVersion, MaxVersion and Session.
const (
	VersionTLS12 uint16 = 0x0303
	VersionTLS13 uint16 = 0x0304
)

// String returns the policy's name, in lower case.
func (p Policy) String() string {
	switch p {
	case Modern:
		return "modern"
	case Compatible:
		return "compatible"
	case Legacy:
		return "legacy"
	}
	return fmt.Sprintf("policy %d", uint8(p))
}

// ParsePolicy returns the policy with this name.
func ParsePolicy(name string) (Policy, error) {
	for _, p := range []Policy{Modern, Compatible, Legacy} {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("watchword: there is no policy %q: the policies are modern, compatible and legacy", name)
}

// suites returns what the policy allows, in order of preference.
func (p Policy) suites() []suite.ID {
	ids := suite.Preferred()
	switch p {
	case Compatible:
		ids = append(ids, suite.Compatible12()...)
	case Legacy:
		ids = append(ids, suite.Legacy12()...)
	}
	return ids
}

// versions returns the versions that the configuration allows, newest first.
func (c *Config) versions() []uint16 {
	versions := []uint16{VersionTLS13}
	if c.Policy != Modern {
		versions = append(versions, VersionTLS12)
	}
	return slices.DeleteFunc(versions, func(v uint16) bool {
		return c.MinVersion != 0 && v < c.MinVersion || c.MaxVersion != 0 && v > c.MaxVersion
	})
}

func (c *Config) checkVersions() error {
	if c.Policy > Legacy {
		return fmt.Errorf("watchword: unknown %s in the configuration", c.Policy)
	}
	for _, v := range []uint16{c.MinVersion, c.MaxVersion} {
		if v != 0 && v != VersionTLS12 && v != VersionTLS13 {
			return fmt.Errorf("watchword: MinVersion and MaxVersion are VersionTLS12 or VersionTLS13, not %s", wire.VersionName(v))
		}
	}
	if len(c.versions()) == 0 {
		return fmt.Errorf("watchword: MinVersion and MaxVersion leave no version that the policy %s allows", c.Policy)
	}
	return nil
}

// allowedSuites returns the suites to use, in order of preference: those of the
// policy, restricted to Suites and to the versions.
func (c *Config) allowedSuites(versions []uint16) ([]suite.ID, error) {
	allowed := c.Policy.suites()
	if c.Suites != nil {
		var named []suite.ID
		for _, id := range c.Suites {
			if _, ok := suite.ByID(suite.ID(id)); !ok {
				return nil, fmt.Errorf("watchword: suite 0x%04x is not one that we have", uint16(id))
			}
			if !slices.Contains(allowed, suite.ID(id)) {
				return nil, fmt.Errorf("watchword: the policy %s does not allow the suite %s, %s does", c.Policy, id, c.policyFor(suite.ID(id)))
			}
			if !slices.Contains(named, suite.ID(id)) {
				named = append(named, suite.ID(id))
			}
		}
		allowed = named
	}
	allowed = slices.DeleteFunc(slices.Clone(allowed), func(id suite.ID) bool {
		s, _ := suite.ByID(id)
		return !slices.Contains(versions, s.Version) || c.KeyExchange == PSKOnly && s.KeyExchange == suite.ECDHEPSK
	})
	return allowed, nil
}

// policyFor returns the first policy that allows a suite.
func (*Config) policyFor(id suite.ID) Policy {
	if slices.Contains(Compatible.suites(), id) {
		return Compatible
	}
	return Legacy
}

// VersionName returns the usual name of a version, such as "TLS 1.3".
func VersionName(v uint16) string { return wire.VersionName(v) }

// SuiteByName returns the suite with this IANA name, with or without "TLS_".
func SuiteByName(name string) (SuiteID, error) {
	if !strings.HasPrefix(name, "TLS_") {
		name = "TLS_" + name
	}
	s, ok := suite.ByName(name)
	if !ok {
		return 0, fmt.Errorf("watchword: there is no suite %q here: see the documentation of Config.Suites for the names", name)
	}
	return SuiteID(s.ID), nil
}

// GroupByName returns the group with this IANA name, in any case. P-256 is
// another name of secp256r1.
func GroupByName(name string) (Group, error) {
	for _, g := range []Group{X25519MLKEM768, X25519, P256} {
		if strings.EqualFold(g.String(), name) || g == P256 && strings.EqualFold(name, "P-256") {
			return g, nil
		}
	}
	return 0, fmt.Errorf("watchword: there is no group %q here: the groups are %s, %s and %s", name, X25519MLKEM768, X25519, P256)
}
