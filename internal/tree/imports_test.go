package tree

// Who may import whom (docs/design.md, "Rooms").

import (
	"go/parser"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport lists, for each package that others build on, the packages of ours
// that it may import in code that is not a test. A package above the library
// (a program, a test of the whole) is in outside instead.
var mayImport = map[string][]string{
	"alert":            {},
	"internal/limits":  {},
	"internal/bulk":    {"internal/limits"},
	"internal/network": {},
	"internal/socket":  {},

	"internal/suite":    {"internal/limits"},
	"internal/wire":     {"alert", "internal/limits"},
	"internal/schedule": {"alert", "internal/limits", "internal/suite", "internal/wire"},

	// Not each other: a state must not write records, nor a record know states.
	"internal/record":    {"alert", "internal/limits", "internal/suite", "internal/wire", "internal/schedule"},
	"internal/handshake": {"alert", "internal/limits", "internal/suite", "internal/wire", "internal/schedule"},

	".": {"alert", "internal/limits", "internal/bulk", "internal/socket", "internal/suite", "internal/wire", "internal/schedule", "internal/record", "internal/handshake"},

	"internal/keyfile": {".", "internal/limits"},
	"internal/probe":   {".", "internal/network", "alert", "internal/limits", "internal/suite", "internal/wire", "internal/record"},

	"internal/system":            {"internal/limits"},
	"internal/tunnel/settings":   {".", "internal/limits", "internal/keyfile"},
	"internal/tunnel/proxyproto": {"internal/network", "internal/limits", "internal/tunnel/settings"},
	"internal/tunnel/backend":    {"internal/limits", "internal/tunnel/settings"},
	"internal/tunnel/meter":      {"internal/limits"},
	"internal/tunnel/preflight":  {".", "internal/network", "internal/limits", "internal/keyfile", "internal/system", "internal/tunnel", "internal/tunnel/settings"},
	"internal/tunnel": {".", "internal/network", "alert", "internal/limits", "internal/bulk", "internal/socket", "internal/keyfile", "internal/tunnel/settings",
		"internal/tunnel/proxyproto", "internal/tunnel/backend", "internal/tunnel/meter"},

	"classic": {},
}

// program holds packages of the program: the library imports none of them.
var program = []string{"internal/tunnel", "internal/system"}

// outside are the folders, with all below them, that nothing but tests imports.
var outside = []string{"cmd", "examples", "credentials", "interop", "bench", "internal/tree", "internal/needs", "internal/rfc8448test", "internal/wycheprooftest"}

// pure are the packages without input, output, clock, lock or goroutine; a
// handshake can be run in memory, from a recording or in a browser.
var pure = []string{"internal/handshake", "internal/record", "internal/schedule", "internal/suite", "internal/wire", "internal/limits", "alert"}

// impure are what they may not import, with all below.
var impure = []string{"net", "os", "time", "sync", "context", "log", "syscall", "io/fs", "path/filepath"}

func below(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return name == folder || strings.HasPrefix(name, folder+"/")
	})
}

func imports(t *testing.T, f file) []string {
	t.Helper()
	_, parsed := f.parse(t, parser.ImportsOnly)
	var paths []string
	for _, spec := range parsed.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s imports %s: %v", f.name, spec.Path.Value, err)
		}
		paths = append(paths, p)
	}
	return paths
}

// ours returns the folder of a package of this module.
func ours(importPath string) (folder string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestImportsRunOneWay(t *testing.T) {
	for _, f := range goFiles(t) {
		allowed, known := mayImport[f.folder()]
		if !known && !below(f.folder(), outside) {
			t.Errorf("%s: the package %s has no place in the order of imports: give it one in mayImport.", f.name, f.folder())
		}
		for _, p := range imports(t, f) {
			folder, isOurs := ours(p)
			switch {
			case !isOurs || f.isTest() || !known:
			case !slices.Contains(allowed, folder):
				t.Errorf("%s imports %s, which %s may not.", f.name, p, f.folder())
			}
		}
	}
}

func TestClassicIsIsolated(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, p := range imports(t, f) {
			if p == module+"/classic" && !below(f.folder(), []string{"cmd", "interop", "classic"}) {
				t.Errorf("%s imports the teaching protocol: it is for learning only.", f.name)
			}
		}
	}
}

func TestTheCoreIsPure(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() || !slices.Contains(pure, f.folder()) {
			continue
		}
		for _, p := range imports(t, f) {
			if below(p, impure) {
				t.Errorf("%s imports %s: the core has no input, output, clock or lock; the caller passes in what it needs.", f.name, p)
			}
		}
	}
}

func TestTheLibraryDependsOnLittle(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() || below(f.folder(), outside) || below(f.folder(), program) {
			continue
		}
		for _, p := range imports(t, f) {
			host, _, _ := strings.Cut(p, "/")
			_, isOurs := ours(p)
			if strings.Contains(host, ".") && !isOurs && !strings.HasPrefix(p, "golang.org/x/") {
				t.Errorf("%s imports %s: the library depends on the standard library and golang.org/x alone.", f.name, p)
			}
		}
	}
}
