package watchword

// Both ends of TLS 1.2 written a second time, by hand and from the diagrams of
// RFC 5246 §7.3, RFC 5489 §2 and RFC 5077 §3.1, for tests that must meet what our
// own ends never are: without encrypt-then-MAC, without the extended master
// secret, with odd messages.

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// raw12 is one end. It answers whole flights.
type raw12 struct {
	t        testing.TB
	server   bool
	key      *schedule.Key12
	identity []byte // of a client
	suite    *suite.Suite
	group    wire.NamedGroup
	hint     []byte
	rand     io.Reader
	// hello and answer are what this end will say, and what it was told.
	hello  *wire.ClientHello
	answer *wire.ServerHello
	// give is the ticket that a server sends.
	give *wire.NewSessionTicket12
	// resume is the master secret of the session to be resumed.
	resume *schedule.Master12
	// change, where set, may replace a message before it is sent.
	change func(raw []byte) []byte
	// beforeFinished makes what goes between change_cipher_spec and Finished,
	// and afterwards what follows the handshake.
	beforeFinished, afterwards func() []byte
	// split is the length of the records that Finished goes into; zero: one.
	split int

	transcript   []byte
	master       schedule.Master12
	read, write  schedule.Keys12
	reader       record.Reader
	writer       record.Writer
	steps        int
	done         bool   // the other end's Finished verified
	offeredID    []byte // received in a ClientKeyExchange
	ticket       []byte // received
	resumedByHim bool   // the other end resumes the session
}

// newRaw12 makes an end that can do everything but encrypt-then-MAC.
func newRaw12(t testing.TB, key *Key, id SuiteID, server bool) *raw12 {
	t.Helper()
	s, ok := suite.ByID(suite.ID(id))
	if !ok || key.key12 == nil {
		t.Fatalf("There is no suite %v, or the key is not for TLS 1.2.", id)
	}
	r := &raw12{t: t, server: server, key: key.key12, identity: []byte(key.identity), suite: s, group: wire.GroupX25519, rand: seeded(3)}
	r.hello = &wire.ClientHello{
		LegacyVersion: wire.VersionTLS12, CipherSuites: []uint16{uint16(id)}, LegacyCompressionMethods: []byte{0},
		SupportedGroups: []wire.NamedGroup{wire.GroupX25519}, ECPointFormats: []byte{0}, RenegotiationInfo: []byte{}, ExtendedMasterSecret: true,
	}
	r.answer = &wire.ServerHello{LegacyVersion: wire.VersionTLS12, CipherSuite: uint16(id), RenegotiationInfo: []byte{}, ExtendedMasterSecret: true}
	_, _ = io.ReadFull(r.rand, r.hello.Random[:])
	_, _ = io.ReadFull(r.rand, r.answer.Random[:])
	return r
}

// rawShares are the same for all raw ends: making one costs more than all the
// rest of them.
var rawShares = sync.OnceValue(func() map[wire.NamedGroup]*ecdh.PrivateKey {
	shares := map[wire.NamedGroup]*ecdh.PrivateKey{}
	for g, curve := range map[wire.NamedGroup]ecdh.Curve{wire.GroupX25519: ecdh.X25519(), wire.GroupP256: ecdh.P256()} {
		key, err := curve.NewPrivateKey([]byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			panic(err)
		}
		shares[g] = key
	}
	return shares
})

// use makes the raw end use a group.
func (r *raw12) use(g Group) {
	r.group = wire.NamedGroup(g)
	r.hello.SupportedGroups = []wire.NamedGroup{r.group}
}

func (r *raw12) share() *ecdh.PrivateKey { return rawShares()[r.group] }

// respond takes what the other end sent and returns the answer to it.
func (r *raw12) respond(sent []byte) ([]byte, error) {
	r.steps++
	switch {
	case !r.server && r.steps == 1:
		return r.say(r.hello.Append(nil))
	case r.server && r.steps == 1:
		return r.serverFlight(sent)
	case !r.server && r.steps == 2:
		return r.clientFlight(sent)
	case r.done:
		return nil, nil
	}
	return r.finish(sent)
}

