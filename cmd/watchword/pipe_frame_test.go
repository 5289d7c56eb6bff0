package main

// The frames of watchword-pipe/1, and peers that send wrong ones.

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

func dataFrame(text string) string {
	b := make([]byte, frameHeader, frameHeader+len(text))
	putFrameHeader(b, frameData, len(text))
	return string(b) + text
}

// deframe feeds a stream in pieces of the given size, and returns its data and
// its control frames in order.
func deframe(stream string, size int) (string, error) {
	var d deframer
	var got strings.Builder
	for len(stream) > 0 {
		n := min(size, len(stream))
		piece := []byte(stream[:n])
		stream = stream[n:]
		for len(piece) > 0 {
			data, rest, c, err := d.next(piece)
			got.Write(data)
			if err != nil {
				return got.String(), err
			}
			if c != nil {
				fmt.Fprintf(&got, "<%d %d>", c.frameType, c.number)
			}
			piece = rest
		}
	}
	return got.String(), nil
}

// However the stream is cut, the same data and the same control frames come
// out.
func TestFramesAtEverySplit(t *testing.T) {
	done, end, failed := string(controlFrame(frameDone, 0)), string(controlFrame(frameEnd, 0)), string(controlFrame(frameFailed, 0x010203))
	stream := dataFrame("a") + dataFrame("bcd") + done + dataFrame(strings.Repeat("x", 300)) + dataFrame("e") + end + failed
	want := "abcd<2 0>" + strings.Repeat("x", 300) + "e<1 0><3 66051>"
	for size := 1; size <= len(stream); size++ {
		if got, err := deframe(stream, size); got != want || err != nil {
			t.Fatalf("In pieces of %d bytes the stream reads %q with the error %v, want %q.", size, got, err, want)
		}
	}
}

// Data of several frames that came together leaves in one piece.
func TestFramesAreJoined(t *testing.T) {
	var d deframer
	data, rest, c, err := d.next([]byte(dataFrame("abc") + dataFrame("d") + dataFrame("ef")))
	if string(data) != "abcdef" || len(rest) > 0 || c != nil || err != nil {
		t.Errorf("Three frames give %q, %q, %v and the error %v, want abcdef alone.", data, rest, c, err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(dataFrame("abc")+string(controlFrame(frameEnd, 0))), 3)
	f.Add([]byte{0, 0, 0, 0, 9}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 {
			size = 1
		}
		whole, wholeErr := deframe(string(stream), len(stream)+1)
		got, err := deframe(string(stream), size)
		if got != whole || fmt.Sprint(err) != fmt.Sprint(wholeErr) {
			t.Errorf("In pieces of %d bytes %q reads %q with the error %v, as a whole %q with %v.", size, stream, got, err, whole, wholeErr)
		}
	})
}

// What a peer that has the key can do wrong, and what is said about it.
func TestPipePeersThatMisbehave(t *testing.T) {
	done, end := string(controlFrame(frameDone, 0)), string(controlFrame(frameEnd, 0))
	for _, c := range []struct {
		name, sends string
		finish      func(*watchword.Conn) error
		want        string
	}{
		{"unknown type", "\x04\x00\x00\x00", nil, "sent a frame of type 4, which watchword-pipe/1 does not have, so the connection was ended"},
		{"no frames", "GET / HTTP/1.1\r\n", nil, "sent a frame of type 71, "},
		{"empty data", "\x00\x00\x00\x00", nil, "sent a data frame without data, "},
		{"data after the end", end + dataFrame("x"), nil, "sent data after its end, "},
		{"two ends", end + end, nil, "sent its end twice, "},
		{"number", "\x01\x00\x00\x07", nil, "sent a frame of type 1 with the number 7 where 0 belongs, "},
		{"confirms too much", done, nil, "sent a confirmation of what was not sent, "},
		{"fails", dataFrame("x") + string(controlFrame(frameFailed, 2)), nil, "could not read all of its standard input"},
		{"fails otherwise", string(controlFrame(frameFailed, 99)), nil, "gave up"},
		{"closes early", dataFrame("x"), (*watchword.Conn).CloseWrite, "closed the connection before both ends had confirmed that all is written"},
		{"closes after its end", dataFrame("x") + end, (*watchword.Conn).CloseWrite, "closed the connection before both ends had confirmed that all is written"},
		{"closes in a frame", dataFrame("abc")[:5], (*watchword.Conn).CloseWrite, "closed the connection before both ends had confirmed that all is written"},
		{"is cut", dataFrame("x") + end, func(c *watchword.Conn) error { return closes(c.NetConn(), nil) }, "broke off: the connection ended without close_notify"},
		{"resets", dataFrame("x"), func(c *watchword.Conn) error { return resets(c.NetConn(), nil) }, "broke off: the other end cut it"},
		{"aborts", dataFrame("x"), func(c *watchword.Conn) error { return c.Abort("for the test") }, "gave up and ended the connection (alert 80 internal_error)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := startPipe(t, "--listen", "127.0.0.1:0")
			config := clientConfig(l.key)
			config.NextProtos = []string{pipeProtocol}
			conn, err := watchword.Dial("tcp", l.address, config)
			if err != nil {
				t.Fatalf("no connection with the pipe: %v", err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.sends); err != nil {
				t.Fatalf("the pipe takes nothing: %v", err)
			}
			if c.finish != nil {
				_ = c.finish(conn) // what the pipe makes of it is what counts
			} else if _, err := io.Copy(io.Discard, conn); err == nil {
				t.Error("The pipe closed the connection as if all was well.")
			}
			conn.Close()
			l.wantEnd(statusFailed, "^watchword: (the connection with )?watchword at [0-9.:]+ "+regexp.QuoteMeta(c.want))
		})
	}
}

// A peer that sends each byte in a record of its own, and confirms before it has
// ended, is served.
func TestPipePeerOfManyRecords(t *testing.T) {
	l := startPipe(t, "--listen", "127.0.0.1:0")
	config := clientConfig(l.key)
	config.NextProtos = []string{pipeProtocol}
	conn, err := watchword.Dial("tcp", l.address, config)
	if err != nil {
		t.Fatalf("no connection with the pipe: %v", err)
	}
	defer conn.Close()
	l.stdin.Close()
	answer := make([]byte, frameHeader)
	if _, err := io.ReadFull(conn, answer); err != nil || !bytes.Equal(answer, controlFrame(frameEnd, 0)) {
		t.Fatalf("the pipe sends %x at the end of its input, with the error %v", answer, err)
	}
	for _, b := range []byte(string(controlFrame(frameDone, 0)) + dataFrame("hello, ") + dataFrame("there") + string(controlFrame(frameEnd, 0))) {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatalf("the pipe takes no more: %v", err)
		}
	}
	if rest, err := io.ReadAll(conn); err != nil || !bytes.Equal(rest, controlFrame(frameDone, 0)) {
		t.Errorf("The pipe answers %x and ends with %v, want its confirmation and close_notify.", rest, err)
	}
	if got := l.readAll(); got != "hello, there" {
		t.Errorf("The pipe wrote %q.", got)
	}
	conn.Close()
	l.wantEnd(statusOK, `^sent 0 bytes in \S+ s, received 12 bytes in \S+ s; watchword at \S+ has written all of it$`)
}
