package tunnel

// A descriptor in reserve. Without one, a process that has no descriptor left
// cannot even turn a connection away: it waits in the listener's queue, and
// whoever made it waits for a time-out.

import (
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/network"
)

// outOfFiles reports whether the process or the system has no descriptor left.
func outOfFiles(err error) bool {
	return errors.Is(err, syscall.ENFILE) || network.Is(err, syscall.EMFILE, 10024)
}

// acceptWithout goes on with a listener of a process that has no descriptor left:
// when the next connection waits, the oldest handshake goes if it has had its time,
// and else the new connection does, unless a descriptor has become free meanwhile.
// It reports whether it made a difference.
func (s *service) acceptWithout(r *reserve, l net.Listener) bool {
	if !waitsAt(l) {
		return false
	}
	if s.makeRoom() {
		return true
	}
	raw, err := l.Accept()
	if outOfFiles(err) && r.held() {
		raw, err = r.accept(l)
	}
	switch again := r.hold(); {
	case err != nil:
		return false
	case again:
		s.take(raw)
	default:
		s.turnAway(raw)
		r.hold()
	}
	return true
}

// accept takes the next connection of a listener in place of the reserve. It does
// not wait for long: somebody else may have taken the connection, or the reserve's
// descriptor.
func (r *reserve) accept(l net.Listener) (net.Conn, error) {
	r.release()
	if timed, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		_ = timed.SetDeadline(time.Now().Add(limits.TunnelRoomMilliseconds * time.Millisecond))
		defer timed.SetDeadline(time.Time{})
	}
	return l.Accept()
}

// turnAway refuses a connection for want of a descriptor.
func (s *service) turnAway(raw net.Conn) {
	s.meters.Accepted()
	a := &attempt{service: s, g: s.now(), raw: raw, remote: raw.RemoteAddr(), began: time.Now()}
	a.refuse(overLimit(limitFiles))
	reset(raw)
}
