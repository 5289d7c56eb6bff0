package settings

// From a configuration file to settings, with every mistake that is in it.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

// File is a configuration file that was read.
type File struct {
	Name     string
	Settings Settings
	lines    []map[string]int // of each service's options, by name; "" is its own
	top      map[string]int
}

// Line returns the line of an option of a service, counted from 0, or of the
// process (-1). Where the option is not in the file it is that of its section.
func (f *File) Line(service int, option string) int {
	if service < 0 {
		return f.top[option]
	}
	return lineOf(f.lines[service], option)
}

// Load reads a file. Its error is [Problems] where the content is wrong, all of
// them at once; what could be read is returned even so, for a check that looks
// further.
func Load(name string) (*File, error) {
	data, err := read(name)
	if err != nil {
		return nil, err
	}
	f, problems := Parse(name, data)
	if len(problems) > 0 {
		return f, problems
	}
	return f, nil
}

// LoadWatched loads the settings of who will load them again and again. What is no
// regular file is refused: to open a FIFO may take for ever, and what came through
// it comes once.
func LoadWatched(name string) (Settings, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return Settings{}, fmt.Errorf("%s is no regular file, so it cannot be read again at a reload: put the configuration into a file of its own", name)
	}
	file, err := Load(name)
	if err != nil {
		return Settings{}, err
	}
	return file.Settings, nil
}

func read(name string) ([]byte, error) {
	file, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no configuration file %s", name)
	case err != nil:
		return nil, fmt.Errorf("the configuration file %s cannot be read: %w", name, reason(err))
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limits.MaxConfigBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the configuration file %s cannot be read: %w", name, reason(err))
	case len(data) > limits.MaxConfigBytes:
		return nil, fmt.Errorf("the configuration file %s has more than %d bytes", name, limits.MaxConfigBytes)
	}
	return data, nil
}

func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// reader collects what a file says and what is wrong with it.
type reader struct {
	file     *File
	problems Problems
}

// Parse is Load for content that was read already.
func Parse(name string, data []byte) (*File, Problems) {
	r := &reader{file: &File{Name: name, Settings: Default(), top: make(map[string]int)}}
	list, broken := sections(data)
	r.process(list[0])
	for _, s := range list[1:] {
		r.section(s)
	}
	if broken != nil {
		r.problem(broken.Line, "%s", broken.Text)
	} else {
		r.together()
	}
	r.problems.Sort()
	return r.file, r.problems
}

func (r *reader) problem(line int, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file.Name, Line: line, Text: fmt.Sprintf(format, args...)})
}

// processOptions are the keys at the top of the file.
var processOptions = []struct {
	name string
	set  func(*Settings, value) error
}{
	{"log", setter(func(s *Settings) *LogFormat { return &s.Log }, func(v value) (LogFormat, error) {
		return choose(v, []string{"text", "json"}, []LogFormat{LogText, LogJSON})
	})},
	{"metrics", setter(func(s *Settings) *string { return &s.Metrics }, value.oneText)},
	{"metrics-anywhere", setter(func(s *Settings) *bool { return &s.MetricsAnywhere }, value.yes)},
	{"pprof", setter(func(s *Settings) *bool { return &s.Pprof }, value.yes)},
	{"user", setter(func(s *Settings) *string { return &s.User }, value.oneText)},
	{"group", setter(func(s *Settings) *string { return &s.Group }, value.oneText)},
	{"confine", setter(func(s *Settings) *bool { return &s.Confine }, value.yes)},
	{"drain-time", setter(func(s *Settings) *time.Duration { return &s.DrainTime }, span(0, longest))},
	{"max-connections", func(s *Settings, v value) error {
		s.MaxConnectionsSaid = true
		return setter(func(s *Settings) *int { return &s.MaxConnections }, count(1))(s, v)
	}},
}

func setter[T any](place func(*Settings) *T, read func(value) (T, error)) func(*Settings, value) error {
	return func(s *Settings, v value) error {
		t, err := read(v)
		if err == nil {
			*place(s) = t
		}
		return err
	}
}

// SetProcess takes an option of the process from a command line.
func (s *Settings) SetProcess(name, text string) error {
	for _, o := range processOptions {
		if o.name == name {
			return o.set(s, value{kind: typedValue, text: text})
		}
	}
	return fmt.Errorf("there is no option %q", name)
}

func (r *reader) process(s section) {
	names := make([]string, len(processOptions))
	for i, o := range processOptions {
		names[i] = o.name
	}
next:
	for _, e := range s.entries {
		if r.twice(r.file.top, e) {
			continue
		}
		for _, o := range processOptions {
			if o.name == e.name {
				if err := o.set(&r.file.Settings, e.value); err != nil {
					r.problem(e.line, "%s: %v", e.name, err)
				}
				continue next
			}
		}
		if _, ok := optionNamed(e.name); ok || e.name == "name" || e.name == "direction" || e.name == "keys" {
			r.problem(e.line, "%s belongs to a service: put it below [[service]]", e.name)
			continue
		}
		r.unknown(e, names)
	}
}

