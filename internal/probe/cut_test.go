package probe

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/watchword-tls/watchword/internal/network"
)

// A server that cuts at once has taken the connection, whether the system says so
// when it connects or afterwards, which is chance.
func TestCutWhileConnecting(t *testing.T) {
	raw, err := network.OrCut(nil, &net.OpError{Op: "dial", Net: "tcp", Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNRESET}})
	if err != nil {
		t.Fatalf("A connection that was cut is an error: %v", err)
	}
	l := &listener{conn: raw}
	if err := l.listen(); err != nil || !l.answer.closed {
		t.Errorf("It is %v, and closed: %v.", err, l.answer.closed)
	}
}
