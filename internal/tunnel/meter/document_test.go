package meter

// docs/metrics.md and packaging/alerts.yml tell of figures that there are, and
// of all of them.

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/needs"
)

const (
	document  = "../../../docs/metrics.md"
	rulesFile = "../../../packaging/alerts.yml"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md anew")

func table() string {
	var b strings.Builder
	b.WriteString("| figure | kind | labels | |\n|---|---|---|---|\n")
	for _, f := range families {
		labels := f.labels
		if labels != "" {
			labels = "`" + strings.ReplaceAll(labels, ", ", "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.kind, labels, f.help)
	}
	return b.String()
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("The file is missing: %v", err)
	}
	return string(text)
}

func TestDocument(t *testing.T) {
	text := readText(t, document)
	before, rest, _ := strings.Cut(text, " -update -->\n\n")
	_, after, found := strings.Cut(rest, "\n\nWhat the system")
	if !found {
		t.Fatal("docs/metrics.md has no place for the table.")
	}
	whole := before + " -update -->\n\n" + strings.TrimSuffix(table(), "\n") + "\n\nWhat the system" + after
	if *update {
		if err := os.WriteFile(document, []byte(whole), 0o644); err != nil {
			t.Fatalf("The document was not written: %v", err)
		}
	} else if text != whole {
		t.Errorf("The table of docs/metrics.md is not of this code; write it anew with -update. It has to be:\n%s", table())
	}
	for _, set := range [][]string{limitWords, failureWords, endWords} {
		if list := "`" + strings.Join(set, "`, `") + "`"; !strings.Contains(text, "| "+list+" |") {
			t.Errorf("docs/metrics.md does not have these values of a label: %s", list)
		}
	}
}

// busy returns meters that have something to say in each family.
func busy() *Meters {
	m := New()
	m.MaxConnections(10)
	s := m.Service("db", "server")
	s.MaxConnections(5)
	s.Handshaken(time.Millisecond, "TLS 1.3", "TLS_AES_128_GCM_SHA256")
	s.Backends("10.0.0.1:5432")
	return m
}

// TestLabelsAreDocumented: each series has the labels that its family names.
func TestLabelsAreDocumented(t *testing.T) {
	got := read(t, written(busy()))
	label := regexp.MustCompile(`([a-z]+)="`)
	for _, f := range families {
		count := 0
		for series := range got {
			name, labels, _ := strings.Cut(series, "{")
			if name != f.name && !(f.kind == inHistogram && suffix.ReplaceAllString(name, "") == f.name) {
				continue
			}
			count++
			var names []string
			for _, m := range label.FindAllStringSubmatch(labels, -1) {
				if m[1] != "le" {
					names = append(names, m[1])
				}
			}
			if have := strings.Join(names, ", "); have != f.labels {
				t.Errorf("%s has the labels %q, and its family names %q.", series, have, f.labels)
			}
		}
		if count == 0 && !strings.Contains(f.help, " On ") {
			t.Errorf("There is no series of %s.", f.name)
		}
	}
}

// TestAlertsNameFigures: each name in a rule is a family of ours or a word of
// the language, each value of a reason is a word of ours, and each rule says
// what it means.
func TestAlertsNameFigures(t *testing.T) {
	rules := strings.Split(readText(t, rulesFile), "- alert: ")[1:]
	if len(rules) < 10 {
		t.Fatalf("Only %d rules were found.", len(rules))
	}
	figure := regexp.MustCompile(`\b(?:watchword|process|go)_[a-z_]+\b`)
	reasons := regexp.MustCompile(`reason=~?"([^"]*)"`)
	expr := regexp.MustCompile(`(?m)^        expr: (.+)$`)
	for _, rule := range rules {
		name, _, _ := strings.Cut(rule, "\n")
		m := expr.FindStringSubmatch(rule)
		if m == nil {
			t.Errorf("The rule %s has no expression in one line.", name)
			continue
		}
		named := figure.FindAllString(m[1], -1)
		if len(named) == 0 && !strings.Contains(m[1], "up{") {
			t.Errorf("The rule %s names no figure.", name)
		}
		for _, n := range append(named, figure.FindAllString(rule, -1)...) {
			if !isFamily(n) {
				t.Errorf("The rule %s names %s, which is not a figure of ours.", name, n)
			}
		}
		for _, r := range reasons.FindAllStringSubmatch(m[1], -1) {
			for word := range strings.SplitSeq(r[1], "|") {
				if !strings.Contains(" "+strings.Join(failureWords, " ")+" "+strings.Join(endWords, " ")+" ", " "+word+" ") {
					t.Errorf("The rule %s names the reason %s, which is not one of ours.", name, word)
				}
			}
		}
		for _, part := range []string{"severity: ", `summary: "`, `description: "`} {
			if !strings.Contains(rule, part) {
				t.Errorf("The rule %s has no %s.", name, strings.TrimRight(part, `: "`))
			}
		}
	}
}

func isFamily(name string) bool {
	for _, f := range families {
		if f.name == name {
			return true
		}
	}
	return false
}

// promtool runs it and returns what it says.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		needs.Missing(t, "promtool, of the Debian package prometheus,")
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Stdin = strings.NewReader(stdin)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return said.String()
}

func TestPrometheusReadsOurText(t *testing.T) {
	if said := promtool(t, written(busy()), "check", "metrics"); said != "" {
		t.Errorf("promtool has something to say about our text:\n%s", said)
	}
}

func TestAlertsFire(t *testing.T) {
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatalf("The rules have no path: %v", err)
	}
	promtool(t, "", "check", "rules", rules)
	events := filepath.Join(t.TempDir(), "alerts_test.yml")
	text := strings.Replace(readText(t, "testdata/alerts_test.yml"), "- RULES", "- "+rules, 1)
	if err := os.WriteFile(events, []byte(text), 0o600); err != nil {
		t.Fatalf("The events were not written: %v", err)
	}
	promtool(t, "", "test", "rules", events)
}
