package main

// How a pipe ends, and what is said about it: to the peer and to the person
// here.

import (
	"errors"
	"fmt"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/network"
)

// reason is why an end gives up, as a frame of type failed has it.
type reason int

const (
	outputBroke reason = iota + 1
	inputBroke
	stopped
	confused // the peer broke the protocol; never on the wire
)

// givenUp is this end's own fault, or wish, or its answer to a fault.
type givenUp struct {
	reason reason
	cause  error
}

func (e *givenUp) Error() string {
	switch e.reason {
	case outputBroke:
		if network.Gone(e.cause) {
			return "the program that read standard output ended before all was written to it"
		}
		return fmt.Sprintf("standard output cannot be written to: %v", systemReason(e.cause))
	case inputBroke:
		return fmt.Sprintf("standard input cannot be read any more: %v", systemReason(e.cause))
	case stopped:
		return "stopped before all was sent and confirmed"
	}
	return e.cause.Error()
}

// toldSo is a failed frame of the peer's.
type toldSo struct{ reason reason }

func (e *toldSo) Error() string {
	switch e.reason {
	case outputBroke:
		return "could not write all that it was sent to its standard output"
	case inputBroke:
		return "could not read all of its standard input"
	case stopped:
		return "was stopped before all was sent and confirmed"
	}
	return "gave up"
}

// pipeError is a whole sentence.
type pipeError string

func (e pipeError) Error() string { return string(e) }

// judgeFirst judges a raw peer's close_notify that came before ours, and how
// sending went. Where there was nothing to send, nothing can have been lost.
func (p *pipe) judgeFirst(sendErr error) error {
	var own *givenUp
	switch {
	case errors.As(sendErr, &own):
		return own
	case sendErr == nil && !p.offered.Load():
		return nil
	}
	return pipeError(p.peer + " closed the connection first: whether it took all that was sent to it is not known")
}

// finish ends the connection, says how it went, and returns the status.
func (p *pipe) finish(err error) int {
	if err == nil {
		p.conn.Close()
		if !p.quiet {
			p.env.say("%s; %s", p.sums(), p.confirmation())
		}
		return statusOK
	}
	p.giveUp(err)
	return p.env.fail(fmt.Errorf("%s (%s)", p.sentence(err), p.sums()))
}

// giveUp ends the connection so that the peer does not take what it has for
// all: with the reason, if it understands that, and with an alert. Who takes
// nothing is not waited for.
func (p *pipe) giveUp(err error) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(farewellTime))
	var own *givenUp
	if errors.As(err, &own) && own.reason != confused && p.framed {
		// Best effort, as the alert is.
		_, _ = p.conn.Write(controlFrame(frameFailed, int(own.reason)))
	}
	p.conn.Abort("the pipe was given up")
}

// sentence says what went wrong.
func (p *pipe) sentence(err error) string {
	var own *givenUp
	var told *toldSo
	var whole pipeError
	var remote *watchword.RemoteError
	switch {
	case errors.As(err, &own) && own.reason == confused:
		return fmt.Sprintf("%s sent %v, so the connection was ended", p.peer, own)
	case errors.As(err, &own):
		return own.Error()
	case errors.As(err, &told):
		return fmt.Sprintf("%s %v", p.peer, told)
	case errors.As(err, &remote) && remote.Description == alert.InternalError:
		return fmt.Sprintf("%s gave up and ended the connection (%s)", p.peer, remote.Description.Numbered())
	case timedOut(err) && p.confirmed:
		return fmt.Sprintf("%s confirmed that all is written, and then did not close the connection within %d seconds", p.peer, limits.StallSeconds)
	case errors.As(err, &whole):
		return whole.Error()
	}
	return broken(p.peer, err)
}

// sums says how many bytes went each way, and how long that took.
func (p *pipe) sums() string {
	return fmt.Sprintf("sent %s, received %s", p.sum(&p.sent), p.sum(&p.received))
}

func (p *pipe) sum(d *direction) string {
	took := time.Duration(d.took.Load())
	if took == 0 {
		took = time.Since(p.begin)
	}
	return fmt.Sprintf("%d bytes in %.1f s", d.bytes.Load(), took.Seconds())
}

// confirmation says what the status 0 means.
func (p *pipe) confirmation() string {
	if p.framed {
		return p.peer + " has written all of it"
	}
	return p.peer + " closed in order, which is all that it can say"
}
