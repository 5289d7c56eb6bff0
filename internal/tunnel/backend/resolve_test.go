package backend

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword/internal/needs"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// names is a DNS server with one name, which moves.
type names struct {
	mu sync.Mutex
	at netip.Addr
}

func (n *names) move(to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at = netip.MustParseAddr(to)
}

// serve answers questions until the socket is closed.
func (n *names) serve(c net.PacketConn) {
	question := make([]byte, 1500)
	for {
		size, from, err := c.ReadFrom(question)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(n.answer(question[:size]), from)
	}
}

// answer has the address where one of IPv4 is asked for (RFC 1035 in short).
func (n *names) answer(question []byte) []byte {
	end := 12 // the header; then labels, type, class
	for question[end] != 0 {
		end += 1 + int(question[end])
	}
	end += 5
	b := append([]byte(nil), question[:end]...)
	b[2], b[3] = 0x81, 0x80 // an answer, and recursion was there
	clear(b[8:12])          // no more records than those below
	if kind := binary.BigEndian.Uint16(question[end-4:]); kind == 1 {
		n.mu.Lock()
		defer n.mu.Unlock()
		b[7] = 1
		b = append(b, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		b = append(b, n.at.AsSlice()...)
	}
	return b
}

// A name is asked for at each connection, so that a service may move to another
// machine while the tunnel runs, whatever the name's time to live says.
func TestANameThatMoves(t *testing.T) {
	first, err := net.Listen("tcp", needs.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, port, _ := net.SplitHostPort(first.Addr().String())
	second, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		needs.Missing(t, "a second address of this machine, 127.0.0.2,")
	}
	defer second.Close()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	server := &names{}
	go server.serve(socket)

	s := New([]settings.Address{{Network: "tcp", Host: "db.example.:" + port}}, Options{
		Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
		}},
	})
	for _, at := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.1"} {
		server.move(at)
		conn, release, err := s.Dial(t.Context(), always)
		if err != nil {
			t.Fatalf("With the name at %s: %v", at, err)
		}
		if got := netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr().String(); got != at {
			t.Errorf("The connection goes to %s, and the name is at %s.", got, at)
		}
		conn.Close()
		release()
	}
}
