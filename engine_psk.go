package watchword

// The server's search for a key: the engine pauses, tells what was offered,
// and goes on when it is answered.

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// openedTicket is a ticket of ours among the offered identities.
type openedTicket struct {
	identity  int
	state     *ticketState
	session12 *handshake.Session12 // of a ticket of TLS 1.2
}

// wantPSK pauses the engine.
func (e *Engine) wantPSK(w handshake.WantPSK, now time.Time) error {
	if !e.config.AllowSameProcess && ownRandoms.has(w.Random) {
		return alert.Wrap(alert.IllegalParameter, ErrReflected)
	}
	if w.Version == VersionTLS12 {
		return e.wantKey12(&w, now)
	}
	e.want = &w
	for i, id := range e.want.Identities {
		if i == limits.MaxIdentitiesRead {
			break
		}
		if state := e.config.openTicket(id.Identity, &w, now); state != nil {
			e.tickets = append(e.tickets, openedTicket{identity: i, state: state})
		}
	}
	return nil
}

// WantsKeys returns the identities that the client offers while the engine
// waits for [Engine.Answer], nil otherwise.
func (e *Engine) WantsKeys() []OfferedIdentity {
	if e.want == nil || e.err != nil {
		return nil
	}
	var offered []OfferedIdentity
	for i, id := range e.want.Identities {
		if i == limits.MaxIdentitiesRead {
			break
		}
		offered = append(offered, e.describe(i, id.Identity))
	}
	return offered
}

func (e *Engine) describe(i int, raw []byte) OfferedIdentity {
	for _, t := range e.tickets {
		if t.identity == i {
			return OfferedIdentity{Identity: t.state.identity, Kind: t.state.kind, Ticket: true}
		}
	}
	id, err := wire.ParseImportedIdentity(raw, nil)
	if err == nil && e.want.Version == VersionTLS13 && id.TargetProtocol == wire.VersionTLS13 && (id.TargetKDF == suite.SHA256.KDF() || id.TargetKDF == suite.SHA384.KDF()) {
		return OfferedIdentity{Identity: string(id.ExternalIdentity), Kind: Imported, Context: id.Context}
	}
	return OfferedIdentity{Identity: string(raw), Kind: External}
}

// Answer goes on after WantsKeys with the keys that are known for the offered
// identities. err is the error of the lookup, if it failed; one that wraps
// [ErrNotAdmitted] refuses the client as an unknown identity is refused.
//
// As many keys are tried, whoever the client is, as the Lookup of the Config tells
// (see [RotationLookup]); of a Config without one, as Keys has of one identity.
func (e *Engine) Answer(keys []*Key, err error, now time.Time) error {
	if e.err != nil {
		return e.err
	}
	if e.want == nil {
		return errors.New("watchword: Answer was called while the engine waited for no key")
	}
	defer e.input.settle()
	e.now = now
	answer, failure := e.answer(keys, err)
	if failure != nil {
		return e.fail(failure)
	}
	// The offer stays until the next message: Step refuses one that comes
	// too early.
	e.want = nil
	if err := e.machine.Answer(answer); err != nil {
		return e.fail(err)
	}
	e.tickets = nil
	if err := e.carryOut(now); err != nil {
		return e.fail(err)
	}
	return e.advance(now)
}

// answer matches keys with what was offered.
func (e *Engine) answer(keys []*Key, err error) (handshake.Answer, error) {
	offered := e.WantsKeys()
	a := handshake.Answer{Wrong: wrongKey(offered), Tries: e.config.tries()}
	var own *alert.LocalError
	switch {
	case err == nil:
	case errors.Is(err, ErrNotAdmitted):
		a.Unknown = err
		keys = nil
	case errors.As(err, &own):
		return a, err
	default:
		return a, alert.Wrap(alert.InternalError, fmt.Errorf("the lookup of keys failed: %w", err))
	}
	if err := checkKeys(keys); err != nil {
		return a, alert.Wrap(alert.InternalError, err)
	}
	for i := range offered {
		a.Candidates = append(a.Candidates, e.candidates(i, keys)...)
	}
	switch {
	case err != nil:
	case len(a.Candidates) == 0:
		// Put together only when it is wanted, as of a wrong key: a peer could
		// measure it otherwise.
		version, keys := e.want.Version, slices.Clone(keys) // the slice is the lookup's
		a.Unknown = late(ErrUnknownIdentity, func() string { return explainUnknown(version, offered, keys) })
	default:
		// Said only where no candidate fits: a key is known, and the binder
		// has the length of another hash.
		a.Unknown = late(ErrUnknownIdentity, func() string {
			return "the client uses the key " + quoted(namesOf(offered)) + " with another hash than here, or offers no suite with the hash of the key here: both ends must hold the key for the same hash"
		})
	}
	return a, nil
}

