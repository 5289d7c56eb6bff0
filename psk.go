package watchword

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Hash is the hash function that a key belongs to.
type Hash uint8

// The hash functions of the TLS 1.3 suites.
const (
	SHA256 Hash = iota // the default (RFC 9846 §4.3.11)
	SHA384
)

func (h Hash) String() string {
	if h == SHA384 {
		return "sha384"
	}
	return "sha256"
}

func (h Hash) internal() suite.Hash {
	if h == SHA384 {
		return suite.SHA384
	}
	return suite.SHA256
}

// Kind says how a key enters TLS.
type Kind uint8

const (
	// Imported keys are bound to a protocol version, a hash and a context
	// before use (RFC 9258). It is the default, and what BoringSSL,
	// GnuTLS 3.8.1 and later, and Botan speak.
	Imported Kind = iota
	// External keys are used as they are, which is what OpenSSL 3 and
	// everything on it needs.
	External
)

func (k Kind) String() string {
	if k == External {
		return "external"
	}
	return "imported"
}

// Role restricts the side that a key may be used on, so that a message
// reflected to its sender meets a key that is not for that side (RFC 9257 §4.1).
type Role uint8

const (
	AnyRole    Role = iota
	ClientRole      // only a client uses this key here
	ServerRole      // only a server uses this key here
)

func (r Role) String() string {
	return [...]string{"any", "client", "server"}[min(r, ServerRole)]
}

// A Key is a pre-shared key with the identity that names it. Build it with
// [NewKey]; it does not change afterwards and may be shared by any number of
// configurations and goroutines. It prints without its secret.
type Key struct {
	identity string
	// secret is a function because package fmt reaches everything else, where a
	// Key lies in somebody's unexported field.
	secret  func() []byte
	options KeyOptions
	// use stands for the secret, whatever the identity, to find one key that
	// is used in two ways.
	use [sha256.Size]byte
	// psks holds what a handshake uses: one entry for each KDF that an
	// imported key is imported for, or the single one of an external key.
	psks []keyPSK
	// key12 is for TLS 1.2, which only an external key can serve.
	key12 *schedule.Key12
	// ticketTag stands for the key in tickets. It is compared at each
	// resumption, and so derived only once.
	ticketTag []byte
}

type keyPSK struct {
	wireIdentity []byte
	psk          *schedule.PSK
}

// KeyOptions say what a key is beyond its identity and its bytes. The zero
// value is an imported key for SHA-256 with no context, for both roles.
type KeyOptions struct {
	Kind Kind
	// Hash is the hash that the key belongs to: of an external key, the hash
	// of the suites it works with; of an imported key, the one used to import
	// it (it then works with suites of both hashes).
	Hash Hash
	// Context is part of an imported key's identity on the wire, up to 4,096
	// bytes, and both ends must hold the same (RFC 9258 §5.1). It may bind the
	// names of both ends, against reflection. External keys have none.
	Context []byte
	Role    Role
	// Version pins the key to one version of TLS: VersionTLS13, or with an
	// external key VersionTLS12. Zero lets an external key serve both, which is
	// what everybody does, and what RFC 9846 warns of (see SECURITY.md).
	Version uint16
}

// serves reports whether a key is for this version. An imported one is for TLS 1.3
// alone, and any key can be pinned.
func (k *Key) serves(version uint16) bool {
	if version == VersionTLS12 {
		return k.key12 != nil
	}
	return len(k.psks) > 0
}

// NewKey builds a key. The identity is 1 to 4,096 bytes, usually a name; the
// secret is 16 to 512 bytes and is copied. The error says which of them will
// not do and why.
func NewKey(identity string, secret []byte, options KeyOptions) (*Key, error) {
	if err := checkKey(identity, secret, options); err != nil {
		return nil, err
	}
	own := bytes.Clone(secret)
	k := &Key{identity: identity, secret: func() []byte { return own }, options: options}
	k.options.Context = bytes.Clone(options.Context)
	k.ticketTag = k.tagWithOptions("ticket")
	mac := hmac.New(sha256.New, k.secret())
	mac.Write([]byte("watchword use"))
	mac.Sum(k.use[:0])
	h := options.Hash.internal()
	if options.Kind == External && options.Version != VersionTLS13 {
		k.key12 = schedule.NewKey12(k.secret())
	}
	if options.Version == VersionTLS12 {
		return k, nil
	}
	if options.Kind == External {
		k.psks = []keyPSK{{[]byte(identity), schedule.NewPSK(h, schedule.ExternalPSK, k.secret())}}
		return k, nil
	}
	for _, kdf := range []suite.Hash{suite.SHA256, suite.SHA384} {
		id := wire.ImportedIdentity{
			ExternalIdentity: []byte(identity),
			Context:          k.options.Context,
			TargetProtocol:   wire.VersionTLS13,
			TargetKDF:        kdf.KDF(),
		}
		raw := id.Append(nil)
		k.psks = append(k.psks, keyPSK{raw, schedule.Import(h, k.secret(), raw, kdf)})
	}
	return k, nil
}

