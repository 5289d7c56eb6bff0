package interop

// docs/peers.md: a table of what the tests found, written and compared. The
// tests record a row for each thing that they did; TestMain does the rest:
//
//	WATCHWORD_REQUIRE_PEERS=1 go test ./interop            compares
//	WATCHWORD_REQUIRE_PEERS=1 go test ./interop -update    writes
//
// The versions of the programs are written, and not compared: a program's next
// version must do the same, or the rows say how it differs.

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword"
)

var update = flag.Bool("update", false, "write docs/peers.md from this run")

const tableFile = "../docs/peers.md"

// A row says what one test did with one program, and what came of it.
type row struct {
	peer    string // its name in peerList
	end     string // the program, and which end it is: "s_server (server)"
	version uint16
	suite   watchword.SuiteID
	group   string // how the keys were exchanged
	key     string // its form
	policy  watchword.Policy
	with    string // what is special
	result  string
	order   int // among the rows of this end
}

var table struct {
	sync.Mutex
	rows map[string]row
}

// record keeps a row, unless its test has failed.
func record(t *testing.T, r row) {
	t.Helper()
	if t.Failed() {
		return
	}
	table.Lock()
	defer table.Unlock()
	if table.rows == nil {
		table.rows = make(map[string]row)
	}
	table.rows[t.Name()] = r
}

// atEnd is what is left to do when all tests have run.
var atEnd []func()

func TestMain(m *testing.M) {
	flag.Parse()
	if err := programsAtOnce(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	status := m.Run()
	for _, f := range atEnd {
		f()
	}
	if status == 0 {
		if err := finishTable(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// programsAtOnce lets more tests run at once than there are processors: they
// wait for other programs most of the time.
func programsAtOnce() error {
	const tests = "8"
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if chosen {
		return nil
	}
	return flag.Set("test.parallel", tests)
}

// finishTable writes or compares the table of a run that had every peer and all
// tests. Of any other run it would be a part only.
func finishTable() error {
	whole := os.Getenv("WATCHWORD_REQUIRE_PEERS") == "1" && !testing.Short()
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		whole = whole && flag.Lookup(name).Value.String() == ""
	}
	if !whole {
		if *update {
			return fmt.Errorf("%s is written by a run with WATCHWORD_REQUIRE_PEERS=1 and all tests, which this is not", tableFile)
		}
		return nil
	}
	now, err := writeTable()
	if err != nil {
		return err
	}
	if *update {
		return os.WriteFile(tableFile, []byte(now), 0o644)
	}
	kept, err := os.ReadFile(tableFile)
	if err != nil {
		return err
	}
	return difference(withoutVersions(string(kept)), withoutVersions(now))
}

var packageVersion = regexp.MustCompile("(?m)^Debian: .*")

func withoutVersions(text string) string { return packageVersion.ReplaceAllString(text, "") }

// difference names the lines that one text has and the other has not.
func difference(kept, now string) error {
	if kept == now {
		return nil
	}
	old, new := strings.Split(kept, "\n"), strings.Split(now, "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "%s is not what this run found; look at the difference, then write it with -update:\n", tableFile)
	for _, line := range old {
		if !slices.Contains(new, line) {
			fmt.Fprintf(&b, "- %s\n", line)
		}
	}
	for _, line := range new {
		if !slices.Contains(old, line) {
			fmt.Fprintf(&b, "+ %s\n", line)
		}
	}
	return fmt.Errorf("%s", b.String())
}

// writeTable puts docs/peers.md together.
func writeTable() (string, error) {
	head, err := os.ReadFile("testdata/peers-head.md")
	if err != nil {
		return "", err
	}
	foot, err := os.ReadFile("testdata/peers-foot.md")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.Write(head)
	writeSummary(&b)
	for _, p := range peerList {
		if err := p.write(&b); err != nil {
			return "", err
		}
	}
	b.WriteString("\n")
	b.Write(foot)
	return b.String(), nil
}

// writeSummary writes one line for each end of each peer.
func writeSummary(b *strings.Builder) {
	fmt.Fprintf(b, "\n| program | end | TLS 1.3 | TLS 1.2 |\n|---|---|---|---|\n")
	for _, p := range peerList {
		for _, end := range p.ends() {
			fmt.Fprintf(b, "| [%s](#%s) | %s | %s | %s |\n", p.name, anchor(p.name), end,
				p.leastPolicy(end, watchword.VersionTLS13), p.leastPolicy(end, watchword.VersionTLS12))
		}
	}
}

func anchor(heading string) string {
	heading = strings.ReplaceAll(strings.ToLower(heading), " ", "-")
	return regexp.MustCompile(`[^a-z0-9-]`).ReplaceAllString(heading, "")
}

// rows returns the peer's rows in their order.
func (p *peerInfo) rows() []row {
	table.Lock()
	defer table.Unlock()
	var rows []row
	for _, r := range table.rows {
		if r.peer == p.name {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(slices.Index(p.order, a.end), slices.Index(p.order, b.end)),
			cmp.Compare(b.version, a.version), cmp.Compare(a.order, b.order))
	})
	return rows
}

// ends returns the ends that have rows, in their order.
func (p *peerInfo) ends() []string {
	var ends []string
	for _, r := range p.rows() {
		if !slices.Contains(ends, r.end) {
			ends = append(ends, r.end)
		}
	}
	return ends
}

// leastPolicy returns the strictest policy of ours with which the end connects
// in a version.
func (p *peerInfo) leastPolicy(end string, version uint16) string {
	least := "no"
	for _, r := range p.rows() {
		if r.end == end && r.version == version && (least == "no" || r.policy.String() == "modern" || least == "legacy") {
			least = r.policy.String()
		}
	}
	return least
}

// write writes the peer's section.
func (p *peerInfo) write(b *strings.Builder) error {
	about, err := os.ReadFile(filepath.Join(confFolder, p.folder, "about.md"))
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n## %s\n\n", p.name)
	var packages []string
	for _, name := range p.packages {
		packages = append(packages, fmt.Sprintf("`%s` %s", name, debianVersion(name)))
	}
	fmt.Fprintf(b, "Debian: %s.\n\n%s\n", strings.Join(packages, ", "), about)
	fmt.Fprintf(b, "| end | TLS | suite | key exchange | key | policy | with | result |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range p.rows() {
		suite := "any"
		if r.suite != 0 {
			suite = strings.TrimPrefix(r.suite.String(), "TLS_")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.end,
			strings.TrimPrefix(watchword.VersionName(r.version), "TLS "), suite, r.group, r.key, r.policy, r.with, r.result)
	}
	return p.writeFiles(b)
}

// writeFiles shows the peer's configuration and commands.
func (p *peerInfo) writeFiles(b *strings.Builder) error {
	files, err := filepath.Glob(filepath.Join(confFolder, p.folder, "*"))
	if err != nil {
		return err
	}
	var commands []string
	for _, file := range files {
		if isAbout(file) {
			continue
		}
		text, err := fill(file, forReaders)
		if err != nil {
			return err
		}
		text = strings.TrimSpace(text)
		if isCommand(file) {
			commands = append(commands, strings.Join(strings.Fields(text), " "))
			continue
		}
		fmt.Fprintf(b, "\n`%s`:\n\n```\n%s\n```\n", filepath.Base(file), text)
	}
	fmt.Fprintf(b, "\nCommands:\n\n```\n%s\n```\n", strings.Join(commands, "\n"))
	return nil
}
