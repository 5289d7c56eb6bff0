package watchword

// The sending half of an Engine.

import (
	"errors"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/wire"
)

// HasOutput reports whether there is anything to send.
func (e *Engine) HasOutput() bool {
	return len(e.out) > 0 || e.complete && e.err == nil && !e.sentDone && e.machine.UpdateOwed()
}

// Output appends to dst what is to be sent to the peer, and forgets it. What
// comes out is to be sent in this order, all of it.
func (e *Engine) Output(dst []byte) []byte {
	if e.complete && e.err == nil && !e.sentDone && e.machine.UpdateOwed() {
		if err := e.updateKey(wire.UpdateNotRequested); err != nil {
			e.fail(err)
		}
	}
	dst = append(dst, e.out...)
	e.out = nil
	return dst
}

// Seal appends to dst first what Output would, then records with as much of p
// as they hold, one after another, until p is used up or dst has no room for
// one more within max bytes. It returns how much of p it took.
func (e *Engine) Seal(dst, p []byte, max int) (_ []byte, n int, err error) {
	dst = e.Output(dst)
	if err := e.writable(); err != nil {
		return dst, 0, err
	}
	for n < len(p) || len(p) == 0 {
		if e.writer.NearLimit() {
			if err := e.updateKey(wire.UpdateNotRequested); err != nil {
				return dst, n, e.fail(err)
			}
			dst = e.Output(dst)
		}
		chunk := min(len(p)-n, e.writer.MaxContent())
		if n > 0 && len(dst)+chunk+e.writer.Overhead() > max {
			break
		}
		start, seq := len(dst), e.writer.Seq()
		out, err := e.writer.Append(dst, record.ApplicationData, p[n:n+chunk])
		if err != nil {
			return dst, n, e.fail(err)
		}
		dst = out
		if e.config.Observer != nil {
			e.observeRecord(true, record.ApplicationData, dst[start:], p[n:n+chunk], seq, true)
		}
		n += chunk
		if len(p) == 0 {
			break
		}
	}
	return dst, n, nil
}

// writable returns why application data cannot be sent now, nil if it can.
func (e *Engine) writable() error {
	switch {
	case e.err != nil:
		return e.err
	case e.sentDone:
		return ErrClosed
	case !e.complete:
		return alert.New(alert.InternalError, "application data was written before the handshake was complete")
	}
	return nil
}

// CloseWrite sends close_notify: this end sends nothing more, and goes on
// reading (RFC 9846 §6.1). It may be called more than once.
func (e *Engine) CloseWrite() {
	if e.err != nil || e.sentDone {
		return
	}
	if e.complete && e.machine.UpdateOwed() {
		if err := e.updateKey(wire.UpdateNotRequested); err != nil {
			e.fail(err)
			return
		}
	}
	if !e.complete {
		// Giving up in the middle of a handshake (RFC 9846 §6.1).
		e.sendAlert(alert.UserCanceled)
		e.sentDone = false
	}
	e.sendAlert(alert.CloseNotify)
	e.sentDone = true
	if !e.complete {
		e.forget()
		e.err = ErrClosed
	}
}

// UpdateKey changes the key that this end sends with, and if request is set
// asks the peer to do the same (RFC 9846 §4.7.3). It happens by itself before
// a key has been used too much.
func (e *Engine) UpdateKey(request bool) error {
	if err := e.writable(); err != nil {
		return err
	}
	if e.tls12() {
		return errors.New("watchword: TLS 1.2 has no KeyUpdate: for new keys, open a new connection")
	}
	r := wire.UpdateNotRequested
	if request {
		r = wire.UpdateRequested
	}
	if err := e.updateKey(r); err != nil {
		return e.fail(err)
	}
	return nil
}

func (e *Engine) updateKey(request wire.KeyUpdateRequest) error {
	if err := e.machine.UpdateKey(request); err != nil {
		return err
	}
	// A key update reads no clock.
	return e.carryOut(time.Time{})
}
