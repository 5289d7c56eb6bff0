package watchword

// What the network can do to a stream: cut it into pieces, change a byte, end
// it early. Two engines in memory go through all of it.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/internal/record"
)

const (
	textUp   = "this goes up"
	textDown = "and this comes down"
)

// converse is a whole connection: handshake, a text each way, close_notify each
// way. What does not arrive is not waited for.
func (p *pair) converse() {
	p.run()
	for _, e := range []*Engine{p.client, p.server} {
		if e.Complete() && e.Err() == nil {
			text := textUp
			if e == p.server {
				text = textDown
			}
			p.write(e, []byte(text))
			e.CloseWrite()
		}
	}
	p.run()
}

// outcome is how a connection ended at one end.
type outcome struct {
	complete bool
	got      []byte
	err      error
}

// end reads what an engine has after its stream has ended.
func (p *pair) end(e *Engine) outcome {
	got, err := drain(e, p.now)
	if errors.Is(err, ErrNeedInput) || err == nil {
		if err = e.ReceivedEOF(); err == nil {
			err = errors.New("the end of the stream without close_notify was no error")
		}
	}
	return outcome{e.Complete(), got, err}
}

func (o outcome) perfect(text string) bool {
	return o.complete && o.err == io.EOF && string(o.got) == text
}

// honest runs an undisturbed connection and returns it.
func (sc scenario) honest(t *testing.T) *pair {
	t.Helper()
	p := sc.start(t)
	p.converse()
	if s, c := p.end(p.server), p.end(p.client); !s.perfect(textUp) || !c.perfect(textDown) {
		t.Fatalf("An undisturbed connection ended with %v at the server and %v at the client.", s, c)
	}
	if resumed := p.client.Session().Resumed; resumed != (sc.prior > 0) {
		t.Fatalf("Resumed is %v.", resumed)
	}
	return p
}

func TestEverySplitOfTheStream(t *testing.T) {
	for _, sc := range append([]scenario{scenarioHybrid}, scenarios...) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			whole := sc.honest(t)
			for _, chunk := range []int{1, 2, 3, 5, 7, 64} {
				p := sc.start(t)
				p.chunk = chunk
				p.converse()
				if s, c := p.end(p.server), p.end(p.client); !s.perfect(textUp) || !c.perfect(textDown) {
					t.Errorf("In pieces of %d bytes: %v at the server and %v at the client.", chunk, s, c)
				}
				// Encapsulation takes its randomness from the standard library.
				same := sc.name == scenarioHybrid.name || bytes.Equal(p.toServer, whole.toServer) && bytes.Equal(p.toClient, whole.toClient)
				if !same || len(p.toServer) != len(whole.toServer) || len(p.toClient) != len(whole.toClient) {
					t.Errorf("In pieces of %d bytes: what is sent depends on how it arrives.", chunk)
				}
			}
		})
	}
}

// cutAt delivers one direction in two pieces, cut at one offset.
func (p *pair) cutAt(toServer bool, offset int) {
	held := []byte(nil)
	p.change = func(direction bool, at int, b []byte) []byte {
		if direction != toServer {
			return b
		}
		if at < offset && at+len(b) > offset {
			held = b[offset-at:]
			return b[:offset-at]
		}
		b = append(held, b...)
		held = nil
		return b
	}
	p.run()
	if held != nil {
		e := p.client
		if toServer {
			e = p.server
		}
		_ = put(e, held, p.now)
		answer(e, p.now)
	}
	p.change = nil
}

func TestEveryCutOfTheHandshakeInTwo(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			whole := sc.honest(t)
			for _, toServer := range []bool{true, false} {
				stream := whole.toClient
				if toServer {
					stream = whole.toServer
				}
				// A cut at one place needs a whole handshake: where that costs key
				// exchanges, two places in three are left to the loops below.
				every := step(t, sc)
				if sc.exchanges {
					every *= 3
				}
				for offset := 1; offset < len(stream); offset += every {
					p := sc.start(t)
					p.cutAt(toServer, offset)
					p.converse()
					if s, c := p.end(p.server), p.end(p.client); !s.perfect(textUp) || !c.perfect(textDown) {
						t.Fatalf("Cut at %d (to the server: %v): %v at the server and %v at the client.", offset, toServer, s, c)
					}
				}
			}
		})
	}
}

