package tunnel

// Nobody shall fill a disk through a log: of lines about connections that came to
// nothing, only so many of one kind are written in so many seconds.

import (
	"log/slog"
	"sync"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// burst holds back the lines of one kind.
type burst struct {
	log  *slog.Logger
	left string           // says that lines were left out
	now  func() time.Time // with the monotonic clock in it, which nobody sets

	mu      sync.Mutex
	began   time.Time
	written int
	kept    int // back since began
}

// newBursts makes those of a service: a flood of one kind hides no line of another.
func (s *service) newBursts() {
	s.failures = &burst{log: s.log, now: time.Now, left: "more connections were turned away than lines were written"}
	s.refusals = &burst{log: s.log, now: time.Now, left: "more connections were refused by a limit than lines were written"}
	s.faults = &burst{log: s.log, now: time.Now, left: "more connections did not reach the service than lines were written"}
}

func (s *service) bursts() []*burst { return []*burst{s.failures, s.refusals, s.faults} }

// flushBursts says what was left out, when nothing more comes.
func (s *service) flushBursts() {
	for _, b := range s.bursts() {
		b.flush()
	}
}

// warn writes a line, or counts it.
func (b *burst) warn(message string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over() {
		b.say()
		b.began, b.written = b.now(), 0
	}
	if b.written >= limits.FailureBurst {
		b.kept++
		return
	}
	b.written++
	b.log.Warn(message, args...)
}

// sweep says how many lines were left out when their time is over, though no other
// line comes.
func (b *burst) sweep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over() {
		b.say()
	}
}

func (b *burst) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.say()
}

// over and say need mu held.
func (b *burst) over() bool { return b.now().Sub(b.began) >= limits.FailureSeconds*time.Second }

func (b *burst) say() {
	if b.kept > 0 {
		b.log.Warn(b.left, "not written", b.kept)
		b.kept = 0
	}
}
