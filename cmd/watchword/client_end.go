package main

// How a client's connection ends, and what is said about it.

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
)

// ending is what is known of the end.
type ending struct {
	sendErr     error // why sending stopped before the end of the input
	receiveErr  error // why receiving did: io.EOF after close_notify
	closed      bool  // this end sent close_notify before it got the server's
	stopped     bool  // Ctrl-C came
	interrupted bool  // and before the end of the input
	typed       bool  // the input is a person
}

// notShown is a failed write to stdout.
type notShown struct{ cause error }

func (e *notShown) Error() string { return e.cause.Error() }
func (e *notShown) Unwrap() error { return e.cause }

// inputFailed is a failed read of stdin.
type inputFailed struct{ cause error }

func (e *inputFailed) Error() string {
	return fmt.Sprintf("standard input cannot be read any more: %v; what was read before has been sent", systemReason(e.cause))
}

func inputEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return &inputFailed{err}
}

func (c *client) identity() string { return keyfile.FormatIdentity(c.conn.Session().Identity) }

// judge returns nil if the server closed in order after everything was sent,
// else a sentence. What it was sent before this end closed, it may not have
// seen: its close_notify may have crossed the message.
func (c *client) judge(e ending) error {
	var shown *notShown
	var input *inputFailed
	switch {
	case errors.As(e.receiveErr, &shown):
		return outputFailure(shown.cause)
	case !errors.Is(e.receiveErr, io.EOF):
		return c.brokeOff(e)
	case errors.As(e.sendErr, &input):
		return input
	case e.interrupted && !e.typed:
		return errors.New("stopped before the end of the input: what was not sent is lost")
	case e.closed:
		return nil
	case c.sent.Load() > 0:
		return fmt.Errorf("%s closed the connection first: whether it showed what was sent last is not known", c.address)
	case !e.typed:
		return fmt.Errorf("%s closed the connection before anything was sent", c.address)
	}
	c.env.say("%s closed the connection", c.address)
	return nil
}

// brokeOff says why there was no close_notify.
func (c *client) brokeOff(e ending) error {
	var remote *watchword.RemoteError
	var bad notMessage
	switch {
	case errors.As(e.receiveErr, &bad):
		return e.receiveErr
	case errors.As(e.receiveErr, &remote) && remote.Description == alert.InternalError:
		return fmt.Errorf("%s could not show every message, and ended the connection (%s)", c.address, remote.Description.Numbered())
	case timedOut(e.receiveErr) && timedOut(e.sendErr):
		return fmt.Errorf("%s took nothing of what was sent to it for %d seconds: it may hang", c.address, limits.StallSeconds)
	case timedOut(e.receiveErr) && e.stopped:
		return fmt.Errorf("stopped, and %s did not close the connection within %d seconds: whether it showed every message is not known", c.address, limits.FarewellSeconds)
	case timedOut(e.receiveErr) && e.sendErr == nil:
		return fmt.Errorf("%s did not close the connection within %v: whether it showed every message is not known", c.address, c.wait)
	case timedOut(e.receiveErr):
		return errors.New(broken(c.address, e.sendErr))
	}
	return errors.New(broken(c.address, e.receiveErr))
}

// prompt asks a person for messages, on stderr. Its methods do nothing on nil.
type prompt struct {
	env   *ui
	clear string // takes the prompt off the line where a message is to stand

	mu      sync.Mutex
	visible bool
}

// newPrompt returns nil where nobody types.
func newPrompt(env *ui) *prompt {
	if !interactive(env.stdin) || !interactive(env.stderr) {
		return nil
	}
	p := &prompt{env: env, clear: "\n"}
	if runtime.GOOS != "windows" && env.getenv("TERM") != "dumb" {
		p.clear = "\r\x1b[K"
	}
	env.say("connected: each line is a message, Ctrl-D ends")
	return p
}

// show asks for the next message.
func (p *prompt) show() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.env.speak("> ")
	p.visible = true
}

// around calls print with the prompt out of the way. What was typed since is
// kept by the terminal, and is shown again with Ctrl-R.
func (p *prompt) around(print func()) {
	if p == nil {
		print()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visible {
		p.env.speak(p.clear)
	}
	print()
	if p.visible {
		p.env.speak("> ")
	}
}

// stop takes the prompt away for good.
func (p *prompt) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visible {
		p.env.speak(p.clear)
		p.visible = false
	}
}
