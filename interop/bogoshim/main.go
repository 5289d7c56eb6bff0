// Command bogoshim lets BoringSSL's test runner (BoGo) judge Watchword. The
// runner plays one end of TLS, often a broken one; the shim plays the other end
// with Watchword's public API and reports what it found on stderr, in
// BoringSSL's words (errors.go).
//
// It is started by the runner only; see ../bogo.sh.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// The exit statuses that the runner knows.
const (
	exitFailed        = 1
	exitUnimplemented = 89
)

// errUnimplemented marks what Watchword does not have.
var errUnimplemented = errors.New("not implemented")

func main() {
	args := os.Args[1:]
	if slices.Contains(args, "-is-handshaker-supported") {
		fmt.Println("No")
		return
	}
	err := run(args)
	switch {
	case err == nil:
	case errors.Is(err, errUnimplemented):
		fmt.Println(err)
		os.Exit(exitUnimplemented)
	default:
		fmt.Fprintf(os.Stderr, "%s %v\n", boringName(err), err)
		os.Exit(exitFailed)
	}
}

func run(args []string) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	for _, o := range []*options{&c.first, &c.resumed} {
		if err := o.unimplemented(); err != nil {
			return err
		}
	}
	// Every connection of a test shares the tickets: a server's own keys for
	// them, a client's store.
	tickets := newShared()
	for i := range 1 + c.first.resumeCount {
		o := &c.first
		if i > 0 {
			o = &c.resumed
		}
		if err := connect(o, tickets, i > 0); err != nil {
			return err
		}
	}
	return nil
}
