package main

// Peers that do not behave, for the scripts and for server_test.go. They are
// played here because no script could.

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/classic"
	"github.com/watchword-tls/watchword/internal/limits"
)

// A hostileClient does its worst on a connection, and returns when it has.
type hostileClient func(raw net.Conn, key *watchword.Key) error

var hostileClients = map[string]hostileClient{
	// What is no TLS 1.3.
	"http":   sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	"text":   sends("hello, is anybody there?\n"),
	"random": sends("\x8d\x01\xf3\x99" + strings.Repeat("\xa5\x17\xee", 200)),
	"classic": func(raw net.Conn, _ *watchword.Key) error {
		return classic.Send(raw, classic.NewKey(), []byte("hello"))
	},
	"tls12": oldTLS(tls.VersionTLS12),
	"tls10": oldTLS(tls.VersionTLS10),
	"certificate": func(raw net.Conn, _ *watchword.Key) error {
		return tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).Handshake()
	},
	// Handshakes that do not get to their end.
	"nothing":    func(raw net.Conn, _ *watchword.Key) error { return nil },
	"silent":     waitsForTheEnd,
	"half-hello": func(raw net.Conn, key *watchword.Key) error { return halfHello(raw, key, waitsForTheEnd) },
	"cut-hello":  func(raw net.Conn, key *watchword.Key) error { return halfHello(raw, key, closes) },
	"no-finished": func(raw net.Conn, key *watchword.Key) error {
		return noFinished(raw, key, closes)
	},
	"no-finished-silent": func(raw net.Conn, key *watchword.Key) error {
		return noFinished(raw, key, waitsForTheEnd)
	},
	// The wrong key.
	"wrong-key": func(raw net.Conn, key *watchword.Key) error {
		return handshakes(raw, otherKey(key.Identity(), key.Options()))
	},
	"unknown-identity": func(raw net.Conn, key *watchword.Key) error {
		return handshakes(raw, otherKey("mallory\x1b[2J", key.Options()))
	},
	"other-kind": func(raw net.Conn, key *watchword.Key) error {
		return handshakes(raw, otherKey(key.Identity(), watchword.KeyOptions{Kind: watchword.External}))
	},
	// The right key, and then:
	"truncated": then("first\nsecond, which is cut", closes),
	"reset":     then("first\n", resets),
	"not-utf8":  then("first\nnot \xff UTF-8\nlast\n", closesInOrder),
	"too-long":  then("first\n"+strings.Repeat("x", limits.MaxMessage+1)+"\nlast\n", closesInOrder),
	"rubbish":   then(strings.Repeat("\xff\n", 100), waitsForTheEnd),
	"key-updates": func(raw net.Conn, key *watchword.Key) error {
		conn := watchword.Client(raw, clientConfig(key))
		for range 1_000_000 {
			if err := conn.UpdateKeys(false); err != nil {
				return err
			}
		}
		return nil
	},
	"no-line-feed": then("first\nlast", closesInOrder),
	"escapes":      then("a\x00b \x1b[2J\x1b]0;title\a \u202e \u009b\n", closesInOrder),
	"garbled": func(raw net.Conn, key *watchword.Key) error {
		return then("first\n", func(raw net.Conn, _ *watchword.Key) error {
			_, err := raw.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32)))
			return waitsForTheEndAfter(raw, err)
		})(raw, key)
	},
}

func sends(what string) hostileClient {
	return func(raw net.Conn, _ *watchword.Key) error {
		_, err := io.WriteString(raw, what)
		return waitsForTheEndAfter(raw, err)
	}
}

func waitsForTheEnd(raw net.Conn, _ *watchword.Key) error { return waitsForTheEndAfter(raw, nil) }

func waitsForTheEndAfter(raw net.Conn, err error) error {
	if err == nil {
		_, err = io.Copy(io.Discard, raw)
	}
	return err
}

// closes ends the stream, and not more: to close with something unread would be
// a reset.
func closes(raw net.Conn, _ *watchword.Key) error {
	return waitsForTheEndAfter(raw, raw.(*net.TCPConn).CloseWrite())
}

func resets(raw net.Conn, _ *watchword.Key) error {
	if err := raw.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return raw.Close()
}

// closesInOrder is done by then, which has the connection.
func closesInOrder(net.Conn, *watchword.Key) error { return nil }

func oldTLS(version uint16) hostileClient {
	return func(raw net.Conn, _ *watchword.Key) error {
		return tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}).Handshake()
	}
}

func otherKey(identity string, o watchword.KeyOptions) *watchword.Key {
	key, err := watchword.NewKey(identity, bytes.Repeat([]byte{7}, 32), o)
	if err != nil {
		panic(err)
	}
	return key
}

func clientConfig(key *watchword.Key) *watchword.Config {
	return &watchword.Config{Keys: []*watchword.Key{key}}
}

func handshakes(raw net.Conn, key *watchword.Key) error {
	return watchword.Client(raw, clientConfig(key)).Handshake()
}

func halfHello(raw net.Conn, key *watchword.Key, then hostileClient) error {
	engine, err := watchword.NewClientEngine(clientConfig(key), "", time.Now())
	if err != nil {
		return err
	}
	hello := engine.Output(nil)
	if _, err := raw.Write(hello[:len(hello)/2]); err != nil {
		return err
	}
	return then(raw, key)
}

// noFinished stops when the server has answered the ClientHello.
func noFinished(raw net.Conn, key *watchword.Key, then hostileClient) error {
	engine, err := watchword.NewClientEngine(clientConfig(key), "", time.Now())
	if err != nil {
		return err
	}
	if _, err := raw.Write(engine.Output(nil)); err != nil {
		return err
	}
	if _, err := io.ReadFull(raw, make([]byte, 100)); err != nil {
		return err
	}
	return then(raw, key)
}

// then proves the key, sends text and goes on with what follows.
func then(text string, follows hostileClient) hostileClient {
	return func(raw net.Conn, key *watchword.Key) error {
		conn := watchword.Client(raw, clientConfig(key))
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		if err := follows(raw, key); err != nil {
			return err
		}
		if err := conn.CloseWrite(); err != nil {
			return nil // it is closed already
		}
		_, err := io.Copy(io.Discard, conn)
		return err
	}
}

// beHostile plays the named client, until ctx ends at the latest.
func beHostile(ctx context.Context, address, kind string, key *watchword.Key) error {
	client, ok := hostileClients[kind]
	if !ok {
		return fmt.Errorf("no hostile client is called %s; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(hostileClients)), ", "))
	}
	raw, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	// What the server makes of it is its own affair.
	_ = client(raw, key)
	return nil
}
