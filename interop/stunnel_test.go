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
	serverProgram{
		peer: stunnelPeer, end: "stunnel (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port, v.Target = "0", echoServer(t)
			p := run(t, stunnelPeer.folder, "server", configure(t, stunnelPeer.folder, v))
			return p, stunnelPort(p)
		},
		talk:   sendsBackWhole,
		trials: stunnelTrials(),
	}.test(t)
}

func TestStunnelAsClient(t *testing.T) {
	var plain *net.TCPConn
	clientProgram{
		peer: stunnelPeer, end: "stunnel (client)",
		start: func(t *testing.T, v values) *peer {
			v.Plain = "127.0.0.1:0"
			p := run(t, stunnelPeer.folder, "client", configure(t, stunnelPeer.folder, v))
			c, err := net.Dial("tcp", "127.0.0.1:"+stunnelPort(p))
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
