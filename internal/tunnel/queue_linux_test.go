package tunnel

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
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

// What was queued before a quiet time says nothing about what is queued after it.
func TestAQuietTimeForgetsTheQueue(t *testing.T) {
	s := &service{}
	s.generation.Store(&generation{settings: settings.Service{IdleTimeout: time.Hour}})
	c := &session{attempt: &attempt{service: s}}
	c.last.Store(1 << 20)
	c.idleTooLong()
	if n := c.last.Load(); n != 0 {
		t.Errorf("After a quiet time the queue is compared with %d bytes.", n)
	}
}
