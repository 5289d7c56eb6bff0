package watchword

// A server's tickets (RFC 9846 §4.7.1): what a later connection needs to know
// of this one, sealed under a key that exists only in this Config.

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Tickets configures session resumption.
type Tickets struct {
	// Disabled keeps a server from issuing and accepting tickets.
	Disabled bool
	// Lifetime is how long a server's ticket works: 24 hours if zero, seven
	// days at most.
	Lifetime time.Duration
	// Cache keeps a client's tickets. Nil keeps none.
	Cache TicketCache
}

// lifetime returns the life of a ticket of c, zero if there are none.
func (c *Config) lifetime() time.Duration {
	t := c.Tickets
	switch {
	case t != nil && t.Disabled:
		return 0
	case t == nil || t.Lifetime <= 0:
		return limits.TicketLifetimeSeconds * time.Second
	}
	return min(t.Lifetime, limits.MaxTicketLifetimeSeconds*time.Second)
}

// ticketState is what a ticket says.
type ticketState struct {
	version    uint16
	issued     time.Time
	began      time.Time // when the key itself was proved: tickets do not extend it for ever
	hash       suite.Hash
	mode       wire.PSKKeyExchangeMode
	identity   string
	kind       Kind
	keyTag     []byte // stands for the key: a removed key ends its tickets
	nextProto  string
	serverName string
	psk        []byte // in TLS 1.2 the master secret
	// Of TLS 1.2.
	suite                suite.ID
	group                wire.NamedGroup
	extendedMasterSecret bool
}

const ticketFormat = 2

func (t *ticketState) marshal() []byte {
	var b cryptobyte.Builder
	b.AddUint8(ticketFormat)
	b.AddUint16(t.version)
	b.AddUint16(uint16(t.suite))
	b.AddUint16(uint16(t.group))
	if t.extendedMasterSecret {
		b.AddUint8(1)
	} else {
		b.AddUint8(0)
	}
	b.AddUint64(uint64(t.issued.UnixMilli()))
	b.AddUint64(uint64(t.began.UnixMilli()))
	b.AddUint8(uint8(t.hash))
	b.AddUint8(uint8(t.mode))
	b.AddUint8(uint8(t.kind))
	for _, field := range [][]byte{[]byte(t.identity), t.keyTag, []byte(t.nextProto), []byte(t.serverName), t.psk} {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(field) })
	}
	return b.BytesOrPanic()
}

func parseTicket(raw []byte) *ticketState {
	s := cryptobyte.String(raw)
	var format, extended, hash, mode, kind uint8
	var version, suiteID, group uint16
	var issued, began uint64
	if !s.ReadUint8(&format) || format != ticketFormat || !s.ReadUint16(&version) || !s.ReadUint16(&suiteID) || !s.ReadUint16(&group) || !s.ReadUint8(&extended) ||
		!s.ReadUint64(&issued) || !s.ReadUint64(&began) ||
		!s.ReadUint8(&hash) || !s.ReadUint8(&mode) || !s.ReadUint8(&kind) {
		return nil
	}
	var fields [5]cryptobyte.String
	for i := range fields {
		if !s.ReadUint16LengthPrefixed(&fields[i]) {
			return nil
		}
	}
	if extended > 1 || !s.Empty() {
		return nil
	}
	return &ticketState{
		version: version, suite: suite.ID(suiteID), group: wire.NamedGroup(group), extendedMasterSecret: extended == 1,
		issued: time.UnixMilli(int64(issued)), began: time.UnixMilli(int64(began)),
		hash: suite.Hash(hash), mode: wire.PSKKeyExchangeMode(mode), kind: Kind(kind),
		identity: string(fields[0]), keyTag: fields[1], nextProto: string(fields[2]), serverName: string(fields[3]), psk: fields[4],
	}
}

// belongsTo reports whether the ticket goes back to key k. The tag alone says
// so: it is made of the secret, the identity, the kind, the hash and the context
// (Key.tagWithOptions).
func (t *ticketState) belongsTo(k *Key) bool {
	return subtle.ConstantTimeCompare(t.keyTag, k.ticketTag) == 1
}

// ticketKey seals tickets for a time.
type ticketKey struct {
	name    [ticketNameLen]byte
	aead    cipher.AEAD
	created time.Time
}

const (
	ticketNameLen  = 16
	ticketNonceLen = 12
)

// ticketKeys are the keys of one Config, the newest first.
type ticketKeys struct {
	mu   sync.Mutex
	keys []*ticketKey
}

// current returns the key to seal with. Keys are random, replaced after half a
// ticket's life, and gone after a whole one. A clock that went backwards
// replaces them too.
func (t *ticketKeys) current(lifetime time.Duration, now time.Time, rand io.Reader) (*ticketKey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(lifetime, now)
	if len(t.keys) > 0 && now.Sub(t.keys[0].created) < lifetime/2 {
		return t.keys[0], nil
	}
	k := &ticketKey{created: now}
	var secret [32]byte
	if _, err := io.ReadFull(rand, k.name[:]); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(rand, secret[:]); err != nil {
		return nil, err
	}
	aes256, _ := suite.ByID(suite.AES256GCMSHA384)
	var err error
	if k.aead, err = aes256.NewAEAD(secret[:]); err != nil {
		return nil, err
	}
	t.keys = append([]*ticketKey{k}, t.keys...)
	return k, nil
}