// twice notes where an option stands, and says if it stood somewhere before.
func (r *reader) twice(lines map[string]int, e entry) bool {
	if before, ok := lines[e.name]; ok {
		r.problem(e.line, "%s is said twice, first in line %d", e.name, before)
		return true
	}
	lines[e.name] = e.line
	return false
}

func (r *reader) unknown(e entry, names []string) {
	if near := nearest(e.name, names); near != "" {
		r.problem(e.line, "there is no option %q: %s is meant?", e.name, near)
		return
	}
	r.problem(e.line, "there is no option %q", e.name)
}

func (r *reader) section(s section) {
	switch {
	case s.name == "service" && s.array:
		r.service(s)
	case s.name == "service":
		r.problem(s.line, "a service begins with [[service]], in two pairs of brackets")
	default:
		r.problem(s.line, "there is no section %q: a service begins with [[service]]", s.name)
	}
}

func (r *reader) service(s section) {
	o := DefaultService()
	lines := map[string]int{"": s.line}
	directed := r.direction(s, &o)
	for _, e := range s.entries {
		if r.twice(lines, e) {
			continue
		}
		switch e.name {
		case "direction":
		case "name":
			r.text(e, &o.Name)
			if strings.ContainsAny(o.Name, " \t\n\"") {
				r.problem(e.line, "name: %q has blanks or quotes, which a metric's label should not have", o.Name)
			}
		case "keys":
			r.text(e, &o.Keys)
		default:
			r.option(e, &o, directed)
		}
	}
	switch {
	case lines["name"] == 0:
		r.problem(s.line, "this service has no name")
	}
	r.file.Settings.Services = append(r.file.Settings.Services, o)
	r.file.lines = append(r.file.lines, lines)
	if !directed {
		return
	}
	for _, f := range o.faults() {
		if f.text != "" && !r.wrongAlready(lines, f.option) {
			r.problem(lineOf(lines, f.option), "%s: %s", f.option, f.text)
		}
	}
}

// wrongAlready reports whether something was said about the option: what does
// not parse is not missing.
func (r *reader) wrongAlready(lines map[string]int, option string) bool {
	line, ok := lines[option]
	if !ok {
		return false
	}
	for _, p := range r.problems {
		if p.Line == line {
			return true
		}
	}
	return false
}

func lineOf(lines map[string]int, option string) int {
	if line, ok := lines[option]; ok {
		return line
	}
	return lines[""]
}

// direction is read first: it says what the others may be.
func (r *reader) direction(s section, o *Service) bool {
	for _, e := range s.entries {
		if e.name != "direction" {
			continue
		}
		d, err := choose(e.value, []string{"server", "client"}, []Direction{Server, Client})
		if err != nil {
			r.problem(e.line, "direction: %v", err)
			return false
		}
		o.Direction = d
		return true
	}
	r.problem(s.line, `this service has no direction: "server" takes TLS in, "client" gives TLS out`)
	return false
}

func (r *reader) text(e entry, to *string) {
	text, err := e.value.oneText()
	if err == nil && text == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		r.problem(e.line, "%s: %v", e.name, err)
		return
	}
	*to = text
}

func (r *reader) option(e entry, s *Service, directed bool) {
	o, ok := optionNamed(e.name)
	switch {
	case !ok:
		names := []string{"name", "direction", "keys"}
		for _, o := range table {
			names = append(names, o.Name)
		}
		r.unknown(e, names)
	case directed && !o.only.has(s.Direction):
		r.problem(e.line, "%s means nothing for a %s", e.name, s.Direction)
	default:
		if err := o.set(s, e.value); err != nil {
			r.problem(e.line, "%s: %v", e.name, err)
		}
	}
}

// together are the rules about all services.
func (r *reader) together() {
	services := r.file.Settings.Services
	if len(services) == 0 {
		r.problem(0, "there is no service in it: add one, beginning with [[service]]")
	}
	if len(services) > limits.MaxServices {
		r.problem(0, "it has %d services, at most %d are allowed", len(services), limits.MaxServices)
		return
	}
	names := make(map[string]int)
	listens := make(map[Address]int)
	for i, s := range services {
		if j, ok := names[s.Name]; ok && s.Name != "" {
			r.problem(lineOf(r.file.lines[i], "name"), "name: the service in line %d is called %q too", r.file.lines[j][""], s.Name)
		}
		names[s.Name] = i
		for _, a := range s.Listen {
			if j, ok := listens[a]; ok && j != i && !anyPort(a) {
				r.problem(lineOf(r.file.lines[i], "listen"), "listen: the service in line %d listens at %s too", r.file.lines[j][""], a)
			}
			listens[a] = i
		}
	}
	for _, f := range r.file.Settings.processFaults() {
		r.problem(lineOf(r.file.top, f.option), "%s: %s", f.option, f.text)
	}
}

// nearest returns the name that a mistyped one is most like, if any is near.
func nearest(typed string, names []string) string {
	best, least := "", 3
	typed = strings.ReplaceAll(strings.ToLower(typed), "_", "-")
	for _, name := range names {
		if d := distance(typed, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is how many letters must change to make one word of the other.
func distance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 40
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
