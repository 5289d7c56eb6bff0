package watchword

// Faults that a review of the library found.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/wire"
)

// A client may name itself a server name of any length: what goes into its
// ticket must not outgrow the message, which would be a panic.
func TestReviewTicketOfLongServerName(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	p := connected(t, c, s)
	p.server.machine.Result().ServerName = strings.Repeat("a", 1<<16-120)
	before := len(p.server.Output(nil))
	if err := p.server.issueTicket(testNow); err != nil || len(p.server.Output(nil)) != before {
		t.Errorf("A ticket that no client keeps is sent, or fails: %v.", err)
	}
}

// A ticket ends with the context and with the hash of its key.
func TestReviewTicketEndsWithItsKeysOptions(t *testing.T) {
	key := keyWith(t, "alice", 1, KeyOptions{Context: []byte("a")})
	ticket := &ticketState{keyTag: key.ticketTag}
	if !ticket.belongsTo(keyWith(t, "alice", 1, KeyOptions{Context: []byte("a")})) {
		t.Error("A ticket does not belong to its own key.")
	}
	for what, o := range map[string]KeyOptions{
		"another context": {Context: []byte("b")},
		"another hash":    {Context: []byte("a"), Hash: SHA384},
	} {
		if ticket.belongsTo(keyWith(t, "alice", 1, o)) {
			t.Errorf("A ticket belongs to a key with %s.", what)
		}
	}
}

// The longest ClientHello that a configuration allows still has room for the
// longest cookie of a server, which would otherwise make the client panic.
func TestReviewLongestClientHelloTakesCookie(t *testing.T) {
	config := &Config{
		ServerName: strings.Repeat("s", 255), Rand: seeded(1), KeyShares: []Group{},
		Suites: []SuiteID{TLS_AES_128_GCM_SHA256},
	}
	for i := range limits.MaxALPN {
		config.NextProtos = append(config.NextProtos, fmt.Sprintf("%0255d", i))
	}
	room := limits.MaxOfferedIdentityBytes - limits.MaxALPN*256
	for i := range limits.MaxOfferedKeys {
		const around = 2 + 1 + 2 + 4 // of an ImportedIdentity
		context := make([]byte, min(room/limits.MaxOfferedKeys-around, limits.MaxContextLen))
		config.Keys = append(config.Keys, keyWith(t, string(rune('a'+i)), byte(i), KeyOptions{Context: context}))
	}
	e, err := NewClientEngine(config, "", testNow)
	if err != nil {
		t.Fatalf("A configuration within the limits is refused: %v.", err)
	}
	var hello []byte
	for _, r := range recordsOf(t, e.out) {
		hello = append(hello, e.out[r.start+limits.RecordHeaderLen:r.end]...)
	}
	answerWithCookie(t, e, hello)
	long, err := NewKey(strings.Repeat("i", limits.MaxIdentityLen), make([]byte, 32), KeyOptions{Context: make([]byte, limits.MaxContextLen)})
	if err != nil {
		t.Fatal(err)
	}
	config = config.Clone()
	config.Keys = append(config.Keys[:limits.MaxOfferedKeys-2], long, keyWith(t, strings.Repeat("j", limits.MaxIdentityLen), 0x77, KeyOptions{Context: make([]byte, limits.MaxContextLen)}))
	if _, err := NewClientEngine(config, "", testNow); err == nil || !strings.Contains(err.Error(), "fit into a ClientHello") {
		t.Errorf("A configuration beyond the limit of a ClientHello is not refused: %v.", err)
	}
}

// answerWithCookie sends a client a HelloRetryRequest with the longest cookie.
func answerWithCookie(t *testing.T, e *Engine, clientHello []byte) {
	t.Helper()
	hello, err := wire.ParseClientHello(clientHello, nil)
	if err != nil {
		t.Fatal(err)
	}
	version, group := wire.VersionTLS13, wire.GroupX25519MLKEM768
	retry := &wire.ServerHello{
		HelloRetryRequest: true, LegacyVersion: wire.VersionTLS12, LegacySessionIDEcho: hello.LegacySessionID,
		CipherSuite: hello.CipherSuites[0], SelectedVersion: &version, SelectedGroup: &group,
		Cookie: bytes.Repeat([]byte{'c'}, limits.MaxCookieLen),
	}
	if err := put(e, plainRecord(record.Handshake, retry.Append(nil)), testNow); err != nil {
		t.Errorf("The client does not answer a HelloRetryRequest: %v.", err)
	}
}

