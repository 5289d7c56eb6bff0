package tree

// Time-outs, windows and durations go by the monotonic clock, which a jump of the
// time of day does not touch. A time.Time of time.Now has both; what takes the
// monotonic one out of it is forbidden where durations are measured.

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// measures reports whether a file of the library or the program measures durations.
// Tickets know the time of day, since they go over the wire.
func measures(f file) bool {
	return below(f.folder(), []string{"internal/tunnel", "internal/system", "cmd"}) || f.folder() == "." && strings.HasPrefix(f.name, "conn")
}

// wallMethods leave the time of day alone in a time.Time, or make it a number.
var wallMethods = []string{"Unix", "UnixNano", "UnixMilli", "UnixMicro", "UTC", "Local", "In", "AddDate"}

// wallFunctions of package time make times without a monotonic clock.
var wallFunctions = []string{"Unix", "UnixMilli", "UnixMicro", "Date", "Parse", "ParseInLocation"}

// wallFiles tell the time of day to somebody.
var wallFiles = []string{
	"internal/tunnel/meter/meter.go", "internal/tunnel/meter/families.go", // Prometheus has it in seconds since 1970
}

func TestDurationsGoByTheMonotonicClock(t *testing.T) {
	looked := 0
	for _, f := range goFiles(t) {
		if f.isTest() || !measures(f) || slices.Contains(wallFiles, f.name) {
			continue
		}
		looked++
		fset, parsed := f.parse(t, 0)
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if what := losesClock(call); what != "" {
				t.Errorf("%s: %s loses the monotonic clock: a jump of the time of day would move what is measured.", fset.Position(call.Pos()), what)
			}
			return true
		})
	}
	if looked < 50 {
		t.Errorf("Only %d files were looked at: the test looks in the wrong place.", looked)
	}
}

// losesClock names a call that takes the monotonic clock out of a time, or nothing.
// Of Round and Truncate it only sees those of time.Now and those to 0: a Duration
// has them too.
func losesClock(call *ast.CallExpr) string {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if of, ok := f.X.(*ast.Ident); ok && of.Name == "time" {
		if slices.Contains(wallFunctions, f.Sel.Name) {
			return "time." + f.Sel.Name
		}
		return ""
	}
	switch name := f.Sel.Name; {
	case slices.Contains(wallMethods, name):
		return name
	case (name == "Round" || name == "Truncate") && (isNow(f.X) || len(call.Args) == 1 && isZero(call.Args[0])):
		return name
	}
	return ""
}

func isNow(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	return ok && f.Sel.Name == "Now"
}

func isZero(x ast.Expr) bool {
	n, ok := x.(*ast.BasicLit)
	return ok && n.Value == "0"
}
