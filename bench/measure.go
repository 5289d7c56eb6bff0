package main

// Measuring: contenders take turns, and each is compared with the reference in
// the same turn.

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// A sample is one turn of one contender.
type sample struct {
	wall, cpu time.Duration
	mallocs   uint64
	units     float64 // handshakes, or bytes
}

// A contender does n units of work. measured is set by those that run in
// another process and measure themselves.
type contender struct {
	name     string
	work     func(n int) error
	measured func(n int) (sample, error)
	missing  string // why it cannot be measured
}

func (c *contender) turn(n int) (sample, error) {
	if c.measured != nil {
		return c.measured(n)
	}
	var before, after runtime.MemStats
	runtime.GC() // each pays for its own garbage
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	err := c.work(n)
	s := sample{wall: time.Since(start), cpu: cpuTime() - cpu, units: float64(n)}
	runtime.ReadMemStats(&after)
	s.mallocs = after.Mallocs - before.Mallocs
	return s, err
}

// A result is what is said of a contender after all its turns.
type result struct {
	name, missing string
	rate          float64 // units a second
	cpuNanos      float64 // for a unit
	mallocs       float64 // for a unit; of contenders in Go
	// Against the last contender, turn by turn: how many times as many units
	// a second, and how many times fewer of the processor's seconds.
	byRate, byCPU float64
}

// compare gives each contender its turns. The last one is the reference.
func compare(rounds, n int, contenders ...contender) ([]result, error) {
	samples := make([][]sample, len(contenders))
	for round := range rounds + 1 {
		for i := range contenders {
			if contenders[i].missing != "" {
				continue
			}
			s, err := contenders[i].turn(n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", contenders[i].name, err)
			}
			if round > 0 { // the first one warms up
				samples[i] = append(samples[i], s)
			}
		}
	}
	reference := samples[len(samples)-1]
	results := make([]result, len(contenders))
	for i, c := range contenders {
		results[i] = summary(c, samples[i], reference)
	}
	return results, nil
}

func summary(c contender, turns, reference []sample) result {
	r := result{name: c.name, missing: c.missing}
	if c.missing != "" {
		return r
	}
	var rates, cpus, mallocs, byRate, byCPU []float64
	for i, s := range turns {
		rates = append(rates, s.units/s.wall.Seconds())
		cpus = append(cpus, float64(s.cpu)/s.units)
		mallocs = append(mallocs, float64(s.mallocs)/s.units)
		ref := reference[i]
		byRate = append(byRate, rates[i]/(ref.units/ref.wall.Seconds()))
		byCPU = append(byCPU, float64(ref.cpu)/ref.units/cpus[i])
	}
	r.rate, r.cpuNanos, r.mallocs = median(rates), median(cpus), median(mallocs)
	r.byRate, r.byCPU = median(byRate), median(byCPU)
	return r
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}
