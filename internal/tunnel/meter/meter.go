// Package meter counts what a tunnel does.
package meter

import "time"

type Meters struct{}
type Service struct{}

func New() *Meters                                          { return &Meters{} }
func (m *Meters) Service(name, direction string) *Service   { return &Service{} }
func (m *Meters) Remove(name string)                        {}
func (m *Meters) Reloaded(ok bool)                          {}
func (s *Service) Accepted()                                {}
func (s *Service) Refused(string)                           {}
func (s *Service) HandshakeStarted()                        {}
func (s *Service) HandshakeEnded()                          {}
func (s *Service) HandshakeFailed(string)                   {}
func (s *Service) Handshaken(time.Duration, string, string) {}
func (s *Service) Opened()                                  {}
func (s *Service) Closed(string, time.Duration)             {}
func (s *Service) Bytes(in, out int)                        {}
func (s *Service) BackendFailed(string)                     {}
func (s *Service) BackendUp(string, bool)                   {}
func (s *Service) Keys(int)                                 {}

const (
	Done            = "done"
	IdleTimeout     = "idle-timeout"
	Drained         = "drained"
	Removed         = "removed"
	BackendFailed   = "backend-failed"
	LocalReset      = "local-reset"
	Broken          = "error"
	PeerAlert       = "peer-alert"
	PeerTruncated   = "peer-truncated"
	PeerReset       = "peer-reset"
	WrongKey        = "wrong-key"
	NotAdmitted     = "not-admitted"
	UnknownIdentity = "unknown-identity"
	TimedOut        = "timeout"
	NotTLS          = "not-tls"
	RefusedByPeer   = "refused"
	NoCommon        = "no-common"
	Other           = "other"
)
