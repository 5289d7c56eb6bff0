package main

// What the program says, and where:
//
//   - data goes to stdout and nothing else does, so that it can be piped;
//   - everything for people goes to stderr: sentences, warnings, errors;
//   - an error is one sentence that says what happened and what to do, and the
//     exit status is 0 only if there was none;
//   - no secret is printed, and no control character that a file or a peer
//     sent, since it could drive the terminal;
//   - colour is for terminals only, and for nobody who sets NO_COLOR.

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// ui is the program's way to the outside. Its methods may be called by several
// goroutines.
type ui struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	colour bool // on stderr

	mu        sync.Mutex // keeps lines whole; guards stdoutErr
	stdoutErr error      // the first one
}

func newUI() *ui {
	return &ui{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv,
		colour: isTerminal(os.Stderr) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && runtime.GOOS != "windows",
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// printf writes data to stdout. An error is returned, and remembered for the
// exit status.
func (u *ui) printf(format string, args ...any) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, err := fmt.Fprintf(u.stdout, format, args...)
	if err != nil && u.stdoutErr == nil {
		u.stdoutErr = err
	}
	return err
}

// exitStatus turns success into failure if the data did not get out.
func (u *ui) exitStatus(status int) int {
	u.mu.Lock()
	err := u.stdoutErr
	u.mu.Unlock()
	if status == statusOK && err != nil {
		return u.fail(fmt.Errorf("standard output cannot be written to: %w", err))
	}
	return status
}

// speak writes text for people, as it is, to stderr. If that fails, nobody can
// be told.
func (u *ui) speak(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	io.WriteString(u.stderr, text)
}

// say writes a line for people to stderr.
func (u *ui) say(format string, args ...any) {
	u.speak(printable(fmt.Sprintf(format, args...)) + "\n")
}

// The colours of the program's name before a sentence.
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	plain  = "\x1b[0m"
)

func (u *ui) label(colour, text string) string {
	if u.colour {
		return colour + text + plain
	}
	return text
}

// warn says that something is allowed but may not be meant.
func (u *ui) warn(format string, args ...any) {
	u.speak(u.label(yellow, "watchword: warning:") + " " + printable(fmt.Sprintf(format, args...)) + "\n")
}

// fail says what went wrong and returns the status for it. The library's
// errors begin with the program's name already.
func (u *ui) fail(err error) int {
	sentence := strings.TrimPrefix(err.Error(), "watchword: ")
	u.speak(u.label(red, "watchword:") + " " + printable(sentence) + "\n")
	return statusFailed
}

// usage says what is wrong with the command line of a verb, or of none.
func (u *ui) usage(verb, format string, args ...any) int {
	help := strings.TrimSpace("watchword help " + verb)
	u.speak(u.label(red, "watchword:") + " " + printable(fmt.Sprintf(format, args...)) + "\nSee: " + help + "\n")
	return statusUsage
}

// printable returns the text with everything escaped that does not print, save
// line feeds.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = escape(line)
	}
	return strings.Join(lines, "\n")
}

// escape returns the text with everything escaped that does not print, as Go
// writes it: \x1b, \u202e, \n.
func escape(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}
