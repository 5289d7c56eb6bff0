// Package rfc8448test reads the handshake traces of RFC 8448 from
// internal/testdata/rfc8448 for the tests of other packages. Nothing but tests
// may import it.
package rfc8448test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Field is one named value of a step.
type Field struct {
	Name  string // such as "ClientHello", "PRK", "complete record"
	Value []byte
}

// A Step is what one end does, with all values that the RFC shows. A step
// that is "(same as server)" has no values.
type Step struct {
	Who    string // "client" or "server"
	Action string // such as `derive secret "tls13 c hs traffic"`
	Fields []Field
}

// Get returns the value of this name, or nil where the step has none. An empty
// value is not nil.
func (s Step) Get(name string) []byte {
	for _, f := range s.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Is reports whether the action begins with prefix.
func (s Step) Is(prefix string) bool { return strings.HasPrefix(s.Action, prefix) }

// A Trace is one section of the RFC.
type Trace struct {
	Section int
	Steps   []Step
}

// A Record is one record of a trace.
type Record struct {
	Who     string
	Type    string // the RFC's word: "handshake", "application_data", "alert" or "change_cipher_spec"
	Payload []byte // the content
	Raw     []byte // the complete record as sent
}

// A Message is one handshake message of a trace, with its header.
type Message struct {
	Who  string
	Type uint8
	Raw  []byte
}

// Sections returns the numbers of the RFC's sections that have a trace.
func Sections() []int { return []int{3, 4, 5, 6, 7} }

// Load reads the trace of one section.
func Load(t testing.TB, section int) *Trace {
	t.Helper()
	file, err := os.Open(filepath.Join(dir(t), fmt.Sprintf("section%d.txt", section)))
	if err != nil {
		t.Fatalf("The trace cannot be read: %v", err)
	}
	defer file.Close()
	trace := &Trace{Section: section}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if name == "client" || name == "server" {
			trace.Steps = append(trace.Steps, Step{Who: name, Action: value})
			continue
		}
		raw, err := hex.DecodeString(value)
		if err != nil || len(trace.Steps) == 0 {
			t.Fatalf("In the trace of section %d this line makes no sense: %.60s", section, line)
		}
		last := &trace.Steps[len(trace.Steps)-1]
		last.Fields = append(last.Fields, Field{name, raw})
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("The trace cannot be read: %v", err)
	}
	return trace
}

// dir finds internal/testdata/rfc8448 from the directory of any package of
// this module, which is where a test runs.
func dir(t testing.TB) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatalf("The working directory is not known: %v", err)
	}
	for {
		data := filepath.Join(here, "internal", "testdata", "rfc8448")
		if _, err := os.Stat(data); err == nil {
			return data
		}
		parent := filepath.Dir(here)
		if parent == here {
			t.Fatal("internal/testdata/rfc8448 is in none of the directories above this test.")
		}
		here = parent
	}
}

// Record returns the record that a step sends; ok is false where it sends none.
func (s Step) Record() (r Record, ok bool) {
	kind, isSend := strings.CutPrefix(s.Action, "send ")
	kind, isRecord := strings.CutSuffix(kind, " record")
	return Record{Who: s.Who, Type: kind, Payload: s.Get("payload"), Raw: s.Get("complete record")}, isSend && isRecord
}

// Records returns every record in the order sent.
func (tr *Trace) Records() []Record {
	var all []Record
	for _, s := range tr.Steps {
		if r, ok := s.Record(); ok {
			all = append(all, r)
		}
	}
	return all
}

// Messages returns every handshake message in the order sent. A ClientHello
// has its binders.
func (tr *Trace) Messages(t testing.TB) []Message {
	t.Helper()
	var all []Message
	for _, r := range tr.Records() {
		if r.Type != "handshake" {
			continue
		}
		for rest := r.Payload; len(rest) > 0; {
			n := 4
			if len(rest) >= n {
				n += int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
			}
			if len(rest) < n {
				t.Fatalf("In section %d a record ends within a handshake message.", tr.Section)
			}
			all = append(all, Message{r.Who, rest[0], rest[:n:n]})
			rest = rest[n:]
		}
	}
	return all
}
