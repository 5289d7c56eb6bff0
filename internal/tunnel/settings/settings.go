// Package settings is what a tunnel is told: by a configuration file in TOML,
// or by a command line. A value of these types that [Settings.Problems] finds
// nothing wrong with can be run; it opens nothing and changes nothing itself.
//
// A name in the file is the name of the option on the command line:
// max-per-identity there is --max-per-identity here.
package settings

import (
	"net/netip"
	"time"

	"github.com/watchword-tls/watchword"
)

// Settings are those of one process.
type Settings struct {
	Log     LogFormat
	Metrics string // address of /metrics, /healthz and /readyz; empty for none
	// MetricsAnywhere allows an address that other machines reach: there is no
	// password on it.
	MetricsAnywhere bool
	Pprof           bool // also /debug/pprof/ there

	// User and Group are what the process becomes after it has opened all that
	// it needs; empty for no change. Linux and other Unix only.
	User, Group string
	// Confine takes from the process what it no longer needs: on Linux, with
	// Landlock, every file but its configuration and keys. On by default, and
	// without effect where the kernel has none.
	Confine bool

	// DrainTime is how long connections may go on after SIGTERM.
	DrainTime time.Duration
	// MaxConnections bounds all services together; MaxConnectionsSaid is set where
	// it is no default, even if it is the same.
	MaxConnections     int
	MaxConnectionsSaid bool

	Services []Service
}

// LogFormat is how log lines are written.
type LogFormat uint8

const (
	LogText LogFormat = iota
	LogJSON
)

// Direction says on which side of a service TLS is.
type Direction uint8

const (
	// Server takes TLS in and gives plain bytes out, to a service that it
	// protects.
	Server Direction = iota
	// Client takes plain bytes in and gives TLS out, to a tunnel's server.
	Client
)

func (d Direction) String() string {
	return [...]string{"server", "client"}[d]
}

// Service is one pair of a listening and a connecting side.
type Service struct {
	Name      string // of its log lines and metrics; unique
	Direction Direction

	Listen []Address // at least one
	To     []Address // at least one; several share the load
	// SocketMode is the mode of Unix sockets that are listened at; SocketModeSaid
	// is set where it is no default.
	SocketMode     uint32
	SocketModeSaid bool

	Keys string // key file
	// Identity names the key that a client offers; empty if the file has one
	// only. Of a rotation it is the current key, the first.
	Identity string
	// Allow are patterns of identities ([Matches]) that a server admits, all
	// of the key file if empty; Deny are patterns that it does not admit even so.
	Allow, Deny []string
	// EndRemoved ends the connections of an identity that a reload removed or
	// admits no more. Without it they go on until they end by themselves.
	EndRemoved bool

	Policy     watchword.Policy
	Suites     []watchword.SuiteID
	Groups     []watchword.Group
	ALPN       []string
	ServerName string // SNI of a client; the host name of To if empty

	// ProxyIn says whether connections begin with a PROXY protocol header. It
	// is taken from ProxyTrusted addresses alone, which then must send one.
	ProxyIn      ProxyVersion
	ProxyTrusted []netip.Prefix
	// ProxyOut is the header sent ahead to the service.
	ProxyOut ProxyVersion

	Balance Balance
	// HealthInterval is how often each of several backends is tried, and a single
	// one while it is down; 0 for never. A backend that fails to connect is left
	// alone for as long.
	HealthInterval time.Duration

	HandshakeTimeout time.Duration
	ConnectTimeout   time.Duration // of all addresses and retries together
	ConnectRetries   int           // more attempts after each address was tried once
	IdleTimeout      time.Duration // without a byte in either direction; 0 for none

	MaxConnections int // 0 in these four: no limit of their own
	MaxPerIdentity int
	MaxPerSource   int   // of one IPv4 address or one IPv6 /64
	BytesPerSecond int64 // both directions together
	MaxHandshakes  int   // at once; never 0
}

// ProxyVersion is a version of the PROXY protocol.
type ProxyVersion uint8

const (
	ProxyNone ProxyVersion = iota
	ProxyV1
	ProxyV2
	ProxyAny // in alone: version 1 or 2
)

// Balance is how a backend is chosen of several.
type Balance uint8

const (
	LeastConnections Balance = iota
	RoundRobin
)
