package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// stuckWriter takes nothing until it is told to, and can fail.
type stuckWriter struct {
	goOn    chan struct{}
	entered sync.Once
	stuck   chan struct{} // closed when something is to be written

	mu   sync.Mutex
	fail bool
	text strings.Builder
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	w.entered.Do(func() { close(w.stuck) })
	<-w.goOn
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
	w := &stuckWriter{goOn: make(chan struct{}), stuck: make(chan struct{})}
	q := newLogQueue(w, settings.LogText)
	fmt.Fprintln(q, "line 0")
	<-w.stuck
	const more = 500
	for i := range limits.TunnelLogLines + more {
		fmt.Fprintf(q, "line %d\n", i+1)
	}
	close(w.goOn)
	q.flush()
	lines := strings.Split(strings.TrimSpace(w.said()), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, "lost") })
	for i, line := range lines[:limits.TunnelLogLines+1] {
		if line != fmt.Sprintf("line %d", i) {
			t.Fatalf("Line %d is %q.", i, line)
		}
	}
	if !strings.Contains(w.said(), fmt.Sprintf("lines=%d\n", more)) {
		t.Errorf("The last line is %q, and nothing is said of the %d that are missing.", lines[len(lines)-1], more)
	}
}

func TestLogQueueWithAFullDisk(t *testing.T) {
	w := &stuckWriter{goOn: make(chan struct{}), stuck: make(chan struct{}), fail: true}
	close(w.goOn)
	q := newLogQueue(w, settings.LogText)
	for range 100 {
		fmt.Fprintln(q, "a line")
	}
	q.flush()
	w.mu.Lock()
	w.fail = false
	w.mu.Unlock()
	fmt.Fprintln(q, "another")
	q.flush()
	if got := w.said(); !strings.HasPrefix(got, "another\n") || !strings.Contains(got, "lines=100") {
		t.Errorf("After the disk was full the log has %q.", got)
	}
}
