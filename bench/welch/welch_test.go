package main

// The program without its clock: the statistics, and that each class of records
// is what it is called. What the clock says is for people to look at.

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/watchword-tls/watchword/internal/suite"
)

func TestWelch(t *testing.T) {
	// Worked by hand: means 3 and 6, variances 2.5 and 10, five samples each.
	times := [2][]int64{{1, 2, 3, 4, 5}, {2, 4, 6, 8, 10}}
	if got, want := welch(times, 10), (3-6)/math.Sqrt(2.5/5+10.0/5); math.Abs(got-want) > 1e-12 {
		t.Errorf("t is %v, want %v.", got, want)
	}
	// Cropped to 4: means 2.5 and 3, variances 5/3 and 2, four and two samples.
	if got, want := welch(times, 4), (2.5-3)/math.Sqrt(5.0/3/4+2.0/2); math.Abs(got-want) > 1e-12 {
		t.Errorf("t of the samples up to 4 is %v, want %v.", got, want)
	}
	if got := welch([2][]int64{{7, 7, 7}, {7, 7, 7}}, 7); got != 0 {
		t.Errorf("t of equal samples is %v.", got)
	}
	if got := welch([2][]int64{{7, 7, 7}, {8, 8, 8}}, 8); got != math.Inf(-1) {
		t.Errorf("t of samples that never vary and differ is %v.", got)
	}
	if got := welch([2][]int64{{1, 2, 1}, {8, 9, 8}}, 4); !math.IsInf(got, 0) {
		t.Errorf("t where one class is cropped away is %v.", got)
	}
}

// TestLargest: samples of one distribution are not told apart, those with a
// small shift under a long tail are, by cropping.
func TestLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sample := func(shift int64) int64 {
		s := 1000 + shift + int64(rng.IntN(100))
		if rng.IntN(100) == 0 {
			s += int64(rng.IntN(1_000_000)) // an interrupt
		}
		return s
	}
	var same, shifted [2][]int64
	for range 200_000 {
		same[0], same[1] = append(same[0], sample(0)), append(same[1], sample(0))
		shifted[0], shifted[1] = append(shifted[0], sample(0)), append(shifted[1], sample(2))
	}
	if got := largest(same); math.Abs(got) > threshold {
		t.Errorf("Samples of one distribution are told apart, t is %v.", got)
	}
	if got := welch(shifted, math.MaxInt64); math.Abs(got) > threshold {
		t.Errorf("The tail does not hide anything, t is %v: the test is none.", got)
	}
	if got := largest(shifted); got > -threshold {
		t.Errorf("A shift of 2 in 1050 was not found, t is %v.", got)
	}
}

func TestClasses(t *testing.T) {
	for _, name := range []string{"TLS_PSK_WITH_AES_128_CBC_SHA", "TLS_PSK_WITH_AES_128_CBC_SHA256", "TLS_PSK_WITH_AES_256_CBC_SHA384"} {
		s, _ := suite.ByName(name)
		r := newRecords(s, 320, rand.New(rand.NewPCG(3, 4)))
		for _, c := range comparisons {
			var wants []bool
			for _, make := range c.class {
				body := bytes.Repeat([]byte{0}, r.bodyLen())
				make(r, body)
				want := ours(r, suite.MACThenEncrypt)(bytes.Clone(body))
				if naive(r)(bytes.Clone(body)) != want {
					t.Errorf("%s, %s: the two openers do not agree.", name, c)
				}
				wants = append(wants, want)
			}
			if wants[0] != wants[1] {
				t.Errorf("%s, %s: one of the two is good, the other is bad.", name, c)
			}
		}
		for padding := range maxPadding + 1 {
			body := make([]byte, r.bodyLen())
			good(padding)(r, body)
			if !naive(r)(body) {
				t.Errorf("%s: the good record with a padding of %d does not open.", name, padding)
			}
			badMAC(padding)(r, body)
			if naive(r)(body) {
				t.Errorf("%s: the record with a bad MAC and a padding of %d opens.", name, padding)
			}
		}
	}
}
