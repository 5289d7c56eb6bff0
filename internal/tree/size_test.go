package tree

// How long files and functions may be (docs/design.md, "Rules that tests hold").

import (
	"bytes"
	"go/ast"
	"go/parser"
	"strings"
	"testing"
)

const (
	maxFileLines     = 500
	maxFunctionLines = 80
)

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		if n := bytes.Count(f.text, []byte("\n")); n > maxFileLines {
			t.Errorf("%s has %d lines, at most %d are allowed: it does more than one job.", f.name, n, maxFileLines)
		}
		fset, parsed := f.parse(t, parser.SkipObjectResolution)
		for _, d := range parsed.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			first, last := fset.Position(fn.Pos()).Line, fset.Position(fn.End()).Line
			if n := last - first + 1; n > maxFunctionLines {
				t.Errorf("%s:%d: the function %s has %d lines, at most %d are allowed.", f.name, first, fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

// Every package says what it is for, in one of its files.
func TestEveryPackageHasAComment(t *testing.T) {
	documented := make(map[string]bool)
	for _, f := range goFiles(t) {
		_, parsed := f.parse(t, parser.ParseComments|parser.PackageClauseOnly)
		documented[f.folder()] = documented[f.folder()] || strings.TrimSpace(parsed.Doc.Text()) != ""
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("The package in %s has no package comment.", folder)
		}
	}
}
