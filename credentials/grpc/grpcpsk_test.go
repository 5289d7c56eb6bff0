package grpcpsk

// gRPC over TLS with pre-shared keys, a real client against a real server.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/watchword-tls/watchword"
)

// testTime bounds each test, so that nothing hangs.
const testTime = 20 * time.Second

func newKey(t *testing.T, identity string) *watchword.Key {
	t.Helper()
	secret := make([]byte, 32)
	rand.Read(secret)
	key, err := watchword.NewKey(identity, secret, watchword.KeyOptions{})
	if err != nil {
		t.Fatalf("The key %q cannot be built: %v", identity, err)
	}
	return key
}

func with(keys ...*watchword.Key) *watchword.Config {
	return &watchword.Config{Keys: keys, AllowSameProcess: true}
}

// The service of these tests has one method, a stream in both directions: each
// message comes back with the name of who sent it before it. It is described
// by hand, so that no generator is needed.
type echo struct {
	mu    sync.Mutex
	peers []AuthInfo
}

// seen returns who has called.
func (e *echo) seen() []AuthInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peers
}

func (e *echo) stream(stream grpc.ServerStream) error {
	info, ok := FromContext(stream.Context())
	if !ok {
		return status.Error(codes.Unauthenticated, "there is no AuthInfo")
	}
	e.mu.Lock()
	e.peers = append(e.peers, info)
	e.mu.Unlock()
	for {
		var message wrapperspb.BytesValue
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		message.Value = append([]byte(info.Session.Identity+":"), message.Value...)
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

var talk = grpc.StreamDesc{StreamName: "Talk", ServerStreams: true, ClientStreams: true,
	Handler: func(service any, stream grpc.ServerStream) error { return service.(*echo).stream(stream) }}

var description = grpc.ServiceDesc{ServiceName: "watchword.Echo", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{talk}}

// serve starts a server and returns it with its address.
func serve(t *testing.T, config *watchword.Config) (*grpc.Server, *echo, string) {
	t.Helper()
	creds, err := NewServer(config)
	if err != nil {
		t.Fatalf("NewServer: %v", err)
	}
	return serveWith(t, creds)
}

func serveWith(t *testing.T, creds credentials.TransportCredentials) (*grpc.Server, *echo, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	server, service := grpc.NewServer(grpc.Creds(creds), grpc.MaxRecvMsgSize(size)), &echo{}
	server.RegisterService(&description, service)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("The server ended with %v.", err)
		}
	})
	return server, service, listener.Addr().String()
}

func connect(t *testing.T, target string, config *watchword.Config, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	creds, err := NewClient(config)
	if err != nil {
		t.Fatalf("NewClient: %v", err)
	}
	const size = 64 << 20
	options = append(options, grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(size)))
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		t.Fatalf("grpc.NewClient: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	t.Cleanup(cancel)
	return ctx
}

// say sends one message and returns the answer, and what the client knows of
// the server.
func say(t *testing.T, conn *grpc.ClientConn, message string, options ...grpc.CallOption) (string, *peer.Peer, error) {
	t.Helper()
	var p peer.Peer
	stream, err := conn.NewStream(testContext(t), &talk, "/watchword.Echo/Talk", append(options, grpc.Peer(&p))...)
	if err != nil {
		return "", nil, err
	}
	var answer wrapperspb.BytesValue
	if err := stream.SendMsg(wrapperspb.Bytes([]byte(message))); err != nil && !errors.Is(err, io.EOF) {
		return "", nil, err
	}
	if err := stream.RecvMsg(&answer); err != nil {
		return "", nil, err
	}
	if err := errors.Join(stream.CloseSend(), stream.RecvMsg(&wrapperspb.BytesValue{})); !errors.Is(err, io.EOF) {
		return "", nil, err
	}
	return string(answer.Value), &p, nil
}

