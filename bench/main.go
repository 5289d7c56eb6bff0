// Command bench measures ours against crypto/tls, and against OpenSSL where
// there is a C compiler with its headers, side by side in one run, and prints
// the tables of docs/performance.md, or puts them there:
//
//	go run ./bench
//	go run ./bench -update docs/performance.md
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

	"github.com/watchword-tls/watchword/bench/report"
)

// options say how much is measured.
type options struct {
	rounds     int
	handshakes int // in one round
	megabytes  int // in one round
	idle       int // pairs of connections
	only       string
	update     string
	chacha     bool // this process is the one without AES instructions
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 9, "how often each contender has its turn")
	flag.IntVar(&o.handshakes, "handshakes", 1000, "handshakes in one turn")
	flag.IntVar(&o.megabytes, "megabytes", 256, "MiB of bulk data in one turn")
	flag.IntVar(&o.idle, "idle", 2000, "pairs of idle connections")
	flag.StringVar(&o.only, "only", "", "comma-separated tables to make: machine, handshakes, bulk, bulk12, allocations, idle; all if empty")
	flag.StringVar(&o.update, "update", "", "also put the tables into this document, between its comments that name them")
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

var tables = []struct {
	name  string
	print func(io.Writer, options) error
}{
	{"machine", machine},
	{"handshakes", handshakes},
	{"bulk", bulk},
	{"bulk12", bulk12},
	{"allocations", allocations},
	{"idle", idle},
}

func run(w io.Writer, o options) error {
	if o.chacha {
		return bulkRows(w, o, chacha)
	}
	var names []string
	for _, t := range tables {
		if o.only == "" || slices.Contains(strings.Split(o.only, ","), t.name) {
			names = append(names, t.name)
		}
	}
	var doc *report.Document
	if o.update != "" {
		var err error
		if doc, err = report.Open(o.update, names); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if !slices.Contains(names, t.name) {
			continue
		}
		var text strings.Builder
		if err := t.print(io.MultiWriter(w, &text), o); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if doc == nil {
			continue
		}
		if err := doc.Replace(t.name, text.String()); err != nil {
			return err
		}
	}
	if doc == nil {
		return nil
	}
	return doc.Save()
}
