package schedule

import (
	"fmt"
	"io"
)

// Keys12 is what protects the records of one direction in TLS 1.2: its parts of
// the key_block (RFC 5246 §6.3). Which of them have any bytes, the suite says.
type Keys12 struct {
	mac, key, iv hidden
}

// MACKey returns the MAC key: of CBC suites only, else empty. It is not a copy.
func (k Keys12) MACKey() []byte { return k.mac.raw() }

// Key returns the cipher's key. It is not a copy.
func (k Keys12) Key() []byte { return k.key.raw() }

// IV returns the part of the nonce that is the same for all records: of AEAD
// suites only, else empty. It is not a copy.
func (k Keys12) IV() []byte { return k.iv.raw() }

// Set reports whether the keys were derived: false means the zero value.
func (k Keys12) Set() bool { return k.key.Set() }

// Format prints "[secret]" for every verb of package fmt.
func (k Keys12) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// String returns "[secret]".
func (k Keys12) String() string { return "[secret]" }

// MarshalText keeps encoders of other packages off the keys.
func (k Keys12) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
