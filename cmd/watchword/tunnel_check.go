package main

// The verb tunnel check.

import (
	"context"
	"errors"
	"fmt"

	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/tunnel/preflight"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

func init() {
	register(verb{
		name: "tunnel check", order: 19, synopsis: "CONFIG.toml",
		summary: "find the mistakes in a configuration file, and start nothing",
		detail: `
Reads the file and says every mistake in it with its line, then what would fail at
the start: an address that is taken, a key file that others can read, an identity
without a key, a user that does not exist. What may not be meant is a warning: a
pattern that matches nobody, a host that cannot be found now, a key that this
machine uses as a server and as a client.

The status is 0 if the tunnel would start, 1 if not. Where it runs already, with
an older version of the file, say --running: its own addresses are taken then.`,
		run: runTunnelCheck,
	})
}

func runTunnelCheck(ctx context.Context, env *ui, args []string) int {
	f := env.flags("tunnel check")
	running := f.Bool("running", false, "the tunnel runs already: addresses that are taken are its own")
	readable := f.Bool("allow-readable-keys", false, "as \"watchword tunnel run\" will be told")
	f.positional = true
	if status, ok := f.parse(args); !ok {
		return status
	}
	if f.NArg() != 1 {
		return env.usage("tunnel check", "one configuration file is needed")
	}
	file, err := settings.Load(f.Arg(0))
	var problems settings.Problems
	if err != nil && !errors.As(err, &problems) {
		return env.fail(err)
	}
	problems = preflight.Check(ctx, file, problems, preflight.Options{
		Keys:    keyfile.LoadOptions{AllowReadable: *readable, Credentials: env.getenv("CREDENTIALS_DIRECTORY")},
		Running: *running,
	})
	for _, p := range problems {
		env.say("%s", p.String())
	}
	if n := len(problems.Serious()); n > 0 {
		return env.fail(fmt.Errorf("%s would not start: %s", f.Arg(0), counted(n, "mistake", "mistakes")))
	}
	for _, s := range file.Settings.Services {
		env.printf("%s: %s\n", s.Name, describeService(&s))
	}
	return statusOK
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func describeService(s *settings.Service) string {
	if s.Direction == settings.Server {
		return fmt.Sprintf("TLS in at %s, plain to %s, with the keys in %s", listOf(s.Listen), listOf(s.To), s.Keys)
	}
	return fmt.Sprintf("plain in at %s, TLS to %s, with a key in %s", listOf(s.Listen), listOf(s.To), s.Keys)
}

func listOf(addresses []settings.Address) string {
	text := ""
	for i, a := range addresses {
		if i > 0 {
			text += ", "
		}
		text += a.String()
	}
	return text
}
