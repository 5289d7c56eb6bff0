// Package bulk lends large buffers to flows that fill smaller ones. A large
// buffer saves system calls and wake-ups where data comes without a pause, and
// nothing else; so only so many are lent at once, and whoever gets none goes on
// with what it has.
package bulk

import (
	"sync"
	"sync/atomic"

	"github.com/watchword-tls/watchword/internal/limits"
)

// Bytes is the size of a buffer: the content of sixteen full records, each with
// the room that its header, tag and padding take at most.
const Bytes = 16 * (limits.RecordHeaderLen + limits.MaxCiphertext12)

// A Buffer is lent until it is given back.
type Buffer [Bytes]byte

var (
	lent atomic.Int32
	pool = sync.Pool{New: func() any { return new(Buffer) }}
)

// Get lends a buffer, or returns nil if limits.BulkBuffers are lent.
func Get() *Buffer {
	if lent.Add(1) > limits.BulkBuffers {
		lent.Add(-1)
		return nil
	}
	return pool.Get().(*Buffer)
}

// Put takes a buffer back; nil is none.
func Put(b *Buffer) {
	if b != nil {
		pool.Put(b)
		lent.Add(-1)
	}
}

// Lent returns how many buffers are lent now.
func Lent() int { return int(lent.Load()) }
