//go:build unix

package meter

// What every Unix tells of a process.

import "syscall"

func (p *process) askSystem() {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		p.cpuSeconds, p.hasCPU = seconds(usage.Utime.Nano()+usage.Stime.Nano()), true
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		p.maxFDs, p.hasMaxFDs = float64(limit.Cur), true
	}
	p.askProc()
}
