// This file reads the runner's command line. The runner starts the shim once
// for each test, with flags in the form "-flag value". A flag that is not in
// the table below means that the test wants something that Watchword does not
// have, and ends the shim with status 89.

package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/watchword-tls/watchword"
)

// A credential is one pre-shared key as the runner describes it.
type credential struct {
	key      []byte
	identity []byte
	context  []byte
	hash     watchword.Hash
}

// options are the flags that count for one connection.
type options struct {
	// Where the runner listens and what the connection does.
	port, shimID int
	ipv6         bool
	server       bool
	resumeCount  int

	// What is negotiated.
	credentials []*credential
	psk         string // of TLS 1.2, with the identity that it goes by
	pskIdentity string
	groups      []watchword.Group
	keyShares   []watchword.Group
	minVersion  int
	maxVersion  int
	noTLS13     bool
	trustCert   string
	verifyPeer  bool
	hostName    string
	alpn        []string
	selectALPN  string
	noTicket    bool

	// What the shim does once the connection stands.
	writesFirst         bool
	initialWrite        string
	initialWriteRepeats int
	shutsDown           bool
	checkCloseNotify    bool
	keyUpdate           bool
	keyUpdateBeforeRead bool
	recordSizes         bool
	readSize            int
	exportLen           int
	exportLabel         string
	exportContext       string
	useExportContext    bool
	exportSecrets       bool

	// What the shim checks.
	expect expectations

	// recordFile receives both directions of every connection as text; it is
	// ours and not the runner's (see capture.go).
	recordFile string
}

type expectations struct {
	sessionMiss, noSession bool
	hrr, noHRR             bool
	version                int
	group                  int
	cipher                 int
	serverName             string
	alpn                   string
	credential             *int
}

// A flag is one row of the table: with a value or without one.
type flag struct {
	bare  func(*options)
	value func(*options, string) error
}

func ignored(*options) {}

func set(field func(*options) *bool) flag {
	return flag{bare: func(o *options) { *field(o) = true }}
}

func text(field func(*options) *string) flag {
	return flag{value: func(o *options, v string) error { *field(o) = v; return nil }}
}

func number(field func(*options) *int) flag {
	return flag{value: func(o *options, v string) (err error) {
		*field(o), err = strconv.Atoi(v)
		return err
	}}
}

func groupList(field func(*options) *[]watchword.Group) flag {
	return flag{value: func(o *options, v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		*field(o) = append(*field(o), watchword.Group(n))
		return err
	}}
}

// ofCredential is a flag of the credential that was named last. Without one it
// belongs to the certificate that a test has by default.
func ofCredential(field func(*credential) *[]byte) flag {
	return flag{value: func(o *options, v string) (err error) {
		if len(o.credentials) == 0 {
			return errUnimplemented
		}
		*field(o.credentials[len(o.credentials)-1]), err = base64.StdEncoding.DecodeString(v)
		return err
	}}
}

func credentialHash(h watchword.Hash) flag {
	return flag{bare: func(o *options) {
		if n := len(o.credentials); n > 0 {
			o.credentials[n-1].hash = h
		}
	}}
}

