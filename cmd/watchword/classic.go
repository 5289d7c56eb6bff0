package main

// classic server and classic client: the teaching protocol. It protects
// nothing, and each run says so.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/watchword-tls/watchword/classic"
	"github.com/watchword-tls/watchword/internal/network"
)

const classicKeyFile = "session.key"

func init() {
	register(verb{
		name: "classic server", order: 60, synopsis: "[--listen ADDRESS] [--session-key FILE] [--once]",
		summary: "receive messages over the teaching protocol, FOR LEARNING ONLY",
		detail: `
Waits for messages of the teaching protocol and prints each on a line of its
own, with control characters escaped and without a final line feed. For each
connection it reads the session key anew, from the file that the client wrote.
A message that was changed on the way, or that was made with another key, is
refused with a sentence, and the server goes on.

FOR LEARNING ONLY: SECURITY.md lists what the protocol lacks.

Exit status: 0 when it was stopped with Ctrl-C, or with --once after a message
was printed; 1 otherwise.`,
		run: runClassicServer,
	})
	register(verb{
		name: "classic client", order: 61, synopsis: "[--connect ADDRESS] [--session-key FILE] [-m TEXT]",
		summary: "send messages over the teaching protocol, FOR LEARNING ONLY",
		detail: `
Sends one message, or without -m each line that it reads from standard input as
a message of its own. A message is a session of its own: for each, a new session
key is written to the file, readable by its owner only, and a connection made.
The next line is read when the server has closed the connection. The server must
find the file when the message arrives: on another machine that takes a shared
folder, since how a key travels is what the protocol leaves open.

FOR LEARNING ONLY: SECURITY.md lists what the protocol lacks.

Exit status: 0 when the server closed each connection in order. The protocol has
no answer, so that is no proof that a message was accepted; 1 otherwise.`,
		run: runClassicClient,
	})
}

func warnClassic(env *ui) {
	env.warn("the classic protocol is for learning only, protect nothing with it (SECURITY.md lists what it lacks)")
}

func runClassicServer(ctx context.Context, env *ui, args []string) int {
	f := env.flags("classic server")
	address := f.String("listen", defaultAddress, "the `ADDRESS` to wait at, HOST:PORT")
	keyFile := f.String("session-key", classicKeyFile, "read the session key from this `FILE`")
	once := f.Bool("once", false, "end after one message was printed")
	if status, ok := f.parse(args); !ok {
		return status
	}
	if err := checkAddress(*address); err != nil {
		return env.usage("classic server", "--listen: %v", err)
	}
	warnClassic(env)
	l, err := net.Listen("tcp", *address)
	if err != nil {
		return env.fail(listenFailure(*address, err))
	}
	env.say("listening on %s, the session key is read from %s", l.Addr(), *keyFile)
	shown := false
	s := &classic.Server{
		Key: (&sessionKeyFile{env: env, name: *keyFile}).read,
		Show: func(_ net.Addr, message []byte) error {
			shown = true
			return env.printf("%s\n", escape(strings.TrimSuffix(string(message), "\n")))
		},
		Refuse: func(from net.Addr, err error) { env.say("refused a message from %s: %v", from, err) },
		Once:   *once,
	}
	switch err := s.Serve(ctx, l); {
	case env.exitStatus(statusOK) != statusOK:
		return statusFailed // stdout failed, and exitStatus said so
	case err != nil:
		return env.fail(err)
	case *once && !shown:
		return env.fail(errors.New("interrupted before a message came"))
	}
	return statusOK
}

// sessionKeyFile reads the session key, and warns once if others can too.
type sessionKeyFile struct {
	env  *ui
	name string
	warn sync.Once
}

func (s *sessionKeyFile) read() (*classic.Key, error) {
	key, err := classic.ReadKeyFile(s.name)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(s.name); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		s.warn.Do(func() {
			s.env.warn("others may read or change %s: run chmod 600 %s", s.name, s.name)
		})
	}
	return key, nil
}

func runClassicClient(ctx context.Context, env *ui, args []string) int {
	f := env.flags("classic client")
	c := &classicClient{}
	f.StringVar(&c.address, "connect", defaultAddress, "the `ADDRESS` of the server, HOST:PORT")
	f.StringVar(&c.keyFile, "session-key", classicKeyFile, "write the session key to this `FILE`")
	message := f.String("m", "", "send this `TEXT` and end")
	if status, ok := f.parse(args); !ok {
		return status
	}
	if err := checkAddress(c.address); err != nil {
		return env.usage("classic client", "--connect: %v", err)
	}
	warnClassic(env)
	if f.given("m") {
		if err := c.send(ctx, []byte(*message)); err != nil {
			return env.fail(err)
		}
		return statusOK
	}
	return c.sendLines(ctx, env)
}

type classicClient struct {
	address, keyFile string
}

// send makes a session for one message.
func (c *classicClient) send(ctx context.Context, message []byte) error {
	key := classic.NewKey()
	if err := classic.WriteKeyFile(c.keyFile, key); err != nil {
		return err
	}
	d := net.Dialer{Timeout: classic.Timeout}
	conn, err := d.DialContext(ctx, "tcp", c.address)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted before the message was sent")
	case network.Refused(err):
		return fmt.Errorf("nobody listens at %s: start \"watchword classic server\" there first, or check --connect", c.address)
	case err != nil:
		return fmt.Errorf("cannot connect to %s: %w", c.address, systemReason(err))
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := classic.Send(conn, key, message); ctx.Err() != nil {
		return errors.New("interrupted: it is not known whether the message arrived")
	} else if err != nil {
		return err
	}
	return nil
}

// sendLines sends each line of standard input until its end, or Ctrl-C, which
// ends it as well: what was typed before has been sent.
func (c *classicClient) sendLines(ctx context.Context, env *ui) int {
	prompt := func() {}
	if in, ok := env.stdin.(*os.File); ok && isTerminal(in) {
		env.say("type messages, a line each; end with Ctrl-D")
		prompt = func() { env.speak("> ") }
	}
	lines := readClassicLines(ctx, env.stdin)
	for {
		prompt()
		var line classicLine
		select {
		case line = <-lines:
		case <-ctx.Done():
			return statusOK
		}
		if errors.Is(line.err, io.EOF) {
			return statusOK
		}
		err := line.err
		if err == nil {
			err = c.send(ctx, line.text)
		}
		if err != nil {
			return env.fail(err)
		}
	}
}

// A classicLine is a line without its line feed, or the reason why there is
// none.
type classicLine struct {
	text []byte
	err  error
}

// readClassicLines reads in a goroutine of its own, since reading from a
// terminal cannot be interrupted. Nothing comes after an error.
func readClassicLines(ctx context.Context, r io.Reader) <-chan classicLine {
	lines := make(chan classicLine)
	go func() {
		for scanner := newLineScanner(r); ; {
			var line classicLine
			if scanner.Scan() {
				line.text = []byte(scanner.Text())
			} else {
				line.err = lineError(scanner.Err())
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
			if line.err != nil {
				return
			}
		}
	}()
	return lines
}

func newLineScanner(r io.Reader) *bufio.Scanner {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, classic.MaxMessage+2) // a line of the longest message, and its end
	return scanner
}

func lineError(err error) error {
	switch {
	case err == nil:
		return io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("a line has more than %d bytes: it was not sent, nor anything after it", classic.MaxMessage)
	}
	return fmt.Errorf("cannot read standard input: %w", err)
}
