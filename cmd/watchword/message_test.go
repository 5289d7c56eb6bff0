package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

func TestLineReader(t *testing.T) {
	longest := strings.Repeat("x", limits.MaxMessage)
	for _, c := range []struct {
		name, input string
		want        []string // a message, or "!" and the error
	}{
		{"lines", "one\ntwo\n", []string{"one", "two"}},
		{"an end without a line feed", "one\ntwo", []string{"one", "two"}},
		{"CRLF", "one\r\ntwo\r", []string{"one", "two"}},
		{"empty lines", "\n\r\n\n", []string{"", "", ""}},
		{"nothing", "", nil},
		{"a carriage return inside", "a\rb\n", []string{"a\rb"}},
		{"NUL and escapes", "a\x00b\x1b[2J\n", []string{"a\x00b\x1b[2J"}},
		{"not UTF-8", "one\n\xff\ntwo\n", []string{"one", "!" + errNotUTF8.Error(), "two"}},
		{"the longest", longest + "\r\n" + longest, []string{longest, longest}},
		{"too long", "one\n" + longest + "y\ntwo\n", []string{"one", "!" + errTooLong.Error(), "two"}},
		{"far too long", longest + longest + longest + "\ntwo\n", []string{"!" + errTooLong.Error(), "two"}},
		{"too long at the end", longest + longest, []string{"!" + errTooLong.Error()}},
	} {
		for how, r := range map[string]io.Reader{"at once": strings.NewReader(c.input), "in halves": iotest.HalfReader(strings.NewReader(c.input)), "end with data": iotest.DataErrReader(strings.NewReader(c.input))} {
			var got []string
			lines := newLineReader(r)
			for {
				text, err := lines.next()
				var bad notMessage
				if errors.As(err, &bad) {
					got = append(got, "!"+bad.Error())
					continue
				}
				if err != nil {
					if err != io.EOF {
						t.Errorf("%s, %s: the end is %v, want io.EOF.", c.name, how, err)
					}
					break
				}
				got = append(got, text)
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("%s, %s: %d lines were read, want %d, or they differ.", c.name, how, len(got), len(c.want))
			}
		}
	}
}

// stutter gives a timeout before each piece.
type stutter struct {
	pieces []string
	timed  bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.timed = !s.timed; s.timed {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.pieces) == 0 {
		return 0, errors.New("cut")
	}
	n := copy(p, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func TestLineReaderGoesOnAfterATimeout(t *testing.T) {
	lines := newLineReader(&stutter{pieces: []string{"hel", "lo\nwo", "rld"}})
	var got []string
	for {
		text, err := lines.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			break
		}
		got = append(got, text)
	}
	if strings.Join(got, "|") != "hello" {
		t.Errorf("The messages are %q, want only hello: a line that was cut is none.", got)
	}
	if !lines.unfinished() {
		t.Error("The line that was cut is not reported as unfinished.")
	}
}

func TestWhatIsShownDrivesNoTerminal(t *testing.T) {
	for text, want := range map[string]string{
		"plain, b\u00e9, \u4f60\u3000\u597d, a\u00a0b":    "plain, b\u00e9, \u4f60\u3000\u597d, a\u00a0b",
		"\U0001F469\u200d\U0001F680":                      "\U0001F469\u200d\U0001F680",
		"a\x00b\x1b[2J\r\t\x7f":                           `a\x00b\x1b[2J\r\t\x7f`,
		"\u009b2J \u202e\u2066\u200f \u2028\u2029 \u0085": `\u009b2J \u202e\u2066\u200f \u2028\u2029 \u0085`,
		`C:\new "quoted" <b>`:                             `C:\new "quoted" <b>`,
	} {
		var out bytes.Buffer
		w := &messageWriter{w: &out, form: withIdentity}
		if err := w.show("alice", text, "192.0.2.1:7"); err != nil || out.String() != "alice: "+want+"\n" {
			t.Errorf("%q is shown as %q, error %v.", text, out.String(), err)
		}
		out.Reset()
		w.form = asJSON
		w.show("alice", text, "192.0.2.1:7")
		if strings.ContainsFunc(strings.TrimSuffix(out.String(), "\n"), drivesTerminal) {
			t.Errorf("The JSON of %q can drive a terminal: %q.", text, out.String())
		}
		var m message
		if err := json.Unmarshal(out.Bytes(), &m); err != nil || m.Text != text || m.Identity != "alice" || m.Remote != "192.0.2.1:7" {
			t.Errorf("The JSON of %q reads as %+v, error %v.", text, m, err)
		}
		if _, err := time.Parse(time.RFC3339, m.Time); err != nil {
			t.Errorf("The time %q is not as RFC 3339 writes it: %v.", m.Time, err)
		}
	}
}

func TestMessagesOfTheCommandLine(t *testing.T) {
	for text, want := range map[string]string{
		"hello":                                  "",
		"":                                       "",
		"a\x00\x1b":                              "",
		"two\nlines":                             "a message is one line",
		"\xff":                                   "not UTF-8",
		strings.Repeat("x", limits.MaxMessage+1): "more than 1048576 bytes",
	} {
		var list texts
		err := list.Set(text)
		if want == "" && (err != nil || len(list) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(list) > 0) {
			t.Errorf("-m %.20q gives %q and the error %v, want an error with %q.", text, list, err, want)
		}
	}
}
