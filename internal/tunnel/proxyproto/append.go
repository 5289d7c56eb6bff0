package proxyproto

// Writing a header.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Append appends a header to b. With t, a header of version 2 also tells of the
// TLS in which the connection came; one of version 1 has no room for that.
func Append(b []byte, version settings.ProxyVersion, h Header, t *TLSInfo) ([]byte, error) {
	p := header(h)
	switch version {
	case settings.ProxyNone:
		return b, nil
	case settings.ProxyV1:
		p.Version = 1
	case settings.ProxyV2:
		p.Version = 2
		if t == nil || h.Local { // nobody looks at what LOCAL carries (section 2.2)
			break
		}
		if err := t.addTo(p); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("a PROXY protocol header is written in version 1 or 2")
	}
	line, err := p.Format()
	if err != nil {
		return nil, fmt.Errorf("the PROXY protocol header cannot be written: %w", err)
	}
	if len(line) > limits.MaxProxyHeader {
		return nil, fmt.Errorf("the PROXY protocol header would have %d bytes, more than the %d that are sent", len(line), limits.MaxProxyHeader)
	}
	return append(b, line...), nil
}

// header returns h as the library has it.
func header(h Header) *proxyproto.Header {
	switch {
	case h.Local:
		return &proxyproto.Header{Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	case !h.Source.IsValid() || !h.Destination.IsValid():
		// A Unix socket, for one. Not LOCAL: that would have the receiver ignore
		// the TLVs as well.
		return &proxyproto.Header{Command: proxyproto.PROXY, TransportProtocol: proxyproto.UNSPEC}
	}
	family := proxyproto.TCPv6
	if h.Source.Addr().Unmap().Is4() && h.Destination.Addr().Unmap().Is4() {
		family = proxyproto.TCPv4
	}
	return &proxyproto.Header{
		Command: proxyproto.PROXY, TransportProtocol: family,
		SourceAddr: tcpAddr(h.Source), DestinationAddr: tcpAddr(h.Destination),
	}
}

// tcpAddr returns a without its zone, which means nothing on another machine.
func tcpAddr(a netip.AddrPort) *net.TCPAddr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.Addr().WithZone(""), a.Port()))
}

// addTo adds the TLVs that tell of t.
func (t *TLSInfo) addTo(p *proxyproto.Header) error {
	// No certificate was asked for. In verify, 0 is then what HAProxy sends too:
	// who looks at it must look at the client flags first (section 2.2.6).
	ssl, err := tlvparse.PP2SSL{
		Client: tlvparse.PP2_BITFIELD_CLIENT_SSL,
		TLV: []proxyproto.TLV{
			{Type: proxyproto.PP2_SUBTYPE_SSL_VERSION, Value: []byte(t.Version)},
			{Type: proxyproto.PP2_SUBTYPE_SSL_CIPHER, Value: []byte(t.Cipher)},
		},
	}.Marshal()
	if err != nil {
		return fmt.Errorf("the PROXY protocol header cannot be written: %w", err)
	}
	tlvs := []proxyproto.TLV{ssl}
	for _, v := range []struct {
		kind  proxyproto.PP2Type
		value string
	}{
		{proxyproto.PP2_TYPE_AUTHORITY, t.ServerName},
		{proxyproto.PP2_TYPE_ALPN, t.NextProto},
		{IdentityType, t.Identity},
	} {
		if v.value != "" {
			tlvs = append(tlvs, proxyproto.TLV{Type: v.kind, Value: []byte(v.value)})
		}
	}
	if err := p.SetTLVs(tlvs); err != nil {
		return fmt.Errorf("the PROXY protocol header cannot be written: %w", err)
	}
	return nil
}
