// Package grpcpsk gives gRPC transport credentials that prove a pre-shared key:
// TLS with no certificate, by watchword. It is a module of its own, so that the
// library does not bring gRPC to those who have no use for it.
//
// A server, with keys or a lookup in its configuration:
//
//	creds, err := grpcpsk.NewServer(config)
//	server := grpc.NewServer(grpc.Creds(creds))
//
// A client, with the keys that it offers:
//
//	creds, err := grpcpsk.NewClient(config)
//	conn, err := grpc.NewClient("db.example:7443", grpc.WithTransportCredentials(creds))
//
// A handler learns from [FromContext] who calls:
//
//	info, ok := grpcpsk.FromContext(ctx)
//	info.Session.Identity
//
// A client with a wrong key gets codes.Unavailable from each call, with
// watchword's sentence in the message, as gRPC has it for every failed
// handshake; it tries again later, and a call with WaitForReady waits for that.
package grpcpsk

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/watchword-tls/watchword"
)

// protocol is the name of HTTP/2 in ALPN (RFC 7301): gRPC speaks nothing else.
const protocol = "h2"

// NewServer returns the credentials of a server. The configuration is copied,
// and its NextProtos are replaced by h2; a client that names no application
// protocol is accepted. The error says what is wrong with the configuration.
func NewServer(config *watchword.Config) (credentials.TransportCredentials, error) {
	own := ownCopy(config)
	if _, err := watchword.NewServerEngine(own); err != nil {
		return nil, err
	}
	return &serverCredentials{transport{own}}, nil
}

// NewClient returns the credentials of a client. The configuration is copied,
// and its NextProtos are replaced by h2; a server that names no application
// protocol, such as a tunnel before a plain one, is accepted. The error says
// what is wrong with the configuration.
//
// The host name in the target, or that of grpc.WithAuthority, is sent as SNI
// unless the configuration has a ServerName. With a Tickets.Cache, later
// connections resume.
func NewClient(config *watchword.Config) (credentials.TransportCredentials, error) {
	own := ownCopy(config)
	if _, err := watchword.NewClientEngine(own, "", time.Now()); err != nil {
		return nil, err
	}
	return &clientCredentials{transport{own}}, nil
}

func ownCopy(config *watchword.Config) *watchword.Config {
	if config == nil {
		return nil // which the engines refuse
	}
	own := config.Clone()
	own.NextProtos = []string{protocol}
	return own
}

// AuthInfo is what is known of the peer of a call: [credentials.AuthInfo] in
// peer.Peer.
type AuthInfo struct {
	credentials.CommonAuthInfo
	// Session is what both ends agreed on and proved. Its Identity names the
	// key, and so the peer.
	Session watchword.Session
}

// AuthType returns "psk".
func (AuthInfo) AuthType() string { return "psk" }

// FromContext returns what is known of the peer of a call from the context of
// its handler. It reports false for a call that came another way.
func FromContext(ctx context.Context) (AuthInfo, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return AuthInfo{}, false
	}
	info, ok := p.AuthInfo.(AuthInfo)
	return info, ok
}

// transport is what both sides have in common. Its configuration never changes
// after the first handshake, so that clones share the tickets.
type transport struct{ config *watchword.Config }

type (
	clientCredentials struct{ transport }
	serverCredentials struct{ transport }
)

var errSide = errors.New("grpcpsk: a client needs the credentials of NewClient, a server those of NewServer")

// ClientHandshake proves the client's key on a connection that gRPC has dialed.
func (c *clientCredentials) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	config := c.config
	if name := hostOf(authority); config.ServerName == "" && name != "" {
		config = config.Clone() // a client's tickets are in a cache, which clones share
		config.ServerName = name
	}
	return handshake(ctx, watchword.Client(raw, config))
}

// ServerHandshake lets a client prove its key. gRPC has set a deadline on the
// connection; HandshakeTimeout in the configuration counts as well.
func (s *serverCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return handshake(context.Background(), watchword.Server(raw, s.config))
}

// ClientHandshake is not for a server's credentials.
func (*serverCredentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errSide
}

// ServerHandshake is not for a client's credentials.
func (*clientCredentials) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errSide
}

// Clone returns credentials that share the tickets of these.
func (c *clientCredentials) Clone() credentials.TransportCredentials {
	return &clientCredentials{c.transport}
}

// Clone returns credentials that share the tickets of these.
func (s *serverCredentials) Clone() credentials.TransportCredentials {
	return &serverCredentials{s.transport}
}

// handshake leaves a connection that failed for gRPC to close.
func handshake(ctx context.Context, conn *watchword.Conn) (net.Conn, credentials.AuthInfo, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	return conn, AuthInfo{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		Session:        conn.Session(),
	}, nil
}

// hostOf returns the host name in an authority, empty for an address: SNI has
// no place for one (RFC 6066 §3).
func hostOf(authority string) string {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = authority // it may have no port
	}
	host = strings.TrimSuffix(host, ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	return host
}

// Info says "tls", which makes the scheme of a call https.
func (t *transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// OverrideServerName is deprecated in gRPC: it sets the ServerName.
func (t *transport) OverrideServerName(name string) error {
	t.config = t.config.Clone()
	t.config.ServerName = name
	return nil
}
