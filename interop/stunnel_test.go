package interop

// stunnel, both ways: it puts TLS before a server that echoes in plain text,
// and before a client of ours that speaks plain text.

import (
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
)

func TestStunnelAsServer(t *testing.T) {
	plain := newPatientEcho(t)
	serverProgram{
		peer: stunnelPeer, end: "stunnel (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port, v.Target = "0", plain.address
			p := run(t, stunnelPeer.folder, "server", configure(t, stunnelPeer.folder, v))
			return p, stunnelPort(p)
		},
		talk:   func(t *testing.T, c *watchword.Conn) string { return plain.sendsBack(t, c) },
		trials: stunnelTrials(),
	}.test(t)
}

// A patientEcho is a server in the clear that echoes, and ends its stream only
// when the client has read all of it: stunnel (5.68 to 5.75, client.c, "Read
// socket closed (HUP)") loses what the service has sent and it has not read yet,
// when both streams of the service have ended while its client reads slowly. It
// then ends the TLS connection with a close_notify, as if nothing were missing.
type patientEcho struct {
	address string
	taken   chan struct{} // a value for each client that has read its echo
}

func newPatientEcho(t *testing.T) patientEcho {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := patientEcho{l.Addr().String(), make(chan struct{}, 1)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go e.serve(c)
		}
	}()
	return e
}

func (e patientEcho) serve(c net.Conn) {
	defer c.Close()
	if n, _ := io.Copy(c, c); n == 0 {
		return // a client that was refused
	}
	select {
	case <-e.taken:
	case <-time.After(testTime):
	}
}

// A halfCloser is a connection whose sending half can end alone.
type halfCloser interface {
	io.ReadWriter
	CloseWrite() error
}

// sendsBack is sendsBackWhole, and lets the service end when all is back.
func (e patientEcho) sendsBack(t *testing.T, c halfCloser) string {
	t.Helper()
	data := load()
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		if err == nil {
			err = c.CloseWrite()
		}
		failed <- err
	}()
	got := make([]byte, len(data))
	if n, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("our client stops reading after %d bytes: %v", n, err)
	}
	if err := <-failed; err != nil {
		t.Fatalf("our client cannot write: %v", err)
	}
	e.taken <- struct{}{}
	if checksum(got) != checksum(data) {
		t.Errorf("our client reads %s, want %s", checksum(got), checksum(data))
	}
	if n, err := io.Copy(io.Discard, c); n != 0 || err != nil {
		t.Errorf("after its echo come %d bytes more and then %v", n, err)
	}
	return size(data) + " each way, half-close"
}

func TestStunnelAsClient(t *testing.T) {
	var plain *net.TCPConn
	clientProgram{
		peer: stunnelPeer, end: "stunnel (client)",
		start: func(t *testing.T, v values) *peer {
			v.Plain = "127.0.0.1:0"
			p := run(t, stunnelPeer.folder, "client", configure(t, stunnelPeer.folder, v))
			c, err := net.DialTimeout("tcp", "127.0.0.1:"+stunnelPort(p), testTime)
			if errors.Is(err, syscall.ECONNRESET) {
				// Its handshake with us has failed already, and it said so at
				// once: what the trial is about, unless it should succeed.
				plain = nil
				return p
			}
			if err != nil {
				t.Fatalf("stunnel does not listen: %v", err)
			}
			t.Cleanup(func() { c.Close() })
			c.SetDeadline(time.Now().Add(testTime))
			plain = c.(*net.TCPConn)
			return p
		},
		serve: sendBack,
		talk: func(t *testing.T, _ *peer) string {
			return throughTunnel(t, plain)
		},
		sends:  "127.0.0.1",
		trials: stunnelTrials(),
	}.test(t)
}

// stunnelPort waits until stunnel is ready and returns the port it listens on.
func stunnelPort(p *peer) string {
	port := p.prints(`Service \[psk\] \(FD=\d+\) bound to 127\.0\.0\.1:(\d+)`)
	p.prints("Accepting new connections")
	return port
}

// throughTunnel sends the load in plain text, ends the stream, and wants all of
// it back.
func throughTunnel(t *testing.T, plain *net.TCPConn) string {
	t.Helper()
	if plain == nil {
		t.Fatal("stunnel refused its plain end at once")
	}
	data := load()
	failed := make(chan error, 1)
	go func() {
		_, err := plain.Write(data)
		if err == nil {
			err = plain.CloseWrite()
		}
		failed <- err
	}()
	got, err := io.ReadAll(plain)
	if err != nil || checksum(got) != checksum(data) {
		t.Errorf("through the tunnel come %s, %v; want %s", checksum(got), err, checksum(data))
	}
	if err := <-failed; err != nil {
		t.Fatalf("stunnel stops reading: %v", err)
	}
	return size(data) + " each way, half-close"
}

func stunnelTrials() []trial {
	return slices.Concat(
		unpinned(watchword.Compatible),
		each(chacha, aes128),
		each(ecdheChaCha, ecdheCBC[0], ecdheCBC[1], plainAEAD[0], plainAEAD[1], plainAEAD[2], plainCBC[0], plainCBC[1]),
	)
}
