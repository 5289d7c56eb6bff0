package handshake

// Project Wycheproof's vectors for the key exchanges.

import (
	"bytes"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword/internal/wire"
	"github.com/watchword-tls/watchword/internal/wycheprooftest"
)

type exchangeVector struct {
	wycheprooftest.Vector
	Public, Private, Shared wycheprooftest.Hex
}

// TestWycheproofExchanges gives each public key to our half of the exchange as
// the other end's share. What the vectors call acceptable may be refused, and
// the result zero of X25519 must be (RFC 9846 §7.4.2).
func TestWycheproofExchanges(t *testing.T) {
	for file, group := range map[string]wire.NamedGroup{
		"x25519_test.json":                 wire.GroupX25519,
		"ecdh_secp256r1_ecpoint_test.json": wire.GroupP256,
	} {
		ran, refused := 0, 0
		for _, g := range wycheprooftest.Load[exchangeVector](t, file) {
			for _, v := range g.Tests {
				ran++
				key, err := newECDH(curveOf(group), bytes.NewReader(scalar(v.Private)))
				if err != nil {
					t.Errorf("%s: %v: the private key is refused: %v", file, v, err)
					continue
				}
				got, err := privateShare{group: group, ecdh: key}.sharedSecret(v.Public)
				switch {
				case err == nil && v.Result == "invalid":
					t.Errorf("%s: %v leads to a secret.", file, v)
				case err == nil && !bytes.Equal(got, v.Shared):
					t.Errorf("%s: %v leads to another secret, %x.", file, v, got)
				case err == nil && group == wire.GroupX25519 && bytes.Equal(got, make([]byte, len(got))):
					t.Errorf("%s: %v leads to the secret zero.", file, v)
				case err != nil && v.Result == "valid":
					t.Errorf("%s: %v is refused: %v", file, v, err)
				case err != nil && v.Result == "acceptable" && !refusable(v):
					t.Errorf("%s: %v is refused, with the flags %v: %v", file, v, v.Flags, err)
				case err != nil:
					refused++
				}
			}
		}
		t.Logf("%s: %d vectors, %d refused.", file, ran, refused)
		wycheprooftest.Ran(t, file, ran)
	}
}

// scalar returns a private key, which the files for P-256 have as a number, in
// 32 bytes.
func scalar(private []byte) []byte {
	private = bytes.TrimLeft(private, "\x00")
	return append(make([]byte, max(0, 32-len(private))), private...)
}

// refusable: a result of zero, and a compressed point, which TLS has not
// (RFC 8422 §5.1.2).
func refusable(v exchangeVector) bool {
	return slices.Contains(v.Flags, "ZeroSharedSecret") || slices.Contains(v.Flags, "CompressedPoint") || slices.Contains(v.Flags, "CompressedPublic")
}
