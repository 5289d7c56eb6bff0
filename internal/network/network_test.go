package network

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// Whether the system says so while it connects or afterwards is chance: both are
// a connection that the other end cut.
func TestCutWhileConnecting(t *testing.T) {
	while := func(number syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &os.SyscallError{Syscall: "connect", Err: number}}
	}
	raw, err := OrCut(nil, while(syscall.ECONNRESET))
	if err != nil {
		t.Fatalf("A connection that was cut is an error: %v.", err)
	}
	if err := raw.SetDeadline(time.Now()); err != nil {
		t.Errorf("It has no deadlines: %v.", err)
	}
	var op *net.OpError
	if _, err := raw.Read(nil); !WasReset(err) || !errors.As(err, &op) || op.Op != "read" {
		t.Errorf("Reading from it gives %v.", err)
	}
	if _, err := OrCut(nil, while(syscall.ECONNREFUSED)); !Refused(err) || WasReset(err) {
		t.Errorf("Nobody listens, and that is said to be %v.", err)
	}
}
