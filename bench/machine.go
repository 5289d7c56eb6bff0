package main

// The first table: where and with what the others were measured.

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

func machine(w io.Writer, o options) error {
	fmt.Fprintf(w, "| | |\n|---|---|\n")
	fmt.Fprintf(w, "| processor | %s, %d cores, %s/%s |\n", cpuModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "| Go and its crypto/tls | %s |\n", runtime.Version())
	fmt.Fprintf(w, "| watchword | %s |\n", revision())
	fmt.Fprintf(w, "| OpenSSL | %s |\n", opensslVersion())
	fmt.Fprintf(w, "| turns | %d each, of %d handshakes or %d MiB |\n\n", o.rounds, o.handshakes, o.megabytes)
	return nil
}

// cpuModel is what Linux says of the processor; elsewhere the architecture
// must do.
func cpuModel() string {
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

// revision is the commit that the program was built from. "go run" leaves it out
// of the program: then the tree in this folder is asked.
func revision() string {
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