func checkKey(identity string, secret []byte, o KeyOptions) error {
	switch {
	case identity == "":
		return errors.New("watchword: the identity is empty: give the key a name")
	case len(identity) > limits.MaxIdentityLen:
		return fmt.Errorf("watchword: the identity has %d bytes, at most %d are allowed", len(identity), limits.MaxIdentityLen)
	case len(secret) < limits.MinKeyLen:
		return fmt.Errorf("watchword: the key has %d bytes, at least %d are needed (RFC 9257): a shorter one can be guessed", len(secret), limits.MinKeyLen)
	case len(secret) > limits.MaxKeyLen:
		return fmt.Errorf("watchword: the key has %d bytes, at most %d are allowed", len(secret), limits.MaxKeyLen)
	case o.Kind > External || o.Hash > SHA384 || o.Role > ServerRole:
		return errors.New("watchword: unknown kind, hash or role of key")
	case o.Kind == External && len(o.Context) > 0:
		return errors.New("watchword: an external key has no context: it is used as it is (RFC 9258 binds a context when a key is imported)")
	case o.Version != 0 && o.Version != VersionTLS12 && o.Version != VersionTLS13:
		return errors.New("watchword: a key is pinned to VersionTLS12 or VersionTLS13, or to none")
	case o.Version == VersionTLS12 && o.Kind == Imported:
		return errors.New("watchword: a key for TLS 1.2 must be external: RFC 9258 imports keys into TLS 1.3 only")
	case len(o.Context) > limits.MaxContextLen:
		return fmt.Errorf("watchword: the context has %d bytes, at most %d are allowed", len(o.Context), limits.MaxContextLen)
	}
	return nil
}

// Identity returns the external identity: the key's name.
func (k *Key) Identity() string { return k.identity }

// Options returns what the key was built with.
func (k *Key) Options() KeyOptions {
	o := k.options
	o.Context = bytes.Clone(o.Context)
	return o
}

// Equal reports whether both keys are the same in identity, secret and
// options. The secrets are compared in constant time.
func (k *Key) Equal(other *Key) bool {
	return k.identity == other.identity &&
		k.options.Kind == other.options.Kind && k.options.Hash == other.options.Hash &&
		k.options.Role == other.options.Role && k.options.Version == other.options.Version && bytes.Equal(k.options.Context, other.options.Context) &&
		subtle.ConstantTimeCompare(k.secret(), other.secret()) == 1
}

// SameSecret reports whether two keys have the same bytes, whatever their
// identities and options. It takes the same time either way.
func (k *Key) SameSecret(other *Key) bool {
	return subtle.ConstantTimeCompare(k.use[:], other.use[:]) == 1
}

// Fingerprint returns 80 bits of HMAC-SHA256 with the key over its identity,
// its kind, its hash and its context, as five groups of four hex digits, to be
// compared on both machines. Role and version are not in it: the other end has
// another role, and to pin a version is one end's business. It tells nothing of a
// random key. Of a key that can be guessed, such as a
// password, it allows to check guesses: do not publish it then.
func (k *Key) Fingerprint() string {
	sum := hex.EncodeToString(k.tagWithOptions("watchword fingerprint")[:10])
	var groups []string
	for ; sum != ""; sum = sum[4:] {
		groups = append(groups, sum[:4])
	}
	return strings.Join(groups, "-")
}

// tag derives a value that stands for the key in one use without telling it.
func (k *Key) tag(use string) []byte {
	mac := hmac.New(sha256.New, k.secret())
	mac.Write([]byte(use))
	mac.Write([]byte{0})
	mac.Write([]byte(k.identity))
	return mac.Sum(nil)
}

// tagWithOptions covers all that both ends must have alike, so that what it
// stands for changes with kind, hash or context. Role and version are the
// business of one end.
func (k *Key) tagWithOptions(use string) []byte {
	return k.tag(fmt.Sprintf("%s %s %s %x", use, k.options.Kind, k.options.Hash, sha256.Sum256(k.options.Context)))
}

// Warnings returns a sentence for each thing about the key that is allowed but
// may not work with every other implementation.
func (k *Key) Warnings() []string {
	var w []string
	if len(k.secret()) > limits.WarnKeyLen {
		w = append(w, fmt.Sprintf("the key has %d bytes: not every other program takes more than %d (RFC 4279 §5.3)", len(k.secret()), limits.WarnKeyLen))
	}
	if len(k.identity) > limits.WarnIdentityLen {
		w = append(w, fmt.Sprintf("the identity has %d bytes: not every other program takes more than %d (RFC 4279 §5.3)", len(k.identity), limits.WarnIdentityLen))
	}
	return w
}

// String names the key without its secret.
func (k Key) String() string {
	return fmt.Sprintf("key %q (%s, %s)", k.identity, k.options.Kind, k.options.Hash)
}

// GoString is String, so that %#v does not print the secret either.
func (k Key) GoString() string { return k.String() }

// Format keeps every verb of package fmt from reaching the secret.
func (k Key) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.String()) }

// NamesContext returns a context for [KeyOptions] that binds a key to the names
// of both ends, in the form of RFC 9258 Appendix A. Both ends then import the
// key under an identity that says who is client and who is server, and a
// ClientHello sent back to its sender finds no key there. Each name has at most
// 255 bytes, and they differ.
func NamesContext(client, server string) ([]byte, error) {
	if len(client) > 255 || len(server) > 255 {
		return nil, errors.New("watchword: a name to be bound into the context has more than 255 bytes")
	}
	if client == server {
		return nil, errors.New("watchword: both names to be bound into the context are the same, which would not tell the ends apart")
	}
	context := append([]byte{byte(len(client))}, client...)
	context = append(context, byte(len(server)))
	return append(context, server...), nil
}
