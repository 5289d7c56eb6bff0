package main

// The verb client: sends messages and shows what the server sends.
//
// Status 0 means that the server sent close_notify after this end had: our own
// server does so only when every message was shown.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/network"
)

func init() {
	register(verb{
		name: "client", order: 11, synopsis: "[--connect ADDRESS] [--keys FILE] [--id NAME] [-m TEXT]...",
		summary: "send messages to a server, and show its answers",
		detail: `
Connects to a server that holds the same key, and sends it each -m as a message,
or else each line of standard input, typed or from a pipe. What the server sends
is shown on standard output. At the end of the input (Ctrl-D) the client tells
the server so, and waits until the server has closed the connection too. Ctrl-C
does the same with what was sent so far; a second one ends the client at once.

The status is 0 only if the server closed the connection in order after that.
"watchword server" does so when all messages were written to its output.

A message is a line of UTF-8 of at most 1 MiB. Control characters in it are shown
escaped, as in \x1b. --json is exact: an object a line, with time, identity, text
and remote.

Of several keys, --id names the one to use. Without --keys, and with --connect to
this machine itself, the key file is made if there is none.

The connection is TLS 1.3 with forward secrecy. For servers that speak something
older there is --policy: with compatible also TLS 1.2 with forward secrecy, with
legacy whatever old devices speak. TLS 1.2 takes external keys alone (watchword
key new --external). "watchword probe" says what a server speaks.`,
		run: runClient,
	})
}

// texts is an option that may be given several times.
type texts []string

func (t *texts) String() string { return "" }

func (t *texts) Set(s string) error {
	if strings.ContainsAny(s, "\n") {
		return errors.New("a message is one line: give each line its own -m, or send them through a pipe")
	}
	if err := checkMessage(s); err != nil {
		return err
	}
	*t = append(*t, s)
	return nil
}

func runClient(ctx context.Context, env *ui, args []string) int {
	f := env.flags("client")
	var messages texts
	address := f.String("connect", defaultAddress, "the `ADDRESS` of the server, HOST:PORT")
	keys, id := f.keyFile(), f.identity("the `NAME` of the key to use, or #HEX; not needed if the file has one")
	f.Var(&messages, "m", "send `TEXT` as a message and do not read standard input; may be\ngiven several times")
	json := f.Bool("json", false, "show each message as a JSON object")
	verbose := f.Bool("verbose", false, "say a line about the handshake")
	timeout := f.handshakeTime()
	wait := f.Duration("wait", limits.StallSeconds*time.Second, "how much `TIME` nothing may come from the server after all was sent")
	policy := f.policies()
	if status, ok := f.parse(args); !ok {
		return status
	}
	if err := policy.check(); err != nil {
		return env.usage("client", "%v", err)
	}
	if err := checkAddress(*address); err != nil {
		return env.usage("client", "--connect: %v", err)
	}
	if *timeout <= 0 || *wait <= 0 {
		return env.usage("client", "--handshake-timeout is %v and --wait %v: both must be more than nothing", *timeout, *wait)
	}
	file, err := keys.ensure(f, *address)
	if err != nil {
		return env.fail(err)
	}
	key, err := file.Current(id())
	if err != nil {
		return env.fail(err)
	}
	config := &watchword.Config{Keys: []*watchword.Key{key}, HandshakeTimeout: *timeout}
	policy.apply(config)
	if err := policy.checkKey(config, key); err != nil {
		return env.fail(err)
	}
	conn, err := dial(ctx, env, *address, config, keys.suffix(), *verbose)
	if err != nil {
		return env.fail(err)
	}
	c := &client{env: env, conn: conn, address: *address, wait: *wait, messages: messages, out: &messageWriter{w: env.stdout}}
	if *json {
		c.out.form = asJSON
	}
	if len(messages) == 0 {
		c.prompt = newPrompt(env)
	}
	return c.run(ctx)
}

// dial connects, and says a line about it if that is wanted. Its errors are
// sentences.
func dial(ctx context.Context, env *ui, address string, config *watchword.Config, keys string, verbose bool) (*watchword.Conn, error) {
	begin := time.Now()
	conn, err := connect(ctx, address, config)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("stopped before there was a connection with %s: nothing was sent", address)
	case err != nil:
		return nil, dialFailure(address, err, config, keys)
	}
	if verbose {
		env.say("%s", describeSession(address, conn.Session(), time.Since(begin)))
	}
	new(oldPeerNotes).add(env, "the server at "+address, conn.Session())
	return conn, nil
}

