package backend

// What is said of an address that could not be connected to.

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ours reports whether err is a lack of this machine's own, which says nothing
// about the backend.
func ours(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// A sentence says in words what err is.
type sentence struct {
	text string
	err  error
}

func (s *sentence) Error() string { return s.text }
func (s *sentence) Unwrap() error { return s.err }

// reason says why an address could not be connected to, without the address.
func reason(err error) string {
	var lookup *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return "there is no host of this name"
	case errors.As(err, &lookup):
		return "its address cannot be found now: " + lookup.Err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err.Error()
}

// Unanswered is a connection that the other end ended before it took part in
// anything: it may be ending itself, or have no room at the moment.
type Unanswered struct{ Err error }

func (u *Unanswered) Error() string { return u.Err.Error() }
func (u *Unanswered) Unwrap() error { return u.Err }

// Unreachable is the error of a Dial that reached no backend. It names each
// address with the reason of the last attempt at it.
type Unreachable struct {
	backends []*backend
	errs     []error       // for errors.Is; one of each backend
	ended    error         // why it was given up, if it was
	within   time.Duration // the time that was over, if it was
}

// note keeps why b failed, in place of what was known before.
func (u *Unreachable) note(b *backend, err error) {
	if i := slices.Index(u.backends, b); i >= 0 {
		u.errs[i] = err
		return
	}
	u.backends, u.errs = append(u.backends, b), append(u.errs, err)
}

// givenUp adds that ctx ended.
func (u *Unreachable) givenUp(ctx context.Context) error {
	u.ended = context.Cause(ctx)
	return u
}

// late adds that the time was over.
func (u *Unreachable) late(within time.Duration) error {
	u.within = within
	return u
}

func (u *Unreachable) Unwrap() []error {
	if u.ended == nil {
		return u.errs
	}
	return append(slices.Clone(u.errs), u.ended)
}

func (u *Unreachable) Error() string {
	what := "no backend can be reached"
	if u.within > 0 {
		what += " within " + u.within.String()
	}
	if u.ended != nil {
		what = "connecting to a backend was given up (" + u.ended.Error() + ")"
	}
	if len(u.errs) == 0 {
		return what
	}
	reasons := make([]string, len(u.errs))
	for i, err := range u.errs {
		reasons[i] = err.Error()
	}
	return what + ": " + strings.Join(reasons, "; ")
}
