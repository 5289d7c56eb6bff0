package main

// The options of a tunnel's service on a command line: those of a configuration
// file, from the same table.

import (
	"errors"
	"strings"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// serviceFlags are the options of one service, and of the process.
type serviceFlags struct {
	service settings.Service
	process settings.Settings
	listed  map[string]string // lists, which several options add to
}

// serviceFlags declares them.
func (f *flags) serviceFlags(d settings.Direction) *serviceFlags {
	s := &serviceFlags{service: settings.DefaultService(), process: settings.Default(), listed: make(map[string]string)}
	s.service.Direction = d
	f.StringVar(&s.service.Name, "name", "tunnel", "the `NAME` of the service in log lines and metrics")
	for _, o := range settings.Options(d) {
		set := func(text string) error { return s.set(o, text) }
		if o.Bool {
			f.BoolFunc(o.Name, o.Usage, set)
		} else {
			f.Func(o.Name, o.Usage, set)
		}
	}
	for _, o := range []struct{ name, usage string }{
		{"log", "write log lines as text or json, a `WORD`"},
		{"metrics", "serve /metrics, /healthz and /readyz at this `ADDRESS`, such as\n127.0.0.1:9477"},
		{"drain-time", "how long connections may go on after SIGTERM or Ctrl-C, a `TIME`"},
	} {
		f.Func(o.name, o.usage, func(text string) error { return s.process.SetProcess(o.name, text) })
	}
	f.BoolVar(&s.process.MetricsAnywhere, "metrics-anywhere", false, "allow --metrics at an address that other machines reach")
	f.BoolVar(&s.process.Pprof, "pprof", false, "also serve /debug/pprof/ there")
	return s
}

func (s *serviceFlags) set(o settings.Option, text string) error {
	if o.List {
		if before := s.listed[o.Name]; before != "" {
			text = before + "," + text
		}
		s.listed[o.Name] = text
	}
	return o.Set(&s.service, text)
}

// settings returns what was said, or the first thing that is wrong with it.
func (s *serviceFlags) settings(keys string) (settings.Settings, error) {
	s.service.Keys = keys
	all := s.process
	all.Confine = false // it may need any file that somebody names later
	all.Services = []settings.Service{s.service}
	if strings.ContainsAny(s.service.Name, " \t\n\"") || s.service.Name == "" {
		return all, errors.New("--name: a name without blanks and quotes is needed")
	}
	if err := s.service.Check(); err != nil {
		return all, err
	}
	return all, all.CheckProcess()
}
