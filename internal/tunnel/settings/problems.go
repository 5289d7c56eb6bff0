package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a configuration file.
type Problem struct {
	File string
	Line int // from 1; 0 for the file as a whole
	Text string
	// Warning is set for what works and may not be meant.
	Warning bool
}

func (p Problem) String() string {
	text := p.Text
	if p.Warning {
		text = "warning: " + text
	}
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, text)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, text)
}

// Problems are all mistakes of a file, in the order of its lines.
type Problems []Problem

func (p Problems) Error() string {
	var lines []string
	for _, one := range p {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Sort puts them into the order of the lines.
func (p Problems) Sort() {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
}

// Serious returns those that are more than warnings.
func (p Problems) Serious() Problems {
	return slices.DeleteFunc(slices.Clone(p), func(one Problem) bool { return one.Warning })
}
