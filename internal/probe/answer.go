package probe

// Answers: what they say, and how they are read.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// answer is what came back.
type answer struct {
	hello  *wire.ServerHello  // nil: it refused
	alert  *alert.Description // of the server, in place of the rest
	closed bool               // it ended the connection without an alert

	// Of TLS 1.2:
	curve       wire.NamedGroup // of the ServerKeyExchange
	hint        []byte
	askedTicket bool

	// Of a whole handshake:
	proved bool
	ticket bool // a NewSessionTicket came
	err    error
}

func (a *answer) suite() suite.ID { return suite.ID(a.hello.CipherSuite) }

// group returns the group of the exchange, zero if it has none.
func (a *answer) group() wire.NamedGroup {
	switch {
	case a.hello.KeyShare != nil:
		return a.hello.KeyShare.Group
	case a.hello.SelectedGroup != nil:
		return *a.hello.SelectedGroup
	}
	return a.curve
}

// version returns the version that the server chose.
func (a *answer) version() uint16 {
	if a.hello.SelectedVersion != nil {
		return *a.hello.SelectedVersion
	}
	return a.hello.LegacyVersion
}

// chose reports whether the server accepted something. What it chose is never
// something else than was asked for: see check.
func (a *answer) chose(suites []suite.ID, _ []wire.NamedGroup) bool {
	return a.hello != nil && slices.Contains(suites, a.suite())
}

// refusedWith reports whether the server refused with this alert.
func (a *answer) refusedWith(d alert.Description) bool { return a.alert != nil && *a.alert == d }

// downgraded reports whether the random of a ServerHello says that the server
// speaks TLS 1.3 and was not asked for it (RFC 9846 §4.2.3).
func (a *answer) downgraded() bool {
	return a.hello != nil && string(a.hello.Random[24:31]) == "DOWNGRD"
}

// What is no answer to the question.
var (
	errVersion = errors.New("its answer names a version that was not offered")
	errSuite   = errors.New("its answer names a suite that was not offered")
	errGroup   = errors.New("its answer names a group that was not offered")
)

// check refuses an answer to something else.
func (a *answer) check(h *wire.ClientHello) error {
	if a.hello == nil {
		return nil
	}
	offered := h.SupportedVersions
	if offered == nil {
		offered = []uint16{h.LegacyVersion}
		// An older one may be chosen (RFC 5246 appendix E.1).
		if v := a.version(); v >= 0x0300 && v < h.LegacyVersion {
			offered = append(offered, v)
		}
	}
	switch {
	case !slices.Contains(offered, a.version()):
		return errVersion
	case !slices.Contains(h.CipherSuites, a.hello.CipherSuite):
		return errSuite
	case a.group() != 0 && !slices.Contains(h.SupportedGroups, a.group()):
		return errGroup
	}
	return nil
}

// listener reads an answer.
type listener struct {
	conn     net.Conn
	buf      []byte // what was read and not yet taken apart
	records  record.Reader
	messages record.Reassembler
	answer   answer
	heard    bool // a whole record of TLS came
	knownTLS bool // as it did in an earlier connection
	done     bool
	warnings int
}

func (l *listener) listen() error {
	total := 0
	for !l.done {
		chunk := make([]byte, 4096)
		n, err := l.conn.Read(chunk)
		l.buf = append(l.buf, chunk[:n]...)
		if total += n; total > limits.MaxProbeAnswer {
			return ErrEndless
		}
		if n > 0 {
			if err := l.take(); err != nil {
				return err
			}
		}
		if err != nil && !l.done {
			return l.ended(err, total)
		}
	}
	return nil
}

// ended says what the end of the stream means: its close, or that the system
// at the other end broke it off for a program that closed without reading.
func (l *listener) ended(err error, total int) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && total == 0:
		return ErrSilent
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrStalled
	case len(l.buf) > 0 || !l.messages.Empty():
		return errors.New("it closed the connection in the middle of its answer")
	}
	l.answer.closed = true
	return nil
}

