package watchword

import (
	"context"
	"io"
	"time"

	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Config configures a client or a server. A Config may be shared by any number
// of connections. Do not change it after the first of them, which settles it for
// all: change a [Config.Clone]. The zero Config is refused: there is no
// connection without a key.
type Config struct {
	// Keys are the keys that a client offers, first the preferred one, at
	// most 8. A server without Lookup accepts exactly these; several with one
	// identity are a rotation (at most 4).
	Keys []*Key

	// Lookup finds keys for a server, in place of Keys. A client has none.
	Lookup KeyLookup

	// ServerName is sent by a client as SNI (RFC 6066 §3). Empty sends none.
	ServerName string

	// NextProtos are the application protocols (ALPN, RFC 7301), first the
	// preferred one. Where both ends name some and none is common, the
	// handshake fails.
	NextProtos []string

	// Policy says which versions, key exchanges and suites may be used: TLS 1.3
	// with forward secrecy alone unless something older is asked for.
	Policy Policy

	// MinVersion and MaxVersion restrict the versions that Policy allows:
	// VersionTLS12 or VersionTLS13. Zero restricts nothing.
	MinVersion, MaxVersion uint16

	// Suites and Groups restrict what is offered and accepted, in order of
	// preference. Nil means all that Policy allows: suites with forward
	// secrecy first, and with AES first where the processor has AES
	// instructions; groups X25519MLKEM768, X25519, P-256 (TLS 1.2 has only the
	// last two). TLS 1.3 suites come before those of TLS 1.2 in any case.
	Suites []SuiteID
	Groups []Group

	// KeyShares are the groups that a client sends a share of in its first
	// ClientHello. Nil means X25519MLKEM768 and X25519, of those in Groups.
	KeyShares []Group

	// KeyExchange is PSKWithECDHE unless a key exchange without forward
	// secrecy is asked for by name.
	KeyExchange KeyExchange

	// IdentityHint is what a TLS 1.2 server sends as psk_identity_hint (RFC 4279
	// §5.2), at most 128 bytes. A client shows it and believes nothing in it.
	IdentityHint string

	// Tickets configures session resumption. Nil means a server issues
	// tickets with keys that are random in this Config, and a client keeps
	// none.
	Tickets *Tickets

	// RecordSizeLimit is the most bytes of content that the peer may put into
	// one record, 64 to 16,384 (RFC 8449). Zero sends no such limit.
	RecordSizeLimit int

	// PadRecords rounds the content of each record up to a multiple of this
	// many bytes, against traffic analysis (RFC 9846 §5.4). Zero pads nothing.
	PadRecords int

	// HandshakeTimeout bounds the handshake: 10 seconds if zero, none if
	// negative.
	HandshakeTimeout time.Duration

	// AllowSameProcess lets a server accept a ClientHello that a client in
	// this very process sent. Without it such a ClientHello counts as
	// reflected (RFC 9257 §4.1). Tests and demonstrations need it.
	AllowSameProcess bool

	// KeyLogWriter, if set, receives the secrets of each connection in the
	// format of RFC 9850, for decryption by Wireshark. WHOEVER READS IT READS
	// EVERY CONNECTION. Never set it in production.
	KeyLogWriter io.Writer

	// Observer, if set, receives an event for each message, record, secret,
	// alert and change of state. Its events hold secrets; see [Event].
	Observer func(Event)

	// Rand is the source of randomness, crypto/rand.Reader if nil. Time is
	// the clock, time.Now if nil. Both are for tests and replays.
	Rand io.Reader
	Time func() time.Time

	state configState
}

// KeyLookup finds the keys of a server. It may ask a file, a database or a
// network store; ctx ends when the handshake is given up.
//
// It is told which identities were offered, not proved: who the peer is, is
// known only from the finished connection. It returns the keys of every offered
// identity that it knows, at most 4 for one identity. To know none is not an
// error. The order of the keys is the server's preference where a client offers
// several. An error that wraps [ErrNotAdmitted] refuses the peer exactly as an
// unknown identity is refused; a [LocalError] ends the handshake with its alert,
// which lets the peer tell the case from others; any other error ends it with
// internal_error.
type KeyLookup interface {
	LookupKeys(ctx context.Context, offered []OfferedIdentity) ([]*Key, error)
}

// A RotationLookup is a KeyLookup that knows how many keys one identity has at
// most. A server tries as many keys in each handshake, whoever the client is, so
// that its time tells nothing about an identity; with fewer a handshake is
// cheaper, in TLS 1.2 above all. Without this method it tries 4.
type RotationLookup interface {
	KeyLookup
	// KeysPerIdentity returns the most keys for a server that any identity has,
	// known or not admitted ones included. It is asked after LookupKeys; one that
	// returned more keys for an identity is believed, and may show it in the time it
	// takes.
	KeysPerIdentity() int
}

// OfferedIdentity is one identity in a ClientHello. Nothing about it has been
// proved.
type OfferedIdentity struct {
	// Identity is the external identity: of an imported key the name inside
	// the ImportedIdentity, else the identity as it was sent. For a ticket of
	// ours it is the identity that the ticket was issued to.
	Identity string
	// Kind is Imported if the identity reads as an ImportedIdentity (RFC 9258
	// §5.1) for TLS 1.3 and a hash of its suites, else External.
	Kind Kind
	// Context is the context of an imported identity.
	Context []byte
	// Ticket is set for a session ticket of ours.
	Ticket bool
}

// KeyExchange says how a connection gets its secret.
type KeyExchange uint8

const (
	// PSKWithECDHE is psk_dhe_ke: the key authenticates, an ephemeral exchange
	// gives forward secrecy.
	PSKWithECDHE KeyExchange = iota
	// PSKOnlyAllowed also accepts, and as a client also offers, psk_ke: WITHOUT
	// FORWARD SECRECY. Whoever learns the key later reads what was recorded.
	// psk_dhe_ke is still preferred.
	PSKOnlyAllowed
	// PSKOnly offers and accepts psk_ke alone, without forward secrecy.
	PSKOnly
)

// SuiteID is a cipher suite.
type SuiteID uint16

// The cipher suites of TLS 1.3 (RFC 9846 §B.4).
const (
	TLS_AES_128_GCM_SHA256       SuiteID = 0x1301
	TLS_AES_256_GCM_SHA384       SuiteID = 0x1302
	TLS_CHACHA20_POLY1305_SHA256 SuiteID = 0x1303
)

// The cipher suites of TLS 1.2 with forward secrecy (RFC 8442, RFC 7905 and
// RFC 5489), for the policy Compatible. Those with CBC_SHA are for Legacy.
const (
	TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256       SuiteID = 0xD001
	TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384       SuiteID = 0xD002
	TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 SuiteID = 0xCCAC
	TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256       SuiteID = 0xC037
	TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384       SuiteID = 0xC038
	TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA          SuiteID = 0xC035
	TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA          SuiteID = 0xC036
)

// The cipher suites of TLS 1.2 WITHOUT FORWARD SECRECY (RFC 5487, RFC 7905 and
// RFC 4279), for the policy Legacy.
const (
	TLS_PSK_WITH_AES_128_GCM_SHA256       SuiteID = 0x00A8
	TLS_PSK_WITH_AES_256_GCM_SHA384       SuiteID = 0x00A9
	TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 SuiteID = 0xCCAB
	TLS_PSK_WITH_AES_128_CBC_SHA256       SuiteID = 0x00AE
	TLS_PSK_WITH_AES_256_CBC_SHA384       SuiteID = 0x00AF
	TLS_PSK_WITH_AES_128_CBC_SHA          SuiteID = 0x008C
	TLS_PSK_WITH_AES_256_CBC_SHA          SuiteID = 0x008D
)

// Group is a key-exchange group.
type Group uint16

// The groups (RFC 9846 §4.3.7; X25519MLKEM768 is ML-KEM-768 with X25519).
const (
	X25519MLKEM768 Group = 0x11EC
	X25519         Group = 0x001D
	P256           Group = 0x0017
)

// String returns the IANA name.
func (id SuiteID) String() string { return suite.ID(id).String() }

// String returns the IANA name.
func (g Group) String() string { return wire.NamedGroup(g).String() }
