package proxyproto

// Reading a header. What follows it on the connection is TLS, which another
// reader takes from the socket: so each read here asks for no more bytes than
// the header has at least.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pires/go-proxyproto"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/network"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

const (
	signatureV1 = "PROXY "
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"
	prefixV2    = len(signatureV2) + 4 // with version and command, family, length
)

// Read takes a header of the wanted version from conn, and not one byte more.
// The caller sets the deadline, and says in an error whose connection it is. An
// error that is io.EOF means that the connection ended, or was reset, without one
// byte.
//
// TLVs are dropped unread: what a balancer says there about identities proves
// nothing.
func Read(conn io.Reader, want settings.ProxyVersion) (Header, error) {
	raw, err := readSignature(conn)
	if err != nil {
		return Header{}, err
	}
	isV1 := raw[0] == signatureV1[0]
	switch {
	case isV1 && want == settings.ProxyV2:
		return Header{}, errors.New("a PROXY protocol header of version 1 came, and version 2 is expected")
	case !isV1 && want == settings.ProxyV1:
		return Header{}, errors.New("a PROXY protocol header of version 2 came, and version 1 is expected")
	case isV1:
		raw, err = readV1(conn, raw)
	default:
		raw, err = readV2(conn, raw)
	}
	if err != nil {
		return Header{}, err
	}
	return parse(raw)
}

// readSignature reads as many bytes as the signature of version 2 has, fewer
// than the shortest header of version 1. It looks at each byte that comes, so
// that a peer that sends something else and waits is told at once.
func readSignature(conn io.Reader) ([]byte, error) {
	raw := make([]byte, 0, maxV1)
	for len(raw) < len(signatureV2) {
		n, err := conn.Read(raw[len(raw):len(signatureV2)])
		raw = raw[:len(raw)+n]
		if !begins(raw, signatureV1) && !begins(raw, signatureV2) {
			return nil, fmt.Errorf("%s came where a PROXY protocol header belongs", instead(raw))
		}
		if err != nil && len(raw) < len(signatureV2) {
			return nil, cut(len(raw), err)
		}
	}
	return raw, nil
}

// begins reports whether raw, which may be shorter, begins as the signature.
func begins(raw []byte, signature string) bool {
	n := min(len(raw), len(signature))
	return string(raw[:n]) == signature[:n]
}

// instead says what begins with these bytes. It quotes none of them: they may be
// a password.
func instead(raw []byte) string {
	switch {
	case raw[0] == 0x16 && (len(raw) < 2 || raw[1] == 3): // handshake (RFC 9846 §5.1)
		return "TLS"
	case begins(raw, "GET "), begins(raw, "POST "), begins(raw, "HEAD "):
		return "an HTTP request"
	}
	return "something else"
}

// readV1 reads on to the end of the line.
func readV1(conn io.Reader, line []byte) ([]byte, error) {
	for {
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			if i < len(line)-1 {
				return nil, errors.New("the PROXY protocol header is malformed: its line is too short")
			}
			return line, nil
		}
		n := len(line)
		if n == maxV1 {
			return nil, fmt.Errorf("the PROXY protocol header is malformed: its line is longer than %d bytes", maxV1)
		}
		line = line[:min(n+missing(line), maxV1)]
		if k, err := io.ReadFull(conn, line[n:]); err != nil {
			return nil, cut(n+k, err)
		}
	}
}

// missing is how many bytes a header of version 1 that is not complete has
// still to come at least. It saves most of the system calls of reading byte by
// byte.
func missing(line []byte) int {
	end := len("\r\n")
	if line[len(line)-1] == '\r' {
		end = len("\n")
	}
	if begins(line, "PROXY U") { // UNKNOWN, and anything after it
		return end
	}
	// PROXY TCP4 source destination port port: a space and one digit for each.
	return end + 2*max(5-bytes.Count(line, []byte(" ")), 0)
}

// readV2 reads the rest of a header of version 2.
func readV2(conn io.Reader, raw []byte) ([]byte, error) {
	n := len(raw)
	raw = raw[:prefixV2]
	if k, err := io.ReadFull(conn, raw[n:]); err != nil {
		return nil, cut(n+k, err)
	}
	length := int(binary.BigEndian.Uint16(raw[prefixV2-2:]))
	if prefixV2+length > limits.MaxProxyHeader {
		return nil, fmt.Errorf("the PROXY protocol header says that it has %d bytes, and at most %d are read", prefixV2+length, limits.MaxProxyHeader)
	}
	raw = append(raw, make([]byte, length)...)
	if k, err := io.ReadFull(conn, raw[prefixV2:]); err != nil {
		return nil, cut(prefixV2+k, err)
	}
	return raw, nil
}

// cut says that the connection gave n bytes of a header and then err.
func cut(n int, err error) error {
	eof := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case n == 0 && (eof || network.WasReset(err)):
		return fmt.Errorf("the connection ended without a PROXY protocol header: %w", io.EOF)
	case eof:
		return fmt.Errorf("the connection ended %d bytes into the PROXY protocol header: %w", n, io.ErrUnexpectedEOF)
	case errors.Is(err, os.ErrDeadlineExceeded) && n == 0:
		return fmt.Errorf("no PROXY protocol header came in time: %w", os.ErrDeadlineExceeded)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("only %d bytes of the PROXY protocol header came in time: %w", n, os.ErrDeadlineExceeded)
	}
	return fmt.Errorf("the PROXY protocol header cannot be read: %w", err)
}

// parse has the library read a whole header.
func parse(raw []byte) (Header, error) {
	unspecified := false
	if begins(raw, signatureV2) {
		raw = withoutTLVs(raw)
		// A forwarded connection of a family that the sender cannot name. Section
		// 2.2 lets a receiver use the real addresses; the library does so only for
		// the command LOCAL.
		if unspecified = raw[12] == byte(proxyproto.PROXY) && raw[13] == byte(proxyproto.UNSPEC); unspecified {
			raw[12] = byte(proxyproto.LOCAL)
		}
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)))
	switch {
	case err != nil:
		return Header{}, fmt.Errorf("the PROXY protocol header is malformed: %s", strings.TrimPrefix(err.Error(), "proxyproto: "))
	case h.TransportProtocol == proxyproto.UNSPEC && (h.Version == 1 || unspecified):
		return Header{}, nil
	case h.Command.IsLocal():
		// The addresses are to be ignored (section 2.2).
		return Header{Local: true}, nil
	}
	return Header{Source: addrPort(h.SourceAddr), Destination: addrPort(h.DestinationAddr)}, nil
}

// withoutTLVs leaves of a header of version 2 what comes before its TLVs.
func withoutTLVs(raw []byte) []byte {
	addresses := 0
	switch raw[13] >> 4 {
	case 1: // AF_INET
		addresses = 12
	case 2: // AF_INET6
		addresses = 36
	case 3: // AF_UNIX
		addresses = 216
	}
	raw = raw[:min(len(raw), prefixV2+addresses)]
	binary.BigEndian.PutUint16(raw[prefixV2-2:], uint16(len(raw)-prefixV2))
	return raw
}
