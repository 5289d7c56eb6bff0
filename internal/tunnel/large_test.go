package tunnel

// Streams of many bytes, made and checked on the fly.

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
)

// stream is so many bytes that nobody can guess from those before.
func stream(seed byte, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), size)
}

// transfer sends one stream and takes another one, both whole.
func transfer(c *net.TCPConn, send io.Reader, want int64) (sent, received []byte, err error) {
	var both sync.WaitGroup
	var sendErr error
	both.Go(func() {
		h := sha256.New()
		if _, sendErr = io.CopyBuffer(struct{ io.Writer }{c}, io.TeeReader(send, h), make([]byte, 1<<18)); sendErr == nil {
			sendErr = c.CloseWrite()
		}
		sent = h.Sum(nil)
	})
	h := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{c}, make([]byte, 1<<18))
	both.Wait()
	switch {
	case err != nil:
	case sendErr != nil:
		err = sendErr
	case n != want:
		err = fmt.Errorf("%d bytes arrive, want %d", n, want)
	}
	return sent, h.Sum(nil), err
}

// Both directions at once carry streams of any size: past 4 GiB, where a number of 32
// bits would be at its end, and of 10 GiB.
func TestLargeStreams(t *testing.T) {
	leftOver(t)
	sizes := []int64{8<<20 + 1}
	switch {
	case os.Getenv("WATCHWORD_LONG") != "":
		sizes = []int64{64 << 20, 4<<30 + 1, 10 << 30}
	case !testing.Short():
		sizes = append(sizes, 48<<20)
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			back := size/2 + 1
			type result struct {
				sent, received []byte
				err            error
			}
			service := make(chan result, 1)
			client, server := pair(t, backendOf(t, func(c *net.TCPConn) {
				var r result
				r.sent, r.received, r.err = transfer(c, stream(2, back), size)
				service <- r
			}), nil)
			sent, received, err := transfer(dial(t, client.address("client")), stream(1, size), back)
			if err != nil {
				t.Fatalf("The client's side: %v", err)
			}
			r := <-service
			if r.err != nil {
				t.Fatalf("The service's side: %v", r.err)
			}
			if !bytes.Equal(sent, r.received) || !bytes.Equal(received, r.sent) {
				t.Error("Other bytes arrive.")
			}
			client.says(fmt.Sprintf("in=%d out=%d", back, size), "end=done")
			server.says(fmt.Sprintf("in=%d out=%d", size, back), "end=done")
			server.counts(fmt.Sprintf(`watchword_bytes_total{service="server",direction="in"} %d`, size))
		})
	}
}
