// Package tree holds tests of the repository itself: who imports whom, what
// comments cite, how long files are, what the code map says. The rules are
// those of docs/design.md; a test that fails here names the file and the rule.
package tree

// This file finds and reads the files that the other tests look at.

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module = "github.com/watchword-tls/watchword"
	root   = "../.."
)

// A file is one file of the repository. Its name uses slashes and starts at
// the root.
type file struct {
	name string
	text []byte
}

// folder is the folder of the file, "." for the root.
func (f file) folder() string { return path.Dir(f.name) }

func (f file) isGo() bool { return strings.HasSuffix(f.name, ".go") }

func (f file) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

func (f file) parse(t *testing.T, mode parser.Mode) (*token.FileSet, *ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, f.name, f.text, mode)
	if err != nil {
		t.Fatalf("%s does not parse: %v", f.name, err)
	}
	return fset, parsed
}

// files returns every text file of the repository, without git's own. What
// git ignores (programs that were built, keys) is mostly binary, and left out
// as that.
func files(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil || bytes.IndexByte(text, 0) >= 0 {
			return err
		}
		rel, err := filepath.Rel(root, name)
		all = append(all, file{filepath.ToSlash(rel), text})
		return err
	})
	if err != nil {
		t.Fatalf("The repository cannot be read: %v", err)
	}
	return all
}

// goFiles returns the files in Go, but those that are data of a test.
func goFiles(t *testing.T) []file {
	t.Helper()
	var found []file
	for _, f := range files(t) {
		if f.isGo() && !strings.Contains("/"+f.name, "/testdata/") {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		t.Fatal("There is no file in Go: the tests look in the wrong place.")
	}
	return found
}
