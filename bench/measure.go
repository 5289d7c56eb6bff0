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

	turns []sample
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
	results := make([]result, len(contenders))
	for i, c := range contenders {
		results[i] = summary(c, samples[i])
	}
	for i := range results {
		results[i].byRate, results[i].byCPU = results[i].against(results[len(results)-1])
	}
	return results, nil
}

func summary(c contender, turns []sample) result {
	r := result{name: c.name, missing: c.missing, turns: turns}
	var rates, cpus, mallocs []float64
	for _, s := range turns {
		rates = append(rates, s.rate())
		cpus = append(cpus, s.cpuNanos())
		mallocs = append(mallocs, float64(s.mallocs)/s.units)
	}
	r.rate, r.cpuNanos, r.mallocs = median(rates), median(cpus), median(mallocs)
	return r
}

func (s sample) rate() float64     { return s.units / s.wall.Seconds() }
func (s sample) cpuNanos() float64 { return float64(s.cpu) / s.units }

// against compares with another contender of the same turns; 0 where one of
// them was not measured.
func (r result) against(reference result) (byRate, byCPU float64) {
	if r.missing != "" || reference.missing != "" {
		return 0, 0
	}
	var rates, cpus []float64
	for i, s := range r.turns {
		rates = append(rates, s.rate()/reference.turns[i].rate())
		cpus = append(cpus, reference.turns[i].cpuNanos()/s.cpuNanos())
	}
	return median(rates), median(cpus)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}
