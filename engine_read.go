package watchword

// The receiving half of an Engine: records, and what they carry.

import (
	"errors"
	"io"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// floodGuard counts what a peer could send without end and without use, and
// knows what to skip.
type floodGuard struct {
	handshakeBytes   int
	emptyRecords     int // in a row
	warnings         int
	changeCipherSpec int
	// skipProtected: records that do not open are early data that we
	// refused. skipPlain: so are protected ones where plaintext is expected.
	skipProtected, skipPlain bool
	skipped                  int // bytes of refused early data
}

var errHandshakeFlood = alert.New(alert.UnexpectedMessage, "the other end sent more handshake bytes than any handshake needs")

// Space returns room for at least n bytes. Bytes from the peer are to be put
// at its start and told to [Engine.Received]. The room is the engine's own: it
// opens records there in place, and it may pass to another engine as soon as
// Received has been called.
func (e *Engine) Space(n int) []byte { return e.input.space(n) }

// Received tells that n bytes from the peer stand at the start of the room
// that Space returned last, and goes on with the handshake as far as they
// reach. Application data waits for Read.
func (e *Engine) Received(n int, now time.Time) error {
	e.input.filled(n)
	defer e.input.settle()
	e.now = now
	err := e.advance(now)
	if err == nil && !e.complete && len(e.input.unread()) > limits.MaxHandshakeBytes {
		err = e.fail(errHandshakeFlood) // it does not wait for Answer
	}
	if err != nil || e.peerDone {
		// Nobody will look at it, and a peer must not fill the memory with it.
		e.input.drop()
	}
	return err
}

// advance works through the records of the handshake.
func (e *Engine) advance(now time.Time) error {
	for e.err == nil && !e.complete && e.want == nil {
		rec, ok, err := e.nextRecord()
		if err != nil {
			return e.fail(err)
		}
		if !ok {
			return nil
		}
		if _, err := e.process(nil, rec, now); err != nil {
			return e.fail(err)
		}
	}
	return e.err
}

// Missing returns how many more bytes the record at the start of the input
// needs, at least 1. It is a hint of how much to read.
func (e *Engine) Missing() int {
	_, total, err := e.reader.Next(e.input.unread())
	if err != nil || total == 0 {
		return 1
	}
	return max(total-len(e.input.unread()), 1)
}

// ReceivedEOF tells that the peer's stream has ended. It is an error unless
// close_notify came before. While Read has not taken all that came, Read
// returns that error after it.
func (e *Engine) ReceivedEOF() error {
	if e.err != nil {
		return e.err
	}
	if e.peerDone {
		return nil
	}
	if e.complete && e.recordWaits() {
		e.ended = true // close_notify may be among what Read has not taken yet
		return nil
	}
	return e.fail(e.truncated())
}

// recordWaits reports whether Read has something to do without more input.
func (e *Engine) recordWaits() bool {
	in := e.input.unread()
	_, total, err := e.reader.Next(in)
	return err != nil || total > 0 && total <= len(in)
}

// nothingReceived reports whether a server still waits for the first byte.
func (e *Engine) nothingReceived() bool {
	return e.client == nil && !e.complete && len(e.input.unread()) == 0 && e.guard.handshakeBytes == 0
}

func (e *Engine) truncated() error {
	if e.complete {
		return ErrTruncated
	}
	if e.client != nil && e.reader.Protected() {
		return &causeError{"the other end closed the connection in the middle of the handshake", ErrTruncated}
	}
	if e.nothingReceived() {
		return ErrNothingReceived
	}
	return &causeError{"the other end closed the connection during the handshake", ErrTruncated}
}

// nextRecord returns the next whole record of the input.
func (e *Engine) nextRecord() (rec []byte, ok bool, err error) {
	in := e.input.unread()
	_, total, err := e.reader.Next(in)
	if err != nil || total == 0 || total > len(in) {
		return nil, false, err
	}
	e.input.used(total)
	return in[:total:total], true, nil
}

// Read returns application data. It returns [ErrNeedInput] if there is none
// yet, io.EOF after the peer's close_notify, and never blocks. A large p is
// filled from several records, without a copy.
func (e *Engine) Read(p []byte, now time.Time) (n int, err error) {
	defer e.input.settle()
	if n := e.input.takePending(p); n > 0 {
		return n, nil
	}
	for {
		switch {
		case e.err != nil:
			return n, e.errUnless(n)
		case e.peerDone:
			if n > 0 {
				return n, nil
			}
			return 0, io.EOF
		case !e.complete:
			return 0, ErrNeedInput
		case len(p) == 0:
			return n, nil
		}
		rest := p[n:]
		if n > 0 && !e.nextFits(len(rest)) {
			return n, nil
		}
		rec, ok, err := e.nextRecord()
		if err != nil {
			e.fail(err)
			continue
		}
		if !ok {
			if n > 0 {
				return n, nil
			}
			if e.ended {
				e.fail(e.truncated())
				continue
			}
			return 0, ErrNeedInput
		}
		content, err := e.process(rest, rec, now)
		if err != nil {
			e.fail(err)
			continue
		}
		n += e.deliver(rest, content)
	}
}

// errUnless returns the connection's error, but data first.
func (e *Engine) errUnless(n int) error {
	if n > 0 {
		return nil
	}
	return e.err
}

// direct reports whether a record of this length opens straight into a buffer
// with so much room.
func direct(total, room int) bool {
	return total-limits.RecordHeaderLen-suite.TagLen <= room
}

// nextFits reports whether the next record is there and opens straight into
// room bytes.
func (e *Engine) nextFits(room int) bool {
	in := e.input.unread()
	_, total, err := e.reader.Next(in)
	return err == nil && total > 0 && total <= len(in) && direct(total, room)
}

// deliver accounts for content that process returned: it is in p already if
// the record was opened there, else what does not fit waits as pending.
func (e *Engine) deliver(p, content []byte) int {
	if len(content) == 0 {
		return 0
	}
	if &content[0] == &p[0] {
		return len(content)
	}
	n := copy(p, content)
	e.input.pending = content[n:]
	return n
}

// process opens one record and acts on it. Application data is returned: at
// the start of p where it fits, else in place.
func (e *Engine) process(p, rec []byte, now time.Time) ([]byte, error) {
	h, _, _ := e.reader.Next(rec)
	if h.Type == record.ChangeCipherSpec {
		return nil, e.changeCipherSpec(rec, now)
	}
	if e.skippable(h, rec) {
		return nil, e.skip(rec)
	}
	var dst []byte
	if e.complete && direct(len(rec), len(p)) {
		dst = p[:len(p):len(p)]
	}
	seq, protected := e.reader.Seq(), e.reader.Protected()
	var raw []byte
	if e.config.Observer != nil {
		raw = append(raw, rec...) // opening destroys it
	}
	if protected && h.Type == record.Alert && e.plainAlertAllowed() {
		return nil, e.alert(rec[limits.RecordHeaderLen:])
	}
	t, content, err := e.reader.Open(dst, rec)
	if err != nil {
		if e.guard.skipProtected && isBadMAC(err) {
			return nil, e.skip(rec)
		}
		if cause := e.machine.TrialError(); cause != nil && isBadMAC(err) {
			return nil, cause
		}
		return nil, err
	}
	if !e.complete {
		e.machine.KeyTried(e.reader.Tried())
	}
	e.guard.skipProtected = false
	e.received = e.received || protected
	if e.config.Observer != nil {
		e.observeRecord(false, t, raw, content, seq, protected)
	}
	return e.dispatch(t, content, now)
}

// dispatch acts on the content of a record.
func (e *Engine) dispatch(t record.ContentType, content []byte, now time.Time) ([]byte, error) {
	if t != record.Handshake && !e.joined.Empty() {
		return nil, alert.New(alert.UnexpectedMessage, "a record of type "+t.String()+" in the middle of a handshake message (RFC 9846 §5.1)")
	}
	if len(content) > 0 {
		e.guard.emptyRecords = 0
	} else if e.guard.emptyRecords++; e.guard.emptyRecords > limits.MaxEmptyRecords {
		return nil, alert.New(alert.UnexpectedMessage, "too many empty records")
	}
	switch t {
	case record.Handshake:
		return nil, e.handshake(content, now)
	case record.Alert:
		return nil, e.alert(content)
	case record.ApplicationData:
		if !e.complete {
			return nil, alert.New(alert.UnexpectedMessage, "application data before the handshake is complete")
		}
		if len(content) > 0 {
			e.machine.DataReceived()
		}
		return content, nil
	}
	return nil, alert.New(alert.UnexpectedMessage, "a record of type "+t.String()+" where none may be")
}

// handshake feeds the content of a handshake record to the state machine.
func (e *Engine) handshake(content []byte, now time.Time) error {
	if !e.complete {
		if e.guard.handshakeBytes += len(content); e.guard.handshakeBytes > limits.MaxHandshakeBytes {
			return errHandshakeFlood
		}
	}
	if err := e.joined.Add(content); err != nil {
		return err
	}
	for {
		msg, ok, err := e.joined.Next()
		if err != nil || !ok {
			return err
		}
		if e.want != nil {
			return alert.New(alert.UnexpectedMessage, "a handshake message that does not wait for the answer to the ClientHello")
		}
		if err := e.machine.Step(msg); err != nil {
			return err
		}
		if err := e.carryOut(now); err != nil {
			return err
		}
	}
}

// alert acts on a received alert (RFC 9846 §6).
func (e *Engine) alert(content []byte) error {
	level, d, err := wire.ParseAlert(content, nil)
	if err != nil {
		return err
	}
	if e.config.Observer != nil {
		e.config.Observer(Event{Kind: EventAlert, Name: d.String(), Alert: d, Bytes: content})
	}
	switch {
	case d == alert.CloseNotify && e.complete:
		e.peerDone = true
		return nil
	case level == alert.Warning && (d == alert.UserCanceled || d != alert.CloseNotify && e.tls12()):
		// user_canceled is to be ignored; close_notify follows (RFC 9846 §6.1).
		// In TLS 1.2 a warning is no reason to end (RFC 5246 §7.2).
		if e.guard.warnings++; e.guard.warnings > limits.MaxWarningAlerts {
			return alert.New(alert.UnexpectedMessage, "too many warning alerts")
		}
		return nil
	}
	// Every other alert is fatal, whatever its level says (RFC 9846 §6.2).
	return &alert.RemoteError{Description: d}
}

// plainAlertAllowed reports whether an alert without protection is believed: a
// client that cannot make sense of our ServerHello has no key to protect one.
// Anybody could send it, but anybody could cut the connection too.
func (e *Engine) plainAlertAllowed() bool {
	return e.client == nil && !e.complete && !e.received && !e.tls12()
}

// tls12 reports whether the handshake chose TLS 1.2.
func (e *Engine) tls12() bool { return e.machine.Result().Version == VersionTLS12 }

// changeCipherSpec ignores the dummy record of middlebox compatibility mode
// where it may stand (RFC 9846 §5): after the first ClientHello and before the
// peer's Finished. In TLS 1.2 the record means something, in one place only.
func (e *Engine) changeCipherSpec(rec []byte, now time.Time) error {
	body := rec[limits.RecordHeaderLen:]
	started := e.client != nil || e.guard.handshakeBytes > 0
	if e.complete || !started || len(body) != 1 || body[0] != 1 || !e.joined.Empty() {
		return alert.New(alert.UnexpectedMessage, "a change_cipher_spec record where none may be")
	}
	if e.guard.changeCipherSpec++; e.guard.changeCipherSpec > limits.MaxChangeCipherSpec {
		return alert.New(alert.UnexpectedMessage, "too many change_cipher_spec records")
	}
	if e.config.Observer != nil {
		e.observeRecord(false, record.ChangeCipherSpec, rec, body, 0, false)
	}
	if meant, err := e.machine.ChangeCipherSpec(); !meant || err != nil {
		return err
	}
	return e.carryOut(now)
}

// skippable reports whether rec is early data that stands before a second
// ClientHello.
func (e *Engine) skippable(h record.Header, rec []byte) bool {
	return e.guard.skipPlain && !e.reader.Protected() && h.Type == record.ApplicationData
}

// skip drops a record of refused early data (RFC 9846 §4.3.10).
func (e *Engine) skip(rec []byte) error {
	if e.guard.skipped += len(rec); e.guard.skipped > limits.MaxSkippedEarlyData {
		return alert.New(alert.UnexpectedMessage, "more early data than a client that was refused it may send")
	}
	return nil
}

func isBadMAC(err error) bool { return errors.Is(err, record.ErrMAC) }
