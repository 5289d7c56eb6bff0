// Package proxyproto reads and writes the PROXY protocol, versions 1 and 2: a
// header ahead of a connection's first byte, with which a balancer says whose
// connection it forwards. The format is in the document proxy-protocol.txt of
// HAProxy, cited here by its sections, and the parsing that of
// github.com/pires/go-proxyproto. What is here besides is how to read not one
// byte too many, and what of a header is believed.
package proxyproto

import (
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// IdentityType is the type of the TLV in which [Append] gives the identity of
// the pre-shared key that the client proved, as it is in the key file, without a
// terminating zero. Section 2.2.8 leaves 0xE0 to 0xEF to applications.
const IdentityType = proxyproto.PP2_TYPE_MIN_CUSTOM

// maxV1 is the longest header of version 1 in bytes (section 2.1).
const maxV1 = 107

// Header is what a PROXY protocol header says.
type Header struct {
	// Source and Destination are the addresses that the client connected from
	// and to. They are the zero AddrPort if the header names none: then the
	// connection's own are all that is known.
	Source, Destination netip.AddrPort
	// Local says that nobody's connection is forwarded: the balancer connects
	// for itself, to see whether anybody answers.
	Local bool
}

// TLSInfo is what a service is told about TLS that ended before it.
type TLSInfo struct {
	Version    string // "TLSv1.3" or "TLSv1.2"
	Cipher     string // IANA's name of the suite
	Identity   string // of the key that the client proved
	ServerName string // SNI; empty if it sent none
	NextProto  string // ALPN; empty if none was negotiated
}

// addrPort returns the address in its shortest form. Anything but TCP and UDP
// has none.
func addrPort(a net.Addr) netip.AddrPort {
	var from netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		from = a.AddrPort()
	case *net.UDPAddr: // QUIC, which the balancer ended
		from = a.AddrPort()
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}
