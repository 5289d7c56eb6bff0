package main

// The verb server: shows what clients send, and sends them what is typed.
//
// Every connection has goroutines of its own, so that no peer waits for
// another: server_accept.go lets them in, server_peer.go serves one of them.
// A close_notify from here means that every message of that client was written
// to stdout without error.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
)

func init() {
	register(verb{
		name: "server", order: 10, synopsis: "[--listen ADDRESS] [--keys FILE] [--once] [--json]",
		summary: "show the messages of clients, and answer them",
		detail: `
Waits for clients that hold a key of the key file, and shows each message as
IDENTITY: TEXT on standard output. Lines that are typed, or come through a pipe,
go to all clients that are connected. At the end of the input the server goes on
serving; Ctrl-C ends it in order, a second one at once.

A client learns that its connection was closed in order only after all of its
messages were written to standard output. If that fails, every connection is
ended with an alert, and the status is 1.

A message is a line of UTF-8 of at most 1 MiB. Control characters in it are shown
escaped, as in \x1b. --json is exact: an object a line, with time, identity, text
and remote.

The key file is read again when it changes. Without --keys, and with --listen on
this machine itself, it is made if there is none.

Clients speak TLS 1.3 with forward secrecy. For others there is --policy: with
compatible also TLS 1.2 with forward secrecy, with legacy whatever old devices
speak. TLS 1.2 takes external keys alone (watchword key new --external).
"watchword probe" says what a server speaks.`,
		run: runServer,
	})
}

func runServer(ctx context.Context, env *ui, args []string) int {
	f := env.flags("server")
	listen := f.String("listen", defaultAddress, "the `ADDRESS` to wait at, HOST:PORT; :PORT is every address\nof this machine")
	keys := f.keyFile()
	once := f.Bool("once", false, "serve one client that proves its key, then end")
	json := f.Bool("json", false, "show each message as a JSON object")
	verbose := f.Bool("verbose", false, "say a line about each handshake")
	timeout := f.handshakeTime()
	policy := f.policies()
	hint := f.String("identity-hint", "", fmt.Sprintf("a `TEXT` of at most %d bytes that clients of TLS 1.2 are told\nbefore they name their key, for those that choose by it; anybody\nwho connects can read it", limits.MaxIdentityHint))
	if status, ok := f.parse(args); !ok {
		return status
	}
	if err := policy.check(); err != nil {
		return env.usage("server", "%v", err)
	}
	if err := policy.checkHint(*hint); err != nil {
		return env.usage("server", "--identity-hint %v", err)
	}
	if err := checkAddress(*listen); err != nil {
		return env.usage("server", "--listen: %v", err)
	}
	if *timeout <= 0 {
		return env.usage("server", "--handshake-timeout is %v: it must be more than nothing", *timeout)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return env.fail(listenFailure(*listen, err))
	}
	defer l.Close()
	if _, err := keys.ensure(f, *listen); err != nil {
		return env.fail(err)
	}
	lookup, err := keys.watch()
	if err != nil {
		return env.fail(err)
	}
	config := &watchword.Config{Lookup: lookup, HandshakeTimeout: *timeout, IdentityHint: *hint}
	policy.apply(config)
	s := newServer(env, config)
	s.once, s.verbose, s.keys = *once, *verbose, keys.suffix()
	if *json {
		s.out.form = asJSON
	}
	env.say("listening on %s, with the keys in %s", l.Addr(), lookup.File().Name())
	return s.serve(ctx, l)
}

// watch follows the key file and says what becomes of it.
func (k *keyFlags) watch() (*keyfile.Watched, error) {
	return keyfile.Watch(k.name, keyfile.WatchOptions{
		LoadOptions: k.options(),
		Changed: func(f *keyfile.File) {
			k.env.say("%s has changed: its keys are used for new connections from now on", f.Name())
			for _, w := range f.Warnings() {
				k.env.warn("%s", w)
			}
			if err := f.CheckServer(""); err != nil && len(f.Keys()) > 0 {
				k.env.warn("%v", err)
			}
		},
		Failed: func(err error) { k.env.warn("%v", err) },
	})
}

// server is one run of the verb.
type server struct {
	env      *ui
	config   *watchword.Config
	out      *messageWriter
	failures *failureLog
	old      oldPeerNotes
	keys     string // the option that names the key file
	once     bool
	verbose  bool

	handlers sync.WaitGroup
	over     chan struct{} // closed when the server is to end by itself
	quit     sync.Once     // closes over

	mu       sync.Mutex // guards what follows
	unproven unprovenList
	peers    map[*peer]bool
	admitted int       // peers so far
	joined   sync.Cond // admitted has grown
	stopping bool      // no more peers
	status   int
	fatal    error // why nothing can be shown any more
}

