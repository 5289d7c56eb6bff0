package record

import (
	"errors"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
)

// ErrMessageTooLong is found with errors.Is in what a Reassembler returns for
// a handshake message over its limit.
var ErrMessageTooLong = errors.New("a handshake message longer than allowed was announced")

var errMessageTooLong = alert.Wrap(alert.IllegalParameter, ErrMessageTooLong)

// errNotDrained cannot happen where the caller takes out all messages between
// two fragments.
var errNotDrained = alert.New(alert.InternalError, "handshake messages piled up unread")

const (
	messageHeaderLen = 4
	typeClientHello  = 1
	// maxBuffered is one message short of its last byte and one more record.
	maxBuffered = messageHeaderLen + limits.MaxHandshakeMessage - 1 + limits.MaxPlaintext
)

// A Reassembler makes handshake messages of the content of handshake records:
// a message may be spread over several, and several may share one (RFC 9846
// §5.1). Its zero value is ready.
//
// What Add gets must stay as it is until Next has returned false.
type Reassembler struct {
	data []byte // what Next has not returned yet
	// own says that data is our copy; otherwise it is a part of the fragment.
	own bool
}

// Add appends the content of a handshake record.
func (r *Reassembler) Add(fragment []byte) error {
	if len(r.data) == 0 {
		r.data, r.own = fragment, false
		return r.check()
	}
	if err := r.check(); err != nil {
		return err
	}
	if len(r.data)+len(fragment) > maxBuffered {
		return errNotDrained
	}
	r.keep()
	r.data = append(r.data, fragment...)
	return r.check()
}

// Next returns the next whole message with its header; it stays valid until
// the next Add. ok is false where more bytes are needed.
func (r *Reassembler) Next() (msg []byte, ok bool, err error) {
	if len(r.data) < messageHeaderLen {
		r.keep()
		return nil, false, nil
	}
	if err := r.check(); err != nil {
		return nil, false, err
	}
	n := messageHeaderLen + bodyLen(r.data)
	if len(r.data) < n {
		r.keep()
		return nil, false, nil
	}
	msg = r.data[:n:n]
	r.data = r.data[n:]
	if len(r.data) == 0 {
		r.data, r.own = nil, false
	}
	return msg, true, nil
}

// Empty reports that nothing is left over. It must be so before a key changes
// (RFC 9846 §5.1: messages do not span key changes).
func (r *Reassembler) Empty() bool { return len(r.data) == 0 }

// Clear drops what is left over and the memory for it.
func (r *Reassembler) Clear() { r.data, r.own = nil, false }

// keep copies what is left of the caller's fragment.
func (r *Reassembler) keep() {
	if r.own || len(r.data) == 0 {
		return
	}
	r.data, r.own = append([]byte(nil), r.data...), true
}

// check holds the first message against its limit as soon as its header is
// there: the body need not arrive to be refused.
func (r *Reassembler) check() error {
	if len(r.data) < messageHeaderLen {
		return nil
	}
	limit := limits.MaxHandshakeMessage
	if r.data[0] == typeClientHello {
		limit = limits.MaxClientHello
	}
	if bodyLen(r.data) > limit {
		return errMessageTooLong
	}
	return nil
}

func bodyLen(msg []byte) int {
	return int(msg[1])<<16 | int(msg[2])<<8 | int(msg[3])
}
