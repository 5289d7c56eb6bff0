package main

// Clients: those that come and go, those that stay, and hostile ones.

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// echo serves connections by sending back what comes.
func echo(l net.Listener) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			c := raw.(*net.TCPConn)
			defer c.Close()
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
			_ = c.CloseWrite()
		}()
	}
}

// load is the honest clients.
type load struct {
	ctx      context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup
	address  string
	data     []byte
	short    atomic.Int64 // connections that were whole
	long     atomic.Int64 // of those that stay
	bytes    atomic.Int64 // there and back
	lost     atomic.Int64
	mu       sync.Mutex
	failures []string
}

const mostBytes = 1 << 20

func startLoad(address string, o options) *load {
	l := &load{address: address, data: make([]byte, 2*mostBytes)}
	rand.Read(l.data)
	l.ctx, l.stop = context.WithCancel(context.Background())
	for range o.comers {
		l.work.Go(func() {
			for l.rest(o.pause) {
				l.count(l.carry(), &l.short)
			}
		})
	}
	for range o.stayers {
		l.work.Go(func() {
			for l.rest(o.pause) {
				l.count(l.stay(time.Minute), &l.long)
			}
		})
	}
	return l
}

func (l *load) rest(d time.Duration) bool {
	select {
	case <-l.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (l *load) count(err error, whole *atomic.Int64) {
	if err == nil {
		whole.Add(1)
		return
	}
	l.lost.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < 20 {
		l.failures = append(l.failures, time.Now().Format(time.TimeOnly)+" "+err.Error())
	}
}

func (l *load) finish() { l.stop(); l.work.Wait() }

// piece is something of mostly small, sometimes large size.
func (l *load) piece() []byte {
	n := 1 + mathrand.IntN(2000)
	if mathrand.IntN(10) == 0 {
		n = mathrand.IntN(mostBytes)
	}
	from := mathrand.IntN(mostBytes)
	return l.data[from : from+n]
}

func (l *load) dial() (*net.TCPConn, error) {
	c, err := net.Dial("tcp", l.address)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// carry is a connection of one exchange, with both ends.
func (l *load) carry() error {
	c, err := l.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	data := l.piece()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		if err == nil {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(c)
	if err == nil {
		err = <-sent
	}
	if err == nil && !bytes.Equal(got, data) {
		err = fmt.Errorf("%d bytes came back of %d, or others", len(got), len(data))
	}
	l.bytes.Add(2 * int64(len(got)))
	return err
}

// stay is a connection of many exchanges, with rests between them.
func (l *load) stay(d time.Duration) error {
	c, err := l.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	for end := time.Now().Add(d); time.Now().Before(end) && l.ctx.Err() == nil; {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		data := l.piece()
		sent := make(chan error, 1)
		go func() { _, err := c.Write(data); sent <- err }()
		got := make([]byte, len(data))
		if n, err := io.ReadFull(c, got); err != nil {
			return fmt.Errorf("a connection that stays: after %d bytes of %d: %w", n, len(data), err)
		}
		if err := <-sent; err != nil {
			return err
		}
		if !bytes.Equal(got, data) {
			return fmt.Errorf("a connection that stays: other bytes came back")
		}
		l.bytes.Add(2 * int64(len(data)))
		l.rest(time.Duration(mathrand.IntN(200)) * time.Millisecond)
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	rest, err := io.ReadAll(c)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("a connection that stays: %d bytes came after its end", len(rest))
	}
	return err
}

// hostile are clients that mean no good.
type hostile struct {
	ctx   context.Context
	stop  context.CancelFunc
	work  sync.WaitGroup
	count atomic.Int64
}

func startHostile(fronts []string, o options) *hostile {
	h := new(hostile)
	h.ctx, h.stop = context.WithCancel(context.Background())
	for i := range o.hostile {
		h.work.Go(func() {
			for n := i; h.ctx.Err() == nil; n++ {
				if c, err := net.Dial("tcp", fronts[n%len(fronts)]); err == nil {
					attack(c.(*net.TCPConn), mathrand.IntN(6))
					h.count.Add(1)
				}
				time.Sleep(o.pause)
			}
		})
	}
	return h
}

func (h *hostile) finish() { h.stop(); h.work.Wait() }

func attack(c *net.TCPConn, kind int) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	noise := make([]byte, 4000)
	rand.Read(noise)
	switch kind {
	case 0: // nothing at all, and gone
		return
	case 1: // a reset
		_ = c.SetLinger(0)
		return
	case 2: // silent
	case 3: // no TLS
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	case 4: // a record that never ends
		_, _ = c.Write([]byte{22, 3, 1, 0x3f, 0xff, 1})
	case 5:
		_, _ = c.Write(noise)
	}
	_, _ = io.Copy(io.Discard, c)
}
