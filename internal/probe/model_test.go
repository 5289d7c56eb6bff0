package probe

// Servers for the tests, made of what they answer to a ClientHello.

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// listen serves every connection with handle, and counts them.
func listen(t *testing.T, handle func(net.Conn)) (address string, count *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no port to listen on: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	count = new(atomic.Int64)
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			go func() {
				defer raw.Close()
				handle(raw)
			}()
		}
	}()
	return l.Addr().String(), count
}

// answering reads a ClientHello, sends what answer returns, and waits for the
// other end to close.
func answering(answer func(h *wire.ClientHello) []byte) func(net.Conn) {
	return func(raw net.Conn) {
		h := readHello(raw)
		if h == nil {
			return
		}
		if _, err := raw.Write(answer(h)); err != nil {
			return
		}
		waitForEnd(raw)
	}
}

func waitForEnd(raw net.Conn) {
	buf := make([]byte, 4096)
	for {
		if _, err := raw.Read(buf); err != nil {
			return
		}
	}
}

func readHello(raw net.Conn) *wire.ClientHello {
	var r record.Reader
	var buf []byte
	for {
		chunk := make([]byte, 4096)
		n, err := raw.Read(chunk)
		buf = append(buf, chunk[:n]...)
		if err != nil {
			return nil
		}
		_, total, err := r.Next(buf)
		if err != nil {
			return nil
		}
		if total > 0 && len(buf) >= total {
			h, err := wire.ParseClientHello(buf[5:total], nil)
			if err != nil {
				return nil
			}
			return h
		}
	}
}

// handshakeRecord frames messages.
func handshakeRecord(messages ...[]byte) []byte {
	var w record.Writer
	var out []byte
	for _, m := range messages {
		for len(m) > 0 {
			n := min(len(m), 1<<14)
			var err error
			if out, err = w.Append(out, record.Handshake, m[:n]); err != nil {
				panic(err)
			}
			m = m[n:]
		}
	}
	return out
}

func alertRecord(d alert.Description) []byte {
	var w record.Writer
	out, err := w.Append(nil, record.Alert, []byte{byte(alert.Fatal), byte(d)})
	if err != nil {
		panic(err)
	}
	return out
}

// model is a server by what it has. It prefers what stands first in its lists.
type model struct {
	suites13    []suite.ID
	groups13    []wire.NamedGroup
	certificate bool // goes on with one in TLS 1.3
	retries     bool // by a HelloRetryRequest first

	suites12     []suite.ID
	groups12     []wire.NamedGroup
	hint         []byte
	etm, ems, ri bool
	ticket       bool
	oldest       uint16 // zero: TLS 1.2

	unknownKey alert.Description // in TLS 1.3
	nothing    alert.Description // no suite in common
}

func (m *model) answer(h *wire.ClientHello) []byte {
	if slices.Contains(h.SupportedVersions, wire.VersionTLS13) {
		return m.answer13(h)
	}
	return m.answer12(h)
}

func (m *model) answer13(h *wire.ClientHello) []byte {
	if m.suites13 == nil {
		return alertRecord(alert.ProtocolVersion)
	}
	id, group := firstOf(m.suites13, h.CipherSuites), firstGroup(m.groups13, h.SupportedGroups)
	switch {
	case !m.certificate && !m.retries:
		return alertRecord(m.unknownKey)
	case id == 0 || group == 0:
		return alertRecord(alert.HandshakeFailure)
	case h.SignatureAlgorithms == nil:
		return alertRecord(alert.MissingExtension)
	}
	version := wire.VersionTLS13
	sh := &wire.ServerHello{LegacyVersion: wire.VersionTLS12, LegacySessionIDEcho: h.LegacySessionID, CipherSuite: uint16(id), SelectedVersion: &version}
	if h.KeyShare.Share(group) != nil && !m.certificate {
		return alertRecord(m.unknownKey)
	}
	if h.KeyShare.Share(group) == nil {
		sh.HelloRetryRequest, sh.SelectedGroup = true, &group
		return handshakeRecord(sh.Append(nil))
	}
	sh.KeyShare = &wire.KeyShareEntry{Group: group, KeyExchange: make([]byte, 32)}
	return handshakeRecord(sh.Append(nil))
}

func (m *model) answer12(h *wire.ClientHello) []byte {
	if h.LegacyVersion < wire.VersionTLS12 && (m.oldest == 0 || h.LegacyVersion < m.oldest) || m.suites12 == nil {
		return alertRecord(alert.ProtocolVersion)
	}
	group := firstGroup(m.groups12, h.SupportedGroups)
	id := firstOf(slices.DeleteFunc(slices.Clone(m.suites12), func(id suite.ID) bool {
		s, ok := suite.ByID(id)
		return ok && s.KeyExchange == suite.ECDHEPSK && group == 0
	}), h.CipherSuites)
	if id == 0 {
		return alertRecord(m.nothing)
	}
	s, ours := suite.ByID(id)
	sh := &wire.ServerHello{LegacyVersion: h.LegacyVersion, CipherSuite: uint16(id), SessionTicket: m.ticket, ExtendedMasterSecret: m.ems}
	if m.suites13 != nil {
		copy(sh.Random[24:], "DOWNGRD\x01")
	}
	if m.ri {
		sh.RenegotiationInfo = []byte{}
	}
	sh.EncryptThenMAC = m.etm && ours && s.MACLen > 0
	ske := &wire.ServerKeyExchange{Hint: m.hint}
	if ours && s.KeyExchange == suite.ECDHEPSK {
		ske.Group, ske.Point = group, []byte{4, 1, 2}
	}
	messages := [][]byte{sh.Append(nil)}
	if ske.Point != nil || len(m.hint) > 0 {
		messages = append(messages, ske.Append(nil))
	}
	return handshakeRecord(append(messages, []byte{byte(wire.TypeServerHelloDone), 0, 0, 0})...)
}

func firstOf(list []suite.ID, offered []uint16) suite.ID {
	for _, id := range list {
		if slices.Contains(offered, uint16(id)) {
			return id
		}
	}
	return 0
}

func firstGroup(list, offered []wire.NamedGroup) wire.NamedGroup {
	for _, g := range list {
		if slices.Contains(offered, g) {
			return g
		}
	}
	return 0
}

// probeOf asks the server at this address with short patience.
func probeOf(t *testing.T, o Options) (*Report, error) {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return Run(context.Background(), o)
}
