package tunnel

import (
	"io"
	"net"
	"testing"
	"time"
)

// A reader that is slow is not idle: what the system holds for it becomes less
// while a write of ours waits for room.
func TestAQueueThatFalls(t *testing.T) {
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
	defer plain.Close()
	c := &session{plain: plain}
	_ = plain.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err == nil { // until there is no room
		_, err = plain.Write(make([]byte, 1<<16))
	}
	within(t, "nothing moves any more", func() bool { c.queueFell(); return !c.queueFell() })
	if c.last.Load() == 0 {
		t.Fatal("Nothing is queued.")
	}
	if _, err := io.ReadFull(reader, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	within(t, "the queue falls", c.queueFell)
	within(t, "and stays as it is", func() bool { return !c.queueFell() })
}
