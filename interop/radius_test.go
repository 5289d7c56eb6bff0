package interop

// FreeRADIUS as a server of RADIUS over TLS (RFC 6614), and as much of RADIUS
// as it takes to be let in.

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword"
)

const (
	radiusSecret = "radsec" // always, inside TLS (RFC 6614 §2.3)

	radiusAccessRequest = 1
	radiusAccessAccept  = 2

	radiusUserName             = 1
	radiusProxyState           = 33 // comes back as it is (RFC 2865 §5.33)
	radiusMessageAuthenticator = 80
)

func radiusAttribute(kind byte, value []byte) []byte {
	return append([]byte{kind, byte(len(value) + 2)}, value...)
}

// radiusAsk sends an Access-Request that carries data and returns the data of
// the answer, which must be an Access-Accept.
func radiusAsk(c io.ReadWriter, id byte, data []byte) ([]byte, error) {
	request := make([]byte, 20) // code, identifier, length, authenticator
	request[0], request[1] = radiusAccessRequest, id
	rand.Read(request[4:])
	request = append(request, radiusAttribute(radiusUserName, []byte(identity))...)
	for part := range slices.Chunk(data, 253) {
		request = append(request, radiusAttribute(radiusProxyState, part)...)
	}
	request = append(request, radiusAttribute(radiusMessageAuthenticator, make([]byte, md5.Size))...)
	binary.BigEndian.PutUint16(request[2:], uint16(len(request)))
	mac := hmac.New(md5.New, []byte(radiusSecret))
	mac.Write(request)
	mac.Sum(request[:len(request)-md5.Size])
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	head, err := readExactly(c, 20)
	if err != nil {
		return nil, err
	}
	if head[0] != radiusAccessAccept || head[1] != id {
		return nil, fmt.Errorf("to request %d the answer is %d, %d", id, head[0], head[1])
	}
	attributes, err := readExactly(c, int(binary.BigEndian.Uint16(head[2:]))-len(head))
	if err != nil {
		return nil, err
	}
	var got []byte
	for len(attributes) > 1 && int(attributes[1]) <= len(attributes) && attributes[1] > 1 {
		if attributes[0] == radiusProxyState {
			got = append(got, attributes[2:attributes[1]]...)
		}
		attributes = attributes[attributes[1]:]
	}
	return got, nil
}

func TestFreeRADIUSAsServer(t *testing.T) {
	serverProgram{
		peer: freeradiusPeer, end: "freeradius (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port = freePort(t)
			p := run(t, freeradiusPeer.folder, "server", configure(t, freeradiusPeer.folder, v))
			p.prints("Ready to process requests")
			return p, v.Port
		},
		talk: func(t *testing.T, c *watchword.Conn) string {
			const requests, each = 100, 3800 // bytes; a packet has at most 4096
			for i := range requests {
				data := load()[i*each : (i+1)*each]
				got, err := radiusAsk(c, byte(i), data)
				if err != nil {
					t.Fatalf("RADIUS fails: %v", err)
				}
				if checksum(got) != checksum(data) {
					t.Fatalf("answer %d carries %s, want %s", i, checksum(got), checksum(data))
				}
			}
			return fmt.Sprintf("%d requests of 4 KB, each accepted", requests)
		},
		trials: slices.Concat(
			unpinned(watchword.Compatible),
			each(ecdheChaCha, ecdheCBC[0], plainAEAD[0]),
		),
	}.test(t)
}
