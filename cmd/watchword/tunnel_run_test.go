package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// A limit that somebody wrote stays, and is warned about where the system's own is
// lower, even if it is the one that is the default; the default gives way.
func TestMaxConnectionsThatAreWritten(t *testing.T) {
	const service = "[[service]]\nname = \"s\"\ndirection = \"client\"\nlisten = \":1\"\nto = \"h:2\"\nkeys = \"k\"\n"
	r := &tunnelRun{descriptors: 4096}
	for text, want := range map[string]int{
		"":                          (4096 - limits.TunnelHandshakes) / 2,
		"max-connections = 20000\n": limits.TunnelConnections,
		"max-connections = 30000\n": 30000,
		"max-connections = 100\n":   100,
	} {
		f, problems := settings.Parse("x.toml", []byte(text+service))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := r.fit(f.Settings).MaxConnections; got != want {
			t.Errorf("With %q and %d descriptors the limit is %d, want %d.", text, r.descriptors, got, want)
		}
	}
}

// The address of the metrics has its own option.
func TestMetricsAddressThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	folder := t.TempDir()
	config := filepath.Join(folder, "x.toml")
	text := "metrics = \"" + l.Addr().String() + "\"\n[[service]]\nname = \"s\"\ndirection = \"client\"\nlisten = \"127.0.0.1:0\"\nto = \"h:2\"\nkeys = \"k\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	env := &ui{stdin: strings.NewReader(""), stdout: &said, stderr: &said, getenv: func(string) string { return "" }}
	status := dispatch(context.Background(), env, []string{"tunnel", "run", config})
	if want := "metrics: " + l.Addr().String() + " is in use by another program"; status != statusFailed || !strings.Contains(said.String(), want) || strings.Contains(said.String(), "--listen") {
		t.Errorf("With status %d it says %q, want %q, and no word of --listen.", status, said.String(), want)
	}
}
