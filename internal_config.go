package watchword

// From the public Config to what the handshake is configured with: checking,
// defaults, and what connections of one Config share.

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// configState is what the connections of one Config share.
type configState struct {
	tickets ticketKeys
	// What each side comes to. Connections copy it and change nothing in it.
	client settled[handshake.ClientConfig]
	server settled[handshake.ServerConfig]
	// keysPerIdentity is that of Config.Keys of a server, at least 1.
	keysPerIdentity int
}

// settled is what a configuration comes to, worked out at its first use. A mistake
// is not kept: it can be mended, before another connection uses it.
type settled[T any] struct {
	mu    sync.Mutex // of those who work it out
	value atomic.Pointer[T]
}

// copy returns a copy of the value, which work works out.
func (s *settled[T]) copy(work func() (T, error)) (*T, error) {
	value := s.value.Load()
	if value == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if value = s.value.Load(); value == nil {
			made, err := work()
			if err != nil {
				return nil, err
			}
			value = &made
			s.value.Store(value)
		}
	}
	own := *value
	return &own, nil
}

var errNoConfig = errors.New("watchword: no configuration")

// Clone returns a copy of c with the same settings that shares no state with
// it: tickets of one are unknown to the other.
func (c *Config) Clone() *Config {
	return &Config{
		Policy: c.Policy, MinVersion: c.MinVersion, MaxVersion: c.MaxVersion, IdentityHint: c.IdentityHint,
		Keys: slices.Clone(c.Keys), Lookup: c.Lookup, ServerName: c.ServerName, NextProtos: slices.Clone(c.NextProtos),
		Suites: slices.Clone(c.Suites), Groups: slices.Clone(c.Groups), KeyShares: slices.Clone(c.KeyShares),
		KeyExchange: c.KeyExchange, Tickets: c.Tickets, RecordSizeLimit: c.RecordSizeLimit, PadRecords: c.PadRecords,
		HandshakeTimeout: c.HandshakeTimeout, AllowSameProcess: c.AllowSameProcess, KeyLogWriter: c.KeyLogWriter,
		Observer: c.Observer, Rand: c.Rand, Time: c.Time,
	}
}

// dummy12Len is the length in bytes of the key that stands in for unknown ones
// in TLS 1.2: what `watchword key new` makes, so that it is the likeliest.
const dummy12Len = 32

func (c *Config) now() time.Time {
	if c.Time != nil {
		return c.Time()
	}
	return time.Now()
}

func (c *Config) rand() io.Reader {
	if c.Rand != nil {
		return c.Rand
	}
	return rand.Reader
}

func (c *Config) handshakeTimeout() time.Duration {
	if c.HandshakeTimeout == 0 {
		return limits.HandshakeTimeoutSeconds * time.Second
	}
	return c.HandshakeTimeout
}

// makeDummies makes what stands in for keys that are not known.
func (c *Config) makeDummies(hc *handshake.ServerConfig) error {
	for _, h := range []suite.Hash{suite.SHA256, suite.SHA384} {
		secret := make([]byte, h.Size())
		if _, err := io.ReadFull(c.rand(), secret); err != nil {
			return fmt.Errorf("watchword: the source of randomness failed: %w", err)
		}
		hc.Dummies[h] = schedule.NewPSK(h, schedule.ExternalPSK, secret)
		hc.Dummy12 = schedule.NewKey12(secret[:dummy12Len])
	}
	return nil
}

// mostAlike returns how many keys the identity with the most of them has, at
// least 1.
func mostAlike(keys []*Key) int {
	most, count := 1, make(map[string]int, len(keys))
	for _, k := range keys {
		count[k.identity]++
		most = max(most, count[k.identity])
	}
	return most
}

// check refuses a configuration that cannot work or is not safe, before the
// first byte.
func (c *Config) check() error {
	if err := c.checkVersions(); err != nil {
		return err
	}
	if len(c.IdentityHint) > limits.MaxIdentityHint {
		return fmt.Errorf("watchword: IdentityHint has %d bytes, at most %d are allowed", len(c.IdentityHint), limits.MaxIdentityHint)
	}
	if c.KeyExchange > PSKOnly {
		return errors.New("watchword: unknown KeyExchange in the configuration")
	}
	if n := c.RecordSizeLimit; n != 0 && (n < limits.MinRecordSizeLimit || n > limits.MaxPlaintext) {
		return fmt.Errorf("watchword: RecordSizeLimit is %d bytes, %d to %d are allowed", n, limits.MinRecordSizeLimit, limits.MaxPlaintext)
	}
	if n := c.PadRecords; n < 0 || n > limits.MaxPlaintext {
		return fmt.Errorf("watchword: PadRecords is %d bytes, 0 to %d are allowed", n, limits.MaxPlaintext)
	}
	if len(c.NextProtos) > limits.MaxALPN {
		return fmt.Errorf("watchword: %d application protocols, at most %d are allowed", len(c.NextProtos), limits.MaxALPN)
	}
	for _, p := range c.NextProtos {
		if p == "" || len(p) > 255 {
			return fmt.Errorf("watchword: application protocol %q is not 1 to 255 bytes long", p)
		}
	}
	if len(c.ServerName) > 255 {
		return errors.New("watchword: ServerName is longer than 255 bytes")
	}
	return checkKeys(c.Keys)
}

