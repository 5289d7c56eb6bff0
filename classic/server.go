package classic

// The server: many connections, one message from each.

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// MaxConns is how many connections a server reads from at once. Each may cost
// MaxWire bytes, and a silent one takes its place for Timeout; the next ones
// wait in the system's queue.
const MaxConns = 128

// Server receives messages. Show and Refuse are called one at a time.
type Server struct {
	// Key is asked for the session key after each message has arrived, from
	// several goroutines.
	Key func() (*Key, error)
	// Show gets each message that was accepted, before its connection is
	// closed. An error ends Serve.
	Show func(from net.Addr, message []byte) error
	// Refuse gets the reason for each message that was not. The server goes on.
	Refuse func(from net.Addr, err error)
	// Once makes Serve return after one message was shown.
	Once bool

	mu    sync.Mutex // guards what follows, and the calls of Show and Refuse
	ended bool       // nothing is shown or refused any more
	err   error      // what Show returned
}

// Serve accepts connections on l until ctx ends or, with Once, a message was
// shown: then it returns nil. It closes l and every connection. A Server serves
// once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(ctx, func() { l.Close() })

	var running sync.WaitGroup
	slots := make(chan struct{}, MaxConns)
	for {
		c, err := l.Accept()
		if err != nil && ctx.Err() == nil {
			stop()
			running.Wait()
			return fmt.Errorf("cannot accept connections: %w", reason(err))
		}
		if err != nil {
			running.Wait()
			return s.err
		}
		slots <- struct{}{}
		running.Go(func() {
			if s.serveConn(ctx, c); s.over() {
				stop()
			}
			<-slots
		})
	}
}

func (s *Server) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// serveConn handles one connection.
func (s *Server) serveConn(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	message, err := Receive(c, s.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended || ctx.Err() != nil:
		// Closed by us: not the peer's fault.
	case err != nil:
		s.Refuse(c.RemoteAddr(), err)
	default:
		s.err = s.Show(c.RemoteAddr(), message)
		s.ended = s.Once || s.err != nil
	}
}
