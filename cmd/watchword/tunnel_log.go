package main

// The log of a tunnel. Whoever takes its lines may be slow, stuck or gone, and
// its disk full: no connection waits for that.

import (
	"bytes"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// logQueue hands lines on to a writer that may block, and drops those that find
// no room.
type logQueue struct {
	to    io.Writer
	lines chan []byte // nil asks for an answer on flushed
	// What was dropped since the log last worked.
	lost    atomic.Int64
	flushed chan struct{}

	own    bytes.Buffer // a line of its own
	ownLog *slog.Logger
}

func newLogQueue(to io.Writer, format settings.LogFormat) *logQueue {
	q := &logQueue{to: to, lines: make(chan []byte, limits.TunnelLogLines), flushed: make(chan struct{}, 1)}
	q.ownLog = newLogger(&q.own, format)
	go q.run()
	return q
}

// Write never waits.
func (q *logQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- bytes.Clone(line):
	default:
		q.lost.Add(1)
	}
	return len(line), nil
}

// run writes what is there, many lines at once where there are many.
func (q *logQueue) run() {
	var batch []byte
	for line := range q.lines {
		batch = batch[:0]
		count := int64(0)
		asked := false
	gather:
		for {
			if line == nil {
				asked = true
			} else {
				batch = append(batch, line...)
				count++
			}
			if len(batch) >= limits.TunnelLogBatch {
				break
			}
			select {
			case line = <-q.lines:
			default:
				break gather
			}
		}
		q.write(batch, count)
		if asked {
			select {
			case q.flushed <- struct{}{}:
			default: // who asked before has given up
			}
		}
	}
}

func (q *logQueue) write(batch []byte, count int64) {
	if len(batch) == 0 {
		return
	}
	if _, err := q.to.Write(batch); err != nil {
		q.lost.Add(count) // nowhere to say it
		return
	}
	if n := q.lost.Swap(0); n > 0 {
		q.own.Reset()
		q.ownLog.Warn("log lines were lost: the log could not be written, or not as fast", "lines", n)
		if _, err := q.to.Write(q.own.Bytes()); err != nil {
			q.lost.Add(n)
		}
	}
}

// flush waits, not for ever, until everything so far is written.
func (q *logQueue) flush() {
	late := time.After(limits.TunnelLogFlushSeconds * time.Second)
	select {
	case q.lines <- nil:
	case <-late:
		return
	}
	select {
	case <-q.flushed:
	case <-late:
	}
}
