package schedule

import (
	"fmt"
	"io"

	"github.com/watchword-tls/watchword/internal/suite"
)

// hidden is bytes that no one can print. They are held by a function: package
// fmt does not call the methods of an unexported field, and it follows pointers
// when a verb does not fit them, but it cannot look inside of a function. The
// bytes stay unprinted so, however deep in other values they lie. It also makes
// == on secrets, which would tell by its time how much is equal, a compile
// error.
type hidden struct {
	reveal func() []byte // nil: nothing
}

// hide takes over b.
func hide(b []byte) hidden { return hidden{func() []byte { return b }} }

func (h hidden) raw() []byte {
	if h.reveal == nil {
		panic("schedule: a secret is used before it was derived")
	}
	return h.reveal()
}

// Set reports whether the secret was derived: false means the zero value.
func (h hidden) Set() bool { return h.reveal != nil }

// Expose returns a copy of the secret's bytes. It is for the key log and for
// the observer only, which the user must ask for: nothing else may call it.
func (h hidden) Expose() []byte { return append([]byte(nil), h.raw()...) }

// Format prints "[secret]" for every verb of package fmt.
func (h hidden) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// String returns "[secret]".
func (h hidden) String() string { return "[secret]" }

// MarshalText keeps encoders of other packages off the secret.
func (h hidden) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// secret is what every secret of this package is made of that belongs to a hash
// function.
type secret struct {
	hidden
	hash suite.Hash
}

// newSecret takes over b.
func newSecret(h suite.Hash, b []byte) secret {
	if len(b) != h.Size() {
		panic("schedule: a secret has the wrong length for its hash")
	}
	return secret{hide(b), h}
}

// derive is Derive-Secret of RFC 9846 §7.1 with the transcript hash given.
func (s secret) derive(label string, transcriptHash []byte) secret {
	return newSecret(s.hash, ExpandLabel(s.hash, s.raw(), label, transcriptHash, s.hash.Size()))
}

// Hash returns the hash function that the secret belongs to.
func (s secret) Hash() suite.Hash { return s.hash }
