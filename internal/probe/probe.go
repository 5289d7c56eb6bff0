// Package probe finds out what a server speaks that takes shared keys, by
// asking it: with ClientHellos that no handshake follows, and, where there is a
// key, with whole handshakes of the library.
//
// It is polite. Connections follow each other, never two at once, and there are
// no more of them than there are answers: what the server chooses is taken out
// of the next question. Where the last answers were closed connections, one more
// tells whether the server is there at all. Their number, the time for each and the time for all
// are bounded (internal/limits).
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/network"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Options say whom to ask and how.
type Options struct {
	Address    string         // HOST:PORT
	ServerName string         // sent as SNI unless it is empty
	Key        *watchword.Key // nil: what can be told without one

	// Timeout bounds one connection, from dialling to the answer.
	Timeout time.Duration
	// Total bounds all of them, and MaxConnections is how many there may be.
	// Zero stands for the limits of internal/limits.
	Total          time.Duration
	MaxConnections int
}

// prober is one run.
type prober struct {
	Options
	ctx    context.Context
	report *Report
	heard  bool // the server has sent something that is TLS
	// odd: the server said illegal_parameter of an unknown key in TLS 1.3, as
	// GnuTLS does of a binder. A server that speaks no TLS 1.3 might too.
	odd bool
	// doubts take back what was concluded from connections that the server
	// closed without an alert. Some refuse so, and a server that ends looks the
	// same.
	doubts []func()
	// answered is the first question that got an answer.
	answered *wire.ClientHello
}

// doubt remembers how to take back what was concluded from an answer, should it
// turn out that it was none.
func (p *prober) doubt(a *answer, takeBack func()) {
	if a.closed {
		p.doubts = append(p.doubts, takeBack)
	}
}

// trust ends all doubts once there is an answer: the server is there, so what it
// closed before was its refusal. Of a whole handshake there is no question.
func (p *prober) trust(a *answer, question *wire.ClientHello) {
	if a.closed && a.hello == nil {
		return
	}
	p.doubts = nil
	if p.answered == nil {
		p.answered = question
	}
}

// settle asks again what was answered before, where the last answers were closed
// connections.
func (p *prober) settle() error {
	if len(p.doubts) == 0 || p.answered == nil {
		return nil
	}
	again := *p.answered
	fill(again.Random[:])
	a, err := p.ask(&again)
	if err == nil && a.closed && a.hello == nil {
		err = errClosesNow
	}
	return err
}

// Run asks the server. An error means that nothing was learned, and why. What
// ends a run after that is in Report.Stopped.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Timeout == 0 {
		o.Timeout = limits.HandshakeTimeoutSeconds * time.Second
	}
	if o.Total == 0 {
		o.Total = limits.ProbeSeconds * time.Second
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = limits.MaxProbeConnections
	}
	limited, cancel := context.WithTimeout(ctx, o.Total)
	defer cancel()
	p := &prober{Options: o, ctx: limited, report: newReport(o)}
	err := p.run()
	if err != nil {
		for _, takeBack := range p.doubts {
			takeBack()
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && (!p.heard || p.report.empty()):
		return nil, err
	}
	p.report.Stopped = err
	p.report.conclude()
	return p.report, nil
}

func (p *prober) run() error {
	if err := p.askAll(); err != nil {
		return err
	}
	return p.settle()
}

// askAll asks in the order in which answers decide what is worth asking.
func (p *prober) askAll() error {
	if err := p.askTLS13(); err != nil {
		return err
	}
	if err := p.askTLS12(); err != nil {
		return err
	}
	if err := p.askOlder(); err != nil {
		return err
	}
	if !p.heard {
		return errCloses
	}
	if p.report.TLS13.Spoken == Yes || p.report.TLS12.Spoken == Yes {
		return nil
	}
	return p.askForeign()
}

// A StopError ends a run within its limits: the server is not to blame.
type StopError struct{ sentence string }

func (e *StopError) Error() string { return e.sentence }

