package main

// Help in two levels: an overview with the common case first, and a page for
// each verb with every option.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

func init() {
	register(verb{
		name: "help", order: 90, synopsis: "[VERB]",
		summary: "say more about a verb",
		detail:  "Prints an overview, or everything about one verb.",
		run:     runHelp,
	})
}

const commonCase = `watchword carries messages between two ends that share a key, over TLS 1.3.

On one machine, in two windows:
    watchword server
    watchword client -m hello

On two machines, one key:
    watchword key new                   and carry the file over, as it says
    watchword server --listen :12345
    watchword client --connect OTHER-MACHINE:12345

Usage: watchword VERB [options]

`

// overview is the first level.
func overview() string {
	return commonCase + table(verbs) + "\nEverything about a verb: watchword help VERB\n"
}

// groupHelp is the page of a first word that needs a second.
func groupHelp(name string, group []verb) string {
	return fmt.Sprintf("Usage: watchword %s VERB [options]\n\n%s\nEverything about a verb: watchword help %s VERB\n", name, table(group), name)
}

func table(verbs []verb) string {
	width := 0
	for _, v := range verbs {
		width = max(width, len(v.name))
	}
	var b strings.Builder
	for _, v := range verbs {
		fmt.Fprintf(&b, "    %-*s   %s\n", width, v.name, v.summary)
	}
	return b.String()
}

func runHelp(ctx context.Context, env *ui, args []string) int {
	f := env.flags("help")
	f.positional = true
	if status, ok := f.parse(args); !ok {
		return status
	}
	args = f.Args()
	if len(args) == 0 {
		env.printf("%s", overview())
		return statusOK
	}
	name := strings.Join(args, " ")
	if group := groupOf(name); len(group) > 0 {
		env.printf("%s", groupHelp(name, group))
		return statusOK
	}
	// A verb knows its options only when it runs, and -h is all it does then.
	if v, rest, ok := findVerb(args); ok && len(rest) == 0 {
		return v.run(ctx, env, []string{"-h"})
	}
	return env.usage("", "there is no verb %q", name)
}

func isHelpFlag(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// flags are the options of one verb.
type flags struct {
	*flag.FlagSet
	env        *ui
	verb       verb
	positional bool // arguments that are no options are allowed
	before     int  // how many arguments were read before those of parse
}

// flags returns the options of the named verb, to be declared and parsed.
func (u *ui) flags(name string) *flags {
	f := &flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), env: u}
	f.verb, _, _ = findVerb(strings.Split(name, " "))
	f.SetOutput(io.Discard) // parse speaks
	f.Usage = func() {}
	return f
}

// parse reads the command line. Unless ok is set, all is said and the program
// ends with the status.
func (f *flags) parse(args []string) (status int, ok bool) {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.env.printf("%s", f.page())
		return statusOK, false
	case err != nil:
		return f.env.usage(f.verb.name, "%s: %v", f.verb.name, err), false
	case f.NArg() > 0 && !f.positional:
		return f.env.usage(f.verb.name, "%s: there is an argument that belongs to no option: number %d", f.verb.name, f.before+len(args)-f.NArg()+1), false
	}
	return statusOK, true
}

// parseWithOne reads a command line that may have one argument that is no option,
// in whatever place. It is empty if there is none.
func (f *flags) parseWithOne(args []string) (one string, status int, ok bool) {
	f.positional = true
	if status, ok = f.parse(args); !ok || f.NArg() == 0 {
		return "", status, ok
	}
	one = f.Arg(0)
	f.positional, f.before = false, len(args)-f.NArg()+1
	status, ok = f.parse(f.Args()[1:])
	return one, status, ok
}

// given reports whether the option was on the command line.
func (f *flags) given(name string) bool {
	found := false
	f.Visit(func(o *flag.Flag) { found = found || o.Name == name })
	return found
}

// page is the second level: everything about the verb.
func (f *flags) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n\n%s\n", strings.TrimSpace("watchword "+f.verb.name+" "+f.verb.synopsis), strings.TrimSpace(f.verb.detail))
	first := true
	f.VisitAll(func(o *flag.Flag) {
		if first {
			b.WriteString("\nOptions:\n")
			first = false
		}
		dashes := "--"
		if len(o.Name) == 1 {
			dashes = "-"
		}
		value, usage := flag.UnquoteUsage(o)
		fmt.Fprintf(&b, "  %s%s\n", dashes, strings.TrimSpace(o.Name+" "+value))
		if o.DefValue != "" && o.DefValue != "false" && o.DefValue != "0" {
			usage += " (default " + o.DefValue + ")"
		}
		fmt.Fprintf(&b, "        %s\n", strings.ReplaceAll(usage, "\n", "\n        "))
	})
	return b.String()
}
