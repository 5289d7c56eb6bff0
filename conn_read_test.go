package watchword

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/bulk"
)

// readable returns a client over TCP whose handshake is complete, the server's
// end, and the TCP connections beneath.
func readable(t *testing.T) (c, s *Conn, rawClient, rawServer net.Conn) {
	t.Helper()
	c, s, cerr, serr := handshaken(t, &Config{Keys: []*Key{testKey(t, "alice", KeyOptions{})}},
		&Config{Keys: []*Key{testKey(t, "alice", KeyOptions{})}, AllowSameProcess: true, Tickets: &Tickets{Disabled: true}})
	if err := errors.Join(cerr, serr); err != nil {
		t.Fatalf("The handshake failed: %v", err)
	}
	return c, s, c.NetConn(), s.NetConn()
}

func TestReadsErrorsAreThoseOfTheConnectionBeneath(t *testing.T) {
	for _, test := range []struct {
		name  string
		cause func(client, server net.Conn)
		want  error
	}{
		{"deadline", func(client, _ net.Conn) { client.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		{"closed here", func(client, _ net.Conn) { client.Close() }, net.ErrClosed},
		{"reset", func(_, server net.Conn) { server.(*net.TCPConn).SetLinger(0); server.Close() }, syscall.ECONNRESET},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, client, server := readable(t)
			test.cause(client, server)
			n, err := c.Read(make([]byte, 1))
			if n != 0 || !errors.Is(err, test.want) {
				t.Fatalf("Read returned %d, %v; want %v.", n, err, test.want)
			}
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != "read" || op.Net != "tcp" || op.Source.String() != client.LocalAddr().String() || op.Addr.String() != client.RemoteAddr().String() {
				t.Errorf("The error %q is not that of a read on this connection.", err)
			}
			if test.name == "reset" {
				return // it is reported once
			}
			if _, plain := client.Read(make([]byte, 1)); plain.Error() != err.Error() {
				t.Errorf("Read says %q, the connection beneath %q.", err, plain)
			}
		})
	}
}

func TestAWaitingConnHoldsNoBuffer(t *testing.T) {
	c, s, client, _ := readable(t)
	if c.socket == nil {
		t.Skip("Here a wait without a buffer is not to be had.")
	}
	if c.engine.input.buf != nil || s.engine.input.buf != nil {
		t.Error("An end holds a buffer after its handshake.")
	}
	read := func() (string, error) {
		b := make([]byte, 1<<10)
		n, err := c.Read(b)
		return string(b[:n]), err
	}
	for _, text := range []string{"", "one", "two"} {
		if text != "" {
			if _, err := io.WriteString(s, text); err != nil {
				t.Fatal(err)
			}
			if got, err := read(); got != text || err != nil {
				t.Fatalf("%q arrived, error %v; want %q.", got, err, text)
			}
		}
		client.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("A read without data ended with %v, want its deadline.", err)
		}
		client.SetReadDeadline(time.Time{})
		if c.engine.input.buf != nil {
			t.Errorf("A buffer was held by a read that waited after %q.", text)
		}
	}
}

// countingConn has the methods of a socket but a Read of its own.
type countingConn struct {
	*net.TCPConn
	reads atomic.Int32
}

func (c *countingConn) Read(b []byte) (int, error) {
	c.reads.Add(1)
	return c.TCPConn.Read(b)
}

func TestAReadOfItsOwnIsNotPassedBy(t *testing.T) {
	a, b := tcpPair(t)
	keys := []*Key{testKey(t, "alice", KeyOptions{})}
	counting := &countingConn{TCPConn: a.(*net.TCPConn)}
	c, s := Client(counting, &Config{Keys: keys}), Server(b, &Config{Keys: keys, AllowSameProcess: true})
	go s.Handshake()
	if err := c.Handshake(); err != nil || counting.reads.Load() == 0 {
		t.Errorf("The handshake ended with %v after %d reads of the connection that was given.", err, counting.reads.Load())
	}
	echo(t, c, s)
}

// Room that was lent must not pass to another connection while somebody may
// write into it.
func TestRoomIsKeptUntilItIsFilled(t *testing.T) {
	var b inputBuffer
	room := b.space(100)
	b.settle()
	if b.buf == nil || &b.space(1)[0] != &room[0] {
		t.Fatal("Lent room was given back.")
	}
	b.filled(3)
	b.settle()
	if len(b.unread()) != 3 {
		t.Fatal("Received bytes were given back.")
	}
	b.used(3)
	b.pending = b.buf[1:3]
	b.settle()
	if got := make([]byte, 5); b.takePending(got) != 2 {
		t.Fatal("Waiting data was given back.")
	}
	b.settle()
	if b.buf != nil {
		t.Error("A buffer without anything in it was kept.")
	}
}

