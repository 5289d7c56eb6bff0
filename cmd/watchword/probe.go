package main

// The verb probe: finds out what a server speaks. The questions are asked by
// internal/probe; here is the command line, and in probe_table.go what is shown.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/network"
	"github.com/watchword-tls/watchword/internal/probe"
)

func init() {
	register(verb{
		name: "probe", order: 12, synopsis: "HOST:PORT [--id NAME] [--keys FILE] [--json]",
		summary: "find out what a server speaks",
		detail: fmt.Sprintf(`
Asks a server which versions of TLS it speaks with a shared key, and in each
which key exchanges, suites and groups, whether it issues tickets, and in TLS 1.2
whether it has encrypt-then-MAC, the extended master secret and the renegotiation
indication, and what identity hint it sends. What that means is said in sentences,
and which --policy reaches it.

Without a key, in TLS 1.2 all of that can be told; in TLS 1.3 little more than that
it is spoken. With --keys or --id, whole handshakes prove what works; two more in
each version, with a wrong key and with an unknown identity, show whether a
stranger can find out which identities exist.

It is polite: one connection after the other, as many as there are answers, at
most %d in %d seconds. It ends each in order. The identity that it gives where
it has none begins with watchword-probe-, for whoever reads the server's log.

--json shows an object on one line. Of a server that could not be asked it holds
the address and the error alone.

The status is 0 if the policy modern or compatible reaches the server, as far as
can be told, and with a key if a handshake was completed so; 1 if only legacy
does, or nothing, or the key was refused in every version, or the server could not
be asked; 2 if the command line makes no sense.`, limits.MaxProbeConnections, limits.ProbeSeconds),
		run: runProbe,
	})
}

func runProbe(ctx context.Context, env *ui, args []string) int {
	f := env.flags("probe")
	keys, id := f.keyFile(), f.identity("the `NAME` of the key to prove, or #HEX; not needed if the file has one")
	json := f.Bool("json", false, "show the result as a JSON object")
	timeout := f.Duration("timeout", limits.HandshakeTimeoutSeconds*time.Second, "how much `TIME` each connection may take")
	address, status, ok := f.parseWithAddress(args)
	if !ok {
		return status
	}
	if *timeout <= 0 {
		return env.usage("probe", "--timeout is %v: it must be more than nothing", *timeout)
	}
	fail := func(err error) int {
		if *json {
			env.printf("%s\n", probeErrorJSON(address, err))
		}
		return env.fail(err)
	}
	o := probe.Options{Address: address, ServerName: serverName(address), Timeout: *timeout}
	if f.given("keys") || f.given("id") {
		file, err := keys.load()
		if err != nil {
			return fail(err)
		}
		if o.Key, err = file.Current(id()); err != nil {
			return fail(err)
		}
		if err := probe.CheckKey(o.Key); err != nil {
			return fail(err)
		}
	}
	report, err := probe.Run(ctx, o)
	switch {
	case errors.Is(err, context.Canceled):
		return fail(fmt.Errorf("stopped before %s had told anything", address))
	case err != nil:
		return fail(probeFailure(address, err))
	}
	if *json {
		env.printf("%s\n", probeJSON(report))
	} else {
		env.printf("%s", probeTable(report))
	}
	if report.Stopped != nil {
		env.warn("not everything was asked: %v", systemReason(report.Stopped))
	}
	if !report.Usable || report.Policy == watchword.Legacy {
		return statusFailed
	}
	return statusOK
}

// parseWithAddress reads a command line with an address in it.
func (f *flags) parseWithAddress(args []string) (address string, status int, ok bool) {
	if address, status, ok = f.parseWithOne(args); !ok {
		return "", status, false
	}
	if address == "" {
		return "", f.env.usage(f.verb.name, "%s needs the address of a server, HOST:PORT", f.verb.name), false
	}
	if err := checkAddress(address); err != nil {
		return "", f.env.usage(f.verb.name, "%v", err), false
	}
	return address, statusOK, true
}

// probeFailure says why the server could not be asked.
func probeFailure(address string, err error) error {
	if network.Refused(err) {
		return fmt.Errorf("nobody listens at %s: check the address", address)
	}
	if sentence := unreachable(address, err, "the address"); sentence != nil {
		return sentence
	}
	return fmt.Errorf("%s cannot be asked: %w", address, systemReason(err))
}
