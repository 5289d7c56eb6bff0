// Command welch asks time whether opening a CBC record tells its padding:
//
//	go run ./bench/welch
//
// It opens bad records of two classes at random, times each, and compares the
// two means with Welch's t-test, as the tool dudect does; once with the opener
// of internal/suite, once with a naive one that checks the padding first and
// computes the MAC over what is left. On a quiet machine |t| stays under 4.5
// for ours, and is far above it for the naive one. Anything else ends with
// status 1.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/watchword-tls/watchword/internal/suite"
)

// threshold is dudect's: beyond it two means differ, but for one time in
// 150,000.
const threshold = 4.5

// batch is how many records are made before they are opened: their making is
// not timed and must not come between two samples.
const batch = 1000

func main() {
	samples := flag.Int("samples", 1_000_000, "how many records to open for each row")
	length := flag.Int("length", 512, "bytes of ciphertext in a record, a multiple of 16")
	name := flag.String("suite", "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", "the suite")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random records")
	flag.Parse()
	s, ok := suite.ByName(*name)
	if !ok || s.Cipher != suite.BlockCBC {
		fail("%s is not one of our suites with CBC", *name)
	}
	if *length%16 != 0 || *length < s.MACLen+maxPadding+1 || *length > 1<<14+256 || *samples < batch {
		fail("records need a multiple of 16 from %d to %d bytes, and at least %d of them", s.MACLen+maxPadding+1, 1<<14+256, batch)
	}
	// What runs beside the measurement: nothing of ours.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)

	fmt.Printf("%s, MAC-then-encrypt, %d bytes a record, %d samples a row, seed %d\n", s.Name, *length, *samples, *seed)
	fmt.Println("t is the largest of six: of all samples, and of those under the 99th, 95th, 90th, 75th and 50th percentile.")
	fmt.Println()
	good := true
	rng := rand.New(rand.NewPCG(*seed, 0))
	row := func(cells ...any) { fmt.Printf("%-47v  %-6v  %9v  %9v  %8v  %v\n", cells...) }
	row("A against B", "opener", "median A", "median B", "t", "")
	for _, c := range comparisons {
		for _, o := range openers {
			times := measure(newRecords(s, *length, rng), c, o, *samples)
			t := largest(times)
			verdict := "the same"
			if t > threshold || t < -threshold {
				verdict = "differ"
			}
			if (verdict == "differ") != o.leaks {
				good = false
				verdict += ", WRONG"
			}
			row(c, o.name, nanoseconds(median(times[0])), nanoseconds(median(times[1])), fmt.Sprintf("%.1f", t), verdict)
			runtime.GC()
		}
	}
	fmt.Println()
	costs(s, rng)
	if !good {
		fmt.Println("\nNot as it should be: ours must not differ, the naive one must. Was the machine quiet?")
		os.Exit(1)
	}
}

func nanoseconds(n int64) string { return fmt.Sprintf("%d ns", n) }

func fail(format string, args ...any) {
	fmt.Fprintln(os.Stderr, "welch: "+fmt.Sprintf(format, args...))
	os.Exit(2)
}

// measure returns the times of both classes in nanoseconds.
func measure(r *records, c comparison, o opener, samples int) (times [2][]int64) {
	open := o.new(r)
	for class := range times {
		times[class] = make([]int64, 0, samples)
	}
	made := make([][]byte, batch)
	for i := range made {
		made[i] = make([]byte, r.bodyLen())
	}
	classes := make([]int, batch)
	body := make([]byte, r.bodyLen())
	for done := -batch; done < samples; done += batch { // the first batch warms up
		for i := range made {
			classes[i] = int(r.rng.Uint32() & 1)
			c.class[classes[i]](r, made[i])
		}
		for i := range made {
			copy(body, made[i])
			start := time.Now()
			open(body)
			elapsed := time.Since(start)
			if done >= 0 {
				times[classes[i]] = append(times[classes[i]], int64(elapsed))
			}
		}
	}
	return times
}
