package interop

// What moves over the connections of the trials: some MiB in both directions,
// compared by their checksum, and the end of each stream.

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/watchword-tls/watchword"
)

// load is what a trial moves: 5 MiB in lines of 80 bytes.
func load() []byte {
	if testing.Short() {
		return bulk()[:80<<12]
	}
	return bulk()[:80<<16]
}

// size says how much that is, for the table.
func size(b []byte) string { return fmt.Sprintf("%.3g MiB", float64(len(b))/(1<<20)) }

// sendsBack sends data to a program that sends it back, maybe changed, and ends
// our stream before all of it is back: what the program still sends must arrive,
// and then its own end.
func sendsBack(t *testing.T, c *watchword.Conn, data, want []byte) string {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		if err == nil {
			err = c.CloseWrite()
		}
		failed <- err
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("our client stops reading after %d bytes: %v", len(got), err)
	}
	if err := <-failed; err != nil {
		t.Fatalf("our client cannot write: %v", err)
	}
	if checksum(got) != checksum(want) {
		t.Errorf("our client reads %s, want %s", checksum(got), checksum(want))
	}
	return size(data) + " each way, half-close"
}

// sendsBackWhole is sendsBack for any program that echoes.
func sendsBackWhole(t *testing.T, c *watchword.Conn) string {
	return sendsBack(t, c, load(), load())
}

// sendsBackPieces is for a program that must not get more before it has sent
// back what it has.
func sendsBackPieces(t *testing.T, c *watchword.Conn) string {
	t.Helper()
	const piece = 80 << 6 // whole lines
	got := make([]byte, piece)
	for rest := load(); len(rest) > 0; rest = rest[piece:] {
		if _, err := c.Write(rest[:piece]); err != nil {
			t.Fatalf("our client cannot write: %v", err)
		}
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, rest[:piece]) {
			t.Fatalf("%d bytes before the end the program sends back something else: %v", len(rest), err)
		}
	}
	endOurs(t, c)
	return size(load()) + " each way"
}

// longLines joins lines of the load, for a program that sends each line by
// itself.
func longLines(text []byte) []byte {
	const lineLen = 8000
	joined := bytes.ReplaceAll(text, []byte("\n"), []byte(" "))
	for i := lineLen - 1; i < len(joined); i += lineLen {
		joined[i] = '\n'
	}
	joined[len(joined)-1] = '\n'
	return joined
}

// reverseLines is what "s_server -rev" makes of a text.
func reverseLines(text []byte) []byte {
	reversed := bytes.Clone(text)
	for begin := 0; begin < len(reversed); {
		end := bytes.IndexByte(reversed[begin:], '\n')
		if end < 0 {
			end = len(reversed) - begin
		}
		line := reversed[begin : begin+end]
		for i, j := 0, len(line)-1; i < j; i, j = i+1, j-1 {
			line[i], line[j] = line[j], line[i]
		}
		begin += end + 1
	}
	return reversed
}

// sendBack is our server's side: it sends back whatever comes, until the
// client's end of its stream.
func sendBack(c *watchword.Conn) error {
	_, err := io.Copy(c, c)
	return err
}

// feeds writes the load to the program's standard input, wants what comes back
// on its standard output, after what it says first, and ends its input: the
// program ends its stream, and then itself.
func feeds(t *testing.T, p *peer, first string, back []byte) string {
	t.Helper()
	data := load()
	begin := 0
	if first != "" {
		p.prints(first)
		begin = len(p.data())
	}
	if _, err := p.stdin.Write(data); err != nil {
		t.Fatalf("%s does not read its standard input: %v", p.name, err)
	}
	got := p.printsData(begin + len(back))[begin:]
	if status := p.ends(); status != 0 {
		t.Errorf("%s ends with status %d, want 0", p.name, status)
	}
	if got = got[:len(back)]; checksum(got) != checksum(back) {
		t.Errorf("%s prints %s, want %s", p.name, checksum(got), checksum(back))
	}
	if len(back) < len(data) {
		return size(data) + " there, " + size(back) + " back"
	}
	return size(data) + " each way"
}
