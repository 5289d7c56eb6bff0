//go:build unix

package socket

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// networks are what the sockets of a test are of.
var networks = []string{"tcp", "unix"}

// ends returns the two ends of a connection.
func ends(t *testing.T, network string) (a, b net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return a, b
}

// All bytes arrive, in their order, also at a reader that takes its time.
func TestWrite(t *testing.T) {
	for _, network := range networks {
		a, b := ends(t, network)
		socket := Of(a)
		for _, size := range []int{0, 1, 1000, longest, 8*longest + 1} {
			sent := make([]byte, size)
			rand.Read(sent)
			got := make([]byte, size)
			read := make(chan error, 1)
			go func() {
				_, err := io.ReadFull(b, got)
				read <- err
			}()
			if n, err := Write(a, socket, sent); n != size || err != nil {
				t.Fatalf("%s: of %d bytes %d are written: %v.", network, size, n, err)
			}
			if err := <-read; err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%s: %d bytes do not arrive as they were sent: %v.", network, size, err)
			}
		}
	}
}

func TestRead(t *testing.T) {
	for _, network := range networks {
		a, b := ends(t, network)
		read := func() (n int, err error) {
			if e := Of(b).Control(func(fd uintptr) { n, err = new(Caller).Read(fd, make([]byte, 10)) }); e != nil {
				t.Fatal(e)
			}
			return n, err
		}
		if _, err := read(); err != syscall.EAGAIN {
			t.Errorf("%s: with nothing to read the error is %v.", network, err)
		}
		if _, err := a.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
		if n, err := read(); n != 3 || err != nil {
			t.Errorf("%s: %d bytes are read of 3: %v.", network, n, err)
		}
		a.Close()
		if n, err := read(); n != 0 || err != nil {
			t.Errorf("%s: at the end %d bytes are read: %v.", network, n, err)
		}
	}
}

// Errors are those of net.Conn.
func TestFailures(t *testing.T) {
	long := make([]byte, 32<<20) // more than a system holds for a reader
	for _, network := range networks {
		for name, spoil := range map[string]func(a, b net.Conn){
			"closed":   func(a, _ net.Conn) { a.Close() },
			"deadline": func(a, _ net.Conn) { a.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) },
			"past":     func(a, _ net.Conn) { a.SetWriteDeadline(time.Now().Add(-time.Second)) },
			"gone": func(a, b net.Conn) {
				b.Close()
				for range 100 { // until the other end's reset is there
					if _, err := a.Write([]byte("x")); err != nil {
						return
					}
					time.Sleep(time.Millisecond)
				}
			},
		} {
			fails := func(write func(net.Conn, []byte) (int, error)) (int, error) {
				a, b := ends(t, network)
				spoil(a, b)
				n, err := write(a, long)
				if err == nil {
					t.Fatalf("%s, %s: nothing fails.", network, name)
				}
				return n, err
			}
			n, got := fails(func(c net.Conn, p []byte) (int, error) { return Write(c, Of(c), p) })
			m, want := fails(net.Conn.Write)
			// Before a deadline nothing may be written, where the machine stands still.
			if (n == 0) != (m == 0) && name != "deadline" || n == len(long) {
				t.Errorf("%s, %s: %d bytes were written, by net.Conn %d.", network, name, n, m)
			}
			if kind(got) != kind(want) {
				t.Errorf("%s, %s: the error is %s, of net.Conn %s.", network, name, kind(got), kind(want))
			}
			for _, is := range []error{net.ErrClosed, os.ErrDeadlineExceeded, syscall.EPIPE} {
				if errors.Is(got, is) != errors.Is(want, is) {
					t.Errorf("%s, %s: %v beneath the error: %v, of net.Conn %v.", network, name, is, errors.Is(got, is), errors.Is(want, is))
				}
			}
		}
	}
}

// kind is an error's text without its addresses.
func kind(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) {
		return err.Error()
	}
	where := op.Source.String() + "->" + op.Addr.String()
	return op.Op + " " + op.Net + ": " + strings.ReplaceAll(op.Err.Error(), where, "")
}

// A type that embeds a socket may do more than to write to it.
func TestOf(t *testing.T) {
	a, _ := ends(t, "tcp")
	if Of(a) == nil || Of(struct{ net.Conn }{a}) != nil || Of(struct{ *net.TCPConn }{a.(*net.TCPConn)}) != nil {
		t.Error("Not what is a socket counts as one.")
	}
	w := &counting{TCPConn: a.(*net.TCPConn)}
	if _, err := Write(w, Of(w), []byte("x")); err != nil || w.writes != 1 {
		t.Errorf("The Write of a type that embeds a socket is called %d times: %v.", w.writes, err)
	}
}

type counting struct {
	*net.TCPConn
	writes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes++
	return c.TCPConn.Write(p)
}

func TestWriteAllocatesNothing(t *testing.T) {
	a, b := ends(t, "tcp")
	go io.Copy(io.Discard, b)
	socket, p := Of(a), make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { Write(a, socket, p) }); n >= 1 {
		t.Errorf("%v allocations for each Write.", n)
	}
}
