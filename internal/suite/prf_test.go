package suite

import (
	"bytes"
	"testing"
)

// TestPRF uses the test vectors that the IETF's TLS list had for the PRF of
// TLS 1.2, with SHA-256 and SHA-384 (messages of 2009,
// mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms).
func TestPRF(t *testing.T) {
	for _, c := range []struct {
		h                         Hash
		secret, seed, label, want string
	}{
		{
			SHA256, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c", "test label",
			"e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
		},
		{
			SHA384, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465", "test label",
			"7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f",
		},
	} {
		want := unhex(t, c.want)
		for n := 0; n <= len(want); n++ {
			macs := 0
			stop := CountMACs(func(h Hash) { macs++ })
			got := c.h.PRF(unhex(t, c.secret), c.label, unhex(t, c.seed), n)
			stop()
			if !bytes.Equal(got, want[:n]) {
				t.Fatalf("The PRF with %s gave %d bytes %x, want %x.", c.h, n, got, want[:n])
			}
			if blocks := (n + c.h.Size() - 1) / c.h.Size(); macs != 2*blocks {
				t.Errorf("The PRF with %s counted %d HMACs for %d bytes, want %d.", c.h, macs, n, 2*blocks)
			}
		}
	}
}
