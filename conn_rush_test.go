//go:build unix

package watchword

// Large buffers are lent to streams that fill smaller ones, and come back.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/bulk"
	"github.com/watchword-tls/watchword/internal/limits"
)

// pieces remembers the largest piece that it was given, and waits with the first
// ones so that more is there at the next read.
type pieces struct {
	io.Writer
	largest int
	wait    func()
}

func (p *pieces) Write(b []byte) (int, error) {
	p.largest = max(p.largest, len(b))
	p.wait()
	return p.Writer.Write(b)
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
			client, server, _, _ := readable(t)
			want := sha256.New()
			data := make([]byte, size)
			_, _ = rand.NewChaCha8([32]byte{9}).Read(data)
			want.Write(data)
			go func() {
				_, _ = server.Write(data)
				_ = server.CloseWrite()
			}()
			got := sha256.New()
			to := &pieces{Writer: got, wait: func() { time.Sleep(time.Millisecond) }}
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
	client, server, rawClient, rawServer := readable(t)
	data := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{8}).Read(data)
	records, n, err := server.engine.Seal(nil, data, 2<<20)
	if err != nil || n != len(data) {
		t.Fatalf("%d bytes of %d are sealed, error %v.", n, len(data), err)
	}
	stop := len(records) - 9
	go func() { _, _ = rawServer.Write(records[:stop]) }()

	var got bytes.Buffer
	to := &pieces{Writer: &got, wait: func() { time.Sleep(time.Millisecond) }}
	_ = rawClient.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	for deadline := time.Now().Add(10 * time.Second); got.Len() < len(data)-limits.MaxPlaintext && time.Now().Before(deadline); {
		if _, err := client.WriteTo(to); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("WriteTo ends with %v, want its deadline.", err)
		}
		_ = rawClient.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	}
	if len(client.engine.input.buf) == bulk.Bytes || bulk.Lent() != 0 {
		t.Errorf("%d large buffers are lent to a stream that stands still.", bulk.Lent())
	}
	_ = rawClient.SetReadDeadline(time.Time{})
	go func() {
		_, _ = rawServer.Write(records[stop:])
		_ = server.CloseWrite()
	}()
	if _, err := client.WriteTo(to); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("After a stop %d bytes of %d arrive, error %v, or others than were sent.", got.Len(), len(data), err)
	}
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
