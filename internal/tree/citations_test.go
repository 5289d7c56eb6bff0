package tree

// Every section that a comment or a string cites exists, so that a reader with
// the RFC in hand finds it.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A citation is "RFC 9846 §4.3.11" or "RFC 9846 appendix E.4". A further § in
// the same comment or string is one of the RFC that was named last.
var citation = regexp.MustCompile(`RFC (\d+)(?:,? (?:[Ss]ection|[Aa]ppendix) ([A-Z]?[0-9]*(?:\.[0-9]+)*))?|§+ ?([A-Z]?[0-9]*(?:\.[0-9]+)*)`)

// sections reads the list of what can be cited.
func sections(t *testing.T) map[string]bool {
	t.Helper()
	list, err := os.ReadFile("testdata/sections.txt")
	if err != nil {
		t.Fatalf("The list of sections is missing: %v", err)
	}
	known := make(map[string]bool)
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] == "#" {
			continue
		}
		known[fields[0]+" "+fields[1]] = true
	}
	return known
}

// cited returns the citations in text as "9846 4.3.11". One without the number
// of its RFC is " 4.3.11".
func cited(text string) (found []string) {
	text = strings.Join(strings.Fields(text), " ") // a citation may be broken over two lines
	rfc := ""
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		if m[1] != "" {
			rfc = m[1]
		}
		if section := m[2] + m[3]; section != "" || m[1] == "" {
			found = append(found, rfc+" "+section)
		}
	}
	return found
}

// texts calls visit with each comment and each string in f.
func texts(t *testing.T, f file, visit func(line int, text string)) {
	t.Helper()
	fset, parsed := f.parse(t, parser.ParseComments|parser.SkipObjectResolution)
	line := func(p token.Pos) int { return fset.Position(p).Line }
	for _, group := range parsed.Comments {
		visit(line(group.Pos()), group.Text())
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				visit(line(lit.Pos()), s)
			}
		}
		return true
	})
}

func TestEveryCitedSectionExists(t *testing.T) {
	known := sections(t)
	count := 0
	for _, f := range goFiles(t) {
		if f.folder() == "internal/tree" {
			continue // its strings are about citations
		}
		texts(t, f, func(line int, text string) {
			for _, c := range cited(text) {
				count++
				switch rfc, section, _ := strings.Cut(c, " "); {
				case rfc == "":
					t.Errorf("%s:%d cites §%s without the number of its RFC: sections moved between RFC 8446 and 9846.", f.name, line, section)
				case !known[c]:
					t.Errorf("%s:%d cites RFC %s §%s, which is not in testdata/sections.txt.", f.name, line, rfc, section)
				}
			}
		})
	}
	if count < 50 {
		t.Errorf("Only %d citations were found: the test looks in the wrong place.", count)
	}
}

func TestCitationsAreRecognised(t *testing.T) {
	for text, want := range map[string]string{
		"sent in the clear (RFC 9846 §4.3.11.2).":              "9846 4.3.11.2",
		"two lines: RFC 9846\n§5.1, see there":                 "9846 5.1",
		"RFC 9846 §5.1, §5.2 and §5.4":                         "9846 5.1|9846 5.2|9846 5.4",
		"see RFC 9846 Appendix E.4. Also RFC 8449 §4, RFC 1":   "9846 E.4|8449 4",
		"RFC 9846 section 4.2.2: the random":                   "9846 4.2.2",
		"RFC 9846 §B.4; RFC 9258 §5.1, then":                   "9846 B.4|9258 5.1",
		"RFC 9846 §4.3.11 leaves it open, §6.2 does not":       "9846 4.3.11|9846 6.2",
		"as §4.7.1 asks":                                       " 4.7.1",
		"nothing here, not even in RFC 9846 or its appendices": "",
	} {
		if found := strings.Join(cited(text), "|"); found != want {
			t.Errorf("In %q the citations are %q, want %q.", text, found, want)
		}
	}
}
