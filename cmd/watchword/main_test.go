package main

import (
	"flag"
	"io"
	"maps"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"watchword": main})
}

// scriptCommands are commands for scripts beyond testscript's own. Tests of a
// verb that needs one add it in an init function.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"lines": scriptLines,
	"mode":  scriptMode,
}

var updateScripts = flag.Bool("update", false, "write what the scripts printed into them")

// Each script in testdata/script shows one behaviour of the program, with its
// input inside.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		Cmds:               maps.Clone(scriptCommands),
		RequireUniqueNames: true,
		UpdateScripts:      *updateScripts,
		Condition: func(name string) (bool, error) {
			return name == "root" && os.Geteuid() == 0, nil
		},
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"NO_COLOR", "CREDENTIALS_DIRECTORY", "SSLKEYLOGFILE"} {
				e.Setenv(name, "")
			}
			return nil
		},
	})
}

// lines FILE N: the file has that many lines.
func scriptLines(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: lines FILE N")
	}
	n := strings.Count(ts.ReadFile(args[0]), "\n")
	if same := args[1] == strconv.Itoa(n); same == neg {
		ts.Fatalf("%s has %d lines", args[0], n)
	}
}

// mode FILE -rw-------: the file has that mode.
func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if same := info.Mode().Perm().String() == args[1]; same == neg {
		ts.Fatalf("%s has mode %v", args[0], info.Mode().Perm())
	}
}

// Every command that a help page shows exists.
func TestHelpShowsVerbsThatExist(t *testing.T) {
	pages := overview()
	for _, v := range verbs {
		pages += "\n" + v.detail
		if v.summary == "" || strings.HasSuffix(v.summary, ".") || v.detail == "" {
			t.Errorf("the help of %s is not complete: its summary is %q.", v.name, v.summary)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)(?:^ +|")watchword ([a-z]+(?: [a-z]+)?)`).FindAllStringSubmatch(pages, -1) {
		if _, _, ok := findVerb(strings.Fields(m[1])); !ok {
			t.Errorf("A help page shows watchword %s, which does not exist.", m[1])
		}
	}
}

// Every verb has a page, and says what is wrong with an option it does not have.
func TestEveryVerbHasItsPage(t *testing.T) {
	for _, v := range verbs {
		var out, speech strings.Builder
		env := &ui{stdin: strings.NewReader(""), stdout: &out, stderr: &speech, getenv: func(string) string { return "" }}
		if status := dispatch(t.Context(), env, strings.Fields("help "+v.name)); status != statusOK {
			t.Errorf("watchword help %s ends with status %d.", v.name, status)
		}
		if !strings.HasPrefix(out.String(), "Usage: watchword "+v.name) || speech.Len() > 0 {
			t.Errorf("watchword help %s prints %q and says %q.", v.name, out.String(), speech.String())
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(line)); n > 89 {
				t.Errorf("watchword help %s prints a line of %d characters: %s", v.name, n, line)
			}
		}
		out.Reset()
		if status := dispatch(t.Context(), env, append(strings.Fields(v.name), "--no-such-option")); status != statusUsage || out.Len() > 0 {
			t.Errorf("watchword %s with an unknown option ends with status %d.", v.name, status)
		}
		if !strings.HasSuffix(speech.String(), "\nSee: watchword help "+v.name+"\n") {
			t.Errorf("watchword %s with an unknown option says %q.", v.name, speech.String())
		}
	}
}

func TestVersionOf(t *testing.T) {
	for _, c := range []struct {
		info              *debug.BuildInfo
		version, revision string
	}{
		{nil, "unknown", "unknown"},
		{&debug.BuildInfo{}, "unknown", "unknown"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}}}, "v1.2.3", "abc"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}}, "(devel)", "abc, with changes"},
	} {
		if version, revision := versionOf(c.info); version != c.version || revision != c.revision {
			t.Errorf("the version is %q and the revision %q, want %q and %q", version, revision, c.version, c.revision)
		}
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain text, b\u00e9, \u4f60\u597d": "plain text, b\u00e9, \u4f60\u597d",
		"\x1b[31mred":                       `\x1b[31mred`,
		"a\x00b\nc\r\t\a":                   `a\x00b\nc\r\t\a`,
		"not UTF-8: \xff\xc3":               `not UTF-8: \xff\xc3`,
		"direction \u202e, C1 \u009b":       `direction \u202e, C1 \u009b`,
		"quotes ' \" and \\":                `quotes ' " and \`,
	} {
		if got := escape(text); got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
	}
}

func TestColour(t *testing.T) {
	var speech strings.Builder
	env := &ui{stdout: io.Discard, stderr: &speech, colour: true}
	env.fail(io.ErrUnexpectedEOF)
	env.warn("hot: %s", "\x1b[2J")
	env.colour = false
	env.fail(io.ErrUnexpectedEOF)
	want := red + "watchword:" + plain + " unexpected EOF\n" + yellow + "watchword: warning:" + plain + ` hot: \x1b[2J` + "\n" +
		"watchword: unexpected EOF\n"
	if got := speech.String(); got != want {
		t.Errorf("the sentences are %q, want %q", got, want)
	}
}
