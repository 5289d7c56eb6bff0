//go:build unix

package interop

// Clients that mean no good.

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// hostileClients connect to the side with TLS until they are told to end.
type hostileClients struct {
	stop  chan struct{}
	work  sync.WaitGroup
	count atomic.Int64
}

func startHostile(address string, n int) *hostileClients {
	h := &hostileClients{stop: make(chan struct{})}
	for i := range n {
		h.work.Go(func() {
			for {
				select {
				case <-h.stop:
					return
				default:
				}
				if c, err := net.DialTimeout("tcp", address, testTime); err == nil {
					h.one(c.(*net.TCPConn), i)
					h.count.Add(1)
				}
			}
		})
	}
	return h
}

func (h *hostileClients) finish() {
	close(h.stop)
	h.work.Wait()
}

// one is a connection of a kind.
func (h *hostileClients) one(c *net.TCPConn, kind int) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(200 * time.Millisecond))
	switch kind % 6 {
	case 0: // nothing at all, and gone
	case 1: // silent
		_, _ = io.Copy(io.Discard, c)
	case 2: // a reset
		c.SetLinger(0)
	case 3: // no TLS
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	case 4: // a record that never ends
		_, _ = c.Write([]byte{22, 3, 1, 0x3f, 0xff, 1})
		_, _ = io.Copy(io.Discard, c)
	case 5: // noise
		_, _ = c.Write(noise(5000))
		_, _ = io.Copy(io.Discard, c)
	}
}
