package tunnel

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// A reader that is slow is not idle: what the system holds for it becomes less,
// while a write of ours waits for room and after our last one.
func TestAQueueThatMoves(t *testing.T) {
	for _, writing := range []bool{true, false} {
		c, reader := fullQueue(t)
		if writing {
			c.hold()
		}
		within(t, "nothing moves any more", func() bool { c.queueMoved(); return !c.queueMoved() })
		if c.bytes.Load() == 0 {
			t.Fatal("Nothing is queued.")
		}
		if _, err := io.ReadFull(reader, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		within(t, "the queue moves", c.queueMoved)
		within(t, "and stays as it is", func() bool { return !c.queueMoved() })
	}
}

// The system is not asked about a queue that was empty as long as nothing is written.
func TestAnEmptyQueueStaysEmpty(t *testing.T) {
	c, reader := fullQueue(t)
	c.touch()
	go io.Copy(io.Discard, reader)
	within(t, "the queue is empty", func() bool { c.queueMoved(); return c.bytes.Load() == 0 })
	c.bytes.Store(1) // an answer would show
	if c.queueMoved() {
		t.Error("The system was asked, though nothing was written.")
	}
	c.touch()
	if !c.queueMoved() {
		t.Error("The system was not asked after a write.")
	}
}

// fullQueue returns a session whose plain side has no room left, and who reads there.
func fullQueue(t *testing.T) (*session, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reader := dial(t, l.Addr().String())
	plain, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plain.Close() })
	for n := 1; n > 0; { // until there is no room
		_ = plain.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, _ = plain.Write(make([]byte, 1<<16))
	}
	c := &session{plain: plain}
	c.touch()
	return c, reader
}

// A connection is not idle as long as a reader takes what was written last, however
// short the time-out.
func TestSlowReaderAfterTheLastWrite(t *testing.T) {
	c, reader := fullQueue(t)
	s := &service{}
	s.generation.Store(&generation{settings: settings.Service{IdleTimeout: 100 * time.Millisecond}})
	c.attempt = &attempt{service: s}
	if c.idleTooLong() {
		t.Error("It is idle when a sweep sees the queue first.")
	}
	within(t, "nothing moves any more", c.idleTooLong)
	if _, err := io.ReadFull(reader, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	c.active.Store(monotonic() - int64(time.Hour))
	within(t, "the queue moves", func() bool { return !c.idleTooLong() })
	if c.quiet() < time.Hour {
		t.Error("What the system holds counts as ours: at the end of the drain time that would be cut, and lost.")
	}
}