func TestRoomKeepsWhatWasReceived(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for _, first := range []int{0, 1, smallInput - 1, smallInput, maxRecord, largeInput} {
		for _, used := range []int{0, 1, first} {
			for _, more := range []int{1, smallInput, readAhead, largeInput + 1} {
				var b inputBuffer
				data := strings.Repeat(text, largeInput/len(text)+1)[:first]
				b.filled(copy(b.space(first), data))
				used := min(used, first)
				b.used(used)
				room := b.space(more)
				if len(room) < more || string(b.unread()) != data[used:] {
					t.Errorf("Of %d bytes received, %d used, %d are left and %d more have room; want %d and %d.", first, used, len(b.unread()), len(room), first-used, more)
				}
			}
		}
	}
}

func TestASilentPeerIsGivenUp(t *testing.T) {
	a, _ := tcpPair(t)
	c := Client(a, &Config{Keys: []*Key{testKey(t, "alice", KeyOptions{})}, HandshakeTimeout: time.Millisecond})
	err := c.Handshake()
	if !errors.Is(err, ErrHandshakeTimeout) || !strings.Contains(err.Error(), a.RemoteAddr().String()) || !strings.Contains(err.Error(), "1ms") {
		t.Errorf("The handshake ended with %v, want a time-out that names the peer and the limit.", err)
	}
	if again := c.Handshake(); !errors.Is(again, ErrHandshakeTimeout) {
		t.Errorf("The next call ended with %v, want the same.", again)
	}
}

// What has come and waits for a reader can be asked for.
func TestConnBuffered(t *testing.T) {
	if c := Server(nil, &Config{}); c.Buffered() != 0 {
		t.Error("Before the handshake bytes wait.")
	}
	overEach(t, func(t *testing.T, client, server *Conn) {
		go func() { _, _ = io.WriteString(client, "one and two") }()
		buf := make([]byte, 3)
		for _, left := range []int{8, 5, 2} {
			if _, err := io.ReadFull(server, buf); err != nil {
				t.Fatal(err)
			}
			if n := server.Buffered(); n != left {
				t.Errorf("%d bytes wait to be read, want %d.", n, left)
			}
		}
		if _, err := io.ReadFull(server, buf[:2]); err != nil || server.Buffered() != 0 {
			t.Errorf("At the end %d bytes wait, error %v.", server.Buffered(), err)
		}
	})
}

// What waits for a reader survives the exchange of its buffer.
func TestInputGrowsAndShrinks(t *testing.T) {
	var b inputBuffer
	b.filled(copy(b.space(10), "0123456789"))
	b.used(2)
	b.grow()
	if len(b.buf) != bulk.Bytes || string(b.unread()) != "23456789" {
		t.Fatalf("A large buffer of %d bytes holds %q.", len(b.buf), b.unread())
	}
	b.grow()
	b.shrink()
	if len(b.buf) >= bulk.Bytes || string(b.unread()) != "23456789" {
		t.Fatalf("A small buffer of %d bytes holds %q.", len(b.buf), b.unread())
	}
	b.grow()
	b.used(3)
	b.pending = b.buf[1:3]
	b.shrink()
	if p := make([]byte, 3); b.takePending(p) != 2 || string(p[:2]) != "34" || string(b.unread()) != "56789" {
		t.Errorf("%q waits, and %q was not used.", p, b.unread())
	}
	b.grow()
	b.used(5)
	b.shrink()
	if b.buf != nil || bulk.Lent() != 0 {
		t.Errorf("An empty buffer of %d bytes is kept, %d are lent.", len(b.buf), bulk.Lent())
	}
}

// A buffer of its own is as long as it must be, and is never taken for a bulk one.
func TestLongInputs(t *testing.T) {
	for _, n := range []int{largeInput + 1, bulk.Bytes - 1, bulk.Bytes, bulk.Bytes + 1} {
		if got := len(newInput(n)); got < n || got > n+1 || got == bulk.Bytes {
			t.Errorf("Of %d bytes the buffer has %d.", n, got)
		}
	}
}