// checkKeys refuses a set of keys that contradict each other.
func checkKeys(keys []*Key) error {
	// This runs for each answer of a lookup: there may be many keys, and mostly there
	// is one.
	if len(keys) == 1 && keys[0] != nil {
		return nil
	}
	same := make(map[string]int, len(keys))
	uses := make(map[[sha256.Size]byte]*Key, len(keys))
	for _, k := range keys {
		if k == nil {
			return errors.New("watchword: a key is nil")
		}
		if same[k.identity]++; same[k.identity] > limits.RotationKeys {
			return fmt.Errorf("watchword: more than %d keys for the identity %q", limits.RotationKeys, k.identity)
		}
		other := uses[k.use]
		switch {
		case other == nil:
			uses[k.use] = k
		case other.options.Kind != k.options.Kind:
			return fmt.Errorf("watchword: the key %q is both imported and external (as %q): one key is used one way (RFC 9258 §8)", k.identity, other.identity)
		case other.options.Hash != k.options.Hash:
			return fmt.Errorf("watchword: the key %q belongs to two hashes (as %q to the other): one key belongs to one hash (RFC 9846 §4.3.11)", k.identity, other.identity)
		}
	}
	return nil
}

func (c *Config) common() (handshake.Common, error) {
	common := handshake.Common{Rand: c.rand(), NextProtos: c.NextProtos, RecordSizeLimit: c.RecordSizeLimit, Legacy: c.Policy == Legacy}
	common.Versions = c.versions()
	allowed, err := c.allowedSuites(common.Versions)
	if err != nil {
		return common, err
	}
	common.Groups = []wire.NamedGroup{wire.GroupX25519MLKEM768, wire.GroupX25519, wire.GroupP256}
	if c.Groups != nil {
		common.Groups = nil
		for _, g := range c.Groups {
			if g != X25519MLKEM768 && g != X25519 && g != P256 {
				return common, fmt.Errorf("watchword: group 0x%04x is not one that we have", uint16(g))
			}
			common.Groups = append(common.Groups, wire.NamedGroup(g))
		}
	}
	common.Suites, common.Suites12 = splitSuites(allowed)
	if !slices.ContainsFunc(common.Groups, func(g wire.NamedGroup) bool { return g != wire.GroupX25519MLKEM768 }) {
		// TLS 1.2 has no hybrid, and so nothing for ECDHE.
		common.Suites12 = slices.DeleteFunc(common.Suites12, func(id suite.ID) bool { s, _ := suite.ByID(id); return s.KeyExchange == suite.ECDHEPSK })
	}
	common.Versions = slices.DeleteFunc(common.Versions, func(v uint16) bool {
		return v == VersionTLS13 && len(common.Suites) == 0 || v == VersionTLS12 && len(common.Suites12) == 0
	})
	common.Modes = c.modes()
	if len(common.Versions) == 0 || len(common.Groups) == 0 && c.KeyExchange != PSKOnly {
		return common, errors.New("watchword: the configuration leaves no suite or no group")
	}
	return common, nil
}

// modes returns the key exchanges of TLS 1.3. The policy Legacy is one way to ask
// for what has no forward secrecy.
func (c *Config) modes() []wire.PSKKeyExchangeMode {
	switch {
	case c.KeyExchange == PSKOnly:
		return []wire.PSKKeyExchangeMode{wire.PSKOnly}
	case c.KeyExchange == PSKOnlyAllowed || c.Policy == Legacy:
		return []wire.PSKKeyExchangeMode{wire.PSKWithECDHE, wire.PSKOnly}
	}
	return []wire.PSKKeyExchangeMode{wire.PSKWithECDHE}
}

// splitSuites tells the suites of TLS 1.3 from those of TLS 1.2.
func splitSuites(ids []suite.ID) (tls13, tls12 []suite.ID) {
	for _, id := range ids {
		if s, _ := suite.ByID(id); s.Version == VersionTLS13 {
			tls13 = append(tls13, id)
		} else {
			tls12 = append(tls12, id)
		}
	}
	return tls13, tls12
}

