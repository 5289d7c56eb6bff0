package main

// Messages: a message is a line of UTF-8 of at most limits.MaxMessage bytes. On
// a connection it ends with a line feed; the last one may end with the stream,
// if that ends with close_notify. A carriage return before the line feed belongs
// to the end of the line. Every character may stand in a message; what could
// drive a terminal is escaped where the message is shown.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/watchword-tls/watchword/internal/limits"
)

// notMessage is a line that is no message. The lines after it can be read.
type notMessage string

func (e notMessage) Error() string { return string(e) }

var (
	errTooLong = notMessage(fmt.Sprintf("a line of more than %d bytes, the most that a message may have", limits.MaxMessage))
	errNotUTF8 = notMessage("a line that is not UTF-8")
)

// checkMessage refuses text that is no message.
func checkMessage(text string) error {
	switch {
	case len(text) > limits.MaxMessage:
		return errTooLong
	case !utf8.ValidString(text):
		return errNotUTF8
	}
	return nil
}

// lineReader reads messages.
type lineReader struct {
	r       *bufio.Reader
	line    []byte // of the line being read, what came so far
	tooLong bool   // it is skipped up to its end
}

const keptLine = 64 << 10 // bytes of a buffer that is used again for the next line

func newLineReader(r io.Reader) *lineReader { return &lineReader{r: bufio.NewReader(r)} }

// next returns the next message. After a notMessage it goes on with the next
// line, after a timeout with the same one. io.EOF comes when all is read.
func (l *lineReader) next() (string, error) {
	for {
		part, err := l.r.ReadSlice('\n')
		l.add(part)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF) && l.unfinished():
			return l.take()
		default:
			return "", err
		}
	}
}

// add keeps what belongs to the line, as far as it may still be a message.
func (l *lineReader) add(part []byte) {
	const most = limits.MaxMessage + len("\r\n")
	if l.tooLong || len(l.line)+len(part) > most {
		l.tooLong, l.line = true, nil
		return
	}
	l.line = append(l.line, part...)
}

// unfinished reports whether a line was begun and did not end.
func (l *lineReader) unfinished() bool { return l.tooLong || len(l.line) > 0 }

func (l *lineReader) take() (string, error) {
	text := string(bytes.TrimSuffix(bytes.TrimSuffix(l.line, []byte("\n")), []byte("\r")))
	tooLong := l.tooLong
	l.tooLong, l.line = false, l.line[:0]
	if cap(l.line) > keptLine {
		l.line = nil
	}
	if tooLong {
		return "", errTooLong
	}
	if err := checkMessage(text); err != nil {
		return "", err
	}
	return text, nil
}

// ready reports whether the next line is here already, so that reading it does
// not wait.
func (l *lineReader) ready() bool {
	waiting, _ := l.r.Peek(l.r.Buffered()) // no more than is there: no error
	return bytes.IndexByte(waiting, '\n') >= 0
}

// message is one that came from a peer.
type message struct {
	Time     string `json:"time"`     // RFC 3339
	Identity string `json:"identity"` // as a key file has it
	Text     string `json:"text"`
	Remote   string `json:"remote"` // the peer's address
}

// messageForm is how messages are shown.
type messageForm uint8

const (
	textOnly     messageForm = iota // TEXT, where there is one peer
	withIdentity                    // IDENTITY: TEXT
	asJSON                          // an object a line
)

// messageWriter shows messages, each with one write.
type messageWriter struct {
	mu   sync.Mutex
	w    io.Writer
	form messageForm
}

// show returns only when the message was written, or could not be.
func (m *messageWriter) show(identity, text, remote string) error {
	var line string
	switch m.form {
	case asJSON:
		line = toJSON(message{time.Now().Format("2006-01-02T15:04:05.000Z07:00"), identity, text, remote})
	case withIdentity:
		line = identity + ": " + escapeText(text)
	default:
		line = escapeText(text)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := io.WriteString(m.w, line+"\n")
	return err
}

// drivesTerminal reports whether a character could do more than stand in its
// place: control characters, the two separators that some take for ends of
// lines, and those that turn the direction of what follows. Others that do not
// print, such as the joiner inside an emoji, are part of honest text.
func drivesTerminal(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// escapeText returns a message for a terminal: \x1b, \t, \u202e.
func escapeText(text string) string {
	if strings.IndexFunc(text, drivesTerminal) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if drivesTerminal(r) {
			b.WriteString(escape(string(r)))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// toJSON is the exact form of a message. What could drive a terminal is escaped
// in it as well, which JSON allows everywhere and package json does not do for
// all of it.
func toJSON(m message) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(m) // strings, into memory: it cannot fail
	encoded := strings.TrimSuffix(b.String(), "\n")
	if strings.IndexFunc(encoded, drivesTerminal) < 0 {
		return encoded
	}
	b.Reset()
	for _, r := range encoded {
		if drivesTerminal(r) {
			fmt.Fprintf(&b, `\u%04x`, r) // all of them are in the basic plane
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
