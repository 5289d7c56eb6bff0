package main

// What Linux says of processes: their processor time and their memory.

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ticks a second in /proc, which are 100 on every Linux that Go runs on.
const ticks = 100

// cpu is the processor time of the processes so far.
func cpu(list []*exec.Cmd) (time.Duration, error) {
	var total time.Duration
	for _, c := range list {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
		if err != nil {
			return 0, err
		}
		// The name of the program, in parentheses, may have blanks.
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			return 0, fmt.Errorf("/proc has only %d fields", len(fields))
		}
		for _, i := range []int{11, 12} { // utime, stime
			n, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return 0, err
			}
			total += time.Duration(n) * time.Second / ticks
		}
	}
	return total, nil
}

// memory is the resident memory of the processes in bytes, of each.
func memory(list []*exec.Cmd) ([]int64, error) {
	var sizes []int64
	for _, c := range list {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if after, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(after), " kB"), 10, 64)
				if err != nil {
					return nil, err
				}
				sizes = append(sizes, n<<10)
			}
		}
	}
	if len(sizes) != len(list) {
		return nil, fmt.Errorf("/proc says nothing of the memory")
	}
	return sizes, nil
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}
