package watchword

// Large buffers are lent to streams that fill smaller ones, and come back.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/watchword-tls/watchword/internal/bulk"
	"github.com/watchword-tls/watchword/internal/limits"
)

// pieces remembers the largest piece that it was given. Before it takes one, it
// waits until much more has come, or all that will.
type pieces struct {
	io.Writer
	socket  *net.TCPConn
	sent    atomic.Bool
	largest int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.largest = max(p.largest, len(b))
	for p.waiting() < 2*readAhead && !p.sent.Load() {
		time.Sleep(time.Millisecond) // between two looks
	}
	return p.Writer.Write(b)
}

// waiting is how many bytes the socket holds.
func (p *pieces) waiting() (n int) {
	raw, err := p.socket.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	}
	return n
}

// rushingPair returns the ends of a connection whose socket has room for a rush.
func rushingPair(t *testing.T, w io.Writer) (client, server *Conn, to *pieces, rawServer net.Conn) {
	t.Helper()
	client, server, rawClient, rawServer := readable(t)
	socket := rawClient.(*net.TCPConn)
	_ = socket.SetReadBuffer(8 * readAhead)
	_ = rawServer.(*net.TCPConn).SetWriteBuffer(8 * readAhead)
	return client, server, &pieces{Writer: w, socket: socket}, rawServer
}

func TestARushIsLentLargeBuffers(t *testing.T) {
	const size = 8 << 20
	for _, c := range []struct {
		name  string
		taken int // by others
		large bool
	}{{"lent", 0, true}, {"none left", limits.BulkBuffers, false}} {
		t.Run(c.name, func(t *testing.T) {
			for range c.taken {
				defer bulk.Put(bulk.Get())
			}
			got := sha256.New()
			client, server, to, _ := rushingPair(t, got)
			want := sha256.New()
			data := make([]byte, size)
			_, _ = rand.NewChaCha8([32]byte{9}).Read(data)
			want.Write(data)
			go func() {
				_, _ = server.Write(data)
				_ = server.CloseWrite()
				to.sent.Store(true)
			}()
			if n, err := client.WriteTo(to); n != size || err != nil || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Fatalf("%d bytes of %d arrive, error %v, or others than were sent.", n, size, err)
			}
			if large := to.largest > copyBuffer; large != c.large {
				t.Errorf("The largest piece of a rush has %d bytes.", to.largest)
			}
			if client.engine.input.buf != nil || bulk.Lent() != c.taken {
				t.Errorf("%d buffers are lent at the end, and %d were before.", bulk.Lent(), c.taken)
			}
		})
	}
}

// A stream that stops in the middle of a record holds no large buffer, and goes
// on where it stopped.
func TestAStreamThatStopsGivesLargeBuffersBack(t *testing.T) {
	var got bytes.Buffer
	client, server, to, rawServer := rushingPair(t, &got)
	data := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{8}).Read(data)
	records, n, err := server.engine.Seal(nil, data, 8<<20)
	if err != nil || n != len(data) {
		t.Fatalf("%d bytes of %d are sealed, error %v.", n, len(data), err)
	}
	stop := len(records) - 9
	go func() {
		_, _ = rawServer.Write(records[:stop])
		to.sent.Store(true)
	}()
	// What has not come before a deadline comes in the next turn.
	for got.Len() < len(data)-limits.MaxPlaintext {
		_ = to.socket.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := client.WriteTo(to); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("WriteTo ends with %v, want its deadline.", err)
		}
	}
	if to.largest <= copyBuffer {
		t.Fatalf("The largest piece has %d bytes: there was no rush.", to.largest)
	}
	if len(client.engine.input.buf) == bulk.Bytes || bulk.Lent() != 0 {
		t.Errorf("%d large buffers are lent to a stream that stands still.", bulk.Lent())
	}
	_ = to.socket.SetReadDeadline(time.Time{})
	go func() {
		_, _ = rawServer.Write(records[stop:])
		_ = server.CloseWrite()
	}()
	if _, err := client.WriteTo(to); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("After a stop %d bytes of %d arrive, error %v, or others than were sent.", got.Len(), len(data), err)
	}
}