// keyShares returns the groups to send a share of at once: by default the
// hybrid and X25519, so that a peer without ML-KEM costs no extra round trip.
func (c *Config) keyShares(groups []wire.NamedGroup) []wire.NamedGroup {
	want := []wire.NamedGroup{wire.GroupX25519MLKEM768, wire.GroupX25519}
	if c.KeyShares != nil {
		want = nil
		for _, g := range c.KeyShares {
			want = append(want, wire.NamedGroup(g))
		}
	}
	// Shares stand in the order of supported_groups (RFC 9846 §4.3.8).
	var shares []wire.NamedGroup
	for _, g := range groups {
		if slices.Contains(want, g) && !slices.Contains(shares, g) {
			shares = append(shares, g)
		}
	}
	if shares == nil && c.KeyShares == nil && len(groups) > 0 {
		shares = groups[:1]
	}
	return shares
}

// clientConfig checks c for a client and offers its keys.
func (c *Config) clientConfig() (*handshake.ClientConfig, error) {
	if c == nil {
		return nil, errNoConfig
	}
	hc, err := c.state.client.copy(c.settleClient)
	if err != nil {
		return nil, err
	}
	hc.Rand = c.rand()
	return hc, nil
}

// offerTicket offers a ticket before the keys, where there is room.
func (c *Config) offerTicket(hc *handshake.ClientConfig, ticket *ClientTicket, now time.Time) {
	if ticket != nil && offeredBytes(hc)+len(ticket.ticket) <= limits.MaxOfferedIdentityBytes {
		ticket.offerIn(hc, c.Keys, now)
	}
}

func (c *Config) settleClient() (handshake.ClientConfig, error) {
	none := handshake.ClientConfig{}
	if err := c.check(); err != nil {
		return none, err
	}
	if len(c.Keys) == 0 {
		return none, errors.New("watchword: a client needs a key: set Config.Keys")
	}
	if len(c.Keys) > limits.MaxOfferedKeys {
		return none, fmt.Errorf("watchword: a client offers at most %d keys, not %d", limits.MaxOfferedKeys, len(c.Keys))
	}
	common, err := c.common()
	if err != nil {
		return none, err
	}
	hc := handshake.ClientConfig{Common: common, ServerName: c.ServerName, KeyShares: c.keyShares(common.Groups)}
	hc.WantTickets = c.Tickets != nil && c.Tickets.Cache != nil
	for _, k := range c.Keys {
		if k.options.Role == ServerRole {
			return none, fmt.Errorf("watchword: the key %q is for servers, not for a client", k.identity)
		}
		c.offer(&hc, k)
	}
	if err := c.settleVersions(&hc); err != nil {
		return none, err
	}
	if offered := offeredBytes(&hc); offered > limits.MaxOfferedIdentityBytes {
		return none, fmt.Errorf("watchword: the identities and contexts of the keys and the application protocols have %d bytes as they are offered, at most %d fit into a ClientHello", offered, limits.MaxOfferedIdentityBytes)
	}
	hc.PSKs = slices.Clip(hc.PSKs) // a ticket goes before them
	return hc, nil
}

// offeredBytes returns how many bytes of a ClientHello the configuration
// decides. With the rest of it, and with the longest cookie that is echoed,
// they must fit into one message.
func offeredBytes(hc *handshake.ClientConfig) int {
	n := 0
	if hc.Key12 != nil {
		n += len(hc.Key12.Identity)
	}
	for _, p := range hc.PSKs {
		n += len(p.Identity)
	}
	for _, p := range hc.NextProtos {
		n += 1 + len(p)
	}
	return n
}

// serverConfig checks c for a server.
func (c *Config) serverConfig() (*handshake.ServerConfig, error) {
	if c == nil {
		return nil, errNoConfig
	}
	hc, err := c.state.server.copy(c.settleServer)
	if err != nil {
		return nil, err
	}
	hc.Rand = c.rand()
	return hc, nil
}

func (c *Config) settleServer() (handshake.ServerConfig, error) {
	none := handshake.ServerConfig{}
	if err := c.check(); err != nil {
		return none, err
	}
	if len(c.Keys) == 0 && c.Lookup == nil {
		return none, errors.New("watchword: a server needs keys: set Config.Keys or Config.Lookup")
	}
	for _, k := range c.Keys {
		if k.options.Role == ClientRole {
			return none, fmt.Errorf("watchword: the key %q is for clients, not for a server", k.identity)
		}
	}
	common, err := c.common()
	if err != nil {
		return none, err
	}
	hc := handshake.ServerConfig{Common: common, IdentityHint: c.IdentityHint}
	if err := c.makeDummies(&hc); err != nil {
		return none, err
	}
	c.state.keysPerIdentity = mostAlike(c.Keys)
	return hc, nil
}
