package main

// The verbs tunnel server, tunnel client and tunnel run: services that carry
// other programs' connections. tunnel_flags.go has their options, tunnel_run.go
// runs them, tunnel_check.go checks a configuration.

import (
	"context"

	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

func init() {
	register(verb{
		name: "tunnel server", order: 16, synopsis: "--listen ADDRESS --to ADDRESS [--keys FILE]",
		summary: "let clients with a key reach a service of this machine",
		detail: `
Takes connections over TLS from whoever holds a key of the key file, and joins
each with a plain connection to the service. In front of a database:
    watchword tunnel server --listen :5433 --to 127.0.0.1:5432 --keys FILE
and where its clients are:
    watchword tunnel client --listen 127.0.0.1:5432 --to HOST:5433 --keys FILE --id NAME

An address is HOST:PORT, :PORT to listen at every address of this machine, or
unix:PATH; to listen also systemd or systemd:NAME, for a socket that systemd
opened. Several addresses in --to share the load.

Bytes arrive exactly as they were sent. The end of one direction is carried to
the other side while the other direction goes on; a reset or a connection that
broke off is a reset on the other side, never a clean end.

The key file is read again when it changes, and at SIGHUP: a mistake in it leaves
the old keys in use. SIGTERM or Ctrl-C ends in order: no new connections, those
that are open may go on for --drain-time; a second Ctrl-C ends at once.

Each connection is a line in the log at its end, on standard error. Every option
has the same name in a configuration file: see "watchword help tunnel run".`,
		run: func(ctx context.Context, env *ui, args []string) int {
			return runTunnelService(ctx, env, "tunnel server", settings.Server, args)
		},
	})
	register(verb{
		name: "tunnel client", order: 17, synopsis: "--listen ADDRESS --to HOST:PORT [--keys FILE] [--id NAME]",
		summary: "let programs of this machine reach a service behind a tunnel server",
		detail: `
Takes plain connections of programs on this machine, and joins each with a
connection over TLS to a tunnel server, or to any other server that speaks TLS
with the same key, such as stunnel:
    watchword tunnel client --listen 127.0.0.1:5432 --to HOST:5433 --keys FILE --id NAME

Whoever reaches the address that it listens at uses the key: keep it on this
machine (127.0.0.1), or take a Unix socket (unix:PATH), whose mode --socket-mode
sets.

"watchword help tunnel server" says what both have in common.`,
		run: func(ctx context.Context, env *ui, args []string) int {
			return runTunnelService(ctx, env, "tunnel client", settings.Client, args)
		},
	})
	register(verb{
		name: "tunnel run", order: 18, synopsis: "CONFIG.toml",
		summary: "run all services of a configuration file",
		detail: `
Runs every service of a file in TOML:
    log = "json"
    metrics = "127.0.0.1:9477"

    [[service]]
    name = "postgresql"
    direction = "server"
    listen = ":5433"
    to = "127.0.0.1:5432"
    keys = "/etc/watchword/postgresql.keys"
    allow = ["web-*"]

A service takes every option of "watchword tunnel server", or of
"watchword tunnel client", under the same name.
"watchword tunnel check CONFIG.toml" finds mistakes, with their lines, and starts
nothing.

The file and the key files are read again when they change, and at SIGHUP, all or
nothing: with a mistake anywhere, what was in force stays in force, and the log
says why. Connections that are open stay open. metrics, pprof, log, user, group
and confine are used at the start alone.`,
		run: runTunnelFile,
	})
}

// runTunnelService runs the one service of a command line.
func runTunnelService(ctx context.Context, env *ui, name string, d settings.Direction, args []string) int {
	f := env.flags(name)
	keys := f.keyFile()
	o := f.serviceFlags(d)
	if status, ok := f.parse(args); !ok {
		return status
	}
	s, err := o.settings(keys.name)
	if err != nil {
		return env.usage(name, "%v", err)
	}
	return (&tunnelRun{
		env: env, keys: keys.options(),
		load: func() (settings.Settings, error) { return s, nil },
	}).run(ctx)
}

func runTunnelFile(ctx context.Context, env *ui, args []string) int {
	f := env.flags("tunnel run")
	readable := f.Bool("allow-readable-keys", false, "take key files that every user of the machine can read,\nsuch as secrets mounted into a container")
	f.positional = true
	if status, ok := f.parse(args); !ok {
		return status
	}
	if f.NArg() != 1 {
		return env.usage("tunnel run", "one configuration file is needed")
	}
	name := f.Arg(0)
	return (&tunnelRun{
		env:   env,
		files: []string{name},
		keys:  keyfile.LoadOptions{AllowReadable: *readable, Credentials: env.getenv("CREDENTIALS_DIRECTORY")},
		load:  func() (settings.Settings, error) { return settings.LoadWatched(name) },
	}).run(ctx)
}