// One secret is used one way, under whatever names.
func TestReviewOneSecretOneUse(t *testing.T) {
	imported := keyWith(t, "alice", 1, KeyOptions{})
	for what, o := range map[string]KeyOptions{"external": {Kind: External}, "of another hash": {Hash: SHA384}} {
		for _, name := range []string{"alice", "bob"} {
			if err := checkKeys([]*Key{imported, keyWith(t, name, 1, o)}); err == nil {
				t.Errorf("A key is taken that is also %s, as %q.", what, name)
			}
		}
	}
	if err := checkKeys([]*Key{imported, keyWith(t, "bob", 1, KeyOptions{}), keyWith(t, "alice", 2, KeyOptions{Kind: External})}); err != nil {
		t.Errorf("Keys that do not contradict each other are refused: %v.", err)
	}
}

// What came before the end of the stream is read before the end is told.
func TestReviewDataBeforeEndOfStream(t *testing.T) {
	for _, closed := range []bool{true, false} {
		c, s := configs(t, KeyOptions{})
		p := connected(t, c, s)
		p.write(p.client, []byte("hello"))
		want := ErrTruncated
		if closed {
			p.client.CloseWrite()
			want = io.EOF
		}
		p.run()
		if err := p.server.ReceivedEOF(); err != nil {
			t.Errorf("The end of the stream is told before what came ahead of it: %v.", err)
		}
		if got, err := drain(p.server, testNow); string(got) != "hello" || !errors.Is(err, want) {
			t.Errorf("The server reads %q and then %v, want hello and %v.", got, err, want)
		}
	}
}

// Before the handshake is complete, Engine.Read asks for input rather than to
// return nothing and no error.
func TestReviewReadBeforeHandshake(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	p := newPair(t, c, s)
	if n, err := p.server.Read(make([]byte, 1), testNow); n != 0 || !errors.Is(err, ErrNeedInput) {
		t.Errorf("Read returns %d and %v.", n, err)
	}
}

// waitingLookup is a lookup that a store never answers.
type waitingLookup struct{ asked, ended chan struct{} }

func (l waitingLookup) LookupKeys(ctx context.Context, _ []OfferedIdentity) ([]*Key, error) {
	close(l.asked)
	<-ctx.Done()
	close(l.ended)
	return nil, ctx.Err()
}

// Close ends a lookup under way, and the handshake with it.
func TestReviewCloseEndsLookup(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	lookup := waitingLookup{make(chan struct{}), make(chan struct{})}
	s.Keys, s.Lookup, s.HandshakeTimeout = nil, lookup, -1
	a, b := net.Pipe()
	client, server := Client(a, c), Server(b, s)
	go func() { _ = client.Handshake() }()
	done := make(chan error)
	go func() { done <- server.Handshake() }()
	<-lookup.asked
	_ = server.Close()
	<-lookup.ended
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("The handshake of a closed connection ends with %v, want net.ErrClosed.", err)
	}
	_ = client.Close()
}

// A name that SNI has no place for is not sent (RFC 6066 §3).
func TestReviewNameForSNI(t *testing.T) {
	for host, want := range map[string]string{
		"host.example": "host.example", "host.example.": "host.example", "": "", ".": "",
		"127.0.0.1": "", "::1": "", "fe80::1%eth0": "", "b\u00fccher.example": "",
		strings.Repeat("a", 256): "", "a b": "",
	} {
		if got := sniOf(host); got != want {
			t.Errorf("The host %q is sent as %q, want %q.", host, got, want)
		}
	}
}

// A key of another hash is not called unknown in our own log: it is the
// commonest mistake with OpenSSL's -psk.
func TestReviewSentenceForAnotherHash(t *testing.T) {
	c, s := configs(t, KeyOptions{Kind: External})
	s.Keys = []*Key{keyWith(t, "alice", 1, KeyOptions{Kind: External, Hash: SHA384})}
	p := newPair(t, c, s)
	p.run()
	if err := p.server.Err(); !errors.Is(err, ErrUnknownIdentity) || !strings.Contains(err.Error(), "another hash") {
		t.Errorf("The server says: %v.", err)
	}
}
