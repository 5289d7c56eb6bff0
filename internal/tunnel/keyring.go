package tunnel

// Which keys a service takes, and whom it admits.

import (
	"context"
	"fmt"
	"slices"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// keyring is the content of a key file with the rules of one service. It does
// not change.
type keyring struct {
	file        *keyfile.File
	ring        *keyfile.Ring
	allow, deny []string
}

func newKeyring(s *settings.Service, f *keyfile.File) *keyring {
	return &keyring{file: f, ring: f.Ring(), allow: s.Allow, deny: s.Deny}
}

// admits reports whether the rules let the identity in.
func (r *keyring) admits(identity string) bool {
	return !matches(r.deny, identity) && (len(r.allow) == 0 || matches(r.allow, identity))
}

// knows reports whether the identity has a key that a server takes, and is
// admitted.
func (r *keyring) knows(identity string) bool {
	return slices.ContainsFunc(r.ring.Of(identity), func(k *watchword.Key) bool { return k.Options().Role != watchword.ClientRole }) && r.admits(identity)
}

func matches(patterns []string, identity string) bool {
	for _, p := range patterns {
		if settings.Matches(p, identity) {
			return true
		}
	}
	return false
}

// LookupKeys implements [watchword.KeyLookup]. An identity that is not admitted
// is looked up as one that is not known, and the rules are asked of every name, known
// or not, that is no longer than the longest of ours, so that a peer sees no
// difference. Keys for clients alone are found too: the server takes none, and can say
// so.
func (r *keyring) LookupKeys(_ context.Context, offered []watchword.OfferedIdentity) ([]*watchword.Key, error) {
	var found []*watchword.Key
	var refused error
	done := make(map[string]bool, len(offered))
	for _, o := range offered {
		if done[o.Identity] {
			continue
		}
		done[o.Identity] = true
		if len(o.Identity) > r.ring.Longest() {
			continue // not one of ours, and the rules may take their time for it
		}
		keys, admitted := r.ring.Of(o.Identity), r.admits(o.Identity)
		switch {
		case admitted:
			found = append(found, keys...)
		case len(keys) > 0:
			refused = notAdmitted(o.Identity)
		}
	}
	if len(found) == 0 && refused != nil {
		return nil, refused
	}
	return found, nil
}

// notAdmitted is an identity that has a key, and is refused by the rules. It is put
// into words only where it is wanted.
type notAdmitted string

func (e notAdmitted) Error() string {
	return fmt.Sprintf("%v: %s has a key, but neither its name nor a pattern is in allow, or deny has it", watchword.ErrNotAdmitted, keyfile.FormatIdentity(string(e)))
}

func (e notAdmitted) Unwrap() error { return watchword.ErrNotAdmitted }

// ClientKey returns the key that a client offers: of several with one identity
// the first.
func ClientKey(s *settings.Service, f *keyfile.File) (*watchword.Key, error) {
	var found *watchword.Key
	for _, k := range f.Keys() {
		switch {
		case k.Options().Role == watchword.ServerRole, s.Identity != "" && k.Identity() != s.Identity:
			continue
		case found == nil:
			found = k
		case found.Identity() != k.Identity():
			return nil, fmt.Errorf("%s has keys of several identities: say with id which one to use", f.Name())
		}
	}
	switch {
	case found != nil:
		return found, nil
	case s.Identity == "":
		return nil, fmt.Errorf("%s has no key for a client", f.Name())
	}
	return nil, fmt.Errorf("%s has no key of %s for a client", f.Name(), keyfile.FormatIdentity(s.Identity))
}

// CheckKeys says what a service lacks in its key file.
func CheckKeys(s *settings.Service, f *keyfile.File) error {
	if s.Direction == settings.Client {
		_, err := ClientKey(s, f)
		return err
	}
	return f.CheckServer("")
}
