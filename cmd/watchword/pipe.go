package main

// The verb pipe: standard input to the other end's standard output, and back.
//
// This file has the command line and how an end comes to its connection.
// pipe_accept.go lets in the one client, pipe_frame.go is what two ends of ours
// say to each other, pipe_stream.go moves the bytes, pipe_end.go says how it
// ended, pipe_progress.go how far it has come.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/network"
)

func init() {
	register(verb{
		name: "pipe", order: 14, synopsis: "HOST:PORT | --listen ADDRESS [--keys FILE] [--id NAME]",
		summary: "join standard input and output of two machines",
		detail: `
Standard input comes out of the other end's standard output, and the other way
round. One end waits with --listen for a client that proves its key, serves that
one, and ends; the other names its address:
    watchword pipe --listen :12345 >backup.tar </dev/null
    tar c folder | watchword pipe HOST:12345 >there.txt

The end of the input here is the end of the output there, while the other
direction goes on. A pipe ends when both directions have ended: where one side has
nothing to say, give it </dev/null, or Ctrl-D on a terminal.

The status is 0 only if each end knows that the other has written everything to
its standard output, and closed it, without an error. How the programs fared that
read there and write here is for the shell to tell. A standard output that is closed
at the start (>&-) counts as /dev/null: all is taken, and nothing kept. Whatever
fails on one end (the disk, the program that reads, Ctrl-C, the network) is said on
both, and both end with status 1.

Two ends of this program agree on the protocol watchword-pipe/1 (ALPN), which
carries that confirmation inside TLS. With a peer that does not know it, such as
stunnel or openssl s_client, or with --raw on either end, the bytes go as they
are, and the end of the input is close_notify. Then status 0 means that the peer
closed in order after everything had been handed over to it. A peer that takes the
end of one direction for the end of both, as openssl does, and stunnel where it has
standard input and output, needs an input here that stays open.

Of several keys, --id names the one to use; with --listen, the only one that is
let in. Without --keys, and with an address on this machine itself, the key file
is made if there is none.`,
		run: runPipe,
	})
}

// pipeProtocol is the application protocol of two ends of ours.
const pipeProtocol = "watchword-pipe/1"

// pipeOptions are the options of the verb.
type pipeOptions struct {
	flags     *flags
	address   string // of the other end, or to listen at
	listens   bool
	keys      *keyFlags
	id        func() string
	raw       *bool
	quiet     *bool
	verbose   *bool
	handshake *time.Duration
	connect   *time.Duration
	policy    *policyFlags
}

func runPipe(ctx context.Context, env *ui, args []string) int {
	o := &pipeOptions{flags: env.flags("pipe")}
	if status, ok := o.parse(args); !ok {
		return status
	}
	open := o.dial
	if o.listens {
		open = o.listen
	}
	conn, peer, err := open(ctx, env)
	if err != nil {
		return env.fail(err)
	}
	return newPipe(env, conn, peer, *o.quiet).run(ctx)
}

// parse reads the command line. Unless ok is set, all is said.
func (o *pipeOptions) parse(args []string) (status int, ok bool) {
	f := o.flags
	listen := f.String("listen", "", "wait at this `ADDRESS`, HOST:PORT, for one client; :PORT is every\naddress of this machine")
	o.keys, o.id = f.keyFile(), f.identity("the `NAME` of the key to use, or #HEX; not needed if the file has one")
	o.raw = f.Bool("raw", false, "send the bytes as they are, also to an end of this program")
	o.quiet = f.Bool("quiet", false, "show neither the progress nor the sums at the end")
	o.verbose = f.Bool("verbose", false, "say a line about the handshake")
	o.handshake = f.handshakeTime()
	o.connect = f.Duration("connect-timeout", limits.ConnectSeconds*time.Second, "how much `TIME` connecting may take, before the handshake")
	o.policy = f.policies()
	if o.address, status, ok = f.parseWithOne(args); !ok {
		return status, false
	}
	o.listens = f.given("listen")
	if err := o.check(*listen); err != nil {
		return f.env.usage("pipe", "%v", err), false
	}
	return statusOK, true
}

// check refuses options that make no sense, and settles the address.
func (o *pipeOptions) check(listen string) error {
	switch {
	case o.listens && o.address != "":
		return fmt.Errorf("pipe takes either the address of the other end or --listen, not both")
	case o.listens:
		o.address = listen
	case o.address == "":
		return fmt.Errorf("pipe needs the address of the other end, HOST:PORT, or --listen ADDRESS to wait for it")
	}
	if err := checkAddress(o.address); err != nil {
		return err
	}
	if *o.handshake <= 0 || *o.connect <= 0 {
		return fmt.Errorf("--handshake-timeout is %v and --connect-timeout %v: both must be more than nothing", *o.handshake, *o.connect)
	}
	return o.policy.check()
}