// say makes the records of a handshake message and adds it to the transcript.
func (r *raw12) say(raw []byte) (out []byte, err error) {
	if r.change != nil {
		raw = r.change(raw)
	}
	r.transcript = append(r.transcript, raw...)
	for err == nil && len(raw) > 0 {
		n := min(len(raw), r.writer.MaxContent())
		out, err = r.writer.Append(out, record.Handshake, raw[:n])
		raw = raw[n:]
	}
	return out, err
}

// sayAll is say for several messages.
func (r *raw12) sayAll(messages ...[]byte) (out []byte, err error) {
	for _, raw := range messages {
		next, err := r.say(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, next...)
	}
	return out, nil
}

// hear takes records apart. A change_cipher_spec changes the read key.
func (r *raw12) hear(sent []byte, handle func(t wire.HandshakeType, raw []byte) error) error {
	for _, at := range recordsOf(r.t, sent) {
		if at.kind == record.ChangeCipherSpec {
			r.reader.SetKeys12(r.suite, r.read, r.form())
			continue
		}
		kind, content, err := r.reader.Open(nil, bytes.Clone(sent[at.start:at.end]))
		if err != nil || kind != record.Handshake {
			return fmt.Errorf("the engine sent a record of type %v, %x: %w", kind, content, errors.Join(err, errNotHandshake))
		}
		for len(content) > 0 {
			n := wire.HeaderLen + int(content[1])<<16 + int(content[2])<<8 + int(content[3])
			if err := handle(wire.TypeOf(content), content[:n]); err != nil {
				return err
			}
			content = content[n:]
		}
	}
	return nil
}

var errNotHandshake = errors.New("it is no handshake record")

func (r *raw12) form() suite.CBCForm {
	if r.answer.EncryptThenMAC {
		return suite.EncryptThenMAC
	}
	return suite.MACThenEncrypt
}

func (r *raw12) ecdhe() bool { return r.suite.KeyExchange == suite.ECDHEPSK }

