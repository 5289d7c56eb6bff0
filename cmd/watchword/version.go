package main

// The version of what is running, as the Go toolchain recorded it.

import (
	"context"
	"runtime"
	"runtime/debug"
)

func init() {
	register(verb{
		name: "version", order: 91,
		summary: "print the version",
		detail:  "Prints the version of the module, of Go, and the revision it was built from.",
		run:     runVersion,
	})
}

func runVersion(_ context.Context, env *ui, args []string) int {
	if status, ok := env.flags("version").parse(args); !ok {
		return status
	}
	info, _ := debug.ReadBuildInfo()
	version, revision := versionOf(info)
	env.printf("watchword %s\n%s %s/%s\nrevision %s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, revision)
	return statusOK
}

// versionOf reads what was recorded, if anything was.
func versionOf(info *debug.BuildInfo) (version, revision string) {
	version, revision = "unknown", "unknown"
	if info == nil {
		return version, revision
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", with changes"
		}
	}
	return version, revision + modified
}
