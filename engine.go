package watchword

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/handshake"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/wire"
)

// ErrNeedInput is returned by [Engine.Read] when more bytes from the peer are
// needed before there is anything to return.
var ErrNeedInput = errors.New("watchword: more input is needed")

// Engine is one end of a connection without the network: bytes in, bytes out.
// Time is passed in, randomness comes from the Config. It holds no lock and
// starts no goroutine; use it from one goroutine at a time. [Conn] is an
// Engine on a net.Conn, and everything that it does can be done with an Engine:
//
//	copy what came from the peer into Space, then call Received;
//	send what Output returns, and then perhaps Prepare;
//	while WantsKeys, look up keys and call Answer;
//	once Complete, Read and Write.
//
// After an error it accepts nothing more, and returns the same error again.
type Engine struct {
	config  *Config
	client  *clientEngine // nil on a server
	machine *handshake.Machine
	reader  record.Reader
	writer  record.Writer
	joined  record.Reassembler
	input   inputBuffer
	out     []byte // records made and not yet fetched
	guard   floodGuard
	now     time.Time // as Received or Answer was told last

	want     *handshake.WantPSK // unanswered
	tickets  []openedTicket     // among the offered identities
	matched  *match             // the proven key, on a server
	complete bool
	received bool // a record of the peer was opened with a key

	err      error // sticks
	peerDone bool  // close_notify received
	ended    bool  // the peer's stream ended, after what Read has not taken yet
	sentDone bool  // close_notify sent
}

// clientEngine is what only a client has.
type clientEngine struct {
	random [32]byte
	names  []string // of the offered keys
	ticket *ClientTicket
	server string // the name that tickets are kept under
}

// match is a key that a server's peer proved.
type match struct {
	key    *Key
	ticket *ticketState // nil in a full handshake
}

// NewClientEngine returns a client's end; its ClientHello is ready in Output.
// server names the peer, such as its host and port, and is what tickets are
// kept under; it is not sent.
func NewClientEngine(c *Config, server string, now time.Time) (*Engine, error) {
	return newClientEngine(c, server, "", now)
}

// newClientEngine is NewClientEngine with a name to send as SNI where the Config
// has none.
func newClientEngine(c *Config, server, serverName string, now time.Time) (*Engine, error) {
	hc, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	hc.ServerName = cmp.Or(hc.ServerName, serverName)
	e := &Engine{config: c, client: &clientEngine{}}
	if c.Tickets != nil && c.Tickets.Cache != nil {
		e.client.server = c.ticketName(server, hc.ServerName)
	}
	e.client.ticket = c.takeTicket(e.client.server, now)
	c.offerTicket(hc, e.client.ticket, now)
	for _, k := range c.Keys {
		e.client.names = append(e.client.names, k.identity)
	}
	hc.Hooks = e.hooks()
	hc.Elapsed = func() uint32 { return uint32(e.now.Sub(now).Milliseconds()) }
	e.writer.SetLegacyVersion(wire.VersionTLS10)
	if e.machine, err = handshake.NewClient(hc); err != nil {
		return nil, err
	}
	e.client.random = e.machine.Result().ClientRandom
	ownRandoms.add(e.client.random)
	e.writer.SetPadding(c.PadRecords)
	if err := e.carryOut(now); err != nil {
		return nil, err
	}
	e.writer.SetLegacyVersion(0)
	return e, nil
}

// NewServerEngine returns a server's end.
func NewServerEngine(c *Config) (*Engine, error) {
	hc, err := c.serverConfig()
	if err != nil {
		return nil, err
	}
	e := &Engine{config: c}
	hc.Hooks = e.hooks()
	if c.lifetime() > 0 && slices.Contains(hc.Versions, VersionTLS12) {
		hc.NewTicket = e.newTicket12
	}
	e.machine = handshake.NewServer(hc)
	e.writer.SetPadding(c.PadRecords)
	return e, nil
}

