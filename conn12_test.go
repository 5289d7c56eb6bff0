package watchword

// A Conn of TLS 1.2 as a net.Conn: over a socket, a socket behind a type that
// hides it, and a pipe.

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
)

// connPair12 returns both ends of a connection after their handshakes.
func connPair12(t testing.TB, a, b net.Conn, id SuiteID) (client, server *Conn) {
	t.Helper()
	k := keyWith(t, "alice", 1, external)
	client = Client(a, &Config{Keys: []*Key{k}, Policy: Legacy, Suites: []SuiteID{id}})
	server = Server(b, &Config{Keys: []*Key{k}, Policy: Legacy, AllowSameProcess: true})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatalf("The handshake fails: %v", err)
	}
	if v := client.ConnectionState().Version; v != tls.VersionTLS12 || server.Session().Suite != id {
		t.Fatalf("The connection has version %x and the suite %s.", v, server.Session().Suite)
	}
	return client, server
}

// overEach12 runs a test over each kind of carrier, with a suite each.
func overEach12(t *testing.T, test func(t *testing.T, client, server *Conn)) {
	suites := map[string]SuiteID{"TCP": TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256, "wrapped TCP": TLS_PSK_WITH_AES_256_GCM_SHA384, "pipe": TLS_PSK_WITH_CHACHA20_POLY1305_SHA256}
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			a, b := carrier(t)
			client, server := connPair12(t, a, b, suites[name])
			test(t, client, server)
		})
	}
}

// Large streams cross in both directions at once, and each half ends by itself.
func TestConnCarriesLargeStreams12(t *testing.T) {
	const size = 1 << 20
	overEach12(t, func(t *testing.T, client, server *Conn) {
		var all sync.WaitGroup
		for i, c := range []*Conn{client, server} {
			all.Add(2)
			go func() {
				defer all.Done()
				source := io.LimitReader(rand.NewChaCha8([32]byte{byte(i)}), size)
				if n, err := io.Copy(c, source); n != size || err != nil {
					t.Errorf("End %d wrote %d bytes: %v.", i, n, err)
				}
				if err := c.CloseWrite(); err != nil {
					t.Errorf("End %d cannot close its half: %v.", i, err)
				}
			}()
			go func() {
				defer all.Done()
				got, want := sha256.New(), sha256.New()
				if n, err := io.Copy(got, c); n != size || err != nil {
					t.Errorf("End %d read %d bytes: %v.", i, n, err)
				}
				io.Copy(want, io.LimitReader(rand.NewChaCha8([32]byte{byte(1 - i)}), size))
				if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
					t.Errorf("End %d read other bytes than were written.", i)
				}
			}()
		}
		all.Wait()
		if err := errors.Join(client.Close(), server.Close()); err != nil {
			t.Errorf("Closing fails: %v.", err)
		}
	})
}

// After one half is closed, the other goes on (RFC 9846 §6.1 for TLS 1.2 too).
func TestConnHalfClose12(t *testing.T) {
	overEach12(t, func(t *testing.T, client, server *Conn) {
		go func() {
			io.WriteString(client, "the last of it")
			client.CloseWrite()
		}()
		if got, err := io.ReadAll(server); string(got) != "the last of it" || err != nil {
			t.Fatalf("The server read %q: %v.", got, err)
		}
		buf := make([]byte, 10)
		for i := range 20 {
			go server.Write([]byte{byte(i)})
			if n, err := client.Read(buf); n != 1 || err != nil || buf[0] != byte(i) {
				t.Fatalf("After it closed its half, the client read %x: %v.", buf[:n], err)
			}
		}
		if _, err := client.Write([]byte("more")); !errors.Is(err, ErrClosed) {
			t.Errorf("Writing after CloseWrite: %v, want ErrClosed.", err)
		}
		go server.Close()
		if n, err := client.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("At the end the client read %d: %v.", n, err)
		}
	})
}