func TestBothEndsKnowEachOther(t *testing.T) {
	alice := newKey(t, "alice")
	_, service, address := serve(t, with(newKey(t, "bob"), alice))
	answer, p, err := say(t, connect(t, address, with(alice)), "hello")
	if err != nil || answer != "alice:hello" {
		t.Fatalf("The answer is %q, error %v; want that of the server to alice.", answer, err)
	}
	info, ok := p.AuthInfo.(AuthInfo)
	if !ok || info.Session.Identity != "alice" || info.AuthType() != "psk" || info.SecurityLevel != credentials.PrivacyAndIntegrity {
		t.Errorf("The client knows %+v of the server, want a session with alice's key.", p.AuthInfo)
	}
	theirs := service.seen()[0]
	if s := theirs.Session; s.Version != watchword.VersionTLS13 || s.NextProto != "h2" || s.Group == 0 || s.ServerName != "" {
		t.Errorf("The server agreed on %+v, want TLS 1.3 with forward secrecy, h2, and no server name for an address.", s)
	}
	ours, err := info.Session.Export("EXPORTER-test", nil, 16)
	if err != nil {
		t.Fatalf("The client exports nothing: %v", err)
	}
	if got, err := theirs.Session.Export("EXPORTER-test", nil, 16); err != nil || !slices.Equal(got, ours) {
		t.Errorf("The ends export different keying material, error %v.", err)
	}
}

// TLS 1.2 too, where the configuration allows it.
func TestTLS12(t *testing.T) {
	key, err := watchword.NewKey("alice", []byte(strings.Repeat("k", 32)), watchword.KeyOptions{Kind: watchword.External})
	if err != nil {
		t.Fatal(err)
	}
	config := with(key)
	config.Policy, config.MaxVersion = watchword.Compatible, watchword.VersionTLS12
	_, service, address := serve(t, config)
	if answer, _, err := say(t, connect(t, address, config), "hello"); err != nil || answer != "alice:hello" {
		t.Fatalf("The answer is %q, error %v; want that of the server to alice.", answer, err)
	}
	if s := service.seen()[0].Session; s.Version != watchword.VersionTLS12 || s.NextProto != "h2" {
		t.Errorf("The server agreed on %+v, want TLS 1.2 and h2.", s)
	}
}

func TestWrongKeysAreRefusedWithASentence(t *testing.T) {
	alice := newKey(t, "alice")
	_, service, address := serve(t, with(alice))
	_, _, plainAddress := serveWith(t, insecure.NewCredentials())
	for name, test := range map[string]struct {
		address string
		key     *watchword.Key
		says    string
	}{
		"another key":         {address, newKey(t, "alice"), `the key \"alice\", or its key differs`},
		"an unknown identity": {address, newKey(t, "eve"), `the key \"eve\", or its key differs`},
		"a plain server":      {plainAddress, alice, "what arrived is not TLS"},
	} {
		_, _, err := say(t, connect(t, test.address, with(test.key)), "hello")
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), test.says) {
			t.Errorf("With %s a call ends with %v, want Unavailable and %q.", name, err, test.says)
		}
	}
	if len(service.seen()) != 0 {
		t.Errorf("%d calls without the right key reached the handler.", len(service.seen()))
	}
	// The server goes on.
	if answer, _, err := say(t, connect(t, address, with(alice)), "hello"); err != nil || answer != "alice:hello" {
		t.Errorf("After the wrong keys the right one gets %q, error %v.", answer, err)
	}
}

// A client without TLS gets no further than one with a wrong key.
func TestPlainClientIsRefused(t *testing.T) {
	_, service, address := serve(t, with(newKey(t, "alice")))
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, _, err := say(t, conn, "hello"); status.Code(err) != codes.Unavailable {
		t.Errorf("A call in the clear ends with %v, want Unavailable.", err)
	}
	if len(service.seen()) != 0 {
		t.Error("A call in the clear reached the handler.")
	}
}

// A call that is to wait for the server does so, and finds it.
func TestWaitForReady(t *testing.T) {
	alice := newKey(t, "alice")
	creds, err := NewServer(with(alice))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	conn := connect(t, address, with(alice))
	answers := make(chan string, 1)
	go func() {
		answer, _, err := say(t, conn, "hello", grpc.WaitForReady(true))
		answers <- answer
		if err != nil {
			t.Errorf("The call that waited ends with %v.", err)
		}
	}()
	server := grpc.NewServer(grpc.Creds(creds))
	server.RegisterService(&description, &echo{})
	go server.Serve(listener)
	defer server.Stop()
	if answer := <-answers; answer != "alice:hello" {
		t.Errorf("The call that waited gets %q.", answer)
	}
}