// config returns what both sides have in common. There is one connection, so
// tickets are of no use.
func (o *pipeOptions) config() *watchword.Config {
	c := &watchword.Config{HandshakeTimeout: *o.handshake, Tickets: &watchword.Tickets{Disabled: true}}
	if !*o.raw {
		c.NextProtos = []string{pipeProtocol}
	}
	o.policy.apply(c)
	return c
}

// dial connects to the other end.
func (o *pipeOptions) dial(ctx context.Context, env *ui) (*watchword.Conn, string, error) {
	file, err := o.keys.ensure(o.flags, o.address)
	if err != nil {
		return nil, "", err
	}
	key, err := file.Current(o.id())
	if err != nil {
		return nil, "", err
	}
	config := o.config()
	config.Keys, config.ServerName = []*watchword.Key{key}, serverName(o.address)
	if err := o.policy.checkKey(config, key); err != nil {
		return nil, "", err
	}
	begin := time.Now()
	d := net.Dialer{Timeout: *o.connect}
	raw, err := network.OrCut(d.DialContext(ctx, "tcp", o.address))
	if err != nil {
		return nil, "", o.dialFailure(ctx, err, config)
	}
	conn := watchword.Client(&pipeSocket{raw}, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, "", o.dialFailure(ctx, err, config)
	}
	if *o.verbose {
		env.say("%s", describeSession(o.address, conn.Session(), time.Since(begin)))
	}
	new(oldPeerNotes).add(env, "the other end at "+o.address, conn.Session())
	return conn, o.address, nil
}

// dialFailure says why there is no connection.
func (o *pipeOptions) dialFailure(ctx context.Context, err error, config *watchword.Config) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stopped before there was a connection with %s: nothing was sent", o.address)
	}
	if network.Refused(err) {
		return fmt.Errorf("nobody listens at %s: start \"watchword pipe --listen\" there first, or check the address", o.address)
	}
	if sentence := unreachable(o.address, err, "the address"); sentence != nil {
		return sentence
	}
	return dialFailure(o.address, err, config, o.keys.suffix())
}

// listen waits for the other end.
func (o *pipeOptions) listen(ctx context.Context, env *ui) (*watchword.Conn, string, error) {
	l, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, "", listenFailure(o.address, err)
	}
	defer l.Close()
	if _, err := o.keys.ensure(o.flags, o.address); err != nil {
		return nil, "", err
	}
	lookup, err := o.keys.watch()
	if err != nil {
		return nil, "", err
	}
	config := o.config()
	config.Lookup = lookup
	if o.flags.given("id") {
		if _, err := lookup.File().Current(o.id()); err != nil {
			return nil, "", err
		}
		if err := lookup.File().CheckServer(o.id()); err != nil {
			return nil, "", err
		}
		config.Lookup = &onlyIdentity{lookup, o.id()}
	}
	env.say("listening on %s, with the keys in %s", l.Addr(), lookup.File().Name())
	d := newDoor(env, config, o.keys.suffix())
	d.verbose = *o.verbose
	conn, err := d.first(ctx, l)
	if err != nil {
		return nil, "", err
	}
	return conn, keyfile.FormatIdentity(conn.Session().Identity) + " at " + conn.RemoteAddr().String(), nil
}

// onlyIdentity lets one identity in, whatever else the key file has.
type onlyIdentity struct {
	watchword.RotationLookup
	identity string
}

// LookupKeys implements [watchword.KeyLookup].
func (l *onlyIdentity) LookupKeys(ctx context.Context, offered []watchword.OfferedIdentity) ([]*watchword.Key, error) {
	var admitted []watchword.OfferedIdentity
	for _, o := range offered {
		if o.Identity == l.identity {
			admitted = append(admitted, o)
		}
	}
	if len(admitted) == 0 {
		return nil, fmt.Errorf("%w: it does not offer the key %s, which --id asks for", watchword.ErrNotAdmitted, keyfile.FormatIdentity(l.identity))
	}
	return l.RotationLookup.LookupKeys(ctx, admitted)
}

var errNobodyCame = errors.New("stopped before a client proved its key: nothing was sent")
