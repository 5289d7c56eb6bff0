package main

// The first table: where and with what the others were measured.

import (
	"fmt"
	"io"
	"runtime"

	"github.com/watchword-tls/watchword/bench/report"
)

func machine(w io.Writer, o options) error {
	fmt.Fprintf(w, "| | |\n|---|---|\n")
	fmt.Fprintf(w, "| processor | %s, %d cores, %s/%s |\n", report.CPUModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "| Go and its crypto/tls | %s |\n", runtime.Version())
	fmt.Fprintf(w, "| watchword | %s |\n", report.Revision())
	fmt.Fprintf(w, "| OpenSSL | %s |\n", opensslVersion())
	fmt.Fprintf(w, "| turns | %d each, of %d handshakes or %d MiB |\n\n", o.rounds, o.handshakes, o.megabytes)
	return nil
}