func newServer(env *ui, config *watchword.Config) *server {
	s := &server{
		env: env, config: config,
		out:      &messageWriter{w: env.stdout, form: withIdentity},
		failures: &failureLog{say: func(s string) { env.say("%s", s) }},
		over:     make(chan struct{}),
		peers:    make(map[*peer]bool),
	}
	s.joined.L = &s.mu
	return s
}

// serve runs until ctx ends, or what --once waits for is done, or nothing can
// be shown any more.
func (s *server) serve(ctx context.Context, l net.Listener) int {
	handshakes, stopHandshakes := context.WithCancel(context.Background())
	defer stopHandshakes()
	go s.accept(handshakes, l)
	go s.readInput()
	select {
	case <-ctx.Done():
	case <-s.over:
	}
	l.Close()
	s.cutUnproven()
	stopHandshakes()
	s.stop(ctx.Err() != nil)
	s.failures.flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fatal != nil {
		return s.env.fail(outputFailure(s.fatal))
	}
	return s.status
}

// end lets serve return.
func (s *server) end() { s.quit.Do(func() { close(s.over) }) }

// cutUnproven ends the handshakes under way, and lets no more begin.
func (s *server) cutUnproven() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for s.unproven.Len() > 0 {
		s.unproven.dropOldest()
	}
}

// stop ends every connection: in order if it can, with an alert where messages
// could not be shown.
func (s *server) stop(interrupted bool) {
	s.mu.Lock()
	fatal := s.fatal
	for p := range s.peers {
		if fatal != nil {
			go p.conn.Abort("a message could not be shown")
		} else {
			p.leave()
		}
	}
	nobody := s.once && interrupted && s.admitted == 0
	s.mu.Unlock()
	if nobody {
		s.env.say("stopped before a client proved its key")
		s.failed()
	}
	done := make(chan struct{})
	go func() { s.handlers.Wait(); close(done) }()
	const patience = limits.FarewellSeconds + limits.CloseTimeoutSeconds + limits.LingerSeconds
	select {
	case <-done:
	case <-time.After(patience * time.Second):
		s.env.say("some connections did not end within %d seconds, and were cut", patience)
		s.failed()
	}
}

// failed makes the exit status that of a failure.
func (s *server) failed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = statusFailed
}

// cannotShow ends the server: who goes on sending would believe that somebody
// reads.
func (s *server) cannotShow(err error) {
	s.mu.Lock()
	if s.fatal == nil {
		s.fatal = err
	}
	s.mu.Unlock()
	s.end()
}

// readInput sends lines to the peers. What comes from a file or a pipe waits
// for a peer; what is typed when nobody is there is lost, and said to be.
func (s *server) readInput() {
	typed := interactive(s.env.stdin)
	if typed {
		ignoreTerminalStop()
	}
	lines := newLineReader(s.env.stdin)
	for {
		text, err := lines.next()
		var bad notMessage
		switch {
		case errors.As(err, &bad):
			s.env.say("not sent: %v", bad)
			s.failed()
		case errors.Is(err, io.EOF), typed && err != nil:
			return
		case err != nil:
			s.env.say("standard input cannot be read any more: %v", systemReason(err))
			s.failed()
			return
		case !typed:
			s.broadcastWaiting(text)
		case s.broadcast(text) == 0:
			s.env.say("not sent: nobody is connected")
		}
	}
}

// broadcastWaiting waits until somebody takes the line.
func (s *server) broadcastWaiting(text string) {
	s.mu.Lock()
	before := s.admitted
	s.mu.Unlock()
	for s.broadcast(text) == 0 {
		s.mu.Lock()
		for s.admitted == before {
			s.joined.Wait()
		}
		before = s.admitted
		s.mu.Unlock()
	}
}

// broadcast queues a line for every peer and returns how many took it. Peers whose
// queues are full are waited for together: several that are stuck hold the others
// up for no longer than one.
func (s *server) broadcast(text string) int {
	s.mu.Lock()
	peers := slices.Collect(maps.Keys(s.peers))
	s.mu.Unlock()
	line := text + "\n"
	var taken atomic.Int64
	var waits sync.WaitGroup
	for _, p := range peers {
		switch added, over := p.add(line); {
		case added:
			taken.Add(1)
		case !over:
			waits.Go(func() {
				if p.enqueue(line) {
					taken.Add(1)
				}
			})
		}
	}
	waits.Wait()
	return int(taken.Load())
}
