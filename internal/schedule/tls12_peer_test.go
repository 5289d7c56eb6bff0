package schedule

// TLS 1.2 against crypto/tls: no published vector has a Finished or exported
// keying material, so a handshake between two of its ends is recorded, and from
// the master secret in their key log everything below it is derived again.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"net"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/suite"
)

// taped keeps what one end sends.
type taped struct {
	net.Conn
	sent bytes.Buffer
}

func (c *taped) Write(b []byte) (int, error) {
	c.sent.Write(b)
	return c.Conn.Write(b)
}

// handshakeRecords returns the content of the handshake records in a stream:
// what was sent in the clear, and after change_cipher_spec the first record
// that was protected.
func handshakeRecords(t *testing.T, stream []byte) (open, protected []byte) {
	t.Helper()
	for changed := false; len(stream) >= 5; {
		n := 5 + int(binary.BigEndian.Uint16(stream[3:]))
		typ, body := stream[0], stream[5:n]
		stream = stream[n:]
		switch {
		case typ == 20:
			changed = true
		case typ == 22 && changed:
			return open, body
		case typ == 22:
			open = append(open, body...)
		}
	}
	t.Fatal("An end sent no protected handshake record.")
	return nil, nil
}

// lastMessage cuts the last handshake message of type typ off flight.
func lastMessage(t *testing.T, flight []byte, typ byte) (before, message []byte) {
	t.Helper()
	for at := 0; at+4 <= len(flight); {
		n := 4 + int(flight[at+1])<<16 + int(flight[at+2])<<8 + int(flight[at+3])
		if flight[at] == typ && at+n == len(flight) {
			return flight[:at], flight[at:]
		}
		at += n
	}
	t.Fatalf("A flight does not end in a message of type %d.", typ)
	return nil, nil
}

// openGCM opens the first record under keys (RFC 5288 §3).
func openGCM(t *testing.T, s *suite.Suite, k Keys12, body []byte) []byte {
	t.Helper()
	aead, err := s.NewAEAD(k.Key())
	if err != nil {
		t.Fatal(err)
	}
	aad := append(make([]byte, 8), 22, 3, 3, 0, byte(len(body)-8-16)) // sequence number 0, handshake, TLS 1.2
	content, err := aead.Open(nil, append(bytes.Clone(k.IV()), body[:8]...), body[8:], aad)
	if err != nil {
		t.Fatalf("A Finished does not open under the keys that were derived: %v", err)
	}
	return content
}

// runCryptoTLS lets two ends of crypto/tls shake hands, and returns what each
// sent, the master secret and the client's state.
func runCryptoTLS(t *testing.T, id uint16) (client, server *taped, master []byte, state tls.ConnectionState) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	client, server = &taped{Conn: a}, &taped{Conn: b}
	var log bytes.Buffer
	config := tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}, SessionTicketsDisabled: true}
	serverConfig := config.Clone()
	serverConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	config.InsecureSkipVerify, config.KeyLogWriter = true, &log
	done := make(chan error, 1)
	go func() { done <- tls.Server(server, serverConfig).Handshake() }()
	conn := tls.Client(client, &config)
	if err := conn.Handshake(); err != nil {
		t.Fatalf("The client of crypto/tls fails: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatalf("The server of crypto/tls fails: %v", err)
	}
	words := strings.Fields(log.String()) // CLIENT_RANDOM, random, master secret
	master, err = hex.DecodeString(words[len(words)-1])
	if err != nil || words[0] != "CLIENT_RANDOM" {
		t.Fatal("The key log of crypto/tls does not end in a master secret.")
	}
	return client, server, master, conn.ConnectionState()
}

func TestAgainstCryptoTLS(t *testing.T) {
	for id, ours := range map[uint16]string{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
	} {
		s, _ := suite.ByName(ours)
		client, server, raw, state := runCryptoTLS(t, id)
		m, err := NewMaster12(s.Hash, raw)
		if err != nil {
			t.Fatal(err)
		}
		clientClear, clientFinished := handshakeRecords(t, client.sent.Bytes())
		serverClear, serverFinished := handshakeRecords(t, server.sent.Bytes())
		hello, exchange := lastMessage(t, clientClear, 16) // the ClientKeyExchange
		clientRandom, serverRandom := [32]byte(clientClear[6:]), [32]byte(serverClear[6:])

		clientKeys, serverKeys := m.Keys(s, clientRandom, serverRandom)
		transcript := s.Hash.New()
		transcript.Write(hello)
		transcript.Write(serverClear)
		transcript.Write(exchange)
		finished := openGCM(t, s, clientKeys, clientFinished)
		if th := transcript.Sum(nil); !m.VerifyClientFinished(th, finished[4:]) || !bytes.Equal(m.ClientFinished(th), state.TLSUnique) {
			t.Errorf("%s: the verify_data of crypto/tls's client is %x; ours is %x.", s.Hash, finished[4:], m.ClientFinished(th))
		}
		transcript.Write(finished)
		finished = openGCM(t, s, serverKeys, serverFinished)
		if th := transcript.Sum(nil); !m.VerifyServerFinished(th, finished[4:]) {
			t.Errorf("%s: the verify_data of crypto/tls's server is %x; ours is %x.", s.Hash, finished[4:], m.ServerFinished(th))
		}
		exporter := m.Exporter(clientRandom, serverRandom)
		for _, context := range [][]byte{nil, {}, []byte("context")} {
			want, err := state.ExportKeyingMaterial("EXPORTER-test", context, 77)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := exporter.Export("EXPORTER-test", context, 77); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: exported for the context %q, nil %t, is %x, error %v; crypto/tls has %x.", s.Hash, context, context == nil, got, err, want)
			}
		}
	}
}
