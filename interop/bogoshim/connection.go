package main

// One connection of a test: the configuration from the runner's flags, the
// handshake, what is checked after it.

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/watchword-tls/watchword"
)

// drainTime is how long the shim reads on after a failure, so that the runner
// gets our alert before the connection is reset.
const drainTime = 2 * time.Second

// connect dials the runner, which always listens, and plays our side.
func connect(o *options, tickets *shared, resumed bool) error {
	tcp, err := dial(o)
	if err != nil {
		return err
	}
	defer tcp.Close()
	raw, err := capture(tcp, o)
	if err != nil {
		return err
	}
	cfg, err := tickets.config(o)
	if err != nil {
		return err
	}
	var c *watchword.Conn
	if o.server {
		c = watchword.Server(raw, cfg)
	} else {
		c = watchword.Client(raw, cfg)
	}
	tickets.received = 0
	if err := play(c, o, tickets, resumed); err != nil {
		drain(tcp)
		return err
	}
	return c.Close()
}

// dial connects and names the test (the runner serves many at once).
func dial(o *options) (*net.TCPConn, error) {
	host := "127.0.0.1"
	if o.ipv6 {
		host = "::1"
	}
	c, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(o.port)))
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(binary.LittleEndian.AppendUint64(nil, uint64(o.shimID))); err != nil {
		c.Close()
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// drain ends our direction and reads what the runner still sends, so that it
// reads our alert and not a reset connection.
func drain(c *net.TCPConn) {
	c.CloseWrite()
	c.SetReadDeadline(time.Now().Add(drainTime))
	io.Copy(io.Discard, c)
}

// config turns the flags into a configuration.
func (o *options) config() (*watchword.Config, error) {
	cfg := &watchword.Config{
		Groups:     o.groups,
		KeyShares:  o.keyShares,
		ServerName: o.hostName,
		NextProtos: o.alpn,
	}
	if o.server && o.selectALPN != "" {
		cfg.NextProtos = []string{o.selectALPN}
	}
	var keys []*watchword.Key
	if o.psk != "" {
		k, err := watchword.NewKey(cmp.Or(o.pskIdentity, "nameless"), []byte(o.psk), watchword.KeyOptions{Kind: watchword.External})
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
		// Most of the tests with -psk use suites that only Legacy allows. The
		// runner's server checks that its hint comes back as our identity, and
		// its client that our hint is the identity.
		cfg.Policy, cfg.IdentityHint = watchword.Legacy, o.pskIdentity
	}
	for _, c := range o.credentials {
		k, err := watchword.NewKey(string(c.identity), c.key, watchword.KeyOptions{Hash: c.hash, Context: c.context})
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if o.server && o.psk == "" {
		cfg.Lookup = lookup(keys)
	} else {
		cfg.Keys = keys
	}
	o.randomness(cfg)
	return cfg, nil
}

// play does the handshake and what the flags ask for after it.
func play(c *watchword.Conn, o *options, tickets *shared, resumed bool) error {
	if err := c.Handshake(); err != nil {
		return err
	}
	if err := o.check(c.Session(), resumed); err != nil {
		return err
	}
	if err := o.export(c); err != nil {
		return err
	}
	if o.exportSecrets {
		if err := tickets.secrets.send(c, o.server); err != nil {
			return err
		}
	}
	if err := o.exchange(c); err != nil {
		return err
	}
	if kept := resumed && c.Session().Version == watchword.VersionTLS12; !o.server && !o.shutsDown && !kept && o.expect.noSession != (tickets.received == 0) {
		return fmt.Errorf("%d sessions were received, which the test does not expect", tickets.received)
	}
	return nil
}

// check compares what was negotiated with what the runner expects.
func (o *options) check(s watchword.Session, resumed bool) error {
	e := &o.expect
	alpn := e.alpn
	if o.server {
		alpn = o.selectALPN
	}
	switch {
	case s.Resumed != (resumed && !e.sessionMiss):
		return fmt.Errorf("the session was resumed: %t, which the test does not expect", s.Resumed)
	case e.hrr && !s.Retried, e.noHRR && s.Retried:
		return fmt.Errorf("a HelloRetryRequest was seen: %t, which the test does not expect", s.Retried)
	case e.version != 0 && e.version != int(s.Version):
		return fmt.Errorf("version %#x, want %#x", s.Version, e.version)
	case e.group != 0 && e.group != int(s.Group):
		return fmt.Errorf("group %#x, want %#x", s.Group, e.group)
	case e.cipher != 0 && e.cipher != int(s.Suite):
		return fmt.Errorf("suite %#x, want %#x", s.Suite, e.cipher)
	case e.serverName != "" && e.serverName != s.ServerName:
		return fmt.Errorf("server name %q, want %q", s.ServerName, e.serverName)
	case alpn != s.NextProto:
		return fmt.Errorf("protocol %q, want %q", s.NextProto, alpn)
	case e.credential != nil && !o.selected(*e.credential, s.Identity):
		return fmt.Errorf("the key of %q was used, want that of credential %d", s.Identity, *e.credential)
	}
	return nil
}

// selected reports whether the credential at index i has the identity. A
// negative index means that none was used.
func (o *options) selected(i int, identity string) bool {
	return i >= 0 && i < len(o.credentials) && string(o.credentials[i].identity) == identity
}

// export sends the runner keying material, which it computes as well.
func (o *options) export(c *watchword.Conn) error {
	if o.exportLen == 0 {
		return nil
	}
	var context []byte
	if o.useExportContext {
		context = []byte(o.exportContext)
	}
	b, err := c.Session().Export(o.exportLabel, context, o.exportLen)
	if err != nil {
		return err
	}
	_, err = c.Write(b)
	return err
}

// exchange moves data until the runner ends its stream: each byte comes back
// inverted.
func (o *options) exchange(c *watchword.Conn) error {
	if o.recordSizes {
		return writeSizes(c)
	}
	if o.writesFirst {
		for range o.initialWriteRepeats {
			if _, err := io.WriteString(c, o.initialWrite); err != nil {
				return err
			}
		}
	}
	if !o.shutsDown {
		if err := o.echo(c); err != nil {
			return err
		}
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	if o.shutsDown && o.checkCloseNotify {
		return ignoreEnd(io.Copy(io.Discard, c))
	}
	return nil
}

func ignoreEnd(_ int64, err error) error { return err }

// echo reads no more than 512 bytes at a time, so that a record spreads over
// several reads.
func (o *options) echo(c *watchword.Conn) error {
	size := 512
	if o.readSize > 0 {
		size = o.readSize
	}
	b := make([]byte, size)
	for {
		if o.keyUpdateBeforeRead {
			if err := c.UpdateKeys(false); err != nil {
				return err
			}
		}
		n, err := c.Read(b)
		if errors.Is(err, io.EOF) || errors.Is(err, watchword.ErrTruncated) {
			// The runner often drops a connection that it is done with.
			return nil
		}
		if err != nil {
			return err
		}
		if o.keyUpdate {
			if err := c.UpdateKeys(false); err != nil {
				return err
			}
		}
		for i := range b[:n] {
			b[i] ^= 0xff
		}
		if _, err := c.Write(b[:n]); err != nil {
			return err
		}
	}
}

// writeSizes writes around the limits of a record.
func writeSizes(c *watchword.Conn) error {
	b := make([]byte, 32769)
	for i := range b {
		b[i] = 0x42
	}
	for _, n := range []int{0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769} {
		if _, err := c.Write(b[:n]); err != nil {
			return err
		}
	}
	return c.CloseWrite()
}
