package schedule

import (
	"fmt"
	"io"

	"github.com/watchword-tls/watchword/internal/suite"
)

// secret is what every secret of this package is made of. The bytes are held
// by a function: package fmt does not call the methods of an unexported field,
// and it follows pointers when a verb does not fit them, but it cannot look
// inside of a function. A secret stays unprinted so, however deep in other
// values it lies. It also makes == on secrets, which would tell by its time
// how much is equal, a compile error.
type secret struct {
	reveal func() []byte // nil: no secret
	hash   suite.Hash
}

// newSecret takes over b.
func newSecret(h suite.Hash, b []byte) secret {
	if len(b) != h.Size() {
		panic("schedule: a secret has the wrong length for its hash")
	}
	return secret{reveal: func() []byte { return b }, hash: h}
}

func (s secret) raw() []byte {
	if s.reveal == nil {
		panic("schedule: a secret is used before it was derived")
	}
	return s.reveal()
}

// derive is Derive-Secret of RFC 9846 §7.1 with the transcript hash given.
func (s secret) derive(label string, transcriptHash []byte) secret {
	return newSecret(s.hash, ExpandLabel(s.hash, s.raw(), label, transcriptHash, s.hash.Size()))
}

// Set reports whether the secret was derived: false means the zero value.
func (s secret) Set() bool { return s.reveal != nil }

// Hash returns the hash function that the secret belongs to.
func (s secret) Hash() suite.Hash { return s.hash }

// Expose returns a copy of the secret's bytes. It is for the key log and for
// the observer only, which the user must ask for: nothing else may call it.
func (s secret) Expose() []byte { return append([]byte(nil), s.raw()...) }

// Format prints "[secret]" for every verb of package fmt.
func (s secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// String returns "[secret]".
func (s secret) String() string { return "[secret]" }

// MarshalText keeps encoders of other packages off the secret.
func (s secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
