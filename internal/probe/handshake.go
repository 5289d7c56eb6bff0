package probe

// Questions with a key: whole handshakes of the library, each with a
// configuration that leaves the server little choice.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// restrict returns the configuration for one version, these suites and these
// groups. In TLS 1.3 the policy legacy would offer psk_ke beside psk_dhe_ke.
func restrict(v *Version, suites []suite.ID, groups []wire.NamedGroup) *watchword.Config {
	c := &watchword.Config{MinVersion: v.Number, MaxVersion: v.Number}
	if v.Number == watchword.VersionTLS12 {
		c.Policy = watchword.Legacy
	}
	for _, id := range suites {
		c.Suites = append(c.Suites, watchword.SuiteID(id))
	}
	for _, g := range groups {
		c.Groups = append(c.Groups, watchword.Group(g))
	}
	return c
}

// withoutGroup asks for psk_ke alone.
func withoutGroup(c *watchword.Config) *watchword.Config {
	c.KeyExchange = watchword.PSKOnly
	return c
}

// CheckKey says why the key cannot be used by a client.
func CheckKey(k *watchword.Key) error {
	_, err := watchword.NewClientEngine(&watchword.Config{Keys: []*watchword.Key{k}, Policy: watchword.Legacy}, "", time.Now())
	return err
}

// handshake does one, and closes in order what it opened.
func (p *prober) handshake(v *Version, key *watchword.Key, c *watchword.Config) (*answer, error) {
	raw, err := p.connect()
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	a := &answer{}
	c.Keys, c.ServerName, c.HandshakeTimeout = []*watchword.Key{key}, p.ServerName, p.Timeout
	c.Observer = a.observe
	conn := watchword.Client(raw, c)
	a.err = conn.HandshakeContext(p.ctx)
	if a.err == nil {
		a.proved = true
		p.leave(v, raw, conn)
	}
	err = p.classify(a)
	if err == nil && a.closed {
		err = p.over()
	}
	if err != nil {
		return nil, p.cause(err)
	}
	p.trust(a, nil)
	return a, nil
}

// classify puts a failure where it belongs: into the answer if the server said
// no, into an error if it did not speak as one should.
func (p *prober) classify(a *answer) error {
	p.heard = p.heard || a.hello != nil || a.proved
	var remote *watchword.RemoteError
	var local *watchword.LocalError
	switch {
	case a.err == nil:
	case errors.As(a.err, &remote):
		p.heard = true
		a.alert = &remote.Description
	case errors.Is(a.err, watchword.ErrHandshakeTimeout) && a.hello == nil:
		return ErrSilent
	case errors.Is(a.err, watchword.ErrHandshakeTimeout):
		return ErrStalled
	case errors.Is(a.err, context.Canceled), errors.Is(a.err, context.DeadlineExceeded), errors.Is(a.err, watchword.ErrNotTLS):
		return a.err
	case errors.Is(a.err, watchword.ErrKeyRejected):
		a.closed = true
	case errors.As(a.err, &local):
		return fmt.Errorf("a handshake with it failed: %s", local.Why())
	default:
		a.closed = true
	}
	return nil
}

// observe reads what the server sent from the library's own record of it.
func (a *answer) observe(e watchword.Event) {
	if e.Sent || e.Kind != watchword.EventMessage {
		return
	}
	switch wire.TypeOf(e.Bytes) {
	case wire.TypeServerHello:
		// The library has parsed it: it parses.
		if h, err := wire.ParseServerHello(slices.Clone(e.Bytes), nil); err == nil && !h.HelloRetryRequest {
			a.hello = h
		}
	case wire.TypeServerKeyExchange:
		if a.hello != nil {
			_ = a.readKeyExchange(e.Bytes)
		}
	case wire.TypeNewSessionTicket:
		a.ticket = true
	}
}

// leave tells the server that this is all. The first time it also waits for
// the server to say so, since tickets come before that.
func (p *prober) leave(v *Version, raw net.Conn, conn *watchword.Conn) {
	if v.Key != Yes && conn.CloseWrite() == nil &&
		raw.SetReadDeadline(time.Now().Add(limits.FarewellSeconds*time.Second)) == nil {
		// Whatever ends it, the handshake is what counts.
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, limits.MaxLingerBytes))
	}
	_ = conn.Close()
}

// provokeRefusals compares how the server turns away a wrong key and an unknown
// identity: where it does so differently, anybody can find out which identities
// it knows (RFC 9257 §7). That costs two handshakes that fail.
func (p *prober) provokeRefusals(v *Version) error {
	o := p.Key.Options()
	for _, c := range []struct {
		identity string
		ending   *string
	}{{p.Key.Identity(), &v.WrongKey}, {nobody(), &v.UnknownIdentity}} {
		key, err := watchword.NewKey(c.identity, random(32), o)
		if err != nil {
			return err
		}
		a, err := p.handshake(v, key, restrict(v, numbersOf(v.Suites), ourGroups(v.Number)))
		if err != nil {
			return err
		}
		*c.ending = a.ending()
		p.doubt(a, func() { *c.ending = "" })
	}
	return nil
}

func numbersOf(items []Item) []suite.ID {
	var ids []suite.ID
	for _, x := range items {
		ids = append(ids, suite.ID(x.ID))
	}
	return ids
}
