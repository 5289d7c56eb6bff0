package settings

// The options of a service: one table for the file and for the command line.

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
)

// Option is one option of a service.
type Option struct {
	Name string
	// Usage says what it is for, with the word for its value in back quotes.
	Usage string
	Bool  bool // on a command line it needs no value
	List  bool // on a command line it may be given several times

	only optionSide
	set  func(*Service, value) error
}

// optionSide says where an option means something.
type optionSide uint8

const (
	bothSides optionSide = iota
	serverOnly
	clientOnly
)

func (s optionSide) has(d Direction) bool {
	return s == bothSides || (s == serverOnly) == (d == Server)
}

// Set takes the option's value from a command line.
func (o Option) Set(s *Service, text string) error {
	return o.set(s, value{kind: typedValue, text: text})
}

// Options returns those that a service of this direction has.
func Options(d Direction) []Option {
	var list []Option
	for _, o := range table {
		if o.only.has(d) {
			list = append(list, o)
		}
	}
	return list
}

func optionNamed(name string) (Option, bool) {
	for _, o := range table {
		if o.Name == name {
			return o, true
		}
	}
	return Option{}, false
}

// into makes a setter of a way to read a value.
func into[T any](place func(*Service) *T, read func(value) (T, error)) func(*Service, value) error {
	return func(s *Service, v value) error {
		t, err := read(v)
		if err == nil {
			*place(s) = t
		}
		return err
	}
}

// count reads a number from least on.
func count(least int64) func(value) (int, error) {
	return func(v value) (int, error) {
		n, err := v.number(least, math.MaxInt32)
		return int(n), err
	}
}

func span(least, most time.Duration) func(value) (time.Duration, error) {
	return func(v value) (time.Duration, error) { return v.duration(least, most) }
}

// longest is a time that no limit of this program exceeds.
const longest = 30 * 24 * time.Hour

func addresses(parse func(string) (Address, error)) func(value) ([]Address, error) {
	return func(v value) ([]Address, error) { return each(v, limits.MaxAddresses, parse) }
}

func patterns(v value) ([]string, error) { return each(v, limits.MaxKeysInFile, asPattern) }

func mode(v value) (uint32, error) {
	text, err := v.oneText()
	if err != nil {
		return 0, fmt.Errorf(`a mode in quotes is needed, such as "0660"`)
	}
	m, err := strconv.ParseUint(text, 8, 32)
	if err != nil || m > 0o777 {
		return 0, fmt.Errorf(`%q is no mode: write "0600" for this user alone, "0660" for its group too`, text)
	}
	return uint32(m), nil
}

var (
	proxyWords  = []string{"off", "v1", "v2", "any"}
	proxyValues = []ProxyVersion{ProxyNone, ProxyV1, ProxyV2, ProxyAny}
)

