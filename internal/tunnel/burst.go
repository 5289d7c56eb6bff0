package tunnel

// Nobody shall fill a disk through a log: of lines about peers that proved
// nothing, only so many are written in so many seconds.

import (
	"log/slog"
	"sync"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

type burst struct {
	log *slog.Logger

	mu      sync.Mutex
	began   time.Time
	written int
	kept    int // back since began
}

// warn writes a line, or counts it.
func (b *burst) warn(message string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.began) >= limits.FailureSeconds*time.Second {
		b.flush()
		b.began, b.written = now, 0
	}
	if b.written >= limits.FailureBurst {
		b.kept++
		return
	}
	b.written++
	b.log.Warn(message, args...)
}

func (b *burst) flush() {
	if b.kept > 0 {
		b.log.Warn("more connections were turned away than lines were written", "not written", b.kept)
		b.kept = 0
	}
}