// connect returns a connection whose handshake is complete.
func connect(ctx context.Context, address string, config *watchword.Config) (*watchword.Conn, error) {
	config.ServerName = serverName(address)
	d := net.Dialer{Timeout: limits.ConnectSeconds * time.Second}
	raw, err := network.OrCut(d.DialContext(ctx, "tcp", address))
	if err != nil {
		return nil, err
	}
	conn := watchword.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// serverName returns the name to send as SNI, empty where that has no place for
// one (RFC 6066 §3).
func serverName(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil || len(host) > 255 || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return strings.TrimSuffix(host, ".")
}

// client is one run of the verb, once it is connected.
type client struct {
	env      *ui
	conn     *watchword.Conn
	address  string
	wait     time.Duration // for close_notify, while nothing comes
	messages []string      // of -m
	out      *messageWriter
	prompt   *prompt // nil if nobody types

	sent    atomic.Int64 // messages on their way
	refused atomic.Int64 // lines that were no messages, in either direction
	extend  atomic.Bool  // what comes makes the wait begin anew

	mu    sync.Mutex // guards hurry, and the order of read deadlines
	hurry bool       // Ctrl-C came
}

// run sends and receives until both are over.
func (c *client) run(ctx context.Context) int {
	sent, received := make(chan error, 1), make(chan error, 1)
	go func() { sent <- c.send() }()
	go func() { received <- c.receive() }()
	var end ending
	interrupt := ctx.Done()
	for {
		select {
		case end.sendErr = <-sent:
			sent = nil
			switch {
			case end.stopped: // the wait has begun
			case end.sendErr == nil:
				end.closed = true
				c.extend.Store(true)
				c.closeWrite(c.wait)
			default:
				// The reader may still learn why.
				c.patience(farewellTime)
			}
		case <-interrupt:
			interrupt = nil
			end.interrupted = sent != nil
			end.stopped, end.closed = true, true
			go c.stop()
		case end.receiveErr = <-received:
			end.typed = c.prompt != nil
			c.prompt.stop()
			err := c.judge(end)
			c.close(end)
			if err != nil {
				return c.env.fail(err)
			}
			if c.refused.Load() > 0 {
				return statusFailed
			}
			return statusOK
		}
	}
}

// close ends the connection: with an alert where the server would else believe
// that what it sent was shown.
func (c *client) close(e ending) {
	var shown *notShown
	if errors.As(e.receiveErr, &shown) {
		c.conn.Abort("a message could not be shown")
		return
	}
	c.conn.Close()
}

const farewellTime = limits.FarewellSeconds * time.Second

// patience bounds how long nothing may come from the server. Who pressed
// Ctrl-C does not wait long.
func (c *client) patience(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hurry {
		d = min(d, farewellTime)
	}
	// A connection that fails here fails in the reader too.
	_ = c.conn.SetReadDeadline(time.Now().Add(d))
}

// stop makes the client end soon.
func (c *client) stop() {
	c.mu.Lock()
	c.hurry = true
	c.mu.Unlock()
	c.extend.Store(false)
	c.closeWrite(farewellTime)
}

// closeWrite tells the server that all was sent, and waits for it only so long.
func (c *client) closeWrite(d time.Duration) {
	c.patience(d)
	_ = c.conn.SetWriteDeadline(time.Now().Add(d))
	_ = c.conn.CloseWrite()
}

// send sends the messages of -m, or standard input to its end.
func (c *client) send() error {
	for _, text := range c.messages {
		if err := c.sendLines(text + "\n"); err != nil {
			return err
		}
	}
	if c.messages != nil {
		return nil
	}
	return c.sendInput()
}

// sendLines sends whole lines.
func (c *client) sendLines(lines string) error {
	c.sent.Add(1)
	return send(c.conn, lines)
}

func (c *client) sendInput() error {
	const batch = 16 << 10 // bytes: a record
	lines := newLineReader(c.env.stdin)
	var waiting strings.Builder
	c.prompt.show()
	for {
		text, err := lines.next()
		var bad notMessage
		switch {
		case err == nil:
			waiting.WriteString(text + "\n")
		case errors.As(err, &bad):
			c.refused.Add(1)
			c.env.say("not sent: %v", bad)
		}
		over := err != nil && bad == ""
		if waiting.Len() > 0 && (over || waiting.Len() >= batch || !lines.ready()) {
			if err := c.sendLines(waiting.String()); err != nil {
				return err
			}
			waiting.Reset()
		}
		if over {
			return inputEnd(err)
		}
		c.prompt.show()
	}
}

// receive shows what the server sends, up to its close_notify.
func (c *client) receive() error {
	lines := newLineReader(c.conn)
	bad := 0
	for {
		text, err := lines.next()
		var notMessage notMessage
		switch {
		case errors.As(err, &notMessage):
			c.refused.Add(1)
			if bad++; bad == limits.MaxRefusedMessages {
				return fmt.Errorf("%s sent %w: that was number %d, so the connection was ended", c.address, notMessage, bad)
			}
			c.prompt.around(func() { c.env.say("%s sent %v: it is not shown", c.address, notMessage) })
		case err != nil:
			return err
		default:
			c.prompt.around(func() { err = c.out.show(c.identity(), text, c.address) })
			if err != nil {
				return &notShown{err}
			}
			if c.extend.Load() {
				c.patience(c.wait)
			}
		}
	}
}