// A Read that timed out may be tried again, even in the middle of a record.
func TestConnReadDeadline12(t *testing.T) {
	for name, carrier := range carriers {
		a, b := carrier(t)
		client, server := connPair12(t, a, b, TLS_PSK_WITH_AES_128_CBC_SHA256)
		buf := make([]byte, 100)
		server.SetReadDeadline(past)
		if n, err := server.Read(buf); n != 0 || !isTimeout(err) {
			t.Errorf("%s: Read after the deadline: %d, %v.", name, n, err)
		}
		client.engineMu.Lock()
		rec, _, err := client.engine.Seal(nil, []byte("in two pieces"), 1000)
		client.engineMu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{rec[:3], rec[3:20]} {
			written := make(chan struct{})
			go func() {
				a.Write(part)
				close(written)
			}()
			for arrived := false; !arrived; {
				server.SetReadDeadline(time.Now().Add(time.Millisecond))
				if n, err := server.Read(buf); n != 0 || !isTimeout(err) {
					t.Errorf("%s: Read of a part of a record: %d, %v.", name, n, err)
				}
				select {
				case <-written:
					arrived = true
				default: // a pipe needs its reader
				}
			}
		}
		server.SetReadDeadline(never)
		go a.Write(rec[20:])
		if n, err := server.Read(buf); string(buf[:n]) != "in two pieces" || err != nil {
			t.Errorf("%s: %q, %v.", name, buf[:n], err)
		}
	}
}

// The end of the stream without close_notify is no clean end; Abort is none
// either.
func TestConnTruncation12(t *testing.T) {
	overEach12(t, func(t *testing.T, client, server *Conn) {
		go func() {
			io.WriteString(client, "not all of it")
			client.NetConn().Close()
		}()
		if got, err := io.ReadAll(server); string(got) != "not all of it" || !errors.Is(err, ErrTruncated) {
			t.Errorf("A connection that was cut reads %q and ends in %v, want ErrTruncated.", got, err)
		}
	})
	overEach12(t, func(t *testing.T, client, server *Conn) {
		go func() {
			io.WriteString(client, "not all of it")
			client.Abort("the disk is full")
		}()
		got, err := io.ReadAll(server)
		var remote *RemoteError
		if string(got) != "not all of it" || !errors.As(err, &remote) {
			t.Errorf("The other end read %q, %v, want an alert.", got, err)
		}
	})
}

// There is no KeyUpdate: the call says so, and the connection goes on.
func TestConnUpdateKeys12(t *testing.T) {
	overEach12(t, func(t *testing.T, client, server *Conn) {
		for _, c := range []*Conn{client, server} {
			for _, both := range []bool{true, false} {
				says(t, "UpdateKeys", c.UpdateKeys(both), "TLS 1.2 has no KeyUpdate", "open a new connection")
			}
		}
		echo(t, client, server)
	})
}

