package meter

// Tests of the figures: what is counted is what is written, exactly, and a
// strict reader of Prometheus' text format takes it.

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func written(m *Meters) string {
	var text bytes.Buffer
	m.Write(&text)
	return text.String()
}

var (
	nameForm   = `[a-zA-Z_:][a-zA-Z0-9_:]*`
	labelForm  = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"`
	helpLine   = regexp.MustCompile(`^# HELP (` + nameForm + `) (\S.*)$`)
	typeLine   = regexp.MustCompile(`^# TYPE (` + nameForm + `) (counter|gauge|histogram)$`)
	sampleLine = regexp.MustCompile(`^(` + nameForm + `)(\{` + labelForm + `(?:,` + labelForm + `)*\})? (\S+)$`)
	suffix     = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// read is a strict reader: each family is in one piece under its HELP and TYPE,
// no series comes twice, a counter's name ends in _total and nothing else's.
func read(t *testing.T, text string) map[string]float64 {
	t.Helper()
	series := make(map[string]float64)
	families := make(map[string]bool)
	help, family, kind := "", "", ""
	if !strings.HasSuffix(text, "\n") {
		t.Errorf("The text does not end with a line's end.")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := helpLine.FindStringSubmatch(line); m != nil {
			help = m[1]
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			family, kind = m[1], m[2]
			if families[family] || help != family {
				t.Errorf("The family %s comes twice, or without its HELP.", family)
			}
			if families[family] = true; (kind == "counter") != strings.HasSuffix(family, "_total") {
				t.Errorf("The name %s does not fit a %s.", family, kind)
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("This line is none of Prometheus' text format: %q", line)
			continue
		}
		name := m[1]
		if kind == "histogram" {
			name = suffix.ReplaceAllString(name, "")
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if _, twice := series[m[1]+m[2]]; name != family || twice || err != nil || math.IsNaN(v) || v < 0 {
			t.Errorf("This line is under %s, or comes twice, or has no good number: %q", family, line)
		}
		series[m[1]+m[2]] = v
	}
	return series
}

func want(t *testing.T, got map[string]float64, wanted map[string]float64) {
	t.Helper()
	for name, v := range wanted {
		if have, ok := got[name]; !ok || have != v {
			t.Errorf("%s is %v (written: %v), want %v.", name, have, ok, v)
		}
	}
}

func TestWhatIsCountedIsWritten(t *testing.T) {
	m := New()
	m.MaxConnections(100)
	s := m.Service("db", "server")
	s.MaxConnections(50)
	for range 5 {
		s.Accepted()
		s.HandshakeStarted()
	}
	s.Refused(MaxPerSource)
	s.Refused(MaxConnectionsOfAll)
	s.Refused("a limit that nobody named")
	s.HandshakeFailed(WrongKey)
	for range 3 {
		s.HandshakeEnded()
		s.Handshaken(3*time.Millisecond, "TLS 1.3", "TLS_AES_128_GCM_SHA256")
		s.Opened()
	}
	s.Handshaken(time.Minute, "TLS 1.2", "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256")
	s.Bytes(1<<30, 7)
	s.Bytes(1, 0)
	s.Closed(Done, 2*time.Second)
	s.Closed(BackendFailed, time.Second)
	s.BackendFailed("")
	s.Backends("10.0.0.1:5432", "10.0.0.2:5432")
	s.BackendUp("10.0.0.2:5432", false)
	s.Keys(12)

	want(t, read(t, written(m)), map[string]float64{
		`watchword_service_info{service="db",side="server"}`:                                        1,
		`watchword_connections_total{service="db"}`:                                                 5,
		`watchword_connections{service="db"}`:                                                       2,
		`watchword_max_connections`:                                                                 100,
		`watchword_service_max_connections{service="db"}`:                                           50,
		`watchword_refused_total{service="db",limit="max-per-source"}`:                              1,
		`watchword_refused_total{service="db",limit="max-connections of all services"}`:             1,
		`watchword_refused_total{service="db",limit="max-handshakes"}`:                              0,
		`watchword_refused_total{service="db",limit="other"}`:                                       1,
		`watchword_handshakes_in_progress{service="db"}`:                                            2,
		`watchword_handshake_failures_total{service="db",reason="wrong-key"}`:                       1,
		`watchword_handshake_failures_total{service="db",reason="timeout"}`:                         0,
		`watchword_handshakes_total{service="db",version="TLS 1.3",suite="TLS_AES_128_GCM_SHA256"}`: 3,
		`watchword_handshake_seconds_bucket{service="db",le="0.0025"}`:                              0,
		`watchword_handshake_seconds_bucket{service="db",le="0.005"}`:                               3,
		`watchword_handshake_seconds_bucket{service="db",le="10"}`:                                  3,
		`watchword_handshake_seconds_bucket{service="db",le="+Inf"}`:                                4,
		`watchword_handshake_seconds_count{service="db"}`:                                           4,
		`watchword_connections_ended_total{service="db",reason="done"}`:                             1,
		`watchword_connections_ended_total{service="db",reason="backend-failed"}`:                   1,
		`watchword_connection_seconds_sum{service="db"}`:                                            2,
		`watchword_connection_seconds_count{service="db"}`:                                          1,
		`watchword_bytes_total{service="db",direction="in"}`:                                        1<<30 + 1,
		`watchword_bytes_total{service="db",direction="out"}`:                                       7,
		`watchword_backend_up{service="db",backend="10.0.0.1:5432"}`:                                1,
		`watchword_backend_up{service="db",backend="10.0.0.2:5432"}`:                                0,
		`watchword_backend_failures_total{service="db",backend=""}`:                                 1,
		`watchword_keys{service="db"}`:                                                              12,
		`watchword_reloads_total{result="failed"}`:                                                  0,
		`watchword_last_reload_successful`:                                                          1,
	})
}

func TestEveryWordIsWrittenFromTheStart(t *testing.T) {
	m := New()
	m.Service("db", "server")
	got := read(t, written(m))
	for name, set := range map[string][]string{
		`watchword_refused_total{service="db",limit=`:             limitWords,
		`watchword_handshake_failures_total{service="db",reason=`: failureWords,
		`watchword_connections_ended_total{service="db",reason=`:  endWords,
	} {
		for _, word := range set {
			want(t, got, map[string]float64{name + `"` + word + `"}`: 0})
		}
	}
}

func TestABoundIsInItsBucket(t *testing.T) {
	h := newHistogram([]float64{1, 2})
	for _, v := range []float64{0, 1, 1.5, 2, 2.5} {
		h.observe(v)
	}
	if fmt.Sprint(h.counts) != "[2 2 1]" || h.sum != 7 {
		t.Errorf("0, 1, 1.5, 2 and 2.5 in buckets up to 1 and 2 are %v with the sum %v, want [2 2 1] with 7.", h.counts, h.sum)
	}
}

func TestReloads(t *testing.T) {
	m := New()
	started := read(t, written(m))["watchword_last_reload_success_timestamp_seconds"]
	m.Reloaded(false)
	got := read(t, written(m))
	want(t, got, map[string]float64{
		`watchword_reloads_total{result="failed"}`: 1, "watchword_last_reload_successful": 0,
		"watchword_last_reload_success_timestamp_seconds": started, "process_start_time_seconds": started,
	})
	m.Reloaded(true)
	got = read(t, written(m))
	want(t, got, map[string]float64{`watchword_reloads_total{result="ok"}`: 1, "watchword_last_reload_successful": 1})
	if at := got["watchword_last_reload_success_timestamp_seconds"]; at < started || started < 1e9 {
		t.Errorf("The process started at %v and reloaded at %v.", started, at)
	}
}

func TestServicesComeAndGo(t *testing.T) {
	m := New()
	s := m.Service("db", "server")
	s.Accepted()
	if m.Service("db", "client") != s {
		t.Error("A service of the same name after a reload has other meters.")
	}
	want(t, read(t, written(m)), map[string]float64{
		`watchword_service_info{service="db",side="client"}`: 1,
		`watchword_connections_total{service="db"}`:          1,
	})
	m.Remove("db")
	m.Remove("never there")
	s.Accepted()
	if text := written(m); strings.Contains(text, `"db"`) {
		t.Errorf("A removed service is still written:\n%s", text)
	}
	m.Service("db", "server")
	want(t, read(t, written(m)), map[string]float64{`watchword_connections_total{service="db"}`: 0})
}

func TestAddressesOfAReloadReplaceOthers(t *testing.T) {
	m := New()
	s := m.Service("db", "server")
	s.Backends("old:1", "kept:1")
	s.BackendFailed("old:1")
	s.BackendFailed("")
	s.BackendUp("kept:1", false)
	s.Backends("kept:1", "new:1")
	s.BackendFailed("old:1") // an attempt that began before
	if s.BackendUp("old:1", false) || !s.BackendUp("new:1", true) {
		t.Error("An address that the configuration has no more is known, or one that it has is not.")
	}
	got := read(t, written(m))
	want(t, got, map[string]float64{
		`watchword_backend_up{service="db",backend="kept:1"}`:       0,
		`watchword_backend_up{service="db",backend="new:1"}`:        1,
		`watchword_backend_failures_total{service="db",backend=""}`: 1,
	})
	for name := range got {
		if strings.Contains(name, "old:1") {
			t.Errorf("An address that the configuration has no more is written: %s", name)
		}
	}
}

func TestLabelValuesAreEscaped(t *testing.T) {
	m := New()
	m.Service("a\"b\\c\nd\xff}", "server").Accepted()
	want(t, read(t, written(m)), map[string]float64{`watchword_connections_total{service="a\"b\\c\nd` + "\uFFFD" + `}"}`: 1})
}

func TestServicesAreCountedApartAndInOrder(t *testing.T) {
	m := New()
	m.Service("b", "server").Accepted()
	m.Service("a", "client")
	text := written(m)
	want(t, read(t, text), map[string]float64{`watchword_connections_total{service="a"}`: 0, `watchword_connections_total{service="b"}`: 1})
	if strings.Index(text, `watchword_connections_total{service="a"}`) > strings.Index(text, `watchword_connections_total{service="b"}`) {
		t.Error("The services are not in the order of their names.")
	}
}

func TestProcessFigures(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Only Linux tells all of them.")
	}
	m := New()
	before := read(t, written(m))
	for _, name := range []string{
		"process_start_time_seconds", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds",
		"process_max_fds", "go_goroutines", "go_heap_objects_bytes", "go_memory_bytes",
	} {
		if before[name] <= 0 {
			t.Errorf("%s is %v, want more than 0.", name, before[name])
		}
	}
	if _, ok := before["process_cpu_seconds_total"]; !ok {
		t.Error("The CPU time is missing.")
	}
	files := make([]*os.File, 100)
	for i := range files {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatalf("The null device does not open: %v", err)
		}
		defer func() { _ = f.Close() }()
		files[i] = f
	}
	if more := read(t, written(m))["process_open_fds"] - before["process_open_fds"]; more < 90 || more > 110 { // connections of other tests may close meanwhile
		t.Errorf("After 100 files were opened, %v more descriptors are open.", more)
	}
}

// TestCountingAtOnce: nothing is lost when many count while others read, while
// services come and go.
func TestCountingAtOnce(t *testing.T) {
	const workers, rounds = 8, 500
	m := New()
	s := m.Service("db", "server")
	s.Backends("10.0.0.1:1")
	var work sync.WaitGroup
	for i := range workers {
		work.Go(func() {
			other := fmt.Sprint("other", i)
			for range rounds {
				s.Accepted()
				s.HandshakeStarted()
				s.Handshaken(time.Millisecond, "TLS 1.3", "TLS_AES_128_GCM_SHA256")
				s.HandshakeEnded()
				s.Opened()
				s.Bytes(3, 4)
				s.BackendUp("10.0.0.1:1", true)
				s.BackendFailed("10.0.0.1:1")
				s.HandshakeFailed(TimedOut)
				s.Refused(MaxHandshakes)
				s.Closed(Done, time.Second)
				m.Service(other, "client").Accepted()
				m.Remove(other)
			}
		})
	}
	for range 20 {
		read(t, written(m))
		m.Reloaded(true)
	}
	work.Wait()
	const all = workers * rounds
	want(t, read(t, written(m)), map[string]float64{
		`watchword_connections_total{service="db"}`: all, `watchword_connections{service="db"}`: 0,
		`watchword_handshakes_in_progress{service="db"}`:                      0,
		`watchword_bytes_total{service="db",direction="in"}`:                  3 * all,
		`watchword_bytes_total{service="db",direction="out"}`:                 4 * all,
		`watchword_handshake_seconds_count{service="db"}`:                     all,
		`watchword_connection_seconds_sum{service="db"}`:                      all,
		`watchword_refused_total{service="db",limit="max-handshakes"}`:        all,
		`watchword_backend_failures_total{service="db",backend="10.0.0.1:1"}`: all,
	})
}

func TestCountingBytesAllocatesNothing(t *testing.T) {
	s := New().Service("db", "server")
	if n := testing.AllocsPerRun(100, func() { s.Bytes(1, 2); s.Accepted(); s.Refused(MaxPerSource) }); n != 0 {
		t.Errorf("Counting allocates %v times.", n)
	}
}

func BenchmarkBytes(b *testing.B) {
	s := New().Service("db", "server")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.Bytes(16384, 0)
		}
	})
}
