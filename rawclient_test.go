package watchword

// A client written a second time, by hand and from the RFC's diagrams, for
// tests that must send what our own client never would: early data, odd
// records, a Finished too soon.

import (
	"crypto/ecdh"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

type rawClient struct {
	t      testing.TB
	psk    *schedule.PSK
	suite  *suite.Suite
	hello  *wire.ClientHello
	share  *ecdh.PrivateKey
	writer record.Writer
	reader record.Reader
	// transcript are the messages so far, the first ClientHello replaced by
	// its hash after a HelloRetryRequest.
	transcript []byte

	handshake, application schedule.Traffic // the client's own
}

// newRawClient offers a key for SHA-256, with psk_ke unless P-256 is wanted.
func newRawClient(t testing.TB, key *Key) *rawClient {
	t.Helper()
	s, _ := suite.ByID(suite.AES128GCMSHA256)
	share, err := ecdh.P256().NewPrivateKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return &rawClient{t: t, psk: key.psks[0].psk, suite: s, share: share, hello: &wire.ClientHello{
		LegacyVersion: wire.VersionTLS12, LegacySessionID: []byte("session"), CipherSuites: []uint16{uint16(s.ID)},
		LegacyCompressionMethods: []byte{0}, SupportedVersions: []uint16{wire.VersionTLS13},
		PSKKeyExchangeModes: []wire.PSKKeyExchangeMode{wire.PSKOnly},
		PreSharedKey:        &wire.OfferedPSKs{Identities: []wire.PSKIdentity{{Identity: key.psks[0].wireIdentity}}},
	}}
}

// wantRetry makes the client offer P-256 without a share of it.
func (r *rawClient) wantRetry() {
	r.hello.PSKKeyExchangeModes = []wire.PSKKeyExchangeMode{wire.PSKWithECDHE}
	r.hello.SupportedGroups, r.hello.KeyShare = []wire.NamedGroup{wire.GroupP256}, &wire.ClientKeyShare{}
}

// clientHello encodes the hello with its binder and adds it to the transcript.
func (r *rawClient) clientHello() []byte {
	r.hello.PreSharedKey.Binders = [][]byte{make([]byte, 32)}
	raw := r.hello.Append(nil)
	truncated := raw[:r.hello.PreSharedKey.BindersOffset]
	sum := r.suite.Hash.Sum(append(append([]byte(nil), r.transcript...), truncated...))
	r.hello.PreSharedKey.Binders[0] = r.psk.Binder(sum)
	raw = r.hello.Append(nil)
	r.transcript = append(r.transcript, raw...)
	return plainRecord(record.Handshake, raw)
}

// messages takes apart what a server sent: handshake messages, as far as the
// client's keys reach. change_cipher_spec is left out.
func (r *rawClient) messages(sent []byte, handle func(raw []byte)) {
	r.t.Helper()
	for _, at := range recordsOf(r.t, sent) {
		if at.kind == record.ChangeCipherSpec {
			continue
		}
		kind, content, err := r.reader.Open(nil, append([]byte(nil), sent[at.start:at.end]...))
		if err != nil || kind != record.Handshake {
			r.t.Fatalf("The server sent a record of type %v: %v.", kind, err)
		}
		for len(content) > 0 {
			n := wire.HeaderLen + int(content[1])<<16 + int(content[2])<<8 + int(content[3])
			handle(content[:n])
			content = content[n:]
		}
	}
}

// retried takes a HelloRetryRequest and returns the second ClientHello.
func (r *rawClient) retried(sent []byte) []byte {
	r.t.Helper()
	r.transcript = wire.AppendMessageHash(nil, r.suite.Hash.Sum(r.transcript))
	r.messages(sent, func(raw []byte) { r.transcript = append(r.transcript, raw...) })
	r.hello.EarlyData = false
	r.hello.KeyShare.Shares = []wire.KeyShareEntry{{Group: wire.GroupP256, KeyExchange: r.share.PublicKey().Bytes()}}
	return r.clientHello()
}

// finished takes the server's flight and returns the client's Finished, sealed.
func (r *rawClient) finished(sent []byte) []byte {
	r.t.Helper()
	var hs schedule.Handshake
	var client, server schedule.Traffic
	var out []byte
	r.messages(sent, func(raw []byte) {
		before := r.suite.Hash.Sum(r.transcript)
		r.transcript = append(r.transcript, raw...)
		sum := r.suite.Hash.Sum(r.transcript)
		switch wire.TypeOf(raw) {
		case wire.TypeServerHello:
			hs = r.psk.Handshake(r.shared(raw))
			client, server = hs.ClientTraffic(sum), hs.ServerTraffic(sum)
			r.reader.SetKey(r.suite, server)
			r.writer.SetKey(r.suite, client)
		case wire.TypeFinished:
			if !server.VerifyFinished(before, raw[wire.HeaderLen:]) {
				r.t.Fatal("The server's Finished does not verify.")
			}
			main := hs.Main()
			r.handshake, r.application = client, main.ClientTraffic(sum)
			out = r.seal(record.Handshake, wire.AppendFinished(nil, client.Finished(sum)))
			r.writer.SetKey(r.suite, r.application)
			r.reader.SetKey(r.suite, main.ServerTraffic(sum))
		}
	})
	if out == nil {
		r.t.Fatal("The server sent no Finished.")
	}
	return out
}

func (r *rawClient) shared(serverHello []byte) []byte {
	sh, err := wire.ParseServerHello(serverHello, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if sh.KeyShare == nil {
		return nil
	}
	peer, err := ecdh.P256().NewPublicKey(sh.KeyShare.KeyExchange)
	if err != nil {
		r.t.Fatal(err)
	}
	secret, err := r.share.ECDH(peer)
	if err != nil {
		r.t.Fatal(err)
	}
	return secret
}

// seal makes a record under the client's current key.
func (r *rawClient) seal(kind record.ContentType, content []byte) []byte {
	r.t.Helper()
	out, err := r.writer.Append(nil, kind, content)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// handshakeWriter seals under the handshake key, as if no Finished had been sent.
func (r *rawClient) handshakeWriter() *record.Writer {
	w := &record.Writer{}
	w.SetKey(r.suite, r.handshake)
	return w
}

// earlyRecord is a record of early data as its receiver sees it that refused
// it: protected with a key that it does not have. length is of the whole record.
func earlyRecord(length int) []byte {
	body := make([]byte, length-limits.RecordHeaderLen)
	for i := range body {
		body[i] = byte(i * 7)
	}
	return plainRecord(record.ApplicationData, body)
}