func TestHTTP12(t *testing.T) {
	key := keyWith(t, "alice", 1, external)
	listener, err := Listen("tcp", "127.0.0.1:0", &Config{Keys: []*Key{key}, Policy: Compatible, AllowSameProcess: true})
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !r.TLS.HandshakeComplete || r.TLS.Version != 0x0303 {
			t.Errorf("The handler's Request.TLS is %+v.", r.TLS)
		}
		io.WriteString(w, "hello")
	})}
	go server.Serve(listener)
	defer server.Close()
	config := &Config{Keys: []*Key{key}, Policy: Compatible, MaxVersion: VersionTLS12, Tickets: &Tickets{Cache: NewTicketCache()}}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return DialContext(ctx, network, address, config)
		},
	}}
	for range 3 { // the later ones are resumed
		response, err := client.Get("https://" + listener.Addr().String() + "/")
		if err != nil {
			t.Fatalf("The page was not fetched: %v", err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(body) != "hello" {
			t.Errorf("The page is %q, error %v.", body, err)
		}
	}
}

// Resumption over sockets, with tickets kept under the address.
func TestConnResumption12(t *testing.T) {
	k := keyWith(t, "alice", 1, external)
	cc := &Config{Keys: []*Key{k}, Policy: Compatible, MaxVersion: VersionTLS12, Tickets: &Tickets{Cache: NewTicketCache()}}
	sc := &Config{Keys: []*Key{k}, Policy: Compatible, AllowSameProcess: true}
	for i := range 3 {
		a, b := tcpPair(t)
		c, s := Client(a, cc), Server(b, sc)
		c.dialed = "same"
		go s.Handshake()
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		echo(t, c, s)
		for _, session := range []Session{c.Session(), s.Session()} {
			if session.Resumed != (i > 0) || session.Identity != "alice" || session.Version != VersionTLS12 {
				t.Errorf("Connection %d: %+v.", i, session)
			}
		}
	}
}

// paddedRecord makes a record of MAC-then-encrypt with a padding of any legal
// length, by hand: ours is always the shortest (RFC 5246 §6.2.3.2). padding is
// padding_length, as far as whole blocks allow it.
func (r *raw12) paddedRecord(seq uint64, content []byte, padding int) []byte {
	r.t.Helper()
	header := binary.BigEndian.AppendUint64(nil, seq)
	header = append(header, byte(record.ApplicationData), 3, 3, byte(len(content)>>8), byte(len(content)))
	mac := hmac.New(sha256.New, r.write.MACKey())
	mac.Write(header)
	mac.Write(content)
	inner := mac.Sum(bytes.Clone(content))
	padding -= (len(inner) + padding + 1) % aes.BlockSize
	for padding < 0 {
		padding += aes.BlockSize
	}
	inner = append(inner, bytes.Repeat([]byte{byte(padding)}, padding+1)...)
	block, err := aes.NewCipher(r.write.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	body := make([]byte, aes.BlockSize+len(inner))
	_, _ = io.ReadFull(r.rand, body[:aes.BlockSize])
	cipher.NewCBCEncrypter(block, body[:aes.BlockSize]).CryptBlocks(body[aes.BlockSize:], inner)
	return plainRecord(record.ApplicationData, body)
}

// Records with paddings of every length, and so the longest records that there
// are, come through every kind of carrier and every size of Read.
func TestConnLongPaddings12(t *testing.T) {
	for name, carrier := range carriers {
		for _, size := range []int{100, limits.MaxPlaintext, 100_000} {
			d := rawDuel(t, TLS_PSK_WITH_AES_128_CBC_SHA256, suite.MACThenEncrypt, true, false)
			d.raw.afterwards = nil
			d.mustComplete()
			a, b := carrier(t)
			conn := Server(b, d.victim.config)
			conn.engine = d.victim
			conn.handshakeDone.Store(true)
			var want []byte
			seq := d.raw.writer.Seq()
			var stream []byte
			longest := 0
			for i := range 18 {
				content := bytes.Repeat([]byte{byte(i)}, limits.MaxPlaintext-i)
				if i > 2 {
					content = content[:i*20]
				}
				rec := d.raw.paddedRecord(seq+uint64(i), content, 255-(i%16)*15)
				longest = max(longest, len(rec))
				want, stream = append(want, content...), append(stream, rec...)
			}
			if longest <= limits.RecordHeaderLen+limits.MaxCiphertext {
				t.Fatalf("The longest record has %d bytes, and that is not what is to be tested.", longest)
			}
			go a.Write(stream)
			got, buf := []byte(nil), make([]byte, size)
			for len(got) < len(want) {
				n, err := conn.Read(buf)
				if err != nil {
					t.Fatalf("%s, reads of %d bytes: %v after %d bytes of %d.", name, size, err, len(got), len(want))
				}
				got = append(got, buf[:n]...)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, reads of %d bytes: other bytes arrive.", name, size)
			}
		}
	}
}

// Every padding that is legal opens, and every one that is not ends in the same
// alert, whichever of its bytes is wrong.
func TestPaddings12(t *testing.T) {
	start := func() *duel {
		d := rawDuel(t, TLS_PSK_WITH_AES_128_CBC_SHA256, suite.MACThenEncrypt, true, false)
		d.raw.afterwards = nil
		d.mustComplete()
		return d
	}
	d := start()
	seq := d.raw.writer.Seq()
	for padding := range 256 {
		content := []byte(fmt.Sprintf("%032d", padding))[padding%16:]
		d.deliver(d.raw.paddedRecord(seq+uint64(padding), content, padding))
		if got, err := drain(d.victim, testNow); !bytes.Equal(got, content) || !errors.Is(err, ErrNeedInput) {
			t.Fatalf("With a padding of %d, %q is read: %v.", padding, got, err)
		}
	}
	// A byte of the ciphertext changes the same byte of the next block's plaintext:
	// the MAC stays right, and one byte of the padding is wrong.
	for at := range 256 - aes.BlockSize {
		d := start()
		rec := d.raw.paddedRecord(d.raw.writer.Seq(), []byte("0123456789abcdef"), 255)
		rec[len(rec)-aes.BlockSize-1-at] ^= 1
		d.deliver(rec)
		got, err := drain(d.victim, testNow)
		if len(got) > 0 || !errors.Is(err, record.ErrMAC) {
			t.Errorf("With a wrong byte %d before the end of the padding, %q is read: %v.", at, got, err)
		}
	}
}

// The last flight of a client comes while the server waits for keys. When they
// are there and the handshake is complete, nobody holds a buffer for it.
func TestAServerHoldsNoBufferAfterItsHandshake12(t *testing.T) {
	overEach12(t, func(t *testing.T, client, server *Conn) {
		for _, c := range []*Conn{client, server} {
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			if c.engine.input.buf != nil {
				t.Errorf("After the handshake an end holds %d bytes.", len(c.engine.input.buf))
			}
		}
	})
}
