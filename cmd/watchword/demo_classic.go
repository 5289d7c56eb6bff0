package main

// The half of the demonstration that is the teaching protocol.

import (
	"bytes"
	"io"
	"net"

	"github.com/watchword-tls/watchword/classic"
)

// throughClassic sends the message once, and then what was recorded of it.
func (d *demo) throughClassic() (outcome, error) {
	d.heading("classic", "  (the teaching protocol: FOR LEARNING ONLY)")
	key := classic.NewKey()
	sealed, err := classic.Seal(key, []byte(demoMessage))
	if err != nil {
		return outcome{}, err
	}
	again, err := classic.Seal(key, []byte(demoMessage))
	if err != nil {
		return outcome{}, err
	}
	d.says("client", "writes a random key of 16 bytes into a file; how the file gets to\nthe server is not the protocol's business")
	d.says("client", "AES-128-CBC with a zero IV, then HMAC-SHA256: %d bytes become %d\n%s", len(demoMessage), len(sealed), startOf(sealed, 20))
	text, err := sendClassic(key, sealed)
	if err != nil {
		return outcome{}, err
	}
	d.says("server", "verifies the MAC, decrypts and shows it: %s", d.bold(string(text)))
	_, replayErr := sendClassic(key, sealed)
	return outcome{sameTwice: bytes.Equal(sealed, again), replayed: replayErr == nil}, nil
}

// sendClassic sends sealed bytes to a server of the protocol over loopback, and
// returns what it shows.
func sendClassic(key *classic.Key, sealed []byte) ([]byte, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	sent := make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			_, err = c.Write(sealed)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
		}
		sent <- err
	}()
	c, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	text, err := classic.Receive(c, func() (*classic.Key, error) { return key, nil })
	c.Close()
	if sendErr := <-sent; err == nil {
		err = sendErr
	}
	return text, err
}
