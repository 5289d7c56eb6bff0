package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
)

// stuckWriter takes nothing until it is told to, and can fail.
type stuckWriter struct {
	go_  chan struct{}
	mu   sync.Mutex
	fail bool
	text strings.Builder
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.go_
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail {
		return 0, errors.New("no space left on device")
	}
	return w.text.Write(p)
}

func (w *stuckWriter) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// A log that is stuck holds nobody up; when it goes on, it has every line that
// there was room for, in order, and says how many there was not.
func TestLogQueueThatIsStuck(t *testing.T) {
	w := &stuckWriter{go_: make(chan struct{})}
	q := newLogQueue(w)
	q.log = slog.New(slog.NewTextHandler(q, nil))
	const more = 500
	for i := range limits.TunnelLogLines + more {
		fmt.Fprintf(q, "line %d\n", i)
	}
	close(w.go_)
	q.flush()
	q.flush() // its own line came in the middle of the first one
	lines := strings.Split(strings.TrimSpace(w.said()), "\n")
	for i, line := range lines[:limits.TunnelLogLines] {
		if line != fmt.Sprintf("line %d", i) {
			t.Fatalf("Line %d is %q.", i, line)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "log lines were lost") {
		t.Errorf("The last line is %q, and nothing is said of those that are missing.", last)
	}
}

func TestLogQueueWithAFullDisk(t *testing.T) {
	w := &stuckWriter{go_: make(chan struct{}), fail: true}
	close(w.go_)
	q := newLogQueue(w)
	q.log = slog.New(slog.NewTextHandler(q, nil))
	for range 100 {
		fmt.Fprintln(q, "a line")
	}
	q.flush()
	w.mu.Lock()
	w.fail = false
	w.mu.Unlock()
	fmt.Fprintln(q, "another")
	q.flush()
	q.flush()
	if got := w.said(); !strings.HasPrefix(got, "another\n") || !strings.Contains(got, "lines=100") {
		t.Errorf("After the disk was full the log has %q.", got)
	}
}
