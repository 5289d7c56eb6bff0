package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
)

const whole = `# A comment.
log = "json"
metrics = "127.0.0.1:9477"
drain-time = "10s"
max-connections = 500

[[service]]
name = "postgresql"
direction = "server"
listen = [":5433", "unix:/run/ww.sock"]
to = "127.0.0.1:5432"
keys = "pg.keys"
allow = ["web-*"]
end-removed = true
policy = "compatible"
bytes-per-second = "10MB"
idle-timeout = "1h"
proxy-in = "v2"
proxy-trusted = ["10.0.0.0/8", "192.168.1.1"]

[[service]]
name = "redis"
direction = "client"
listen = "127.0.0.1:6379"
to = ["a:6380", "b:6380"]
keys = "redis.keys"
id = "web-1"
balance = "round-robin"
`

func TestParse(t *testing.T) {
	f, problems := Parse("x.toml", []byte(whole))
	if len(problems) > 0 {
		t.Fatalf("A good file has problems:\n%v", problems)
	}
	s := f.Settings
	a, b := s.Services[0], s.Services[1]
	if s.Log != LogJSON || s.DrainTime != 10*time.Second || s.MaxConnections != 500 || !s.Confine {
		t.Errorf("The process has %+v.", s)
	}
	if a.Name != "postgresql" || a.Direction != Server || len(a.Listen) != 2 || a.Listen[1] != (Address{"unix", "/run/ww.sock"}) ||
		a.Allow[0] != "web-*" || !a.EndRemoved || a.Policy != watchword.Compatible || a.BytesPerSecond != 10e6 ||
		a.IdleTimeout != time.Hour || len(a.ProxyTrusted) != 2 || a.ProxyTrusted[1].Bits() != 32 || a.HandshakeTimeout != 10*time.Second {
		t.Errorf("The first service is %+v.", a)
	}
	if b.Direction != Client || len(b.To) != 2 || b.Identity != "web-1" || b.Balance != RoundRobin {
		t.Errorf("The second service is %+v.", b)
	}
}

// Every mistake has its line, and one does not hide another.
func TestProblems(t *testing.T) {
	base := "[[service]]\nname = \"a\"\ndirection = \"server\"\nlisten = \":1\"\nto = \"h:2\"\nkeys = \"k\"\n"
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", []string{"x.toml: there is no service"}},
		{base + "max-per-sorce = 3\n", []string{`x.toml:7: there is no option "max-per-sorce": max-per-source is meant?`}},
		{base + "wibble = 3\n", []string{`x.toml:7: there is no option "wibble"`}},
		{base + "idle-timeout = 30\n", []string{"x.toml:7: idle-timeout: a time in quotes is needed"}},
		{base + "idle-timeout = \"30\"\n", []string{`x.toml:7: idle-timeout: "30" is no time`}},
		{base + "max-handshakes = 0\n", []string{"x.toml:7: max-handshakes: 0 is not between 1"}},
		{base + "id = \"x\"\n", []string{"x.toml:7: id means nothing for a server"}},
		{base + "proxy-in = \"v2\"\n", []string{"x.toml:7: proxy-in: proxy-trusted is missing"}},
		{base + "suite = [\"TLS_X\"]\n", []string{`x.toml:7: suite: there is no suite "TLS_X"`}},
		{base + "suite = [\"TLS_PSK_WITH_AES_128_CBC_SHA256\"]\n", []string{"x.toml:7: suite: "}},
		{base + "listen = \":1\"\n", []string{"x.toml:7: listen is said twice, first in line 4"}},
		{base + base, []string{`x.toml:8: name: the service in line 1 is called "a" too`, "x.toml:10: listen: the service in line 1 listens at :1 too"}},
		{"metrics = \"0.0.0.0:1\"\n" + base, []string{"x.toml:1: metrics: 0.0.0.0:1 can be reached from other machines"}},
		{"pprof = true\n" + base, []string{"x.toml:1: pprof: it needs metrics"}},
		{"listen = \":1\"\n" + base, []string{"x.toml:1: listen belongs to a service"}},
		{"[service]\n" + base, []string{"x.toml:1: a service begins with [[service]]"}},
		{"[tunnel]\n" + base, []string{`x.toml:1: there is no section "tunnel"`}},
		{"[[service]]\ndirection = \"both\"\n", []string{"x.toml:1: this service has no name", `x.toml:2: direction: "both" is none of server, client`}},
		{"[[service]]\nname = \"a\"\ndirection = \"client\"\nto = \"nowhere\"\n", []string{
			"x.toml:1: listen: it is missing", "x.toml:1: keys: it is missing", `x.toml:4: to: "nowhere" is no address`}},
		{base + "allow = [\"[\"]\n", []string{`x.toml:7: allow: "[" is no pattern`}},
		{base + "to = oops\n", []string{"x.toml:7: this is not TOML"}},
		{strings.Replace(base, "h:2", "127.0.0.1:1", 1), []string{"x.toml:5: to: 127.0.0.1:1 leads back to where this service listens"}},
	} {
		_, problems := Parse("x.toml", []byte(test.text))
		if len(problems) != len(test.want) {
			t.Errorf("%q has the problems:\n%v\nwant %d.", test.text, problems, len(test.want))
			continue
		}
		for i, want := range test.want {
			if got := problems[i].String(); !strings.HasPrefix(got, want) {
				t.Errorf("%q: problem %d is %q, want %q.", test.text, i, got, want)
			}
		}
	}
}

