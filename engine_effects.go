package watchword

// Carrying out what the handshake asks for, in order.

import (
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

func (e *Engine) carryOut(now time.Time) error {
	for _, effect := range e.machine.Effects() {
		if err := e.apply(effect, now); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) apply(effect handshake.Effect, now time.Time) error {
	switch f := effect.(type) {
	case handshake.Send:
		return e.sendHandshake(f.Raw)
	case handshake.SendChangeCipherSpec:
		return e.appendRecord(record.ChangeCipherSpec, []byte{1})
	case handshake.SetWriteKey:
		e.writer.SetKey(f.Suite, f.Secret)
	case handshake.SetReadKey:
		return e.setReadKey(f.Suite, f.Secret)
	case handshake.SetWriteKey12:
		e.writer.SetKeys12(f.Suite, f.Keys, f.Form, e.config.rand())
	case handshake.SetReadKey12:
		e.reader.SetKeys12(f.Suite, f.Keys, f.Form)
	case handshake.TryReadKeys12:
		e.reader.TryKeys12(f.Suite, f.Keys, f.Form)
	case handshake.SkipEarlyData:
		e.guard.skipProtected = true
	case handshake.SkipPlainEarlyData:
		e.guard.skipPlain = true
	case handshake.LimitSent:
		e.writer.SetMaxContent(f.MaxContent)
	case handshake.LimitRead:
		e.reader.SetLimit(f.MaxInner)
	case handshake.WantPSK:
		return e.wantPSK(f, now)
	case handshake.Done:
		return e.done(now)
	case handshake.TicketReceived:
		e.keepTicket(f, now)
	case handshake.TicketReceived12:
		e.keepTicket12(f, now)
	case handshake.TicketGoesOn12:
		e.config.Tickets.Cache.Put(e.client.server, e.client.ticket)
	default:
		panic("watchword: unknown effect")
	}
	return nil
}

// setReadKey changes the read key. A message must not span the change
// (RFC 9846 §5.1).
func (e *Engine) setReadKey(s *suite.Suite, t schedule.Traffic) error {
	if !e.joined.Empty() {
		return alert.New(alert.UnexpectedMessage, "a handshake message goes on beyond a change of keys")
	}
	e.guard.skipPlain = false
	e.reader.SetKey(s, t)
	return nil
}

// sendHandshake makes the records of a handshake message.
func (e *Engine) sendHandshake(raw []byte) error {
	for len(raw) > 0 {
		n := min(len(raw), e.writer.MaxContent())
		if err := e.appendRecord(record.Handshake, raw[:n]); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}

// appendRecord makes one record of control data.
func (e *Engine) appendRecord(t record.ContentType, content []byte) error {
	start, seq := len(e.out), e.writer.Seq()
	out, err := e.writer.Append(e.out, t, content)
	if err != nil {
		return err
	}
	e.out = out
	if e.config.Observer != nil {
		e.observeRecord(true, t, e.out[start:], content, seq, e.writer.Protected() && t != record.ChangeCipherSpec)
	}
	return nil
}

func (e *Engine) observeRecord(sent bool, t record.ContentType, raw, content []byte, seq uint64, protected bool) {
	e.config.Observer(Event{Kind: EventRecord, Sent: sent, Name: t.String(), Bytes: raw, Content: content, Seq: seq, Protected: protected})
}

// done completes the handshake.
func (e *Engine) done(now time.Time) error {
	e.complete = true
	e.guard.skipProtected = false
	if e.client != nil {
		e.forget()
		return nil
	}
	if tag, ok := e.machine.Result().Tag.(*match); ok {
		e.matched = tag
	}
	e.forget()
	if e.machine.Result().Version == VersionTLS12 {
		return nil // its ticket came before the Finished
	}
	return e.issueTicket(now)
}
