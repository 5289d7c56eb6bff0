package main

// The two implementations in Go behind one interface, configured alike.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/watchword-tls/watchword"
)

// secure is a connection of either implementation.
type secure interface {
	net.Conn
	Handshake() error
	CloseWrite() error
}

// A stack makes both ends of connections.
type stack struct {
	name           string
	client, server func(net.Conn) secure
	// resumed reports whether a connection was resumed.
	resumed func(secure) bool
	suite   func(secure) uint16
	want    uint16 // the suite that there must be
}

// A scenario says what both stacks are to do.
type scenario struct {
	x25519 bool   // X25519 alone, in place of each one's own default groups
	resume bool   // tickets on: every connection after the first is resumed
	suite  uint16 // the cipher suite; of TLS 1.2 that of ours
	pinned bool   // crypto/tls: the client trusts the certificate itself, not one that signed it
}

func (s scenario) withPinned() scenario { s.pinned = true; return s }

// The suites of TLS 1.2 that are compared, and what crypto/tls has for each: the
// same protection of records, and a certificate in place of the key.
const (
	cbc12 = uint16(watchword.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256)
	gcm12 = uint16(watchword.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256)
)

var counterparts = map[uint16]uint16{
	cbc12: tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	gcm12: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
}

func (s scenario) tls12() bool { return counterparts[s.suite] != 0 }

const peerName = "server.example"

// oursStack is this library, in TLS 1.3 with an imported key and psk_dhe_ke, in
// TLS 1.2 with an external key and ECDHE_PSK.
func oursStack(s scenario) stack {
	client, server := oursConfigs(s)
	return stack{
		name:    "watchword",
		client:  func(c net.Conn) secure { return watchword.Client(c, client) },
		server:  func(c net.Conn) secure { return watchword.Server(c, server) },
		resumed: func(c secure) bool { return c.(*watchword.Conn).Session().Resumed },
		suite:   func(c secure) uint16 { return uint16(c.(*watchword.Conn).Session().Suite) },
		want:    s.suite,
	}
}

func oursConfigs(s scenario) (client, server *watchword.Config) {
	options := watchword.KeyOptions{}
	if s.tls12() {
		options.Kind = watchword.External
	}
	key, err := watchword.NewKey("alice", bytes.Repeat([]byte{0x5a}, 32), options)
	if err != nil {
		panic(err)
	}
	keys := []*watchword.Key{key}
	client = &watchword.Config{Keys: keys, ServerName: peerName, Suites: []watchword.SuiteID{watchword.SuiteID(s.suite)}}
	server = &watchword.Config{Keys: keys, AllowSameProcess: true, Tickets: &watchword.Tickets{Disabled: !s.resume}}
	if s.resume {
		client.Tickets = &watchword.Tickets{Cache: watchword.NewTicketCache()}
	}
	if s.tls12() {
		for _, c := range []*watchword.Config{client, server} {
			c.Policy, c.MaxVersion = watchword.Compatible, watchword.VersionTLS12
		}
	}
	if s.x25519 {
		client.Groups = []watchword.Group{watchword.X25519}
		client.KeyShares = client.Groups
		server.Groups = client.Groups
	}
	return client, server
}

// standardStack is crypto/tls with an ECDSA P-256 certificate that the client
// verifies: a CA's signature under it, or with pinned only that it is the one it
// trusts.
func standardStack(s scenario) stack {
	cert, roots, err := certificate(s.pinned)
	if err != nil {
		panic(err)
	}
	client := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: peerName}
	server := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: !s.resume}
	if s.resume {
		client.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	}
	want := s.suite
	if s.tls12() {
		want = counterparts[s.suite]
		for _, c := range []*tls.Config{client, server} {
			// Named, because crypto/tls counts CBC with SHA-256 as insecure: it
			// opens it in a time that depends on the padding.
			c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS12, tls.VersionTLS12, []uint16{want}
		}
	}
	if s.x25519 {
		client.CurvePreferences = []tls.CurveID{tls.X25519}
		server.CurvePreferences = client.CurvePreferences
	}
	return stack{
		name:    "crypto/tls",
		client:  func(c net.Conn) secure { return tls.Client(c, client) },
		server:  func(c net.Conn) secure { return tls.Server(c, server) },
		resumed: func(c secure) bool { return c.(*tls.Conn).ConnectionState().DidResume },
		suite:   func(c secure) uint16 { return c.(*tls.Conn).ConnectionState().CipherSuite },
		want:    want,
	}
}

// certificate makes a server's certificate and the pool that it is verified
// with. Not pinned, the pool holds a CA that signed it.
func certificate(pinned bool) (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: peerName}, DNSNames: []string{peerName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, signer, roots := template, key, x509.NewCertPool()
	if !pinned {
		if parent, signer, err = authority(); err != nil {
			return tls.Certificate{}, nil, err
		}
		roots.AddCert(parent)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	if pinned {
		roots.AddCert(leaf)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots, nil
}

func authority() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "authority.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// checkSuite fails where a contender uses another cipher than the row says.
func (st stack) checkSuite(c secure) error {
	if got := st.suite(c); got != st.want {
		return fmt.Errorf("%s negotiated %s, not %s", st.name, tls.CipherSuiteName(got), tls.CipherSuiteName(st.want))
	}
	return nil
}
