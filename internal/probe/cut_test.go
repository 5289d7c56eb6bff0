package probe

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// A server that cuts at once has taken the connection, whether the system says so
// when it connects or afterwards, which is chance.
func TestCutWhileConnecting(t *testing.T) {
	for _, number := range []syscall.Errno{syscall.ECONNRESET, 10054} {
		err := &net.OpError{Op: "dial", Net: "tcp", Err: &os.SyscallError{Syscall: "connect", Err: number}}
		raw, err2 := orCut(nil, err)
		if err2 != nil {
			t.Fatalf("A connection that was cut is an error: %v", err2)
		}
		if err := raw.SetDeadline(time.Now().Add(time.Second)); err != nil {
			t.Errorf("It has no deadlines: %v", err)
		}
		l := &listener{conn: raw}
		if err := l.listen(); err != nil || !l.answer.closed {
			t.Errorf("It is %v, and closed: %v.", err, l.answer.closed)
		}
		raw.Close()
	}
	if _, err := orCut(nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}); err == nil {
		t.Error("Nobody listens, and that is a connection.")
	}
}
