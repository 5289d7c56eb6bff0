package main

// Servers that do not behave, for the scripts about the client.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"strings"

	"github.com/watchword-tls/watchword"
)

// fakeServers get each connection, and the key that the client has.
var fakeServers = map[string]hostileClient{
	// What is no TLS 1.3 with a key.
	"http":        sends("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
	"ssh":         sends("SSH-2.0-OpenSSH_9.2\r\n"),
	"random":      hostileClients["random"],
	"tls12":       certificateServer(tls.VersionTLS12),
	"certificate": certificateServer(tls.VersionTLS13),
	// Handshakes that do not get to their end.
	"silent":     waitsForTheEnd,
	"closes":     afterHello(closes),
	"resets":     afterHello(resets),
	"half-hello": sends("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03 and no more"),
	"cut-hello": func(raw net.Conn, _ *watchword.Key) error {
		if _, err := io.WriteString(raw, "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03 and no more"); err != nil {
			return err
		}
		return closes(raw, nil)
	},
	"garbage-hello": sends("\x16\x03\x03\x00\x2a\x02\x00\x00\x26" + strings.Repeat("\xff", 38)),
	"endless": func(raw net.Conn, _ *watchword.Key) error {
		for {
			if _, err := io.WriteString(raw, "\x15\x03\x03\x00\x02\x01\x70"); err != nil {
				return err // a warning about the server name, for ever
			}
		}
	},
	"wrong-key": func(raw net.Conn, key *watchword.Key) error {
		return watchword.Server(raw, serverConfig(otherKey(key.Identity(), key.Options()))).Handshake()
	},
	// The right key, and then:
	"truncates": answers("first\nsecond, which is cut", func(c *watchword.Conn) error { return closes(c.NetConn(), nil) }),
	"mute":      answers("", func(c *watchword.Conn) error { return waitsForTheEnd(c.NetConn(), nil) }),
	"aborts":    answers("", func(c *watchword.Conn) error { return c.Abort("for the test") }),
	"bad-lines": answers("first\nnot \xff UTF-8\nlast\n", (*watchword.Conn).Close),
	"escapes":   answers("\x1b[2J a\x00b \u202e\n", (*watchword.Conn).Close),
	"answers":   answers("one\ntwo", (*watchword.Conn).Close),
	"hint": func(raw net.Conn, key *watchword.Key) error {
		config := serverConfig(key)
		config.Policy, config.IdentityHint = watchword.Compatible, "\x1b[2J\u202e\n"
		conn := watchword.Server(raw, config)
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return err
		}
		return conn.Close()
	},
	"too-early": func(raw net.Conn, key *watchword.Key) error {
		conn := watchword.Server(raw, serverConfig(key))
		if _, err := conn.Read(make([]byte, 100)); err != nil {
			return err
		}
		if err := conn.CloseWrite(); err != nil {
			return err
		}
		return waitsForTheEnd(raw, nil)
	},
	"deaf": func(raw net.Conn, key *watchword.Key) error {
		if err := watchword.Server(raw, serverConfig(key)).Handshake(); err != nil {
			return err
		}
		select {} // reads nothing
	},
}

func afterHello(then hostileClient) hostileClient {
	return func(raw net.Conn, key *watchword.Key) error {
		if _, err := io.ReadFull(raw, make([]byte, 100)); err != nil {
			return err
		}
		return then(raw, key)
	}
}

func serverConfig(key *watchword.Key) *watchword.Config {
	return &watchword.Config{Keys: []*watchword.Key{key}, AllowSameProcess: true}
}

// answers reads to the client's close_notify, sends text, and ends as told.
func answers(text string, end func(*watchword.Conn) error) hostileClient {
	return func(raw net.Conn, key *watchword.Key) error {
		conn := watchword.Server(raw, serverConfig(key))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return err
		}
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		return end(conn)
	}
}

func certificateServer(version uint16) hostileClient {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		panic(err)
	}
	config := &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	return func(raw net.Conn, _ *watchword.Key) error { return tls.Server(raw, config).Handshake() }
}
