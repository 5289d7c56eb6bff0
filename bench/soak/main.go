// Command soak keeps a client's end and two servers' ends of a tunnel under load
// for as long as it is told, and prints at its end what was lost and what grew:
//
//	go run ./bench/soak -for 1h
//
// Connections come and go, some stay, each byte is compared. Meanwhile the
// processes reload every second, keys are rotated, servers are ended in order and
// started again in turn, key files are broken and mended, and hostile clients
// knock at the servers. Its status is 0 only if nothing was lost and nothing grew.
// It needs Linux and a system with /bin/kill's signals.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.DurationVar(&o.length, "for", time.Hour, "how long")
	flag.IntVar(&o.comers, "comers", 8, "connections that come and go, at once")
	flag.IntVar(&o.stayers, "stayers", 16, "connections that stay for a minute")
	flag.IntVar(&o.hostile, "hostile", 4, "hostile clients at once")
	flag.DurationVar(&o.pause, "pause", 20*time.Millisecond, "rest of each client between two connections")
	flag.DurationVar(&o.restart, "restart", 3*time.Minute, "how often one of the servers is ended and started again")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/soak:", err)
		os.Exit(1)
	}
}

// options say how much there is to do.
type options struct {
	length                   time.Duration
	comers, stayers, hostile int
	pause, restart           time.Duration
}

func run(o options) error {
	s, err := newStage()
	if err != nil {
		return err
	}
	defer s.close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	began := time.Now()
	l := startLoad(s.plain, o)
	h := startHostile(s.fronts(), o)
	first, err := s.watch(o, l, stop)
	h.finish()
	l.finish()
	if err != nil {
		return err
	}
	return s.summary(time.Since(began), l, h, first)
}
