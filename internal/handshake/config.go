package handshake

// What a handshake is configured with. The engine checks and copies the
// application's configuration into these once for each connection.

import (
	"crypto/mlkem"
	"io"

	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Common is what both sides need.
type Common struct {
	Versions   []uint16          // newest first
	Suites     []suite.ID        // of TLS 1.3, in order of preference
	Suites12   []suite.ID        // of TLS 1.2
	Groups     []wire.NamedGroup // in order of preference
	Modes      []wire.PSKKeyExchangeMode
	NextProtos []string
	// Legacy goes on in TLS 1.2 without the extended master secret and without
	// the renegotiation indication.
	Legacy          bool
	RecordSizeLimit int // of content in bytes; zero announces none
	Rand            io.Reader
	Hooks           Hooks
	// Encapsulate replaces ML-KEM's randomised encapsulation, whose randomness
	// the standard library does not let us pass in, for replays in tests.
	Encapsulate func(*mlkem.EncapsulationKey768) (sharedSecret, ciphertext []byte)
}

// ClientConfig configures a client's handshake.
type ClientConfig struct {
	Common
	PSKs       []OfferedPSK  // first the preferred one; none where TLS 1.3 is not offered
	Key12      *OfferedKey12 // nil where TLS 1.2 is not offered
	Ticket12   *OfferedTicket12
	KeyShares  []wire.NamedGroup
	ServerName string
	// WantTickets says that tickets are worth deriving keys for.
	WantTickets bool
	// Elapsed returns the milliseconds since the first ClientHello. Nil means
	// none.
	Elapsed func() uint32
	// Without12 says what to do about a server that speaks TLS 1.2 only,
	// where TLS 1.2 is not offered.
	Without12 string
}

// OfferedPSK is a key that a client offers under an identity.
type OfferedPSK struct {
	Identity            []byte
	ObfuscatedTicketAge uint32
	PSK                 *schedule.PSK
}

// OfferedKey12 is the key that a client uses in TLS 1.2.
type OfferedKey12 struct {
	Identity []byte
	Key      *schedule.Key12
	Tag      any // goes into Result
}

// OfferedTicket12 is a session that a client offers to resume in TLS 1.2.
type OfferedTicket12 struct {
	Ticket  []byte
	Session *Session12
	Tag     any // goes into Result
}

// ServerConfig configures a server's handshake.
type ServerConfig struct {
	Common
	// Dummies stand in for unknown keys, one for each hash in order of
	// suite.Hash. Their secrets are random and known to nobody.
	Dummies [2]*schedule.PSK
	Dummy12 *schedule.Key12
	// NewTicket makes a ticket of TLS 1.2 for what was negotiated. Nil issues
	// and accepts none.
	NewTicket func(*Result) (*wire.NewSessionTicket12, error)
	// IdentityHint is sent in TLS 1.2 unless empty (RFC 4279 §5.2).
	IdentityHint string
}

// Hooks observe a handshake. Each may be nil, and then costs nothing.
type Hooks struct {
	Message func(sent bool, raw []byte, fields []wire.Field)
	// Secret gets a derived secret under its name: RFC 9850's label where it
	// has one.
	Secret func(name string, value []byte)
	State  func(name string)
}

// Exporter derives keying material for the application.
type Exporter interface {
	Export(label string, context []byte, n int) ([]byte, error)
}

// Candidate is a key that the server's application knows for the offered
// identity at index Identity.
type Candidate struct {
	Identity int
	PSK      *schedule.PSK   // of TLS 1.3
	Key12    *schedule.Key12 // of TLS 1.2
	// Session12 is that of a ticket of TLS 1.2.
	Session12 *Session12
	// Rank orders keys by the server's preference, lowest first.
	Rank int
	// Tag is the application's, to recognise the candidate by.
	Tag any
}

// Answer is what the application says to WantPSK.
type Answer struct {
	Candidates []Candidate
	// Tries is how many keys are tried, whatever is known: dummies stand in for
	// the ones that are missing. It is the same for every client.
	Tries int
	// Unknown and Wrong are the causes to report where no key is known for
	// any identity, and where one is but its binder does not verify. The
	// peer is told the same.
	Unknown, Wrong error
}

// Result is what is known after Done.
type Result struct {
	Version    uint16
	Suite      *suite.Suite
	Mode       wire.PSKKeyExchangeMode // in TLS 1.2: whether with ECDHE
	Group      wire.NamedGroup         // zero without ECDHE; in TLS 1.2 that of the session
	NextProto  string
	ServerName string
	Retried    bool // there was a HelloRetryRequest
	PSK        *schedule.PSK
	Resumed    bool
	// Selected is the index into ClientConfig.PSKs; Tag is that of the chosen
	// candidate, or in TLS 1.2 of the client's key or ticket.
	Selected int
	Tag      any
	Exporter Exporter // nil: none
	// Of TLS 1.2.
	ExtendedMasterSecret, EncryptThenMAC bool
	IdentityHint                         string
	Session12                            *Session12
	// ClientRandom names the connection in a key log.
	ClientRandom [32]byte
}
