package watchword

// The buffer of received bytes. Records are opened in it, and application data
// may wait in it for the reader.

import "sync"

const (
	smallInput = 2 << 10  // bytes: most handshake flights, and what an idle connection keeps
	largeInput = 64 << 10 // bytes: several records for one system call
)

var largeInputs = sync.Pool{New: func() any { b := make([]byte, largeInput); return &b }}

type inputBuffer struct {
	buf        []byte
	start, end int    // of what was received and not used
	pending    []byte // opened application data; a part of buf, or of one before it
}

func (b *inputBuffer) unread() []byte { return b.buf[b.start:b.end] }

func (b *inputBuffer) used(n int) { b.start += n }

func (b *inputBuffer) filled(n int) { b.end += n }

// takePending moves waiting data to p.
func (b *inputBuffer) takePending(p []byte) int {
	n := copy(p, b.pending)
	b.pending = b.pending[n:]
	return n
}

// space returns room for at least n bytes after what was received.
func (b *inputBuffer) space(n int) []byte {
	if len(b.pending) == 0 && b.start == b.end {
		b.pending, b.start, b.end = nil, 0, 0
		b.shrink(n)
	}
	if len(b.buf)-b.end >= n {
		return b.buf[b.end:]
	}
	kept := b.unread()
	if len(b.pending) == 0 && len(b.buf)-len(kept) >= n {
		copy(b.buf, kept)
		b.start, b.end = 0, len(kept)
		return b.buf[b.end:]
	}
	next := newInput(len(kept) + n)
	b.end = copy(next, kept)
	b.start = 0
	if len(b.pending) == 0 {
		b.release()
	}
	b.buf = next
	return b.buf[b.end:]
}

// shrink gives a large buffer back when little is wanted: the connection may
// be about to wait for long.
func (b *inputBuffer) shrink(n int) {
	if len(b.buf) == largeInput && n <= smallInput {
		b.release()
	}
}

// release gives the buffer back. Nothing may wait in it.
func (b *inputBuffer) release() {
	if len(b.buf) == largeInput {
		buf := b.buf
		largeInputs.Put(&buf)
	}
	b.buf = nil
}

func newInput(n int) []byte {
	switch {
	case n <= smallInput:
		return make([]byte, smallInput)
	case n <= largeInput:
		return *largeInputs.Get().(*[]byte)
	}
	return make([]byte, n)
}
