package main

// Welch's t-test. Time has a long tail to one side, of interrupts and the like,
// that hides small differences. So, as dudect does, the test is also made of
// the samples under some percentiles of both classes together: what is cropped
// depends on the time alone, never on the class.

import (
	"math"
	"slices"
)

var percentiles = []float64{1, 0.99, 0.95, 0.90, 0.75, 0.50}

// largest returns the t of the largest |t| over all percentiles.
func largest(times [2][]int64) float64 {
	all := slices.Concat(times[0], times[1])
	slices.Sort(all)
	worst := 0.0
	for _, p := range percentiles {
		last := all[int(p*float64(len(all)-1))]
		if t := welch(times, last); math.Abs(t) > math.Abs(worst) {
			worst = t
		}
	}
	return worst
}

// welch returns t of the samples that are at most last: the difference of the
// means, in units of its standard error.
func welch(times [2][]int64, last int64) float64 {
	var mean, errSquare [2]float64
	for class := range times {
		var n, m2 float64 // Welford's method
		for _, sample := range times[class] {
			if sample > last {
				continue
			}
			n++
			d := float64(sample) - mean[class]
			mean[class] += d / n
			m2 += d * (float64(sample) - mean[class])
		}
		if n < 2 {
			return math.Inf(1 - 2*class) // all of one class were cropped: they differ
		}
		errSquare[class] = m2 / (n - 1) / n
	}
	diff, stdErr := mean[0]-mean[1], math.Sqrt(errSquare[0]+errSquare[1])
	if stdErr == 0 {
		if diff == 0 {
			return 0
		}
		return math.Copysign(math.Inf(1), diff)
	}
	return diff / stdErr
}

func median(times []int64) int64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
