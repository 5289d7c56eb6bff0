package meter

// The table of all figures. The document docs/metrics.md is made of it, and a
// test holds both together.

import (
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

type kind string

const (
	counter     kind = "counter"
	gauge       kind = "gauge"
	inHistogram kind = "histogram"
)

// A family is one figure with all its labels.
type family struct {
	name    string
	kind    kind
	labels  string // as the document names them
	help    string
	collect func(now *figures, out *output)
}

// figures are what one answer is made of.
type figures struct {
	*Meters
	services []*Service
	process  process
}

// each makes a figure of every service.
func each(collect func(s *Service, out *output)) func(*figures, *output) {
	return func(now *figures, out *output) {
		for _, s := range now.services {
			collect(s, out)
		}
	}
}

// one makes a figure that is a number of every service.
func one(value func(s *Service) float64) func(*figures, *output) {
	return each(func(s *Service, out *output) { out.sample(value(s), "service", s.name) })
}

// whole makes a figure that is a number of the process.
func whole(value func(now *figures) float64) func(*figures, *output) {
	return func(now *figures, out *output) { out.sample(value(now)) }
}

// known makes a figure that not every system tells.
func known(value func(p *process) (float64, bool)) func(*figures, *output) {
	return func(now *figures, out *output) {
		if v, ok := value(&now.process); ok {
			out.sample(v)
		}
	}
}

var families = slices.Concat(serviceFamilies, processFamilies)

var serviceFamilies = []family{
	{"watchword_service_info", gauge, "service, side", "1 for each service; side is server or client.",
		each(func(s *Service, out *output) { out.sample(1, "service", s.name, "side", *s.direction.Load()) })},
	{"watchword_connections_total", counter, "service", "Connections that came in, before any handshake.",
		one(func(s *Service) float64 { return float64(s.accepted.Load()) })},
	{"watchword_connections", gauge, "service", "Connections that carry data now.",
		one(func(s *Service) float64 { return float64(s.open.Load()) })},
	{"watchword_service_max_connections", gauge, "service", "Limit max-connections of the service, where it has one.",
		each(func(s *Service, out *output) {
			if n := s.maxConnections.Load(); n > 0 {
				out.sample(float64(n), "service", s.name)
			}
		})},
	{"watchword_refused_total", counter, "service, limit", "Connections that a limit did not let through.",
		each(func(s *Service, out *output) { out.words(&s.refused, "limit", s.name) })},
	{"watchword_handshakes_in_progress", gauge, "service", "Handshakes under way.",
		one(func(s *Service) float64 { return float64(s.handshaking.Load()) })},
	{"watchword_handshakes_total", counter, "service, version, suite", "Complete handshakes, by what they agreed on.",
		each(collectHandshakes)},
	{"watchword_handshake_failures_total", counter, "service, reason", "Handshakes that failed.",
		each(func(s *Service, out *output) { out.words(&s.failed, "reason", s.name) })},
	{"watchword_handshake_seconds", inHistogram, "service", "Time that complete handshakes took.",
		each(func(s *Service, out *output) { out.histogram(s.handshakeTime, s.name) })},
	{"watchword_connections_ended_total", counter, "service, reason", "Connections that ended; with the reason backend-failed, before they opened.",
		each(func(s *Service, out *output) { out.words(&s.closed, "reason", s.name) })},
	{"watchword_connection_seconds", inHistogram, "service", "Time that connections were open, counted at their end.",
		each(func(s *Service, out *output) { out.histogram(s.connectionTime, s.name) })},
	{"watchword_bytes_total", counter, "service, direction", "Plain bytes: in came through TLS, out went into it.",
		each(func(s *Service, out *output) {
			out.sample(float64(s.in.Load()), "service", s.name, "direction", "in")
			out.sample(float64(s.out.Load()), "service", s.name, "direction", "out")
		})},
	{"watchword_backend_up", gauge, "service, backend", "1 if the address to connect to answered last, 0 if not.",
		each(func(s *Service, out *output) {
			s.eachBackend(func(address string, b *backend) {
				if address != "" {
					out.sample(truth(b.up), "service", s.name, "backend", address)
				}
			})
		})},
	{"watchword_backend_failures_total", counter, "service, backend", "Failures to connect, those of checks too; without an address in backend, connections for which no address was left.",
		each(func(s *Service, out *output) {
			s.eachBackend(func(address string, b *backend) {
				out.sample(float64(b.failed), "service", s.name, "backend", address)
			})
		})},
	{"watchword_keys", gauge, "service", "Keys in use.",
		one(func(s *Service) float64 { return float64(s.keys.Load()) })},
}

var processFamilies = []family{
	{"watchword_build_info", gauge, "version, goversion", "1; its labels say what runs.",
		func(_ *figures, out *output) { out.sample(1, "version", version(), "goversion", runtime.Version()) }},
	{"watchword_max_connections", gauge, "", "Limit max-connections of the process, for all services together.",
		func(now *figures, out *output) {
			if n := now.maxConnections.Load(); n > 0 {
				out.sample(float64(n))
			}
		}},
	{"watchword_reloads_total", counter, "result", "Reloads of the configuration; result is ok or failed.",
		func(now *figures, out *output) {
			out.sample(float64(now.reloaded.Load()), "result", "ok")
			out.sample(float64(now.reloadsFailed.Load()), "result", "failed")
		}},
	{"watchword_last_reload_successful", gauge, "", "1 if what the configuration says now is in use, 0 if the last reload failed.",
		whole(func(now *figures) float64 { return truth(!now.reloadBroken.Load()) })},
	{"watchword_last_reload_success_timestamp_seconds", gauge, "", "When the configuration in use was read, in seconds since 1970.",
		whole(func(now *figures) float64 { return seconds(now.lastReload.Load()) })},
	{"process_start_time_seconds", gauge, "", "When the process started, in seconds since 1970.",
		whole(func(now *figures) float64 { return seconds(now.started.UnixNano()) })},
	{"process_cpu_seconds_total", counter, "", "CPU time, of the process and of the system for it. On Unix.",
		known(func(p *process) (float64, bool) { return p.cpuSeconds, p.hasCPU })},
	{"process_resident_memory_bytes", gauge, "", "Memory that is in RAM. On Linux.",
		known(func(p *process) (float64, bool) { return p.resident, p.hasMemory })},
	{"process_virtual_memory_bytes", gauge, "", "Memory that is mapped. On Linux.",
		known(func(p *process) (float64, bool) { return p.virtual, p.hasMemory })},
	{"process_open_fds", gauge, "", "Descriptors that are open. On Linux.",
		known(func(p *process) (float64, bool) { return p.openFDs, p.hasFDs })},
	{"process_max_fds", gauge, "", "Limit of open descriptors. On Unix.",
		known(func(p *process) (float64, bool) { return p.maxFDs, p.hasMaxFDs })},
	{"go_goroutines", gauge, "", "Goroutines.",
		whole(func(now *figures) float64 { return now.process.goroutines })},
	{"go_heap_objects_bytes", gauge, "", "Memory of objects, those that are not collected yet with them.",
		whole(func(now *figures) float64 { return now.process.heap })},
	{"go_memory_bytes", gauge, "", "Memory that Go's runtime has from the system and did not give back.",
		whole(func(now *figures) float64 { return now.process.memory })},
	{"go_gc_cycles_total", counter, "", "Garbage collections.",
		whole(func(now *figures) float64 { return now.process.collections })},
}

func collectHandshakes(s *Service, out *output) {
	s.mu.Lock()
	counts := maps.Clone(s.handshakes)
	s.mu.Unlock()
	order := slices.SortedFunc(maps.Keys(counts), func(a, b negotiated) int {
		return strings.Compare(a.version+" "+a.suite, b.version+" "+b.suite)
	})
	for _, n := range order {
		out.sample(float64(counts[n]), "service", s.name, "version", n.version, "suite", n.suite)
	}
}

// eachBackend calls visit for each address in order.
func (s *Service) eachBackend(visit func(address string, b *backend)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, address := range slices.Sorted(maps.Keys(s.backends)) {
		visit(address, s.backends[address])
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(nanoseconds int64) float64 { return float64(nanoseconds) / 1e9 }

// version is that of the module, as far as the build recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
