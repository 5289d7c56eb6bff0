package main

// The tables.

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/watchword-tls/watchword/bench/report"
	"github.com/watchword-tls/watchword/internal/system"
)

// figures are what one contender did, a value for each turn.
type figures map[string][]float64

// turns has each pair take its turns, one after the other, round by round.
func (f *field) turns(rounds int, turn func(p *pair) (float64, error)) (figures, error) {
	all := make(figures)
	for range rounds {
		for _, p := range f.pairs {
			v, err := turn(p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			all[p.name] = append(all[p.name], v)
		}
	}
	return all, nil
}

// start runs all pairs.
func (f *field) start() error {
	for _, p := range f.pairs {
		if err := p.run(f); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) stop() {
	for _, p := range f.pairs {
		p.stop()
	}
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// ratio is the median of the turns' ratios, or a dash.
func (all figures) ratio(name, to string) string {
	a, b := all[name], all[to]
	if len(a) == 0 || len(a) != len(b) || name == to {
		return "—"
	}
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

var compared = []string{nameStunnel, nameSpiped, nameRelay, nameRecords}

func head(w io.Writer, columns ...string) {
	fmt.Fprintf(w, "| pair | %s |", strings.Join(columns, " | "))
	for _, c := range compared {
		fmt.Fprintf(w, " × %s |", c)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(columns)+len(compared)))
}

func (f *field) rows(w io.Writer, all figures, format func(name string) string) {
	for _, p := range f.pairs {
		fmt.Fprintf(w, "| %s | %s |", p.name, format(p.name))
		for _, c := range compared {
			fmt.Fprintf(w, " %s |", all.ratio(p.name, c))
		}
		fmt.Fprintln(w)
	}
}

func programsTable(w io.Writer, f *field, o options) error {
	fmt.Fprintf(w, "| | |\n|---|---|\n")
	fmt.Fprintf(w, "| processor | %s, %d cores, %s/%s |\n", report.CPUModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "| watchword | %s, %s |\n", report.Revision(), runtime.Version())
	for _, c := range []struct{ name, flag string }{{"stunnel", "-version"}, {"spiped", "-v"}} {
		out, _ := exec.Command(c.name, c.flag).CombinedOutput()
		line := "missing"
		for l := range strings.Lines(string(out)) {
			if i := strings.Index(l, c.name+" "); i >= 0 {
				line = strings.TrimSpace(l[i:])
				break
			}
		}
		fmt.Fprintf(w, "| %s | %s |\n", c.name, line)
	}
	fmt.Fprintf(w, "| turns | %d each, of %d MiB, %d round trips or %v of connections |\n", o.rounds, o.megabytes, o.trips, o.seconds)
	return nil
}

func streamTable(w io.Writer, f *field, o options) error {
	if err := f.start(); err != nil {
		return err
	}
	defer f.stop()
	spent := make(figures)
	size := int64(o.megabytes) << 20
	speed, err := f.turns(o.rounds, func(p *pair) (float64, error) {
		before, err := cpu(p.running)
		if err != nil {
			return 0, err
		}
		mine := size
		if p.name == nameSpiped {
			mine /= 4 // it would take most of the time of the whole table
		}
		took, err := stream(p.address, mine)
		if err != nil {
			return 0, err
		}
		after, err := cpu(p.running)
		gigabytes := float64(mine) / 1e9
		spent[p.name] = append(spent[p.name], (after-before).Seconds()/gigabytes)
		return gigabytes / took.Seconds(), err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "One stream, throughput:")
	fmt.Fprintln(w)
	head(w, "GB a second")
	f.rows(w, speed, func(name string) string { return fmt.Sprintf("%.3f", median(speed[name])) })
	fmt.Fprintln(w)
	fmt.Fprintln(w, "One stream, processor time of the pair:")
	fmt.Fprintln(w)
	head(w, "CPU seconds a GB")
	f.rows(w, spent, func(name string) string { return fmt.Sprintf("%.2f", median(spent[name])) })
	return nil
}

func tripsTable(w io.Writer, f *field, o options) error {
	if err := f.start(); err != nil {
		return err
	}
	defer f.stop()
	late := make(figures)
	half, err := f.turns(o.rounds, func(p *pair) (float64, error) {
		times, err := trips(p.address, o.trips)
		if err != nil {
			return 0, err
		}
		late[p.name] = append(late[p.name], times[len(times)*99/100].Seconds()*1e6)
		return times[len(times)/2].Seconds() * 1e6, nil
	})
	if err != nil {
		return err
	}
	for _, t := range []struct {
		name string
		all  figures
	}{{"p50", half}, {"p99", late}} {
		fmt.Fprintf(w, "Round trip of 100 bytes, %s:\n\n", t.name)
		head(w, "µs")
		f.rows(w, t.all, func(name string) string { return fmt.Sprintf("%.1f", median(t.all[name])) })
		fmt.Fprintln(w)
	}
	return nil
}

func connectionsTable(w io.Writer, f *field, o options) error {
	all := f.pairs
	defer func() { f.pairs = all }()
	f.pairs = slices.Concat(all[:1], oneGroup, all[1:])
	if o.hybrid != "" {
		i := slices.IndexFunc(f.pairs, func(p *pair) bool { return p.name == nameStunnel })
		f.pairs = slices.Insert(f.pairs, i+1, hybridStunnel(o.hybrid))
	}
	if err := f.start(); err != nil {
		return err
	}
	defer f.stop()
	spent := make(figures)
	rate, err := f.turns(o.rounds, func(p *pair) (float64, error) {
		before, err := cpu(p.running)
		if err != nil {
			return 0, err
		}
		n, err := connections(p.address, o.seconds)
		if err != nil {
			return 0, err
		}
		after, err := cpu(p.running)
		spent[p.name] = append(spent[p.name], (after-before).Seconds()*1e6/float64(n))
		return float64(n) / o.seconds.Seconds(), err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "New connections, eight at a time, each with a byte there and back:")
	fmt.Fprintln(w)
	head(w, "a second")
	f.rows(w, rate, func(name string) string { return fmt.Sprintf("%.0f", median(rate[name])) })
	fmt.Fprintln(w)
	fmt.Fprintln(w, "New connections, processor time of the pair:")
	fmt.Fprintln(w)
	head(w, "CPU µs a connection")
	f.rows(w, spent, func(name string) string { return fmt.Sprintf("%.0f", median(spent[name])) })
	if o.hybrid != "" {
		fmt.Fprintf(w, "\nBeside a stunnel with the same groups, watchword makes %s times as many, with %s of the processor time.\n", rate.ratio(nameOurs, nameHybrid), spent.ratio(nameOurs, nameHybrid))
	}
	return nil
}

// idleTable holds many connections through each pair in turn.
func idleTable(w io.Writer, f *field, o options) error {
	n := o.idle
	if _, most, err := system.RaiseDescriptors(); err != nil {
		return err
	} else if m := (int(min(most, 1<<20)) - 700) / 2; m > 0 && n > m {
		n = m // two for each connection, and what our own limit sets aside
	}
	total, each := make(figures), make(figures)
	all := f.pairs
	defer func() { f.pairs = all }()
	// The floors say nothing here: bare records have buffers of half a megabyte.
	f.pairs = slices.DeleteFunc(slices.Clone(all), func(p *pair) bool { return p.name == nameRelay || p.name == nameRecords })
	for _, p := range f.pairs {
		mine := n
		if p.name == nameSpiped {
			mine = n / 10 // each costs it more than the one before
		}
		t, e, err := f.idle(p, mine)
		if err != nil {
			fmt.Fprintf(w, "%s holds no %d connections: %v\n\n", p.name, mine, err)
			continue
		}
		total[p.name], each[p.name] = []float64{t}, []float64{e}
	}
	fmt.Fprintf(w, "%d idle connections (a tenth of that for spiped), each after 100 bytes each way; memory of the larger process, and of both processes for one connection:\n\n", n)
	head(w, "MiB, larger process", "KiB, both, for one")
	f.rows(w, each, func(name string) string {
		return fmt.Sprintf("%.0f | %.1f", median(total[name])/(1<<20), median(each[name])/(1<<10))
	})
	return nil
}

func (f *field) idle(p *pair, n int) (largest, each float64, err error) {
	if err := p.run(f); err != nil {
		return 0, 0, err
	}
	defer p.stop()
	before, err := memory(p.running)
	if err != nil {
		return 0, 0, err
	}
	held, err := hold(p.address, n)
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(5 * time.Second) // what shrinks by itself has shrunk
	after, err := memory(p.running)
	if err != nil {
		return 0, 0, err
	}
	return float64(slices.Max(after)), float64(sum(after)-sum(before)) / float64(n), nil
}