// ticketRank puts tickets before keys: a ticket costs the least.
const ticketRank = -1

// candidates returns what goes with the offered identity at index i.
func (e *Engine) candidates(i int, keys []*Key) []handshake.Candidate {
	for _, t := range e.tickets {
		if t.identity != i {
			continue
		}
		// A ticket is as good as the key that it goes back to, and ends
		// with it. Its PSK is derived either way: who replays a ticket must
		// not see in the work done whether the key is still there.
		var psk *schedule.PSK
		if t.session12 == nil {
			psk = schedule.NewPSK(t.state.hash, schedule.ResumptionPSK, t.state.psk)
		}
		for _, k := range keys {
			if k.options.Role == ClientRole || !t.state.belongsTo(k) || !k.serves(e.want.Version) {
				continue
			}
			if t.session12 != nil {
				return []handshake.Candidate{{Identity: i, Session12: t.session12, Tag: &match{k, t.state}}}
			}
			return []handshake.Candidate{{Identity: i, PSK: psk, Rank: ticketRank, Tag: &match{k, t.state}}}
		}
		return nil
	}
	raw := e.want.Identities[i].Identity
	var found []handshake.Candidate
	if e.want.Version == VersionTLS12 {
		return candidates12(raw, keys)
	}
	for rank, k := range keys {
		if k.options.Role == ClientRole {
			continue
		}
		for _, p := range k.psks {
			if slices.Equal(p.wireIdentity, raw) {
				found = append(found, handshake.Candidate{Identity: i, PSK: p.psk, Rank: rank, Tag: &match{key: k}})
			}
		}
	}
	return found
}

// wrongKey says that a name is known, and its key is another one.
func wrongKey(offered []OfferedIdentity) error {
	return late(ErrWrongKey, func() string {
		return "the client knows the name " + quoted(namesOf(offered)) + " but its key differs from the one here (its kind, hash and context must be the same too): compare the fingerprints of the key on both ends"
	})
}

func namesOf(offered []OfferedIdentity) []string {
	var names []string
	for _, o := range offered {
		if !slices.Contains(names, o.Identity) {
			names = append(names, o.Identity)
		}
	}
	return names
}

// explainUnknown says what comes nearest to an identity that is not known: the
// same name with another kind or context.
func explainUnknown(version uint16, offered []OfferedIdentity, keys []*Key) string {
	var forClients *Key
	for _, o := range offered {
		for _, k := range keys {
			if k.identity != o.Identity {
				continue
			}
			switch {
			case k.options.Role == ClientRole:
				forClients = k // said only if there is no other of that name
			case version == VersionTLS12 && k.options.Kind == Imported:
				return fmt.Sprintf("the client uses the key %q in TLS 1.2, which needs an external key, but here it is imported: make an external one for both ends, with `watchword key new --external`", k.identity)
			case k.options.Version != 0 && k.options.Version != version:
				return fmt.Sprintf("the client uses the key %q in %s, but here it is pinned to %s", k.identity, VersionName(version), VersionName(k.options.Version))
			case k.options.Kind != o.Kind && !o.Ticket:
				return fmt.Sprintf("the client uses the key %q as %s, but here it is %s: both ends must use it alike", k.identity, o.Kind, k.options.Kind)
			case o.Kind == Imported && !slices.Equal(o.Context, k.options.Context):
				return fmt.Sprintf("the client imported the key %q with another context than here", k.identity)
			}
		}
	}
	if forClients != nil {
		return fmt.Sprintf("the key %q is for clients here, so a client cannot prove itself with it", forClients.identity)
	}
	return "the client offers the key " + quoted(namesOf(offered)) + ", which is not known here"
}

// tries returns how many keys are tried in each handshake.
func (c *Config) tries() int {
	if l, ok := c.Lookup.(RotationLookup); ok {
		return min(max(l.KeysPerIdentity(), 1), limits.RotationKeys)
	}
	if c.Lookup != nil {
		return limits.RotationKeys
	}
	return c.state.keysPerIdentity
}

// staticKeys is the lookup of a Config without one.
func (c *Config) staticKeys(offered []OfferedIdentity) []*Key {
	var keys []*Key
	for _, k := range c.Keys {
		if slices.ContainsFunc(offered, func(o OfferedIdentity) bool { return o.Identity == k.identity }) {
			keys = append(keys, k)
		}
	}
	return keys
}
