package main

// What stands behind the tunnels, and what uses them.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The first byte of a connection says what the service does with it.
const (
	asEcho = 'e' // sends back what comes
	asSink = 's' // counts what comes, and says how much at its end
)

// serveChild is the service as a process of its own, so that its descriptors
// are its own too. It prints its address.
func serveChild() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go serve(c.(*net.TCPConn))
	}
}

func serve(c *net.TCPConn) {
	defer c.Close()
	kind := make([]byte, 1)
	if _, err := io.ReadFull(c, kind); err != nil {
		return
	}
	if kind[0] == asEcho {
		_, _ = io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, 512))
		return
	}
	total := uint64(0)
	buf := make([]byte, 256<<10)
	for {
		n, err := c.Read(buf)
		total += uint64(n)
		if err == io.EOF {
			_, _ = c.Write(binary.BigEndian.AppendUint64(nil, total))
			// The far end closes first: see stream.
			_, _ = c.Read(buf)
			return
		}
		if err != nil {
			return
		}
	}
}

// stream sends so many bytes through, and takes the time until the other side
// has said that all are there.
func stream(address string, size int64) (time.Duration, error) {
	raw, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	c := raw.(*net.TCPConn)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Minute))
	buf := make([]byte, 256<<10)
	if _, err := c.Write([]byte{asSink}); err != nil {
		return 0, err
	}
	began := time.Now()
	for rest := size; rest > 0; rest -= int64(len(buf)) {
		if _, err := c.Write(buf[:min(rest, int64(len(buf)))]); err != nil {
			return 0, err
		}
	}
	if err := c.CloseWrite(); err != nil {
		return 0, err
	}
	var said [8]byte
	if _, err := io.ReadFull(c, said[:]); err != nil {
		return 0, fmt.Errorf("nobody said how much arrived: %w", err)
	}
	if got := binary.BigEndian.Uint64(said[:]); got != uint64(size) {
		return 0, fmt.Errorf("%d bytes arrived of %d", got, size)
	}
	return time.Since(began), nil
}

// trips sends 100 bytes and waits for them, so many times, on one connection,
// and returns the times in their order of length.
func trips(address string, n int) ([]time.Duration, error) {
	c, err := echoing(address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	out, in := make([]byte, 100), make([]byte, 100)
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if _, err := c.Write(out); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(c, in); err != nil {
			return nil, err
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times, nil
}

// echoing is a connection that was answered.
func echoing(address string) (net.Conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	answer := make([]byte, 1)
	if _, err = c.Write([]byte{asEcho, 1}); err == nil {
		_, err = io.ReadFull(c, answer)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// connections makes connections for so long, eight at a time, each with a byte
// there and back, and returns how many were whole.
func connections(address string, d time.Duration) (int64, error) {
	var done, failed atomic.Int64
	var work sync.WaitGroup
	end := time.Now().Add(d)
	for range 8 {
		work.Go(func() {
			for time.Now().Before(end) {
				c, err := echoing(address)
				if err != nil {
					failed.Add(1)
					continue
				}
				c.Close()
				done.Add(1)
			}
		})
	}
	work.Wait()
	if n := failed.Load(); n > 0 {
		return 0, fmt.Errorf("%d connections failed, %d did not", n, done.Load())
	}
	return done.Load(), nil
}

// hold opens connections that carried 100 bytes each way and then rest.
func hold(address string, n int) (held []net.Conn, err error) {
	buf := make([]byte, 100)
	for range n {
		c, err := echoing(address)
		if err == nil {
			_, err = c.Write(buf)
		}
		if err == nil {
			_, err = io.ReadFull(c, buf)
		}
		if err != nil {
			return held, errors.Join(fmt.Errorf("after %d connections", len(held)), err)
		}
		_ = c.SetDeadline(time.Time{})
		held = append(held, c)
	}
	return held, nil
}

// waitFor tries until the pair of tunnels answers.
func waitFor(address string) error {
	var err error
	for range 200 {
		var c net.Conn
		if c, err = echoing(address); err == nil {
			return c.Close()
		}
		time.Sleep(25 * time.Millisecond)
	}
	return fmt.Errorf("nobody answers at %s: %w", address, err)
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer l.Close()
	return l.Addr().String()
}
