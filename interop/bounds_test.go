//go:build unix

package interop

// That nothing in these tests hangs.

import (
	"errors"
	"os"
	"testing"
	"time"
)

// A program that does not read its standard input is told by the write to it.
func TestPeerThatReadsNothing(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep", "600")
	p.deadline = time.Now().Add(100 * time.Millisecond)
	if n, err := p.stdin.Write(make([]byte, 8<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing to a program that reads nothing ends with %d bytes and %v", n, err)
	}
}

// A program is stopped in order though the test took all of its time.
func TestPeerIsStoppedLate(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep", "600")
	p.hasChildren()
	p.deadline = time.Now().Add(-time.Minute)
	p.stop()
	if !p.hasEnded() {
		t.Error("the program was not stopped")
	}
}
