package meter

// The figures of one service. What is counted for each piece of data is an
// atomic addition; the rest happens a few times in a connection.

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Why a connection was refused: the limit's name in the configuration.
const (
	MaxConnections      = "max-connections"
	MaxConnectionsOfAll = "max-connections of all services"
	MaxHandshakes       = "max-handshakes"
	MaxPerSource        = "max-per-source"
	MaxPerIdentity      = "max-per-identity"
	OpenFiles           = "open files" // the system's limit, not the configuration's
)

// Why a handshake failed.
const (
	WrongKey        = "wrong-key"
	UnknownIdentity = "unknown-identity"
	NotAdmitted     = "not-admitted"
	TimedOut        = "timeout"
	NotTLS          = "not-tls"
	NoCommon        = "no-common" // no version, suite or group that both ends speak
	RefusedByPeer   = "refused"
	NothingSent     = "nothing-sent"
	Other           = "other"
)

// Why a connection ended. Local is the side without TLS, the peer the other.
const (
	Done          = "done" // both directions to their ends
	PeerReset     = "peer-reset"
	PeerTruncated = "peer-truncated" // an end without close_notify
	PeerAlert     = "peer-alert"
	LocalReset    = "local-reset"
	IdleTimeout   = "idle-timeout"
	Drained       = "drained"        // its time after SIGTERM was over
	Removed       = "removed"        // its identity is admitted no more
	BackendFailed = "backend-failed" // it never opened: nothing answered at the other side
	Broken        = "error"
)

// The words of each set in the order in which they are written. A word that is
// not among them counts as the last.
var (
	limitWords   = []string{MaxConnections, MaxConnectionsOfAll, MaxHandshakes, MaxPerSource, MaxPerIdentity, OpenFiles, Other}
	failureWords = []string{WrongKey, UnknownIdentity, NotAdmitted, TimedOut, NotTLS, NoCommon, RefusedByPeer, NothingSent, Other}
	endWords     = []string{Done, PeerReset, PeerTruncated, PeerAlert, LocalReset, IdleTimeout, Drained, Removed, BackendFailed, Broken}
)

// Upper bounds of the histograms' buckets, in seconds. A handshake takes a
// millisecond and a way there and back or two; connections of a database pool
// live for days.
var (
	handshakeBounds  = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	connectionBounds = []float64{.01, .1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}
)

// Service are the figures of one service. All methods may be called at once.
type Service struct {
	name      string
	direction atomic.Pointer[string]

	// in and out are those that every connection adds to all the time.
	in, out atomic.Uint64

	accepted       atomic.Uint64
	open           atomic.Int64
	handshaking    atomic.Int64
	keys           atomic.Int64
	maxConnections atomic.Int64

	refused, failed, closed words

	handshakeTime, connectionTime *histogram

	mu         sync.Mutex
	handshakes map[negotiated]uint64
	backends   map[string]*backend
}

// negotiated is what a handshake ended with. There are no more of them than
// suites that we speak.
type negotiated struct{ version, suite string }

type backend struct {
	up     bool
	failed uint64
}

func newService(name string) *Service {
	return &Service{
		name:    name,
		refused: newWords(limitWords), failed: newWords(failureWords), closed: newWords(endWords),
		handshakeTime: newHistogram(handshakeBounds), connectionTime: newHistogram(connectionBounds),
		handshakes: make(map[negotiated]uint64), backends: make(map[string]*backend),
	}
}

// Accepted counts a connection that came in.
func (s *Service) Accepted() { s.accepted.Add(1) }

// Refused counts a connection that a limit did not let through.
func (s *Service) Refused(limit string) { s.refused.add(limit) }

// HandshakeStarted and HandshakeEnded, once each for a handshake however it
// ends, count those under way.
func (s *Service) HandshakeStarted() { s.handshaking.Add(1) }
func (s *Service) HandshakeEnded()   { s.handshaking.Add(-1) }

// HandshakeFailed counts a failed handshake by its reason.
func (s *Service) HandshakeFailed(reason string) { s.failed.add(reason) }

// Handshaken counts a complete handshake: its time and what it agreed on, as
// our own tables name it.
func (s *Service) Handshaken(took time.Duration, version, suite string) {
	s.handshakeTime.observe(took.Seconds())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handshakes[negotiated{version, suite}]++
}

// Opened counts a connection that carries data from now on.
func (s *Service) Opened() { s.open.Add(1) }

// Closed counts a connection's end. With BackendFailed it is one that was not
// Opened; every other reason belongs to one that was.
func (s *Service) Closed(reason string, took time.Duration) {
	s.closed.add(reason)
	if reason == BackendFailed {
		return
	}
	s.open.Add(-1)
	s.connectionTime.observe(took.Seconds())
}

// Bytes counts plain bytes: in came through TLS, out went into it.
func (s *Service) Bytes(in, out int) {
	if in > 0 {
		s.in.Add(uint64(in))
	}
	if out > 0 {
		s.out.Add(uint64(out))
	}
}

// BackendFailed counts an attempt to connect that failed: at an address of the
// configuration, or at all of them, which is the empty one. An address that was
// left out since does not count.
func (s *Service) BackendFailed(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.backends[address]
	if b == nil && address == "" {
		b = &backend{}
		s.backends[address] = b
	}
	if b != nil {
		b.failed++
	}
}

// BackendUp says whether an address answers, and reports whether it is one of the
// configuration still.
func (s *Service) BackendUp(address string, up bool) (known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.backends[address]
	if b != nil {
		b.up = up
	}
	return b != nil
}

// Backends says what addresses there are to connect to, after the start and
// after a reload. New ones count as up; others than these are forgotten.
func (s *Service) Backends(addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address := range s.backends {
		if address != "" && !slices.Contains(addresses, address) {
			delete(s.backends, address)
		}
	}
	for _, address := range addresses {
		if s.backends[address] == nil {
			s.backends[address] = &backend{up: true}
		}
	}
}

// Keys says how many keys are in use.
func (s *Service) Keys(n int) { s.keys.Store(int64(n)) }

// MaxConnections says how many connections the service carries at most, 0 for
// as many as the process.
func (s *Service) MaxConnections(n int) { s.maxConnections.Store(int64(n)) }
