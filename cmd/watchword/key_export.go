package main

// key export: writes keys into a file for somebody else.

import (
	"context"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
)

func init() {
	register(verb{
		name: "key export", order: 34, synopsis: "--to FILE [--plain] [--id NAME] [--keys FILE]",
		summary: "write keys to a file for the other end, or for another program",
		detail: `
Writes the keys of one identity, or all, to a new file that only you can read.

The file is for the other end: a key that only the client uses here is one that
only the server uses there, and the other way round.

With --plain it is for a program that takes no comment in a key file, as
stunnel, and holds lines of identity:hex alone: the current key of each
identity. Such programs know external keys only, for SHA-256; make keys for them
with "watchword key new --external".`,
		run: runKeyExport,
	})
}

func runKeyExport(_ context.Context, env *ui, args []string) int {
	f := env.flags("key export")
	keys, id := f.keyFile(), f.identity("only the keys of this identity, `NAME` or #HEX")
	to := f.String("to", "", "the `FILE` to write, which must not exist")
	plain := f.Bool("plain", false, "lines of identity:hex without any comment")
	if status, ok := f.parse(args); !ok {
		return status
	}
	switch {
	case *to == "":
		return env.usage("key export", "--to is needed: the file to write")
	case *to == "-":
		return env.usage("key export", "--to needs a file: keys are not written to standard output")
	case f.given("id") && id() == "":
		return env.usage("key export", "--id is empty: leave it out for all keys")
	}
	file, err := keys.load()
	if err != nil {
		return env.fail(err)
	}
	export := file.ForPeer
	if *plain {
		export = file.Plain
	}
	out, err := export(*to, id())
	if err == nil {
		err = out.Create()
	}
	if err != nil {
		return env.fail(err)
	}
	env.say("%s holds %s. Only you can read it; it is as secret as %s.", *to, names(out), file.Name())
	if *plain {
		warnLost(env, out)
	}
	return statusOK
}

func names(file *keyfile.File) string {
	ids := file.Identities()
	if len(ids) == 1 {
		return "the key of " + keyfile.FormatIdentity(ids[0])
	}
	var shown []string
	for _, id := range ids {
		shown = append(shown, keyfile.FormatIdentity(id))
	}
	return "the keys of " + strings.Join(shown, ", ")
}

// warnLost says which keys are something else to whoever reads a plain file.
func warnLost(env *ui, out *keyfile.File) {
	for _, k := range out.Keys() {
		o := k.Options()
		shown := keyfile.FormatIdentity(k.Identity())
		if o.Kind == watchword.Imported {
			env.warn("%s is an imported key, but whoever reads the plain file uses it as an external one, and one key must not be used in both ways (RFC 9258): make one with watchword key new --external", shown)
		}
		var lost []string
		if o.Hash != watchword.SHA256 {
			lost = append(lost, "its hash "+o.Hash.String())
		}
		if len(o.Context) > 0 {
			lost = append(lost, "its context")
		}
		if o.Version != 0 {
			lost = append(lost, "that it is for "+watchword.VersionName(o.Version)+" alone")
		}
		if o.Role != watchword.AnyRole {
			lost = append(lost, "its role "+o.Role.String())
		}
		if len(lost) > 0 {
			env.warn("%s has lost %s in the plain file", shown, strings.Join(lost, ", "))
		}
	}
}