// What ends a run at its first connection is all there is to say about the
// server; it continues a sentence that names it.
var (
	// ErrSilent: the server took the connection and answered nothing.
	ErrSilent = errors.New("it is silent: it took the connection and answered nothing in time, so it speaks no TLS, or waits for something else first")
	// ErrStalled: it began an answer.
	ErrStalled = errors.New("it began an answer and did not go on in time")
	// ErrEndless: it sent without end.
	ErrEndless = fmt.Errorf("it sends without end: after %d bytes there was no answer to be seen in them", limits.MaxProbeAnswer)
	// ErrWarnings: it sent alerts that end nothing, and no answer.
	ErrWarnings = fmt.Errorf("it sends nothing but warnings: after %d alerts of that level there was no answer", limits.MaxWarningAlerts+1)

	errClosesNow = errors.New("it closes connections without an answer, also where it answered before")
	errCloses    = errors.New("it closes every connection without an answer: it speaks no TLS at once, or lets in nobody from here, or refuses in silence what it does not know")
)

// connect opens the next connection, within all limits.
func (p *prober) connect() (net.Conn, error) {
	if p.report.Connections >= p.MaxConnections {
		return nil, &StopError{fmt.Sprintf("%d connections are as many as may be", p.MaxConnections)}
	}
	deadline := time.Now().Add(p.Timeout)
	d := net.Dialer{Deadline: deadline}
	raw, err := network.OrCut(d.DialContext(p.ctx, "tcp", p.Address))
	if err != nil {
		return nil, p.cause(err)
	}
	p.report.Connections++
	if total, _ := p.ctx.Deadline(); total.Before(deadline) {
		deadline = total
	}
	if err := raw.SetDeadline(deadline); err != nil {
		raw.Close()
		return nil, err
	}
	// Whoever cancels does not wait for the server.
	return &stoppable{raw, context.AfterFunc(p.ctx, func() { raw.Close() })}, nil
}

// stoppable is a connection that ends with the run.
type stoppable struct {
	net.Conn
	stop func() bool
}

func (c *stoppable) Close() error {
	c.stop()
	return c.Conn.Close()
}

// over returns why the whole run ends, or nil. A connection that ended because
// of it is no answer of the server's.
func (p *prober) over() error {
	if total, _ := p.ctx.Deadline(); !time.Now().Before(total) {
		return &StopError{fmt.Sprintf("all connections together may take %v, and that is over", p.Total)}
	}
	return p.ctx.Err()
}

// cause returns why the whole run ends, if it does, in place of err, and of an
// error what was found without what the server would have been told.
func (p *prober) cause(err error) error {
	var local *alert.LocalError
	if over := p.over(); over != nil {
		return over
	}
	if errors.As(err, &local) {
		return fmt.Errorf("its answer makes no sense: %s", local.Why())
	}
	return err
}

// A question asks for one of these suites and, where the exchange has one, one
// of these groups.
type question func(suites []suite.ID, groups []wire.NamedGroup) (*answer, error)

// enumerate finds what the server accepts of each list, with all of the other
// list beside it: it takes out what was chosen and asks again, until the server
// refuses. The first answer is there already.
func (p *prober) enumerate(v *Version, first *answer, suites []suite.ID, groups []wire.NamedGroup, ask question) error {
	remaining := suites
	a := first
	for {
		if !a.chose(remaining, groups) {
			break
		}
		v.note(a)
		remaining = without(remaining, a.suite())
		if len(remaining) == 0 {
			break
		}
		var err error
		if a, err = ask(remaining, groups); err != nil {
			return err
		}
	}
	v.SuitesComplete = true
	p.doubt(a, func() { v.SuitesComplete = false })
	return p.enumerateGroups(v, groups, ask)
}

// enumerateGroups goes on with the suites that have a group.
func (p *prober) enumerateGroups(v *Version, groups []wire.NamedGroup, ask question) error {
	suites := v.forwardSecret()
	if len(suites) == 0 {
		return nil
	}
	remaining := groups
	for _, g := range v.Groups {
		remaining = without(remaining, wire.NamedGroup(g.ID))
	}
	for len(remaining) > 0 {
		a, err := ask(suites, remaining)
		if err != nil {
			return err
		}
		if !a.chose(suites, remaining) || a.group() == 0 {
			p.doubt(a, func() { v.GroupsComplete = false })
			break
		}
		v.note(a)
		remaining = without(remaining, a.group())
	}
	v.GroupsComplete = true
	return nil
}

// without returns the list without one of its members.
func without[T comparable](list []T, v T) []T {
	var rest []T
	for _, x := range list {
		if x != v {
			rest = append(rest, x)
		}
	}
	return rest
}
