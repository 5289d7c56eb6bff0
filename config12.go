package watchword

// What a client's configuration offers in TLS 1.2 beside TLS 1.3, or not.

import (
	"errors"
	"fmt"
	"slices"

	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/suite"
)

// offer adds what key k can be offered as. TLS 1.2 has room for one key: the
// first that can serve it.
func (c *Config) offer(hc *handshake.ClientConfig, k *Key) {
	for _, p := range k.psks {
		hasHash := func(id suite.ID) bool { s, ok := suite.ByID(id); return ok && s.Hash == p.psk.Hash() }
		if slices.ContainsFunc(hc.Suites, hasHash) {
			hc.PSKs = append(hc.PSKs, handshake.OfferedPSK{Identity: p.wireIdentity, PSK: p.psk})
		}
	}
	if hc.Key12 == nil && k.key12 != nil && slices.Contains(hc.Versions, VersionTLS12) {
		hc.Key12 = &handshake.OfferedKey12{Identity: []byte(k.identity), Key: k.key12, Tag: k}
	}
}

// settleVersions leaves out what no key can serve.
func (c *Config) settleVersions(hc *handshake.ClientConfig) error {
	wanted := hc.Versions
	hc.Versions = slices.DeleteFunc(slices.Clone(wanted), func(v uint16) bool {
		return v == VersionTLS13 && len(hc.PSKs) == 0 || v == VersionTLS12 && hc.Key12 == nil
	})
	hc.Without12 = c.without12(wanted)
	switch {
	case len(hc.Versions) > 0:
		return nil
	case slices.Contains(wanted, VersionTLS13):
		return errors.New("watchword: none of the configured suites has the hash of a configured key: an external key works with suites of its own hash only")
	}
	return fmt.Errorf("watchword: %s", needsExternal)
}

const needsExternal = "TLS 1.2 needs an external key (RFC 9258 imports keys into TLS 1.3 only): make one with `watchword key new --external`, for both ends"

// without12 says what to do about a server that speaks TLS 1.2 only.
func (c *Config) without12(versions []uint16) string {
	switch {
	case slices.Contains(versions, VersionTLS12):
		return needsExternal
	case c.Policy == Modern:
		return "the policies compatible and legacy allow that, with an external key"
	}
	return "the configuration leaves TLS 1.2 out"
}
