// Command bench measures ours against crypto/tls, and against OpenSSL where
// there is a C compiler with its headers, side by side in one run, and prints
// the tables of docs/performance.md:
//
//	go run ./bench
//
// What is compared takes turns, round by round, and each ratio is the median
// of the rounds: a busy machine slows all alike. Nothing here is a test of
// time; bench_test.go only checks that every comparison runs.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// options say how much is measured.
type options struct {
	rounds     int
	handshakes int // in one round
	megabytes  int // in one round
	idle       int // pairs of connections
	only       string
	chacha     bool // this process is the one without AES instructions
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 9, "how often each contender has its turn")
	flag.IntVar(&o.handshakes, "handshakes", 300, "handshakes in one turn")
	flag.IntVar(&o.megabytes, "megabytes", 256, "MiB of bulk data in one turn")
	flag.IntVar(&o.idle, "idle", 2000, "pairs of idle connections")
	flag.StringVar(&o.only, "only", "", "comma-separated tables to print: machine, handshakes, bulk, allocations, idle; all if empty")
	flag.BoolVar(&o.chacha, "chacha", false, "only the rows of ChaCha20-Poly1305; the program sets it when it starts itself again")
	profiles := profileFlags(flag.CommandLine)
	flag.Parse()
	stop, err := profiles.start()
	if err == nil {
		err = run(os.Stdout, o)
		stop()
		cleanUp()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, o options) error {
	if o.chacha {
		return bulkRows(w, o, chacha)
	}
	tables := []struct {
		name  string
		print func(io.Writer, options) error
	}{
		{"machine", machine},
		{"handshakes", handshakes},
		{"bulk", bulk},
		{"allocations", allocations},
		{"idle", idle},
	}
	for _, t := range tables {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), t.name) {
			continue
		}
		if err := t.print(w, o); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}