// hooks connects the handshake to the observer and the key log.
func (e *Engine) hooks() handshake.Hooks {
	var h handshake.Hooks
	observe, keyLog := e.config.Observer, e.config.KeyLogWriter
	if observe != nil {
		h.Message = func(sent bool, raw []byte, fields []wire.Field) {
			observe(Event{Kind: EventMessage, Sent: sent, Name: wire.TypeOf(raw).String(), Bytes: raw, Fields: fieldsOf(fields)})
		}
		h.State = func(name string) { observe(Event{Kind: EventState, Name: name}) }
	}
	if observe != nil || keyLog != nil {
		h.Secret = func(name string, value []byte) {
			if observe != nil {
				observe(Event{Kind: EventSecret, Name: name, Bytes: value})
			}
			if keyLog != nil {
				// A key log that cannot be written is no reason to fail.
				_ = writeKeyLog(keyLog, name, e.machine.Result().ClientRandom, value)
			}
		}
	}
	return h
}

// Prepare does work that the peer's answer will need while that is on its way:
// it is worth calling when Output has been sent, and need not be called.
func (e *Engine) Prepare() {
	if e.err == nil {
		e.machine.Prepare()
	}
}

// Complete reports whether the handshake is over and the peer has proved its
// key.
func (e *Engine) Complete() bool { return e.complete }

// Err returns the error that ended the connection, nil if there is none.
func (e *Engine) Err() error { return e.err }

// State returns the name of the handshake's state (RFC 9846 §A).
func (e *Engine) State() string { return e.machine.State() }

// String says which side this is and in which state.
func (e Engine) String() string {
	side := "server"
	if e.client != nil {
		side = "client"
	}
	return fmt.Sprintf("engine of a %s in state %s", side, e.State())
}

// Format keeps every verb of package fmt from reaching keys and plaintext.
func (e Engine) Format(s fmt.State, _ rune) { fmt.Fprint(s, e.String()) }

// fail ends the connection with err. If this end found the fault, the alert is
// sent; there is no other place that sends one.
func (e *Engine) fail(err error) error {
	if e.err != nil {
		return e.err
	}
	var local *alert.LocalError
	if errors.As(err, &local) {
		d := local.Description
		if d == alert.CloseNotify || d == alert.UserCanceled {
			d = alert.InternalError // a failure must not look like a clean end
		}
		e.sendAlert(d)
	}
	e.err = e.explain(err)
	e.forget()
	return e.err
}

// explain turns a failure that has a likely reason into one that names it.
func (e *Engine) explain(err error) error {
	if e.client == nil || e.received {
		return err
	}
	var remote *alert.RemoteError
	switch {
	case errors.As(err, &remote) && rejectsKey(remote.Description),
		errors.Is(err, handshake.ErrNoPSKSelected),
		e.silentEnd(err):
		return &keyRejected{e.client.names, err}
	}
	return err
}

// silentEnd reports whether the server closed without having said anything
// since it could judge the key, which is how some refuse one. A reset is another
// way to do so.
func (e *Engine) silentEnd(err error) bool {
	answered := e.guard.handshakeBytes > 0
	if e.tls12() && e.writer.Protected() {
		// Only our Finished showed it which key we have (RFC 5246 §7.4.9).
		answered = false
	}
	if answered || len(e.input.unread()) > 0 {
		return false
	}
	var network net.Error
	return errors.Is(err, ErrTruncated) ||
		errors.As(err, &network) && !network.Timeout() && !errors.Is(err, net.ErrClosed)
}

// forget drops what only a handshake under way needs.
func (e *Engine) forget() {
	if e.client != nil {
		ownRandoms.remove(e.client.random)
	}
	e.want, e.tickets = nil, nil
}

// Fail ends the connection: the peer gets a fatal alert, so that it cannot take
// the end for a clean one. internal_error is the usual description.
func (e *Engine) Fail(d alert.Description, reason string) {
	if e.err == nil {
		e.fail(alert.New(d, reason))
	}
}

// sendAlert makes the record of an alert. It is the last of a fatal one.
func (e *Engine) sendAlert(d alert.Description) {
	if e.sentDone {
		return
	}
	if d != alert.CloseNotify {
		e.sentDone = true
	}
	content := wire.AppendAlert(nil, d)
	if e.config.Observer != nil {
		e.config.Observer(Event{Kind: EventAlert, Sent: true, Name: d.String(), Alert: d, Bytes: content})
	}
	// Without a key that may still seal a record there is nothing to be done.
	_ = e.appendRecord(record.Alert, content)
}

// abandon ends the connection without telling the peer: the network is gone.
func (e *Engine) abandon(err error) error {
	if e.err == nil {
		e.err = e.explain(err)
		e.forget()
	}
	return e.err
}