// serverFlight answers a ClientHello.
func (r *raw12) serverFlight(sent []byte) ([]byte, error) {
	err := r.hear(sent, func(_ wire.HandshakeType, raw []byte) (err error) {
		r.hello, err = wire.ParseClientHello(bytes.Clone(raw), nil)
		r.transcript = append(r.transcript, raw...)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := r.say(r.answer.Append(nil))
	if err != nil {
		return nil, err
	}
	if r.resume != nil {
		r.derive(*r.resume)
		closing, err := r.finished()
		return append(out, closing...), err
	}
	ske := wire.ServerKeyExchange{Hint: r.hint}
	if r.ecdhe() {
		ske.Group, ske.Point = r.group, r.share().PublicKey().Bytes()
	}
	rest := [][]byte{wire.AppendServerHelloDone(nil)}
	if r.ecdhe() || r.hint != nil {
		rest = [][]byte{ske.Append(nil), rest[0]}
	}
	more, err := r.sayAll(rest...)
	return append(out, more...), err
}

// clientFlight answers a server's first flight.
func (r *raw12) clientFlight(sent []byte) ([]byte, error) {
	var point []byte
	resumed := false
	err := r.hear(sent, func(t wire.HandshakeType, raw []byte) (err error) {
		switch t {
		case wire.TypeServerHello:
			r.answer, err = wire.ParseServerHello(bytes.Clone(raw), nil)
			if err == nil && r.resume != nil && bytes.Equal(r.answer.LegacySessionIDEcho, r.hello.LegacySessionID) {
				resumed = true
				defer r.derive(*r.resume)
			}
		case wire.TypeServerKeyExchange:
			if r.ecdhe() {
				var ske *wire.ServerKeyExchange
				if ske, err = wire.ParseServerKeyExchangeECDHEPSK(raw, nil); err == nil {
					point = bytes.Clone(ske.Point)
				}
			}
		case wire.TypeNewSessionTicket:
			err = r.takeTicket(raw)
		case wire.TypeFinished:
			err = r.verify(raw)
		}
		r.transcript = append(r.transcript, raw...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if resumed {
		r.resumedByHim = true
		out, err := r.finished()
		return r.conclude(out, err)
	}
	cke := wire.ClientKeyExchange{Identity: r.identity}
	if r.ecdhe() {
		cke.Point = r.share().PublicKey().Bytes()
	}
	out, err := r.say(cke.Append(nil))
	if err != nil {
		return nil, err
	}
	if err := r.agree(point); err != nil {
		return nil, err
	}
	closing, err := r.finished()
	return append(out, closing...), err
}

// finish takes the other end's last flight, and is the answer to it.
func (r *raw12) finish(sent []byte) ([]byte, error) {
	err := r.hear(sent, func(t wire.HandshakeType, raw []byte) (err error) {
		var point []byte
		switch t {
		case wire.TypeClientKeyExchange:
			if r.ecdhe() {
				cke, err := wire.ParseClientKeyExchangeECDHEPSK(bytes.Clone(raw), nil)
				if err != nil {
					return err
				}
				r.offeredID, point = cke.Identity, cke.Point
			} else {
				cke, err := wire.ParseClientKeyExchangePSK(bytes.Clone(raw), nil)
				if err != nil {
					return err
				}
				r.offeredID = cke.Identity
			}
			r.transcript = append(r.transcript, raw...)
			return r.agree(point)
		case wire.TypeNewSessionTicket:
			err = r.takeTicket(raw)
		case wire.TypeFinished:
			err = r.verify(raw)
		}
		r.transcript = append(r.transcript, raw...)
		return err
	})
	if err != nil || !r.done {
		return nil, errors.Join(err, errors.New("the engine sent no Finished"))
	}
	if !r.server || r.resume != nil {
		return r.conclude(nil, nil)
	}
	out, err := r.finished()
	return r.conclude(out, err)
}

// conclude adds what is to be said after the handshake.
func (r *raw12) conclude(out []byte, err error) ([]byte, error) {
	if err == nil && r.afterwards != nil {
		out = append(out, r.afterwards()...)
	}
	return out, err
}

func (r *raw12) takeTicket(raw []byte) error {
	m, err := wire.ParseNewSessionTicket12(bytes.Clone(raw), nil)
	if err == nil {
		r.ticket = m.Ticket
	}
	return err
}

// agree derives the keys from the exchange; the transcript ends with the
// ClientKeyExchange (RFC 7627 §3).
func (r *raw12) agree(point []byte) error {
	var shared []byte
	if r.ecdhe() {
		public, err := r.share().Curve().NewPublicKey(point)
		if err != nil {
			return err
		}
		if shared, err = r.share().ECDH(public); err != nil {
			return err
		}
	}
	premaster := r.key.Premaster(shared)
	if r.answer.ExtendedMasterSecret {
		r.derive(premaster.ExtendedMaster(r.suite.Hash, r.sum()))
	} else {
		r.derive(premaster.Master(r.suite.Hash, r.hello.Random, r.answer.Random))
	}
	return nil
}

func (r *raw12) derive(master schedule.Master12) {
	r.master = master
	client, server := master.Keys(r.suite, r.hello.Random, r.answer.Random)
	r.read, r.write = server, client
	if r.server {
		r.read, r.write = client, server
	}
}

func (r *raw12) sum() []byte { return r.suite.Hash.Sum(r.transcript) }

// finished makes a server's NewSessionTicket, change_cipher_spec and Finished.
func (r *raw12) finished() (out []byte, err error) {
	if r.server && r.give != nil {
		if out, err = r.say(r.give.Append(nil)); err != nil {
			return nil, err
		}
	}
	if out, err = r.writer.Append(out, record.ChangeCipherSpec, []byte{1}); err != nil {
		return nil, err
	}
	r.writer.SetKeys12(r.suite, r.write, r.form(), r.rand)
	verify := r.master.ClientFinished(r.sum())
	if r.server {
		verify = r.master.ServerFinished(r.sum())
	}
	if r.beforeFinished != nil {
		out = append(out, r.beforeFinished()...)
	}
	raw := wire.AppendFinished(nil, verify)
	if r.split == 0 {
		rest, err := r.say(raw)
		return append(out, rest...), err
	}
	r.transcript = append(r.transcript, raw...)
	for ; len(raw) > 0; raw = raw[min(r.split, len(raw)):] {
		out = append(out, r.seal(record.Handshake, raw[:min(r.split, len(raw))])...)
	}
	return out, nil
}

func (r *raw12) verify(raw []byte) error {
	check := r.master.VerifyServerFinished
	if r.server {
		check = r.master.VerifyClientFinished
	}
	if !check(r.sum(), raw[wire.HeaderLen:]) {
		return errors.New("the engine's Finished does not verify")
	}
	r.done = true
	return nil
}

// seal makes a record under the current key.
func (r *raw12) seal(kind record.ContentType, content []byte) []byte {
	r.t.Helper()
	out, err := r.writer.Append(nil, kind, content)
	if err != nil {
		r.t.Fatalf("The raw end cannot seal: %v", err)
	}
	return out
}

// A duel is an engine and a raw end with the bytes between them.
type duel struct {
	t      testing.TB
	victim *Engine
	raw    *raw12
	// toVictim is what was sent to the engine, delivered in pieces of chunk
	// bytes where that is set.
	toVictim []byte
	chunk    int
	// fromVictim is what the engine sent.
	fromVictim []byte
	// change, where set, may replace the bytes at an offset of toVictim.
	change func(offset int, b []byte) []byte
	rawErr error // what the raw end found wrong
}

// newDuel sets an engine against a raw end.
func newDuel(t testing.TB, c *Config, raw *raw12) *duel {
	t.Helper()
	var e *Engine
	var err error
	if raw.server {
		e, err = NewClientEngine(c, "server:1", testNow)
	} else {
		e, err = NewServerEngine(c)
	}
	if err != nil {
		t.Fatalf("The engine cannot be made: %v", err)
	}
	return &duel{t: t, victim: e, raw: raw}
}

// deliver hands bytes to the engine.
func (d *duel) deliver(b []byte) {
	offset := len(d.toVictim)
	d.toVictim = append(d.toVictim, b...)
	if d.change != nil {
		b = d.change(offset, bytes.Clone(b))
	}
	for len(b) > 0 {
		n := len(b)
		if d.chunk > 0 {
			n = min(n, d.chunk)
		}
		_ = put(d.victim, b[:n], testNow) // its error is kept by the engine
		answer(d.victim, testNow)
		b = b[n:]
	}
}

// run exchanges flights until both are silent.
func (d *duel) run() {
	if !d.raw.server {
		hello, err := d.raw.respond(nil)
		if err != nil {
			d.t.Fatal(err)
		}
		d.deliver(hello)
	}
	for d.victim.HasOutput() && d.rawErr == nil {
		sent := d.victim.Output(nil)
		d.fromVictim = append(d.fromVictim, sent...)
		var reply []byte
		reply, d.rawErr = d.raw.respond(sent)
		d.deliver(reply)
	}
}

// mustComplete is run where the handshake must succeed.
func (d *duel) mustComplete() {
	d.t.Helper()
	d.run()
	if d.rawErr != nil || !d.victim.Complete() || !d.raw.done || d.victim.Err() != nil {
		d.t.Fatalf("The handshake with a raw end is not complete: the engine in %s: %v; the raw end: %v.", d.victim.State(), d.victim.Err(), d.rawErr)
	}
}

// end reads what the engine has after its stream has ended.
func (d *duel) end() outcome {
	return (&pair{t: d.t, now: testNow}).end(d.victim)
}