func (t *ticketKeys) expire(lifetime time.Duration, now time.Time) {
	kept := t.keys[:0]
	for _, k := range t.keys {
		if age := now.Sub(k.created); age >= 0 && age < lifetime {
			kept = append(kept, k)
		}
	}
	clear(t.keys[len(kept):])
	t.keys = kept
}

// find returns the key with this name, nil if there is none any more.
func (t *ticketKeys) find(name []byte, lifetime time.Duration, now time.Time) *ticketKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(lifetime, now)
	for _, k := range t.keys {
		if string(k.name[:]) == string(name) {
			return k
		}
	}
	return nil
}

// openTicket returns what a ticket says, if it is one of ours, is still good,
// and goes with this ClientHello: same version, same server name, same
// application protocol, and in TLS 1.3 the same mode of key exchange. (In
// TLS 1.2 the suite says the mode.)
func (c *Config) openTicket(raw []byte, w *handshake.WantPSK, now time.Time) *ticketState {
	lifetime := c.lifetime()
	if lifetime == 0 || len(raw) < ticketNameLen+ticketNonceLen {
		return nil
	}
	key := c.state.tickets.find(raw[:ticketNameLen], lifetime, now)
	if key == nil {
		return nil
	}
	nonce, sealed := raw[ticketNameLen:ticketNameLen+ticketNonceLen], raw[ticketNameLen+ticketNonceLen:]
	plain, err := key.aead.Open(nil, nonce, sealed, raw[:ticketNameLen])
	if err != nil {
		return nil
	}
	t := parseTicket(plain)
	if t == nil || t.version != w.Version || t.version == VersionTLS13 && t.mode != w.Mode || t.serverName != w.ServerName || t.nextProto != w.NextProto {
		return nil
	}
	if age := now.Sub(t.issued); age < 0 || age >= lifetime || now.Sub(t.began) >= limits.MaxTicketLifetimeSeconds*time.Second {
		return nil
	}
	return t
}

// issueTicket sends one ticket after a complete handshake.
func (e *Engine) issueTicket(now time.Time) error {
	if e.config.lifetime() == 0 || e.matched == nil {
		return nil
	}
	nonce := []byte{0} // unique among the tickets of this connection, of which there is one
	state := newTicketState(e.machine.Result(), e.matched, now)
	state.psk = e.machine.TicketPSK(nonce)
	ticket, lifetime, err := e.config.sealTicket(state, now)
	if err != nil || ticket == nil {
		return err
	}
	var ageAdd [4]byte
	if _, err := io.ReadFull(e.config.rand(), ageAdd[:]); err != nil {
		return noTicket(err)
	}
	e.machine.SendTicket(&wire.NewSessionTicket{
		TicketLifetime: uint32(lifetime / time.Second),
		TicketAgeAdd:   binary.BigEndian.Uint32(ageAdd[:]),
		TicketNonce:    nonce,
		Ticket:         ticket,
	})
	return e.carryOut(now)
}

// newTicketState returns what a ticket says of a connection, but for its secret.
func newTicketState(r *handshake.Result, m *match, now time.Time) *ticketState {
	t := &ticketState{
		version: r.Version, suite: r.Suite.ID, group: r.Group, extendedMasterSecret: r.ExtendedMasterSecret,
		issued: now, began: now, hash: r.Suite.Hash, mode: r.Mode,
		identity: m.key.identity, kind: m.key.options.Kind, keyTag: m.key.ticketTag,
		nextProto: r.NextProto, serverName: r.ServerName,
	}
	if m.ticket != nil {
		t.began = m.ticket.began
	}
	return t
}

// sealTicket returns a ticket and its lifetime; a nil one if there can be none.
func (c *Config) sealTicket(state *ticketState, now time.Time) ([]byte, time.Duration, error) {
	key, err := c.state.tickets.current(c.lifetime(), now, c.rand())
	if err != nil {
		return nil, 0, noTicket(err)
	}
	lifetime := min(c.lifetime(), limits.MaxTicketLifetimeSeconds*time.Second-now.Sub(state.began), c.lifetime()-now.Sub(key.created))
	if lifetime < time.Second {
		return nil, 0, nil
	}
	var nonce [ticketNonceLen]byte
	if _, err := io.ReadFull(c.rand(), nonce[:]); err != nil {
		return nil, 0, noTicket(err)
	}
	ticket := append([]byte(nil), key.name[:]...)
	ticket = append(ticket, nonce[:]...)
	ticket = key.aead.Seal(ticket, nonce[:], state.marshal(), key.name[:])
	if len(ticket) > limits.MaxTicketLen {
		// The client sent a server name of thousands of bytes. No client of
		// ours keeps such a ticket, and a longer one fits no message.
		return nil, 0, nil
	}
	return ticket, lifetime, nil
}

func noTicket(err error) error {
	return alert.Wrap(alert.InternalError, fmt.Errorf("no ticket can be made: %w", err))
}
