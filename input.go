package watchword

// The buffer of received bytes. Records are opened in it, and application data
// may wait in it for the reader. It exists only while there is something in it
// or something may come at any moment: it is taken from a pool and given back
// as soon as all of it has been used.

import (
	"sync"

	"github.com/watchword-tls/watchword/internal/bulk"
	"github.com/watchword-tls/watchword/internal/limits"
)

const (
	maxRecord = limits.RecordHeaderLen + limits.MaxCiphertext12

	// smallInput in bytes holds most flights of a handshake and most
	// messages of people.
	smallInput = 2 << 10
	// readAhead is how many bytes one system call asks for in bulk.
	readAhead = 4 * maxRecord
	// largeInput has room for as much after the start of a record.
	largeInput = maxRecord + readAhead
)

var (
	smallInputs = sync.Pool{New: func() any { return new([smallInput]byte) }}
	largeInputs = sync.Pool{New: func() any { return new([largeInput]byte) }}
)

type inputBuffer struct {
	buf        []byte
	start, end int    // of what was received and not used
	pending    []byte // opened application data; a part of buf, or of one before it
	lent       bool   // somebody may be writing into the room that space returned
}

func (b *inputBuffer) unread() []byte { return b.buf[b.start:b.end] }

func (b *inputBuffer) used(n int) { b.start += n }

// filled tells that n bytes were put into the room that space returned last.
func (b *inputBuffer) filled(n int) {
	b.end += n
	b.lent = false
}

// drop forgets what was received and not used.
func (b *inputBuffer) drop() { b.end = b.start }

// takePending moves waiting data to p.
func (b *inputBuffer) takePending(p []byte) int {
	n := copy(p, b.pending)
	b.pending = b.pending[n:]
	return n
}

// space returns room for at least n bytes after what was received.
func (b *inputBuffer) space(n int) []byte {
	b.lent = true
	if b.start == b.end && len(b.pending) == 0 {
		b.start, b.end = 0, 0
	}
	if len(b.buf)-b.end >= n {
		return b.buf[b.end:]
	}
	kept := b.unread()
	if len(b.pending) == 0 && len(b.buf)-len(kept) >= n {
		b.start, b.end = 0, copy(b.buf, kept)
		return b.buf[b.end:]
	}
	next := newInput(len(kept) + n)
	b.start, b.end = 0, copy(next, kept)
	if len(b.pending) == 0 {
		b.release()
	}
	b.buf = next
	return b.buf[b.end:]
}

// grow exchanges the buffer for a bulk one, if there is one to be had.
func (b *inputBuffer) grow() {
	if len(b.buf) == bulk.Bytes || len(b.pending) > 0 || b.lent {
		return
	}
	large := bulk.Get()
	if large == nil {
		return
	}
	kept := copy(large[:], b.unread())
	b.release()
	b.buf, b.start, b.end = large[:], 0, kept
}

// shrink gives a bulk buffer back; what has not been used moves.
func (b *inputBuffer) shrink() {
	if len(b.buf) != bulk.Bytes {
		return
	}
	b.pending = append([]byte(nil), b.pending...)
	kept := b.unread()
	if len(kept) == 0 {
		b.release()
		b.buf, b.start, b.end = nil, 0, 0
		return
	}
	next := newInput(len(kept))
	n := copy(next, kept)
	b.release()
	b.buf, b.start, b.end = next, 0, n
}

// settle gives the buffer back if all of it was used and nobody writes to it.
func (b *inputBuffer) settle() {
	if b.lent || b.start != b.end || len(b.pending) > 0 {
		return
	}
	b.release()
	b.buf, b.pending, b.start, b.end = nil, nil, 0, 0
}

// release gives the memory back to its pool.
func (b *inputBuffer) release() {
	switch len(b.buf) {
	case smallInput:
		smallInputs.Put((*[smallInput]byte)(b.buf))
	case largeInput:
		largeInputs.Put((*[largeInput]byte)(b.buf))
	case bulk.Bytes:
		bulk.Put((*bulk.Buffer)(b.buf))
	}
}

func newInput(n int) []byte {
	switch {
	case n <= smallInput:
		return smallInputs.Get().(*[smallInput]byte)[:]
	case n <= largeInput:
		return largeInputs.Get().(*[largeInput]byte)[:]
	}
	if n == bulk.Bytes {
		n++ // release knows a bulk buffer by its length
	}
	return make([]byte, n)
}
