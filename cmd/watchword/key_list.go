package main

// key list: what is in a key file, save the keys.

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/watchword-tls/watchword/internal/keyfile"
)

func init() {
	register(verb{
		name: "key list", order: 31, synopsis: "[--keys FILE]",
		summary: "list the keys in a file, without showing them",
		detail: `
Prints a line for each key: its identity, whether it is imported or external,
its hash, its length in bytes, the role that it is for on this machine, and its
fingerprint. Of several keys with one identity the first is the current one,
which a client offers; a server accepts all. An identity that does not print is
shown in hex after a #. A column with contexts is added where a key has one, and
one with versions of TLS where a key is for one alone.`,
		run: runKeyList,
	})
}

func runKeyList(_ context.Context, env *ui, args []string) int {
	f := env.flags("key list")
	keys := f.keyFile()
	if status, ok := f.parse(args); !ok {
		return status
	}
	file, err := keys.load()
	if err != nil {
		return env.fail(err)
	}
	env.printf("%s", keyTable(file.List()))
	return statusOK
}

func keyTable(list []keyfile.Info) string {
	contexts, versions := false, false
	for _, k := range list {
		o := k.Key.Options()
		contexts = contexts || len(o.Context) > 0
		versions = versions || o.Version != 0
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(version, context string, cells ...any) {
		fmt.Fprintf(w, "%v\t%v\t%v\t%v\t%v\t%v", cells...)
		if versions {
			fmt.Fprintf(w, "\t%s", version)
		}
		if contexts {
			fmt.Fprintf(w, "\t%s", context)
		}
		fmt.Fprintln(w)
	}
	row("TLS", "CONTEXT", "IDENTITY", "KIND", "HASH", "BYTES", "ROLE", "FINGERPRINT")
	for _, k := range list {
		o := k.Key.Options()
		context := hex.EncodeToString(o.Context)
		if context == "" {
			context = "none"
		}
		row(keyfile.FormatVersion(o.Version), context, keyfile.FormatIdentity(k.Key.Identity()), o.Kind, o.Hash, k.Len, o.Role, k.Key.Fingerprint())
	}
	w.Flush() // into memory: it cannot fail
	return b.String()
}
