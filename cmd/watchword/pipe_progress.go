package main

// How far a pipe has come, on a terminal, from the second second on.

import (
	"fmt"
	"runtime"
	"time"
)

const progressTime = time.Second // between two lines, and before the first

// progress rewrites one line of the terminal. On nil its methods do nothing.
type progress struct {
	pipe   *pipe
	ticker *time.Ticker
	clear  string // takes the line away

	shown          bool
	sent, received int64 // when the line was drawn last
	at             time.Time
}

// newProgress returns nil where nobody looks.
func newProgress(p *pipe) *progress {
	if p.quiet || !interactive(p.env.stderr) || runtime.GOOS == "windows" || p.env.getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{pipe: p, ticker: time.NewTicker(progressTime), clear: "\r\x1b[K", at: time.Now()}
}

func (s *progress) tick() <-chan time.Time {
	if s == nil {
		return nil
	}
	return s.ticker.C
}

func (s *progress) draw() {
	if s == nil {
		return
	}
	now, sent, received := time.Now(), s.pipe.sent.bytes.Load(), s.pipe.received.bytes.Load()
	seconds := max(now.Sub(s.at).Seconds(), 1e-3)
	s.pipe.env.speak(fmt.Sprintf("%s%.0f s: sent %s (%s/s), received %s (%s/s)", s.clear, time.Since(s.pipe.begin).Seconds(),
		byteCount(sent), byteCount(int64(float64(sent-s.sent)/seconds)),
		byteCount(received), byteCount(int64(float64(received-s.received)/seconds))))
	s.shown, s.sent, s.received, s.at = true, sent, received, now
}

// around calls print with the line out of the way.
func (s *progress) around(print func()) {
	if s != nil && s.shown {
		s.pipe.env.speak(s.clear)
		s.shown = false
	}
	print()
}

// stop takes the line away for good.
func (s *progress) stop() {
	if s == nil {
		return
	}
	s.ticker.Stop()
	s.around(func() {})
}

// byteCount is for people: about three digits and a unit.
func byteCount(n int64) string {
	const step = 1000
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for value >= step {
		value /= step
		unit++
	}
	decimals := 2
	for limit := 10.0; value >= limit && decimals > 0; limit *= 10 {
		decimals--
	}
	return fmt.Sprintf("%.*f %cB", decimals, value, "kMGTPE"[unit-1])
}