// step thins the exhaustive loops: where each turn costs a key exchange in a
// short run, and never otherwise.
func step(t testing.TB, sc scenario) int {
	if testing.Short() && sc.exchanges {
		return 7
	}
	return 1
}

// ignored reports whether the byte at this offset of a stream is one that a
// receiver ignores: the second byte of legacy_record_version where the record
// is not protected (RFC 9846 §5.1). Its first byte tells TLS from other
// protocols here, and in a protected record both are authenticated (§5.2).
func ignored(records []recordAt, offset int) bool {
	for _, r := range records {
		if offset == r.start+2 {
			return r.kind != record.ApplicationData
		}
	}
	return false
}

func TestEveryByteFlipped(t *testing.T) {
	for _, sc := range scenarios {
		masks := []byte{0x01, 0xff}
		if sc.name != "psk_ke" {
			masks = []byte{0x04}
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			whole := sc.honest(t)
			for _, toServer := range []bool{true, false} {
				stream := whole.toClient
				if toServer {
					stream = whole.toServer
				}
				records := recordsOf(t, stream)
				for offset := 0; offset < len(stream); offset += step(t, sc) {
					for _, mask := range masks {
						what := fmt.Sprintf("bit %#x at %d of %d, to the server: %v", mask, offset, len(stream), toServer)
						sc.flip(t, what, toServer, offset, mask, ignored(records, offset))
					}
				}
			}
		})
	}
}

func (sc scenario) flip(t *testing.T, what string, toServer bool, offset int, mask byte, harmless bool) {
	t.Helper()
	p := sc.start(t)
	p.change = func(direction bool, at int, b []byte) []byte {
		if direction != toServer || offset < at || offset >= at+len(b) {
			return b
		}
		b = bytes.Clone(b)
		b[offset-at] ^= mask
		return b
	}
	p.converse()
	s, c := p.end(p.server), p.end(p.client)
	if harmless {
		if !s.perfect(textUp) || !c.perfect(textDown) {
			t.Errorf("%s: a byte that is to be ignored ended in %v at the server and %v at the client.", what, s, c)
		}
		return
	}
	hit := c
	if toServer {
		hit = s
	}
	if hit.err == io.EOF || hit.err == nil {
		t.Errorf("%s: the end that received it took the stream for whole: %v.", what, hit)
	}
	noMoreThanSent(t, what, s, textUp)
	noMoreThanSent(t, what, c, textDown)
	// Wait for no more: the handshake's keys hang on every byte of it.
	if !s.complete && c.complete && len(c.got) > 0 {
		t.Errorf("%s: the client read data of a server whose handshake is not complete.", what)
	}
}

// noMoreThanSent checks that what was read is what was sent, as far as it goes,
// and all of it where the end counts as clean.
func noMoreThanSent(t *testing.T, what string, o outcome, text string) {
	t.Helper()
	if len(o.got) > len(text) || string(o.got) != text[:len(o.got)] {
		t.Errorf("%s: %q was read, and %q was sent.", what, o.got, text)
	}
	if o.err == io.EOF && string(o.got) != text {
		t.Errorf("%s: a clean end after %q of %q.", what, o.got, text)
	}
}

func TestStreamCutAtEachByte(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			whole := sc.honest(t)
			for _, toServer := range []bool{true, false} {
				stream := whole.toClient
				if toServer {
					stream = whole.toServer
				}
				for offset := 0; offset < len(stream); offset += step(t, sc) {
					sc.cut(t, toServer, offset)
				}
			}
		})
	}
}

func (sc scenario) cut(t *testing.T, toServer bool, length int) {
	t.Helper()
	what := fmt.Sprintf("cut after %d bytes, to the server: %v", length, toServer)
	p := sc.start(t)
	p.change = func(direction bool, at int, b []byte) []byte {
		if direction != toServer || at+len(b) <= length {
			return b
		}
		return b[:max(length-at, 0)]
	}
	p.converse()
	s, c := p.end(p.server), p.end(p.client)
	hit := c
	if toServer {
		hit = s
	}
	if !errors.Is(hit.err, ErrTruncated) {
		t.Errorf("%s: the error is %v, want ErrTruncated.", what, hit.err)
	}
	noMoreThanSent(t, what, s, textUp)
	noMoreThanSent(t, what, c, textDown)
}
