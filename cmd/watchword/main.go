// Watchword carries messages over TLS 1.3 between two ends that share a key.
//
// This file holds the table of verbs and the way to them. Each verb lives in
// files of its own and enters the table in an init function, so that a new one
// changes no other file:
//
//	func init() {
//		register(verb{name: "echo", order: 50, summary: "…", detail: "…", run: runEcho})
//	}
package main

import (
	"cmp"
	"context"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// The exit statuses. There are no others, so that scripts can rely on them.
const (
	statusOK     = 0 // everything was done, and the other end confirmed it
	statusFailed = 1 // something was not done; a sentence on stderr says what
	statusUsage  = 2 // the command line makes no sense; nothing was done
)

// A verb is what the first word, or the first two, of a command line asks for.
type verb struct {
	name     string // "server"; of one in a group, "key new"
	order    int    // its place in the overview
	synopsis string // what follows the name in its usage line
	summary  string // one line for the overview, without a full stop
	detail   string // what `watchword help NAME` says before the options
	// run does it and returns the exit status. The context ends with the first
	// Ctrl-C; a second one ends the program at once.
	run func(ctx context.Context, env *ui, args []string) int
}

// verbs is the table in the order of the overview.
var verbs []verb

func register(v verb) {
	verbs = append(verbs, v)
	slices.SortFunc(verbs, func(a, b verb) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.name, b.name))
	})
}

// findVerb returns the verb that the command line begins with, and the rest.
func findVerb(args []string) (v verb, rest []string, ok bool) {
	for words := min(2, len(args)); words > 0; words-- {
		name := strings.Join(args[:words], " ")
		if i := slices.IndexFunc(verbs, func(v verb) bool { return v.name == name }); i >= 0 {
			return verbs[i], args[words:], true
		}
	}
	return verb{}, nil, false
}

// groupOf returns the verbs whose first word is name.
func groupOf(name string) []verb {
	return slices.DeleteFunc(slices.Clone(verbs), func(v verb) bool { return !strings.HasPrefix(v.name, name+" ") })
}

func main() { os.Exit(start(os.Args[1:])) }

// start runs the program on the real streams. A pipe that nobody reads any more
// is an error of a write, and no sudden death: a server has a connection to end
// in order.
func start(args []string) int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return dispatch(ctx, newUI(), args)
}

func dispatch(ctx context.Context, env *ui, args []string) int {
	if len(args) == 0 {
		env.speak(overview())
		return statusUsage
	}
	switch args[0] {
	case "-h", "-help", "--help":
		args = []string{"help"}
	case "-version", "--version":
		args = []string{"version"}
	}
	v, rest, ok := findVerb(args)
	if !ok {
		return unknownVerb(env, args)
	}
	return env.exitStatus(v.run(ctx, env, rest))
}

func unknownVerb(env *ui, args []string) int {
	group := groupOf(args[0])
	switch {
	case len(group) == 0:
		return env.usage("", "there is no verb %q", args[0])
	case len(args) == 1:
		return env.usage(args[0], "%s needs a second word: %s", args[0], secondWords(group))
	case isHelpFlag(args[1]):
		env.printf("%s", groupHelp(args[0], group))
		return env.exitStatus(statusOK)
	}
	return env.usage(args[0], "%s has no verb %q, it has: %s", args[0], args[1], secondWords(group))
}

func secondWords(group []verb) string {
	var words []string
	for _, v := range group {
		_, second, _ := strings.Cut(v.name, " ")
		words = append(words, second)
	}
	return strings.Join(words, ", ")
}
