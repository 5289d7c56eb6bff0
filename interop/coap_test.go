package interop

// libcoap's servers and clients of CoAP over TLS (RFC 8323), and as much of
// CoAP as it takes to get one resource.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/needs"
)

const (
	coapGet     = 0x01 // code 0.01
	coapContent = 0x45 // code 2.05
	coapCSM     = 0xe1 // code 7.01, which opens a connection (RFC 8323 §5.3)

	coapPayload = 0xff // marks the payload
)

// coapMessage returns a message without options (RFC 8323 §3.2).
func coapMessage(code byte, token, payload []byte) []byte {
	body := payload
	if len(payload) > 0 {
		body = append([]byte{coapPayload}, payload...)
	}
	var head []byte
	switch n := len(body); {
	case n < 13:
		head = []byte{byte(n<<4 | len(token))}
	case n < 269:
		head = []byte{byte(13<<4 | len(token)), byte(n - 13)}
	default:
		head = []byte{byte(14<<4 | len(token)), byte((n - 269) >> 8), byte(n - 269)}
	}
	return bytes.Join([][]byte{head, {code}, token, body}, nil)
}

// readCoAP reads a message and returns what follows its token.
func readCoAP(r io.Reader) (code byte, token, rest []byte, err error) {
	first, err := readExactly(r, 1)
	if err != nil {
		return 0, nil, nil, err
	}
	n := int(first[0] >> 4)
	if more := n - 12; more > 0 { // 13, 14 and 15 stand for 1, 2 and 4 bytes of length
		size := 1 << (more - 1)
		length, err := readExactly(r, size)
		if err != nil {
			return 0, nil, nil, err
		}
		n = map[int]int{1: 13, 2: 269, 4: 65805}[size]
		var long int
		for _, b := range length {
			long = long<<8 | int(b)
		}
		n += long
	}
	body, err := readExactly(r, 1+int(first[0]&15)+n)
	if err != nil {
		return 0, nil, nil, err
	}
	tokenLen := int(first[0] & 15)
	return body[0], body[1 : 1+tokenLen], body[1+tokenLen:], nil
}

// coapUntil reads messages up to one with this code.
func coapUntil(r io.Reader, want byte) (token, rest []byte, err error) {
	for {
		code, token, rest, err := readCoAP(r)
		if err != nil || code == want {
			return token, rest, err
		}
	}
}

// coapServer is a server of libcoap, with TLS on the port after its own.
func coapServer(name, command string) serverProgram {
	return serverProgram{
		peer: libcoapPeer, end: name + " (server)", keys: textKeys,
		takesAnyIdentity: []uint16{watchword.VersionTLS13, watchword.VersionTLS12},
		start: func(t *testing.T, v values) (*peer, string) {
			first, second := needs.Ports(t)
			plain, tls := strconv.Itoa(first), strconv.Itoa(second)
			v.Port = plain
			p := run(t, libcoapPeer.folder, command, configure(t, libcoapPeer.folder, v))
			p.prints(`created TLS  endpoint 127\.0\.0\.1:` + tls)
			return p, tls
		},
		talk: func(t *testing.T, c *watchword.Conn) string {
			if _, err := c.Write(append(coapMessage(coapCSM, nil, nil), coapMessage(coapGet, []byte{7}, nil)...)); err != nil {
				t.Fatalf("our client cannot write: %v", err)
			}
			token, rest, err := coapUntil(c, coapContent)
			if err != nil || !bytes.Equal(token, []byte{7}) || !bytes.Contains(rest, []byte("libcoap")) {
				t.Fatalf("the server answers %x %q, %v", token, rest, err)
			}
			endOurs(t, c)
			return "GET"
		},
	}
}

// coapClient is a client of libcoap that gets our resource.
func coapClient(name, command string) clientProgram {
	const resource = "watchword's resource"
	return clientProgram{
		peer: libcoapPeer, end: name + " (client)", keys: textKeys, sends: "127.0.0.1",
		start: func(t *testing.T, v values) *peer {
			return run(t, libcoapPeer.folder, command, configure(t, libcoapPeer.folder, v))
		},
		serve: func(c *watchword.Conn) error {
			if _, err := c.Write(coapMessage(coapCSM, nil, nil)); err != nil {
				return err
			}
			token, _, err := coapUntil(c, coapGet)
			if err != nil {
				return err
			}
			if _, err := c.Write(coapMessage(coapContent, token, []byte(resource))); err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, watchword.ErrTruncated) {
				return fmt.Errorf("after the answer: %w", err)
			}
			return nil
		},
		talk: func(t *testing.T, p *peer) string {
			if status := p.ends(); status != 0 || !strings.Contains(p.text(), resource) {
				t.Errorf("%s ends with status %d and prints %q", p.name, status, p.text())
			}
			return "GET"
		},
	}
}

func TestCoAPServerOpenSSL(t *testing.T) {
	server := coapServer("coap-server-openssl", "server")
	server.trials = unpinned(watchword.Compatible)
	server.test(t)
}

func TestCoAPServerGnuTLS(t *testing.T) {
	server := coapServer("coap-server-gnutls", "server-gnutls")
	server.hangs = true
	server.trials = append(unpinned(watchword.Compatible), each(ecdheCBC[0])...)
	server.test(t)
}

func TestCoAPClientOpenSSL(t *testing.T) {
	client := coapClient("coap-client-openssl", "client")
	client.trials = []trial{{version: watchword.VersionTLS12, policy: watchword.Compatible, with: defaults}}
	client.test(t)
}

func TestCoAPClientGnuTLS(t *testing.T) {
	client := coapClient("coap-client-gnutls", "client-gnutls")
	client.trials = []trial{{version: watchword.VersionTLS12, policy: watchword.Compatible, with: defaults}}
	client.test(t)
}