// flags is the whole of what the shim understands. The rows without effect say
// how BoringSSL's own shim calls its library (callbacks, non-blocking), or
// switch off versions that Watchword does not have.
var flags = map[string]flag{
	"port":         number(func(o *options) *int { return &o.port }),
	"shim-id":      number(func(o *options) *int { return &o.shimID }),
	"ipv6":         set(func(o *options) *bool { return &o.ipv6 }),
	"server":       set(func(o *options) *bool { return &o.server }),
	"resume-count": number(func(o *options) *int { return &o.resumeCount }),

	"new-psk-credential":    {bare: func(o *options) { o.credentials = append(o.credentials, new(credential)) }},
	"psk-importer-key":      ofCredential(func(c *credential) *[]byte { return &c.key }),
	"psk-importer-identity": ofCredential(func(c *credential) *[]byte { return &c.identity }),
	"psk-importer-context":  ofCredential(func(c *credential) *[]byte { return &c.context }),
	"psk-importer-sha256":   credentialHash(watchword.SHA256),
	"psk-importer-sha384":   credentialHash(watchword.SHA384),

	"psk":          text(func(o *options) *string { return &o.psk }),
	"psk-identity": text(func(o *options) *string { return &o.pskIdentity }),

	"curves":         groupList(func(o *options) *[]watchword.Group { return &o.groups }),
	"key-shares":     groupList(func(o *options) *[]watchword.Group { return &o.keyShares }),
	"min-version":    number(func(o *options) *int { return &o.minVersion }),
	"max-version":    number(func(o *options) *int { return &o.maxVersion }),
	"no-tls13":       set(func(o *options) *bool { return &o.noTLS13 }),
	"trust-cert":     text(func(o *options) *string { return &o.trustCert }),
	"verify-peer":    set(func(o *options) *bool { return &o.verifyPeer }),
	"host-name":      text(func(o *options) *string { return &o.hostName }),
	"advertise-alpn": {value: parseALPN},
	"select-alpn":    text(func(o *options) *string { return &o.selectALPN }),
	"no-ticket":      set(func(o *options) *bool { return &o.noTicket }),

	"shim-writes-first":            set(func(o *options) *bool { return &o.writesFirst }),
	"shim-initial-write":           text(func(o *options) *string { return &o.initialWrite }),
	"repeat-shim-initial-write":    number(func(o *options) *int { return &o.initialWriteRepeats }),
	"shim-shuts-down":              set(func(o *options) *bool { return &o.shutsDown }),
	"check-close-notify":           set(func(o *options) *bool { return &o.checkCloseNotify }),
	"key-update":                   set(func(o *options) *bool { return &o.keyUpdate }),
	"key-update-before-read":       set(func(o *options) *bool { return &o.keyUpdateBeforeRead }),
	"write-different-record-sizes": set(func(o *options) *bool { return &o.recordSizes }),
	"read-size":                    number(func(o *options) *int { return &o.readSize }),
	"export-keying-material":       number(func(o *options) *int { return &o.exportLen }),
	"export-label":                 text(func(o *options) *string { return &o.exportLabel }),
	"export-context":               text(func(o *options) *string { return &o.exportContext }),
	"use-export-context":           set(func(o *options) *bool { return &o.useExportContext }),
	"export-traffic-secrets":       set(func(o *options) *bool { return &o.exportSecrets }),

	"expect-session-miss": set(func(o *options) *bool { return &o.expect.sessionMiss }),
	"expect-no-session":   set(func(o *options) *bool { return &o.expect.noSession }),
	"expect-hrr":          set(func(o *options) *bool { return &o.expect.hrr }),
	"expect-no-hrr":       set(func(o *options) *bool { return &o.expect.noHRR }),
	"expect-version":      number(func(o *options) *int { return &o.expect.version }),
	"expect-curve-id":     number(func(o *options) *int { return &o.expect.group }),
	"expect-cipher":       number(func(o *options) *int { return &o.expect.cipher }),
	"expect-server-name":  text(func(o *options) *string { return &o.expect.serverName }),
	"expect-alpn":         text(func(o *options) *string { return &o.expect.alpn }),
	"expect-selected-credential": {value: func(o *options, v string) error {
		n, err := strconv.Atoi(v)
		o.expect.credential = &n
		return err
	}},

	"async":                                {bare: ignored},
	"implicit-handshake":                   {bare: ignored},
	"use-early-callback":                   {bare: ignored},
	"no-op-extra-handshake":                {bare: ignored},
	"handshake-twice":                      {bare: ignored},
	"server-preference":                    {bare: ignored},
	"no-tls1":                              {bare: ignored},
	"no-tls11":                             {bare: ignored},
	"no-tls12":                             {bare: ignored},
	"expect-extended-master-secret":        {bare: ignored},
	"expect-no-secure-renegotiation":       {bare: ignored},
	"renegotiate-freely":                   {bare: ignored},
	"expect-no-peer-cert":                  {bare: ignored},
	"require-any-client-certificate":       {bare: ignored},
	"expect-no-offer-early-data":           {bare: ignored},
	"forbid-renegotiation-after-handshake": {bare: ignored},

	"record": text(func(o *options) *string { return &o.recordFile }),
}

func parseALPN(o *options, v string) error {
	for list := []byte(v); len(list) > 0; {
		n := int(list[0])
		if n == 0 || 1+n > len(list) {
			return fmt.Errorf("ALPN list %q", v)
		}
		o.alpn = append(o.alpn, string(list[1:1+n]))
		list = list[1+n:]
	}
	return nil
}

// connectionOptions are the options of the first connection and of those that
// resume it.
type connectionOptions struct {
	first, resumed options
}

// parse reads the whole command line. The error is errUnimplemented for a flag
// that is not known.
func parse(args []string) (*connectionOptions, error) {
	c := new(connectionOptions)
	c.first.initialWrite, c.first.initialWriteRepeats = "hello", 1
	c.resumed = c.first
	for len(args) > 0 {
		name, targets := c.targets(strings.TrimPrefix(args[0], "-"))
		f, ok := flags[name]
		if !ok {
			return nil, fmt.Errorf("%w: %s", errUnimplemented, args[0])
		}
		args = args[1:]
		var value string
		if f.value != nil {
			if len(args) == 0 {
				return nil, fmt.Errorf("flag -%s has no value", name)
			}
			value, args = args[0], args[1:]
		}
		for _, o := range targets {
			if f.bare != nil {
				f.bare(o)
			} else if err := f.value(o, value); err != nil {
				return nil, fmt.Errorf("flag -%s: %w", name, err)
			}
		}
	}
	return c, nil
}

// targets takes the prefix off a flag's name and says which connections the
// flag is for. A flag for BoringSSL's separate handshake process or for a
// repeated early data connection is for none of ours.
func (c *connectionOptions) targets(name string) (string, []*options) {
	for _, p := range []struct {
		prefix  string
		targets []*options
	}{
		{"on-shim-", []*options{&c.first, &c.resumed}},
		{"on-initial-", []*options{&c.first}},
		{"on-resume-", []*options{&c.resumed}},
		{"on-retry-", nil},
		{"on-handshaker-", nil},
	} {
		if rest, ok := strings.CutPrefix(name, p.prefix); ok {
			return rest, p.targets
		}
	}
	return name, []*options{&c.first, &c.resumed}
}

// unimplemented says which part of the test is not ours, or returns nil.
func (o *options) unimplemented() error {
	const tls13 = 0x0304
	switch {
	case o.psk != "":
		return nil
	case len(o.credentials) == 0:
		return fmt.Errorf("%w: a certificate", errUnimplemented)
	case o.verifyPeer && o.trustCert != "":
		return fmt.Errorf("%w: the server's certificate in place of a key", errUnimplemented)
	case o.noTLS13, o.maxVersion != 0 && o.maxVersion < tls13, o.minVersion > tls13:
		return fmt.Errorf("%w: versions other than TLS 1.3", errUnimplemented)
	}
	return nil
}
