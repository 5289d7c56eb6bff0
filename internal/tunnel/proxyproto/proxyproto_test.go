package proxyproto

// Headers typed from the document, section 2: what they mean, where they end,
// and which sentence a wrong one gets.

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

const (
	sig = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a" // section 2.2
	in4 = "\xc0\xa8\x00\x01\xc0\xa8\x00\x0b\xdc\x04\x01\xbb"
	in6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\xdc\x04\x01\xbb"
	clientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 what follows is TLS, and not ours to read"
)

func between(source, destination string) Header {
	return Header{Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort(destination)}
}

var (
	from4 = between("192.168.0.1:56324", "192.168.0.11:443")
	from6 = between("[2001:db8::1]:56324", "[2001:db8::2]:443")
)

// good are headers that are to be understood.
var good = map[string]struct {
	raw  string
	want Header
}{
	"the document's example":     {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", from4},
	"the shortest TCP4":          {"PROXY TCP4 1.1.1.1 2.2.2.2 1 0\r\n", between("1.1.1.1:1", "2.2.2.2:0")},
	"the longest TCP4":           {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", between("255.255.255.255:65535", "255.255.255.255:65535")},
	"TCP6":                       {"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", from6},
	"the shortest TCP6":          {"PROXY TCP6 :: :: 0 0\r\n", between("[::]:0", "[::]:0")},
	"TCP6 with IPv4 in it":       {"PROXY TCP6 ::ffff:192.168.0.1 ::ffff:192.168.0.11 56324 443\r\n", from4},
	"UNKNOWN":                    {"PROXY UNKNOWN\r\n", Header{}},
	"UNKNOWN with addresses":     {"PROXY UNKNOWN 1.1.1.1 2.2.2.2 1 2\r\n", Header{}},
	"the longest line":           {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", Header{}},
	"2: IPv4":                    {sig + "\x21\x11\x00\x0c" + in4, from4},
	"2: IPv6":                    {sig + "\x21\x21\x00\x24" + in6, from6},
	"2: QUIC at the balancer":    {sig + "\x21\x12\x00\x0c" + in4, from4},
	"2: TLVs, and an identity":   {sig + "\x21\x11\x00\x17" + in4 + "\x04\x00\x00" + "\xe0\x00\x05alice", from4},
	"2: TLVs that are malformed": {sig + "\x21\x11\x00\x0f" + in4 + "\x01\xff\xff", from4},
	"2: Unix":                    {sig + "\x21\x31\x00\xd8" + strings.Repeat("/run/x\x00", 30) + "\x00\x00\x00\x00\x00\x00", Header{}},
	"2: LOCAL":                   {sig + "\x20\x00\x00\x00", Header{Local: true}},
	"2: LOCAL with addresses":    {sig + "\x20\x11\x00\x0c" + in4, Header{Local: true}},
	"2: LOCAL with half of them": {sig + "\x20\x11\x00\x03abc", Header{Local: true}},
	"2: LOCAL with TLVs":         {sig + "\x20\x00\x00\x03\x04\x00\x00", Header{Local: true}},
	"2: no family":               {sig + "\x21\x00\x00\x00", Header{}},
	"2: no family, TLVs":         {sig + "\x21\x00\x00\x03\x04\x00\x00", Header{}},
	"2: the longest":             {sig + "\x21\x11\x1f\xf0" + in4 + strings.Repeat("x", limits.MaxProxyHeader-28), from4},
}

func TestRead(t *testing.T) {
	for name, c := range good {
		version, other := settings.ProxyV1, settings.ProxyV2
		if strings.HasPrefix(name, "2: ") {
			version, other = other, version
		}
		for _, want := range []settings.ProxyVersion{version, settings.ProxyAny} {
			conn := strings.NewReader(c.raw + clientHello)
			h, err := Read(conn, want)
			if err != nil || h != c.want {
				t.Errorf("%s: Read gives %+v, %v, want %+v.", name, h, err, c.want)
			}
			if conn.Len() != len(clientHello) {
				t.Errorf("%s: Read left %d bytes of the %d that follow.", name, conn.Len(), len(clientHello))
			}
		}
		if h, err := Read(iotest.OneByteReader(strings.NewReader(c.raw)), version); err != nil || h != c.want {
			t.Errorf("%s, byte by byte: Read gives %+v, %v, want %+v.", name, h, err, c.want)
		}
		if h, err := Read(iotest.DataErrReader(strings.NewReader(c.raw)), version); err != nil || h != c.want {
			t.Errorf("%s, with the end of the connection: Read gives %+v, %v, want %+v.", name, h, err, c.want)
		}
		if _, err := Read(strings.NewReader(c.raw), other); err == nil || !strings.Contains(err.Error(), "is expected") {
			t.Errorf("%s: a header of the version that was not wanted gives the error %v.", name, err)
		}
	}
}

func TestReadAtEveryCut(t *testing.T) {
	for name, c := range good {
		for n := range len(c.raw) {
			h, err := Read(strings.NewReader(c.raw[:n]), settings.ProxyAny)
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if !errors.Is(err, want) {
				t.Errorf("%s, cut after %d bytes: Read gives %+v, %v, want %v.", name, n, h, err, want)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"TLS":                   {clientHello, "TLS came where a PROXY protocol header belongs"},
		"one byte of TLS":       {"\x16", "TLS came where a PROXY protocol header belongs"},
		"HTTP":                  {"GET / HTTP/1.1\r\n", "an HTTP request came where a PROXY protocol header belongs"},
		"a password":            {"PASS hunter2\r\n", "something else came where a PROXY protocol header belongs"},
		"another word":          {"PROXYING is something else", "something else came where a PROXY protocol header belongs"},
		"a signature, spoilt":   {sig[:11] + "\x0b\x21\x11\x00\x0c" + in4, "something else came where a PROXY protocol header belongs"},
		"UDP4":                  {"PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", "the PROXY protocol header is malformed"},
		"a port too high":       {"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", "the PROXY protocol header is malformed"},
		"a port with a zero":    {"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", "the PROXY protocol header is malformed"},
		"two spaces":            {"PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", "the PROXY protocol header is malformed"},
		"IPv6 as TCP4":          {"PROXY TCP4 ::1 2001:db8::7:8 1 2\r\n", "the PROXY protocol header is malformed"},
		"no address":            {"PROXY TCP4 1.1.1 2.2.2.2.2 1 2\r\n", "the PROXY protocol header is malformed"},
		"a zone":                {"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", "the PROXY protocol header is malformed"},
		"no carriage return":    {"PROXY TCP4 1.1.1.1 22.2.2.2 1 2\n", "the PROXY protocol header is malformed"},
		"a line too short":      {"PROXY TCP4 \r\n" + clientHello, "the PROXY protocol header is malformed"},
		"a line too long":       {"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", "its line is longer than 107 bytes"},
		"no end of the line":    {"PROXY TCP4 " + strings.Repeat("1", 200), "its line is longer than 107 bytes"},
		"version 3":             {sig + "\x31\x11\x00\x0c" + in4, "the PROXY protocol header is malformed"},
		"command 2":             {sig + "\x22\x11\x00\x0c" + in4, "the PROXY protocol header is malformed"},
		"an unknown family":     {sig + "\x21\x41\x00\x0c" + in4, "the PROXY protocol header is malformed"},
		"an unknown transport":  {sig + "\x21\x13\x00\x0c" + in4, "the PROXY protocol header is malformed"},
		"IPv6 in 12 bytes":      {sig + "\x21\x21\x00\x0c" + in4, "the PROXY protocol header is malformed"},
		"no room for addresses": {sig + "\x21\x11\x00\x00", "the PROXY protocol header is malformed"},
		"too long":              {sig + "\x21\x11\x1f\xf1" + in4, "says that it has 8193 bytes, and at most 8192 are read"},
		"far too long":          {sig + "\x21\x11\xff\xff" + in4, "says that it has 65551 bytes, and at most 8192 are read"},
	} {
		h, err := Read(strings.NewReader(c.raw), settings.ProxyAny)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Read gives %+v, %v, want an error with %q.", name, h, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error quotes what the peer sent: %v.", name, err)
		}
	}
}

func TestReadSaysWhyItStopped(t *testing.T) {
	for want, conn := range map[string]io.Reader{
		"no PROXY protocol header came in time":                              iotest.ErrReader(os.ErrDeadlineExceeded),
		"only 5 bytes of the PROXY protocol header came in time":             io.MultiReader(strings.NewReader("PROXY"), iotest.ErrReader(os.ErrDeadlineExceeded)),
		"the connection ended 13 bytes into the PROXY protocol header":       strings.NewReader(sig + "\x21"),
		"the connection ended without a PROXY protocol header":               strings.NewReader(""),
		"the PROXY protocol header cannot be read: connection reset by peer": iotest.ErrReader(errors.New("connection reset by peer")),
	} {
		if _, err := Read(conn, settings.ProxyAny); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Read gives the error %v, want %q.", err, want)
		}
	}
}

func TestAppend(t *testing.T) {
	info := &TLSInfo{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Identity: "alice", ServerName: "db.example", NextProto: "postgresql"}
	tlvs := "\x20\x00\x28" + "\x01\x00\x00\x00\x00" + "\x21\x00\x07TLSv1.3" + "\x23\x00\x16TLS_AES_128_GCM_SHA256"
	all := tlvs + "\x02\x00\x0adb.example" + "\x01\x00\x0apostgresql" + "\xe0\x00\x05alice"
	least := &TLSInfo{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Identity: "alice"}
	for name, c := range map[string]struct {
		version settings.ProxyVersion
		h       Header
		info    *TLSInfo
		want    string
	}{
		"none":                  {settings.ProxyNone, from4, info, ""},
		"1":                     {settings.ProxyV1, from4, info, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"},
		"1, IPv6":               {settings.ProxyV1, from6, nil, "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"},
		"1, both":               {settings.ProxyV1, between("192.168.0.1:1", "[2001:db8::2]:2"), nil, "PROXY TCP6 ::ffff:192.168.0.1 2001:db8::2 1 2\r\n"},
		"1, IPv4 in IPv6":       {settings.ProxyV1, between("[::ffff:192.168.0.1]:1", "192.168.0.2:2"), nil, "PROXY TCP4 192.168.0.1 192.168.0.2 1 2\r\n"},
		"1, a zone":             {settings.ProxyV1, between("[fe80::1%eth0]:1", "[fe80::2%eth0]:2"), nil, "PROXY TCP6 fe80::1 fe80::2 1 2\r\n"},
		"1, unknown":            {settings.ProxyV1, Header{}, nil, "PROXY UNKNOWN\r\n"},
		"1, half known":         {settings.ProxyV1, Header{Source: from4.Source}, nil, "PROXY UNKNOWN\r\n"},
		"1, local":              {settings.ProxyV1, Header{Local: true}, nil, "PROXY UNKNOWN\r\n"},
		"2":                     {settings.ProxyV2, from4, nil, sig + "\x21\x11\x00\x0c" + in4},
		"2, IPv6":               {settings.ProxyV2, from6, nil, sig + "\x21\x21\x00\x24" + in6},
		"2, TLS":                {settings.ProxyV2, from4, info, sig + "\x21\x11\x00\x59" + in4 + all},
		"2, TLS without names":  {settings.ProxyV2, from6, least, sig + "\x21\x21\x00\x57" + in6 + tlvs + "\xe0\x00\x05alice"},
		"2, unknown":            {settings.ProxyV2, Header{}, nil, sig + "\x21\x00\x00\x00"},
		"2, unknown, TLS":       {settings.ProxyV2, Header{}, info, sig + "\x21\x00\x00\x4d" + all},
		"2, local":              {settings.ProxyV2, Header{Local: true}, info, sig + "\x20\x00\x00\x00"},
		"2, local with address": {settings.ProxyV2, Header{Source: from4.Source, Destination: from4.Destination, Local: true}, nil, sig + "\x20\x00\x00\x00"},
	} {
		line, err := Append([]byte("before"), c.version, c.h, c.info)
		if err != nil || string(line) != "before"+c.want {
			t.Errorf("%s: Append gives %q, %v, want %q after \"before\".", name, line, err, c.want)
		}
	}
}

func TestAppendIsBounded(t *testing.T) {
	long := strings.Repeat("i", limits.MaxIdentityLen)
	info := &TLSInfo{Version: "TLSv1.2", Cipher: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", Identity: long, ServerName: long[:255], NextProto: long[:255]}
	line, err := Append(nil, settings.ProxyV2, from6, info)
	if err != nil || !bytes.Contains(line, []byte(long)) {
		t.Fatalf("A header with the longest identity is not written: %v.", err)
	}
	if h, err := Read(bytes.NewReader(line), settings.ProxyV2); err != nil || h != from6 {
		t.Errorf("A header with the longest identity is read as %+v, %v.", h, err)
	}
	for _, n := range []int{limits.MaxProxyHeader, 1 << 16} {
		info.Identity = strings.Repeat("i", n)
		if _, err := Append(nil, settings.ProxyV2, from4, info); err == nil {
			t.Errorf("A header with an identity of %d bytes is written.", n)
		}
	}
	if _, err := Append(nil, settings.ProxyAny, from4, nil); err == nil {
		t.Error("A header of any version is written.")
	}
}
