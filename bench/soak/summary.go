package main

// What came of it.

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is what each process holds: resident memory in KiB, and descriptors.
type sample map[string][2]int

func (s *stage) sample() (sample, error) {
	all := make(sample)
	for _, e := range s.ends() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.cmd.Process.Pid))
		if err != nil {
			return nil, err
		}
		found := resident.FindSubmatch(status)
		if found == nil {
			return nil, errors.New("/proc says nothing of the memory")
		}
		memory, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return nil, err
		}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.cmd.Process.Pid))
		if err != nil {
			return nil, err
		}
		all[e.name] = [2]int{memory, len(files)}
	}
	return all, nil
}

var resident = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// summary prints what happened, and fails if something was lost or grew.
func (s *stage) summary(took time.Duration, l *load, h *hostile, first sample) error {
	loaded, err := s.sample()
	if err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // everything that is ending has ended
	last, err := s.sample()
	if err != nil {
		return err
	}
	fmt.Printf("\n%v\n", took.Round(time.Second))
	fmt.Printf("%10d connections came and went, each byte compared\n", l.short.Load())
	fmt.Printf("%10d connections stayed for a minute\n", l.long.Load())
	fmt.Printf("%10d MiB there and back\n", l.bytes.Load()>>20)
	fmt.Printf("%10d hostile connections\n", h.count.Load())
	for _, what := range slices.Sorted(maps.Keys(s.done)) {
		fmt.Printf("%10d %s\n", s.done[what], what)
	}
	for _, e := range s.ends() {
		text, err := os.ReadFile(e.log)
		if err != nil {
			return err
		}
		log := string(text)
		fmt.Printf("%10d reloads in the log of the %s, and %d refused for a mistake\n", strings.Count(log, "msg=reloaded"), e.name, strings.Count(log, `msg="not reloaded`))
		if n := strings.Count(log, "panic") + strings.Count(log, "fatal error"); n > 0 {
			return fmt.Errorf("the log of the %s has %d panics", e.name, n)
		}
	}
	fmt.Printf("%10d connections lost\n", l.lost.Load())
	fmt.Println("\nresident memory in KiB and descriptors: when warm, at the end of the load, without it")
	grew := false
	for _, e := range s.ends() {
		f, b, a := first[e.name], loaded[e.name], last[e.name]
		fmt.Printf("  %-9s %7d %7d %7d    %4d %4d %4d\n", e.name, f[0], b[0], a[0], f[1], b[1], a[1])
		grew = grew || a[1] > 30 || first != nil && a[0] > 2*f[0]
	}
	switch {
	case l.lost.Load() > 0:
		return fmt.Errorf("%d connections were lost:\n%s", l.lost.Load(), strings.Join(l.failures, "\n"))
	case grew:
		return errors.New("memory or descriptors grew")
	}
	return nil
}
