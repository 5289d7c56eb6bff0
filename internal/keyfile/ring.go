package keyfile

import "github.com/watchword-tls/watchword"

// A Ring is the keys of a file by their identities. It does not change.
type Ring struct {
	keys map[string][]*watchword.Key
	most int

	longest int
}

// Ring returns the keys of the file.
func (f *File) Ring() *Ring {
	r := &Ring{keys: make(map[string][]*watchword.Key)}
	tried := make(map[string]int)
	for _, k := range f.Keys() {
		id := k.Identity()
		r.keys[id] = append(r.keys[id], k)
		r.longest = max(r.longest, len(id))
		if k.Options().Role != watchword.ClientRole {
			tried[id]++
			r.most = max(r.most, tried[id])
		}
	}
	return r
}

// Of returns the keys of an identity in the order of the file, and nothing if
// it is not known.
func (r *Ring) Of(identity string) []*watchword.Key { return r.keys[identity] }

// Longest returns the length in bytes of the longest identity.
func (r *Ring) Longest() int { return r.longest }

// KeysPerIdentity returns how many keys that a server tries the identity with the
// most of them has.
func (r *Ring) KeysPerIdentity() int { return r.most }