// lookup knows the keys that it has now.
type lookup struct {
	mu   sync.Mutex
	keys map[string]*watchword.Key
}

func (l *lookup) LookupKeys(_ context.Context, offered []watchword.OfferedIdentity) ([]*watchword.Key, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*watchword.Key
	for _, o := range offered {
		if key := l.keys[o.Identity]; key != nil {
			found = append(found, key)
		}
	}
	return found, nil
}

func TestLookup(t *testing.T) {
	alice, bob := newKey(t, "alice"), newKey(t, "bob")
	keys := &lookup{keys: map[string]*watchword.Key{"alice": alice}}
	_, _, address := serve(t, &watchword.Config{Lookup: keys, AllowSameProcess: true})
	if _, _, err := say(t, connect(t, address, with(bob)), "hello"); status.Code(err) != codes.Unavailable {
		t.Errorf("Before bob is known a call of his ends with %v, want Unavailable.", err)
	}
	keys.mu.Lock()
	keys.keys["bob"] = bob
	keys.mu.Unlock()
	for _, key := range []*watchword.Key{alice, bob} {
		if answer, _, err := say(t, connect(t, address, with(key)), "hello"); err != nil || answer != key.Identity()+":hello" {
			t.Errorf("The call of %s gets %q, error %v.", key.Identity(), answer, err)
		}
	}
}

// Messages of many records, many at once on one connection, arrive whole.
func TestLargeMessages(t *testing.T) {
	alice := newKey(t, "alice")
	_, _, address := serve(t, with(alice))
	conn := connect(t, address, with(alice))
	var streams sync.WaitGroup
	for range 4 {
		streams.Go(func() {
			stream, err := conn.NewStream(testContext(t), &talk, "/watchword.Echo/Talk")
			if err != nil {
				t.Errorf("No stream: %v", err)
				return
			}
			for _, size := range []int{0, 1, 16_384, 1 << 20, 5<<20 + 1} {
				sent := make([]byte, size)
				rand.Read(sent)
				var answer wrapperspb.BytesValue
				err := errors.Join(stream.SendMsg(wrapperspb.Bytes(sent)), stream.RecvMsg(&answer))
				if err != nil || sha256.Sum256(answer.Value) != sha256.Sum256(append([]byte("alice:"), sent...)) {
					t.Errorf("Of a message of %d bytes, %d came back that are not the same, error %v.", size, len(answer.Value), err)
					return
				}
			}
			if err := errors.Join(stream.CloseSend(), stream.RecvMsg(&wrapperspb.BytesValue{})); !errors.Is(err, io.EOF) {
				t.Errorf("The stream ends with %v, want io.EOF.", err)
			}
		})
	}
	streams.Wait()
}

// GracefulStop lets the calls under way end, and no new one begin.
func TestGracefulStop(t *testing.T) {
	alice := newKey(t, "alice")
	server, _, address := serve(t, with(alice))
	stream, err := connect(t, address, with(alice)).NewStream(testContext(t), &talk, "/watchword.Echo/Talk")
	if err != nil {
		t.Fatal(err)
	}
	exchange := func() {
		t.Helper()
		var answer wrapperspb.BytesValue
		if err := errors.Join(stream.SendMsg(wrapperspb.Bytes([]byte("hello"))), stream.RecvMsg(&answer)); err != nil || string(answer.Value) != "alice:hello" {
			t.Fatalf("The answer is %q, error %v.", answer.Value, err)
		}
	}
	exchange()
	stopped := make(chan struct{})
	go func() { server.GracefulStop(); close(stopped) }()
	// Once it takes no more connections, it is stopping.
	for {
		raw, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		raw.Close()
	}
	exchange()
	select {
	case <-stopped:
		t.Error("GracefulStop did not wait for the call under way.")
	default:
	}
	if err := errors.Join(stream.CloseSend(), stream.RecvMsg(&wrapperspb.BytesValue{})); !errors.Is(err, io.EOF) {
		t.Errorf("The call under way ends with %v, want io.EOF.", err)
	}
	select {
	case <-stopped:
	case <-time.After(testTime):
		t.Error("GracefulStop did not end after the last call.")
	}
}

// token is a secret that gRPC may send over an encrypted connection only.
type token struct{}

func (token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"token": "t"}, nil
}

func (token) RequireTransportSecurity() bool { return true }

