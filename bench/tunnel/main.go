// Command tunnel measures pairs of tunnels on loopback, side by side in one run:
// ours, stunnel with a pre-shared key, spiped, and the two floors beneath them
// all, a pair of plain relays and a pair of relays with bare AES-128-GCM records
// between them. It prints the tables of docs/performance.md, or puts them there:
//
//	go run ./bench/tunnel
//	go run ./bench/tunnel -update docs/performance.md
//
// It needs Linux (the figures about processes are those of /proc), and the
// programs that are to be compared; one that is missing is left out. What is
// compared takes turns, and each ratio is the median of the turns.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/watchword-tls/watchword/bench/report"
)

// options say how much is measured.
type options struct {
	rounds    int
	megabytes int           // of one stream in one turn
	trips     int           // round trips in one turn
	seconds   time.Duration // of new connections in one turn
	idle      int           // connections
	hybrid    string        // a stunnel
	only      string
	update    string
}

func main() {
	if len(os.Args) > 1 {
		if child := children[os.Args[1]]; child != nil {
			fail(child(os.Args[2:]))
			return
		}
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "how often each contender has its turn")
	flag.IntVar(&o.megabytes, "megabytes", 1024, "MiB of one stream in one turn")
	flag.IntVar(&o.trips, "trips", 20_000, "round trips in one turn")
	flag.DurationVar(&o.seconds, "seconds", 3*time.Second, "how long connections are made in one turn")
	flag.IntVar(&o.idle, "idle", 10_000, "idle connections, fewer where the system allows fewer files")
	flag.StringVar(&o.hybrid, "hybrid-stunnel", "", "a stunnel with OpenSSL 3.5 or newer, for new connections with X25519MLKEM768; none if empty")
	flag.StringVar(&o.only, "only", "", "comma-separated tables to make: programs, stream, trips, connections, idle; all if empty")
	flag.StringVar(&o.update, "update", "", "also put the tables into this document, between its comments that name them")
	flag.Parse()
	fail(run(os.Stdout, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/tunnel:", err)
		os.Exit(1)
	}
}

var tables = []struct {
	name  string
	print func(io.Writer, *field, options) error
}{
	{"programs", programsTable},
	{"stream", streamTable},
	{"trips", tripsTable},
	{"connections", connectionsTable},
	{"idle", idleTable},
}

// run makes the tables that are asked for.
func run(w io.Writer, o options) error {
	var names []string
	for _, t := range tables {
		if o.only == "" || slices.Contains(strings.Split(o.only, ","), t.name) {
			names = append(names, t.name)
		}
	}
	var doc *report.Document
	if o.update != "" {
		var err error
		if doc, err = report.Open(o.update, prefixed(names)); err != nil {
			return err
		}
	}
	f, err := newField()
	if err != nil {
		return err
	}
	defer f.close()
	for _, t := range tables {
		if !slices.Contains(names, t.name) {
			continue
		}
		var text strings.Builder
		if err := t.print(io.MultiWriter(w, &text), f, o); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		fmt.Fprintln(w)
		if doc == nil {
			continue
		}
		if err := doc.Replace("tunnel "+t.name, text.String()); err != nil {
			return err
		}
		if err := doc.Save(); err != nil {
			return err
		}
	}
	return nil
}

func prefixed(names []string) []string {
	var list []string
	for _, n := range names {
		list = append(list, "tunnel "+n)
	}
	return list
}