// A service leads back to itself only where the address is the very one: others
// of 127.0.0.0/8 are other places.
func TestSameAddress(t *testing.T) {
	for _, c := range []struct {
		listen, to string
		want       bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true},
		{"127.0.0.1:1", "127.0.0.1:2", false},
		{"127.0.0.1:1", "127.0.0.2:1", false},
		{"127.0.0.2:1", "127.0.0.2:1", true},
		{"localhost:1", "127.0.0.1:1", true},
		{"[::1]:1", "localhost:1", true},
		{"localhost:1", "127.0.0.2:1", false},
		{"[::1]:1", "127.0.0.1:1", false},
		{"[::1]:1", "[0:0:0:0:0:0:0:1]:1", true},
		{"127.0.0.1:1", "[::ffff:127.0.0.1]:1", true},
		{":1", "127.0.0.2:1", true},
		{"0.0.0.0:1", "localhost:1", true},
		{"[::]:1", "127.0.0.1:1", true},
		{":1", "10.0.0.1:1", false},
		{"10.0.0.1:1", "127.0.0.1:1", false},
		{"db:1", "db:1", true},
		{"127.0.0.1:0", "127.0.0.1:0", false},
	} {
		if got := sameAddress(Address{"tcp", c.listen}, Address{"tcp", c.to}); got != c.want {
			t.Errorf("Listening at %s and connecting to %s: the same? %v, want %v.", c.listen, c.to, got, c.want)
		}
	}
}

// What guards a socket with a path guards no abstract one.
func TestAbstractSocket(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Only Linux has abstract sockets.")
	}
	base := "[[service]]\nname = \"a\"\ndirection = \"server\"\nlisten = \"unix:@x\"\nto = \"h:2\"\nkeys = \"k\"\n"
	for add, want := range map[string]string{
		"":                         "",
		"socket-mode = \"0600\"\n": "x.toml:7: socket-mode: unix:@x is an abstract socket",
		"proxy-in = \"v2\"\n":      "x.toml:7: proxy-in: unix:@x is an abstract socket",
	} {
		_, problems := Parse("x.toml", []byte(base+add))
		if got := problems.Error(); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("With %q the problems are %q, want %q.", add, got, want)
		}
	}
}

func TestLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.toml")
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "there is no configuration file "+name) {
		t.Errorf("A missing file: %v.", err)
	}
	if err := os.WriteFile(name, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := Load(name); err != nil || len(f.Settings.Services) != 2 {
		t.Errorf("A good file: %v.", err)
	}
}

func TestExamples(t *testing.T) {
	names, err := filepath.Glob("../../../docs/tunnel/*.toml")
	if err != nil || len(names) < 6 {
		t.Fatalf("There are %d examples, error %v, want at least 6.", len(names), err)
	}
	for _, name := range names {
		if _, err := Load(name); err != nil {
			t.Errorf("The example has problems:\n%v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("[[service]]\nname = 1\n[a.b]\nx = {y = [1]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, problems := Parse("x", data)
		if len(problems) == 0 && len(file.Settings.Services) == 0 {
			t.Error("A file without a service has no problem.")
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines {
				t.Errorf("The problem %q is outside of the file's %d lines.", p, lines)
			}
		}
	})
}
