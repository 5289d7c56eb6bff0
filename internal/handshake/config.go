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
	Suites          []suite.ID        // in order of preference
	Groups          []wire.NamedGroup // in order of preference
	Modes           []wire.PSKKeyExchangeMode
	NextProtos      []string
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
	PSKs       []OfferedPSK // at least one; first the preferred one
	KeyShares  []wire.NamedGroup
	ServerName string
	// WantTickets says that tickets are worth deriving keys for.
	WantTickets bool
}

// OfferedPSK is a key that a client offers under an identity.
type OfferedPSK struct {
	Identity            []byte
	ObfuscatedTicketAge uint32
	PSK                 *schedule.PSK
}

// ServerConfig configures a server's handshake.
type ServerConfig struct {
	Common
	// Dummies stand in for unknown keys, one for each hash in order of
	// suite.Hash. Their secrets are random and known to nobody.
	Dummies [2]*schedule.PSK
}

// Hooks observe a handshake. Each may be nil, and then costs nothing.
type Hooks struct {
	Message func(sent bool, raw []byte, fields []wire.Field)
	// Secret gets a derived secret under its name: RFC 9850's label where it
	// has one.
	Secret func(name string, value []byte)
	State  func(name string)
}

// Candidate is a key that the server's application knows for the offered
// identity at index Identity.
type Candidate struct {
	Identity int
	PSK      *schedule.PSK
	// Rank orders keys by the server's preference, lowest first.
	Rank int
	// Tag is the application's, to recognise the candidate by.
	Tag any
}

// Answer is what the application says to WantPSK.
type Answer struct {
	Candidates []Candidate
	// Unknown and Wrong are the causes to report where no key is known for
	// any identity, and where one is but its binder does not verify. The
	// peer is told the same.
	Unknown, Wrong error
}

// Result is what is known after Done.
type Result struct {
	Suite      *suite.Suite
	Mode       wire.PSKKeyExchangeMode
	Group      wire.NamedGroup // zero with psk_ke
	NextProto  string
	ServerName string
	Retried    bool // there was a HelloRetryRequest
	PSK        *schedule.PSK
	// Selected is the index into ClientConfig.PSKs; Tag is the chosen
	// candidate's.
	Selected int
	Tag      any
	Exporter schedule.Exporter
	// ClientRandom names the connection in a key log.
	ClientRandom [32]byte
}