// table has the options in the order in which help shows them.
var table = []Option{
	{Name: "listen", List: true, Usage: "where to wait for connections, an `ADDRESS`: HOST:PORT, :PORT,\nunix:PATH, systemd or systemd:NAME; several with commas",
		set: into(func(s *Service) *[]Address { return &s.Listen }, addresses(ParseListen))},
	{Name: "to", List: true, Usage: "where to connect to, an `ADDRESS`: HOST:PORT or unix:PATH; several,\nwith commas, share the load",
		set: into(func(s *Service) *[]Address { return &s.To }, addresses(ParseTo))},
	{Name: "id", only: clientOnly, Usage: "the identity whose key is offered, `NAME` or #HEX; needed if the key\nfile has several",
		set: into(func(s *Service) *string { return &s.Identity }, func(v value) (string, error) {
			text, err := v.oneText()
			return keyfile.ParseIdentity(text), err
		})},
	{Name: "allow", List: true, only: serverOnly, Usage: "only identities that match one of these `PATTERNS`, such as 'web-*'",
		set: into(func(s *Service) *[]string { return &s.Allow }, patterns)},
	{Name: "deny", List: true, only: serverOnly, Usage: "no identity that matches one of these `PATTERNS`",
		set: into(func(s *Service) *[]string { return &s.Deny }, patterns)},
	{Name: "end-removed", Bool: true, only: serverOnly, Usage: "end the connections of identities that a change of the key file\nor of the options removes; else they go on to their end",
		set: into(func(s *Service) *bool { return &s.EndRemoved }, value.yes)},
	{Name: "policy", Usage: "how old the other end may be, a `WORD`: modern, compatible or legacy\n(see \"watchword help server\")",
		set: into(func(s *Service) *watchword.Policy { return &s.Policy }, func(v value) (watchword.Policy, error) {
			return choose(v, []string{"modern", "compatible", "legacy"}, []watchword.Policy{watchword.Modern, watchword.Compatible, watchword.Legacy})
		})},
	{Name: "suite", List: true, Usage: "for experts: only these suites, a `LIST` of IANA names",
		set: into(func(s *Service) *[]watchword.SuiteID { return &s.Suites }, func(v value) ([]watchword.SuiteID, error) { return each(v, 32, asSuite) })},
	{Name: "group", List: true, Usage: "for experts: only these groups, a `LIST` of X25519MLKEM768, x25519 and\nsecp256r1",
		set: into(func(s *Service) *[]watchword.Group { return &s.Groups }, func(v value) ([]watchword.Group, error) { return each(v, 8, asGroup) })},
	{Name: "alpn", List: true, Usage: "application protocols (ALPN), a `LIST`",
		set: into(func(s *Service) *[]string { return &s.ALPN }, func(v value) ([]string, error) { return each(v, limits.MaxALPN, asText) })},
	{Name: "server-name", only: clientOnly, Usage: "the `NAME` to send as SNI, in place of the host in --to",
		set: into(func(s *Service) *string { return &s.ServerName }, value.oneText)},
	{Name: "socket-mode", Usage: "the `MODE` of Unix sockets to listen at (0600 if not given)",
		set: func(s *Service, v value) error {
			s.SocketModeSaid = true
			return into(func(s *Service) *uint32 { return &s.SocketMode }, mode)(s, v)
		}},
	{Name: "proxy-in", Usage: "a balancer sends a PROXY protocol header ahead, of this `VERSION`:\noff, v1, v2 or any",
		set: into(func(s *Service) *ProxyVersion { return &s.ProxyIn }, func(v value) (ProxyVersion, error) { return choose(v, proxyWords, proxyValues) })},
	{Name: "proxy-trusted", List: true, Usage: "the balancers' addresses, a `LIST` of ranges such as 10.0.0.0/8",
		set: into(func(s *Service) *[]netip.Prefix { return &s.ProxyTrusted }, func(v value) ([]netip.Prefix, error) { return each(v, limits.MaxAddresses, asPrefix) })},
	{Name: "proxy-out", Usage: "send a PROXY protocol header ahead to the service, of this `VERSION`:\noff, v1 or v2",
		set: into(func(s *Service) *ProxyVersion { return &s.ProxyOut }, func(v value) (ProxyVersion, error) { return choose(v, proxyWords[:3], proxyValues[:3]) })},
	{Name: "balance", Usage: "which of several addresses gets a connection, a `WORD`:\nleast-connections or round-robin",
		set: into(func(s *Service) *Balance { return &s.Balance }, func(v value) (Balance, error) {
			return choose(v, []string{"least-connections", "round-robin"}, []Balance{LeastConnections, RoundRobin})
		})},
	{Name: "health-interval", Usage: "how often each of several addresses is tried, and a single one while it\nis down, a `TIME`; 0 for never",
		set: into(func(s *Service) *time.Duration { return &s.HealthInterval }, span(0, longest))},
	{Name: "handshake-timeout", Usage: "how long a handshake may take, a `TIME`",
		set: into(func(s *Service) *time.Duration { return &s.HandshakeTimeout }, span(time.Millisecond, time.Hour))},
	{Name: "connect-timeout", Usage: "how long connecting may take in all, over every address and retry,\na `TIME`",
		set: into(func(s *Service) *time.Duration { return &s.ConnectTimeout }, span(time.Millisecond, time.Hour))},
	{Name: "connect-retries", Usage: "how `OFTEN` all addresses are tried again after each failed once",
		set: into(func(s *Service) *int { return &s.ConnectRetries }, count(0))},
	{Name: "idle-timeout", Usage: "end a connection that carried nothing for this `TIME`; 0 for never",
		set: into(func(s *Service) *time.Duration { return &s.IdleTimeout }, span(0, longest))},
	{Name: "max-connections", Usage: "at most this `NUMBER` of connections",
		set: into(func(s *Service) *int { return &s.MaxConnections }, count(1))},
	{Name: "max-per-identity", only: serverOnly, Usage: "at most this `NUMBER` of connections of one identity",
		set: into(func(s *Service) *int { return &s.MaxPerIdentity }, count(1))},
	{Name: "max-per-source", Usage: "at most this `NUMBER` of connections from one IPv4 address or one\nIPv6 /64",
		set: into(func(s *Service) *int { return &s.MaxPerSource }, count(1))},
	{Name: "max-handshakes", Usage: "at most this `NUMBER` of handshakes under way",
		set: into(func(s *Service) *int { return &s.MaxHandshakes }, count(1))},
	{Name: "bytes-per-second", Usage: "at most this `NUMBER` of bytes a second, all connections and both\ndirections together; 500KB, 10MB; 0 for no limit",
		set: into(func(s *Service) *int64 { return &s.BytesPerSecond }, value.size)},
}
