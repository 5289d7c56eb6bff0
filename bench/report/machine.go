// Package report is what the benchmarks' reports have in common: where they were
// taken, and the document that shows them.
package report

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

// CPUModel is what Linux says of the processor; elsewhere the architecture
// must do.
func CPUModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// Revision is the commit that the program was built from. "go run" leaves it out
// of the program: then the tree in this folder is asked.
func Revision() string {
	rev, dirty := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && len(s.Value) >= 12:
				rev = s.Value[:12]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = ", changed since"
			}
		}
	}
	if rev != "" {
		return "commit " + rev + dirty
	}
	out, err := exec.Command("git", "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=, changed since").Output()
	if err != nil {
		return "of an unknown commit"
	}
	return "commit " + strings.TrimSpace(string(out))
}