// take takes apart the whole records that there are.
func (l *listener) take() error {
	for !l.done {
		acceptDTLSAlert(l.buf)
		_, total, err := l.records.Next(l.buf)
		if err != nil {
			return l.noTLS(err)
		}
		if total == 0 || len(l.buf) < total {
			return nil
		}
		t, content, err := l.records.Open(nil, l.buf[:total])
		if err != nil {
			return err
		}
		l.buf = l.buf[total:]
		l.heard = true
		if err := l.record(t, content); err != nil {
			return err
		}
	}
	return nil
}

// acceptDTLSAlert gives an alert the version of TLS that has the one of DTLS 1.2
// or 1.0 in the header of its record. GnuTLS sends protocol_version so where
// what it was offered is older than all that it speaks.
func acceptDTLSAlert(rec []byte) {
	if len(rec) < limits.RecordHeaderLen || record.ContentType(rec[0]) != record.Alert {
		return
	}
	switch string(rec[1:limits.RecordHeaderLen]) {
	case "\xfe\xfd\x00\x02", "\xfe\xff\x00\x02":
		rec[1], rec[2] = 3, 3
	}
}

// noTLS shows the beginning of what a server says that speaks first, or
// something else. One that has spoken TLS before does neither.
func (l *listener) noTLS(err error) error {
	const shown = 40 // bytes
	if l.heard || !errors.Is(err, record.ErrVersion) {
		return err
	}
	text := l.buf[:min(len(l.buf), shown)]
	if l.knownTLS {
		return fmt.Errorf("one of its answers is no TLS; it begins with %q", text)
	}
	return fmt.Errorf("it speaks something else than TLS, or something else first; its answer begins with %q", text)
}

func (l *listener) record(t record.ContentType, content []byte) error {
	switch t {
	case record.Alert:
		return l.alert(content)
	case record.Handshake:
		if err := l.messages.Add(content); err != nil {
			return err
		}
		for !l.done {
			raw, ok, err := l.messages.Next()
			if err != nil || !ok {
				return err
			}
			if err := l.message(raw); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("its answer holds a record of type " + t.String() + ", which has no place there")
}

// alert takes an alert for the answer, unless it is a mere warning, which some
// servers send about the server name (RFC 6066 §3).
func (l *listener) alert(content []byte) error {
	level, d, err := wire.ParseAlert(content, nil)
	if err != nil {
		return err
	}
	if level == alert.Warning && d != alert.CloseNotify {
		if l.warnings++; l.warnings > limits.MaxWarningAlerts {
			return ErrWarnings
		}
		return nil
	}
	l.answer.alert, l.answer.hello, l.done = &d, nil, true
	return nil
}

// message reads one message of the answer. In TLS 1.2 that of a server with
// shared keys ends with ServerHelloDone; in TLS 1.3, and with suites that are
// not ours, ServerHello says all that is asked.
func (l *listener) message(raw []byte) error {
	t := wire.TypeOf(raw)
	if (l.answer.hello == nil) != (t == wire.TypeServerHello) {
		return errors.New("its answer holds a " + t.String() + " that has no place there")
	}
	var err error
	switch t {
	case wire.TypeServerHello:
		own := slices.Clone(raw) // what was parsed aliases it
		if l.answer.hello, err = wire.ParseServerHello(own, nil); err != nil {
			return err
		}
		s, ours := suite.ByID(l.answer.suite())
		l.done = !ours || s.Version != wire.VersionTLS12 || l.answer.version() != wire.VersionTLS12
	case wire.TypeServerKeyExchange:
		err = l.answer.readKeyExchange(raw)
	case wire.TypeServerHelloDone:
		l.done = true
	}
	return err
}

// readKeyExchange reads a ServerKeyExchange (RFC 4279 §2, RFC 5489 §2).
func (a *answer) readKeyExchange(raw []byte) error {
	s, ok := suite.ByID(a.suite())
	if !ok {
		return nil
	}
	parse := wire.ParseServerKeyExchangePSK
	if s.KeyExchange == suite.ECDHEPSK {
		parse = wire.ParseServerKeyExchangeECDHEPSK
	}
	m, err := parse(slices.Clone(raw), nil)
	if err == nil {
		a.curve, a.hint = m.Group, m.Hint
	}
	return err
}
