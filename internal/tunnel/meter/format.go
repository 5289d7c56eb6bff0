package meter

// Prometheus' text format, and the two kinds of figures that are more than a
// number: words that are counted each, and times in buckets.

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// words counts each word of a closed set. All are there from the start, so that
// a rate over time sees the first one.
type words struct {
	names  []string
	counts []atomic.Uint64
}

func newWords(names []string) words {
	return words{names, make([]atomic.Uint64, len(names))}
}

func (w *words) add(name string) {
	i := slices.Index(w.names, name)
	if i < 0 {
		i = len(w.names) - 1
	}
	w.counts[i].Add(1)
}

// A histogram counts values by the smallest bound that they do not exceed.
type histogram struct {
	bounds []float64

	mu     sync.Mutex
	counts []uint64 // one more than bounds, for what exceeds all of them
	sum    float64
}

func newHistogram(bounds []float64) *histogram {
	return &histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

func (h *histogram) observe(v float64) {
	i, _ := slices.BinarySearch(h.bounds, v)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[i]++
	h.sum += v
}

// output is text in the making.
type output struct {
	text   []byte
	family string
}

var helpEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (o *output) begin(f family) {
	o.family = f.name
	o.text = append(o.text, "# HELP "+f.name+" "+helpEscapes.Replace(f.help)+"\n# TYPE "+f.name+" "+string(f.kind)+"\n"...)
}

// sample writes one value; labels are names and values in turn.
func (o *output) sample(v float64, labels ...string) { o.line("", v, labels) }

func (o *output) line(suffix string, v float64, labels []string) {
	o.text = append(o.text, o.family+suffix...)
	separator := byte('{')
	for pair := range slices.Chunk(labels, 2) {
		o.text = append(o.text, separator)
		o.text = append(o.text, pair[0]+`="`+labelEscapes.Replace(strings.ToValidUTF8(pair[1], "\uFFFD"))+`"`...)
		separator = ','
	}
	if len(labels) > 0 {
		o.text = append(o.text, '}')
	}
	o.text = append(o.text, ' ')
	o.text = append(o.text, number(v)...)
	o.text = append(o.text, '\n')
}

// number writes whole numbers without an exponent, for those who read it.
func number(v float64) string {
	format := byte('g')
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		format = 'f'
	}
	return strconv.FormatFloat(v, format, -1, 64)
}

func (o *output) words(w *words, label, service string) {
	for i, name := range w.names {
		o.sample(float64(w.counts[i].Load()), "service", service, label, name)
	}
}

func (o *output) histogram(h *histogram, service string) {
	h.mu.Lock()
	counts, sum := slices.Clone(h.counts), h.sum
	h.mu.Unlock()
	total := uint64(0)
	for i, n := range counts {
		total += n
		bound := "+Inf"
		if i < len(h.bounds) {
			bound = number(h.bounds[i])
		}
		o.line("_bucket", float64(total), []string{"service", service, "le", bound})
	}
	o.line("_sum", sum, []string{"service", service})
	o.line("_count", float64(total), []string{"service", service})
}
