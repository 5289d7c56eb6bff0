package watchword

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Dial connects to address on the network, does the handshake, and returns the
// connection.
func Dial(network, address string, config *Config) (*Conn, error) {
	return DialContext(context.Background(), network, address, config)
}

// DialContext is Dial within ctx. A host name is sent as SNI unless the
// configuration has a ServerName; an IP address is not.
func DialContext(ctx context.Context, network, address string, config *Config) (*Conn, error) {
	if _, err := config.clientConfig(); err != nil {
		return nil, err
	}
	var d net.Dialer
	raw, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := Client(raw, config)
	conn.dialed = address
	if host, _, err := net.SplitHostPort(address); err == nil && config.ServerName == "" {
		conn.serverName = sniOf(host)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("handshake with %s: %w", address, err)
	}
	return conn, nil
}

// sniOf returns the name to send for a host, empty for one that SNI has no
// place for (RFC 6066 §3): an address, with a zone or without, a name that is
// not ASCII or too long. The dot at the end of a name is left out.
func sniOf(host string) string {
	host = strings.TrimSuffix(host, ".")
	if _, err := netip.ParseAddr(host); err == nil || len(host) > 255 {
		return ""
	}
	for i := range len(host) {
		if host[i] <= ' ' || host[i] >= 0x7f {
			return ""
		}
	}
	return host
}

// Listen announces on the local address and returns a listener whose
// connections are secured with config. Their handshakes are done by the first
// Read or Write, or by [Conn.Handshake].
func Listen(network, address string, config *Config) (net.Listener, error) {
	if _, err := config.serverConfig(); err != nil {
		return nil, err
	}
	inner, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return NewListener(inner, config), nil
}

// NewListener returns a listener that secures the connections of inner. Accept
// returns a *Conn.
func NewListener(inner net.Listener, config *Config) net.Listener {
	return &listener{inner, config}
}

type listener struct {
	net.Listener
	config *Config
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Server(conn, l.config), nil
}
