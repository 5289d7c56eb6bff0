package tunnel

// The PROXY protocol: what the service is told, and what a balancer may leave out.

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// A header of version 2 tells who proved which key, also where the connection
// came through a Unix socket and so has no addresses.
func TestProxyOutOfAUnixSocket(t *testing.T) {
	dir := shortFolder(t)
	got := make(chan []byte, 1)
	to := backendOf(t, func(c *net.TCPConn) {
		head := make([]byte, 16)
		_, _ = io.ReadFull(c, head)
		rest := make([]byte, binary.BigEndian.Uint16(head[14:]))
		_, _ = io.ReadFull(c, rest)
		got <- append(head, rest...)
		echo(c)
	})
	s := one(settings.Server, to)
	s.Listen[0] = settings.Address{Network: "unix", Host: dir + "/s"}
	s.ProxyOut = settings.ProxyV2
	start(t, keyA, s)
	c := one(settings.Client, "")
	c.To[0] = s.Listen[0]
	client := start(t, keyA, c)
	roundTrip(t, dial(t, client.address("client")))

	header := <-got
	const signature = "\r\n\r\n\x00\r\nQUIT\n"
	if string(header[:12]) != signature || header[12] != 0x21 || header[13] != 0 {
		t.Fatalf("The header begins with %x, want version 2, command PROXY, no family (section 2.2).", header[:16])
	}
	found := valuesOf(t, header[16:])
	if string(found[0xE0]) != "alice" {
		t.Errorf("The identity in TLV 0xE0 is %q, want alice.", found[0xE0])
	}
	tls := found[0x20] // PP2_TYPE_SSL: client, verify, and TLVs of its own
	if len(tls) < 5 || tls[0]&1 == 0 {
		t.Fatalf("The TLV of TLS is %x, want one that says that the client came over TLS.", tls)
	}
	within := valuesOf(t, tls[5:])
	if string(within[0x21]) != "TLSv1.3" || !strings.HasPrefix(string(within[0x23]), "TLS_") {
		t.Errorf("The TLV of TLS says version %q, suite %q.", within[0x21], within[0x23])
	}
}

// valuesOf takes TLVs apart.
func valuesOf(t *testing.T, b []byte) map[byte][]byte {
	t.Helper()
	found := make(map[byte][]byte)
	for len(b) > 0 {
		if len(b) < 3 || len(b) < 3+int(binary.BigEndian.Uint16(b[1:])) {
			t.Fatalf("A TLV is cut off: %x", b)
		}
		n := 3 + int(binary.BigEndian.Uint16(b[1:]))
		found[b[0]], b = b[3:n], b[n:]
	}
	return found
}

// A balancer that only looks whether anybody listens sends no header. That is
// counted, as for any other look, and no line says it.
func TestABalancersLookIsNoFailure(t *testing.T) {
	s := one(settings.Server, backendOf(t, echo))
	s.ProxyIn = settings.ProxyAny
	s.ProxyTrusted = loopbacks
	server := start(t, keyA, s)
	dial(t, server.address("server")).Close()
	c := dial(t, server.address("server"))
	_ = c.SetLinger(0)
	c.Close()
	server.counts(`watchword_handshake_failures_total{service="server",reason="nothing-sent"} 2`)
	if strings.Contains(server.log.String(), "no connection") {
		t.Errorf("The log has a line about it:\n%s", server.log)
	}
	// Half a header is one.
	c = dial(t, server.address("server"))
	_, _ = io.WriteString(c, "PROXY ")
	c.Close()
	server.says("no connection", "PROXY protocol header")
}

// The end of the drain does not wait for a balancer that says nothing.
func TestTheEndDoesNotWaitForAHeader(t *testing.T) {
	balancer, raw := net.Pipe()
	defer balancer.Close()
	o := one(settings.Server, "")
	o.ProxyIn = settings.ProxyAny
	a := &attempt{service: &service{}, g: &generation{settings: o}, raw: raw}
	ctx, end := context.WithCancel(context.Background())
	read := make(chan error)
	go func() { read <- a.readHeader(ctx) }()
	end()
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Errorf("It ends with %v.", err)
	}
}