func TestPerRPCCredentials(t *testing.T) {
	alice := newKey(t, "alice")
	_, _, address := serve(t, with(alice))
	if answer, _, err := say(t, connect(t, address, with(alice), grpc.WithPerRPCCredentials(token{})), "hello"); err != nil || answer != "alice:hello" {
		t.Errorf("With a token the answer is %q, error %v.", answer, err)
	}
}

// A second connection resumes with a ticket of the first, and the host name of
// the target is sent as SNI.
func TestTicketsAndServerName(t *testing.T) {
	alice := newKey(t, "alice")
	_, service, address := serve(t, with(alice))
	_, port, _ := net.SplitHostPort(address)
	config := with(alice)
	config.Tickets = &watchword.Tickets{Cache: watchword.NewTicketCache()}
	creds, err := NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		conn, err := grpc.NewClient("passthrough:///localhost:"+port, grpc.WithTransportCredentials(creds.Clone()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			}))
		if err != nil {
			t.Fatal(err)
		}
		if answer, _, err := say(t, conn, "hello"); err != nil || answer != "alice:hello" {
			t.Errorf("The answer is %q, error %v.", answer, err)
		}
		conn.Close()
	}
	first, second := service.seen()[0].Session, service.seen()[1].Session
	if first.Resumed || !second.Resumed {
		t.Errorf("The connections are resumed: %v, %v; want only the second.", first.Resumed, second.Resumed)
	}
	if first.ServerName != "localhost" || second.ServerName != "localhost" {
		t.Errorf("The server names are %q and %q, want localhost.", first.ServerName, second.ServerName)
	}
}

func TestServerNames(t *testing.T) {
	for authority, want := range map[string]string{
		"db.example:7443": "db.example", "db.example.:7443": "db.example", "db.example": "db.example",
		"192.0.2.1:7443": "", "192.0.2.1": "", "[2001:db8::1]:7443": "", "[2001:db8::1]": "", "[fe80::1%eth0]:1": "", "": "",
	} {
		if got := hostOf(authority); got != want {
			t.Errorf("The server name for %q is %q, want %q.", authority, got, want)
		}
	}
	creds, err := NewClient(with(newKey(t, "alice")))
	if err != nil {
		t.Fatal(err)
	}
	clone := creds.Clone()
	//lint:ignore SA1019 the interface has it still
	if err := clone.OverrideServerName("other.example"); err != nil {
		t.Fatal(err)
	}
	nameIn := func(c credentials.TransportCredentials) string { return c.(*clientCredentials).config.ServerName }
	if got, kept := nameIn(clone), nameIn(creds); got != "other.example" || kept != "" {
		t.Errorf("The name given to a clone is %q there and %q in the original.", got, kept)
	}
	if creds.Info().SecurityProtocol != "tls" {
		t.Error("The security protocol is not tls, so that calls have the scheme http.")
	}
}

// Mistakes are told when the credentials are made.
func TestConfigurationsAreChecked(t *testing.T) {
	alice := newKey(t, "alice")
	for name, config := range map[string]*watchword.Config{"none": nil, "empty": {}} {
		if _, err := NewServer(config); err == nil {
			t.Errorf("NewServer accepts the configuration %s.", name)
		}
		if _, err := NewClient(config); err == nil {
			t.Errorf("NewClient accepts the configuration %s.", name)
		}
	}
	config := with(alice)
	config.NextProtos = []string{"other"}
	client, err := NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	if config.NextProtos[0] != "other" {
		t.Error("The caller's configuration was changed.")
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, _, err := client.ServerHandshake(a); err == nil {
		t.Error("A client's credentials serve.")
	}
	if _, _, err := server.ClientHandshake(t.Context(), "", b); err == nil {
		t.Error("A server's credentials connect.")
	}
}

// A handshake ends with its context, though the other end says nothing.
func TestHandshakeEndsWithItsContext(t *testing.T) {
	creds, err := NewClient(with(newKey(t, "alice")))
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		io.ReadFull(b, make([]byte, 1)) // the ClientHello has begun
		cancel()
	}()
	if _, _, err := creds.ClientHandshake(ctx, "db.example:1", a); !errors.Is(err, context.Canceled) {
		t.Errorf("The handshake ends with %v, want that it was cancelled.", err)
	}
}
