package meter

// What Go's runtime and the system tell of the process. What the system does
// not tell is left out of the answer: a zero would be a lie.

import "runtime/metrics"

type process struct {
	goroutines, heap, memory, collections float64 // from the runtime, everywhere

	cpuSeconds float64
	hasCPU     bool

	resident, virtual float64
	hasMemory         bool

	openFDs float64
	hasFDs  bool

	maxFDs    float64
	hasMaxFDs bool
}

func readProcess() process {
	var p process
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	value := func(i int) float64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return float64(samples[i].Value.Uint64())
	}
	p.goroutines, p.heap, p.memory, p.collections = value(0), value(1), value(2)-value(3), value(4)
	p.askSystem()
	return p
}
