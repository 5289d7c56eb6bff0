package main

// Profiles of a run, for finding where time and memory go.

import (
	"flag"
	"os"
	"runtime"
	"runtime/pprof"
)

type profiles struct {
	cpu, mem *string
}

func profileFlags(f *flag.FlagSet) profiles {
	return profiles{
		cpu: f.String("cpuprofile", "", "write a profile of the processor's time to this file"),
		mem: f.String("memprofile", "", "write a profile of all allocations to this file"),
	}
}

// start begins profiling; stop writes the files.
func (p profiles) start() (stop func(), err error) {
	if *p.cpu != "" {
		f, err := os.Create(*p.cpu)
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
	}
	if *p.mem != "" {
		runtime.MemProfileRate = 512
	}
	return func() {
		pprof.StopCPUProfile()
		if *p.mem == "" {
			return
		}
		if f, err := os.Create(*p.mem); err == nil {
			// A profile that cannot be written shows when it is read.
			_ = pprof.Lookup("allocs").WriteTo(f, 0)
			_ = f.Close()
		}
	}, nil
}
