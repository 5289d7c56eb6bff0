package suite

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// registered are the suites as IANA's registry "TLS Cipher Suites" has them.
var registered = map[ID]string{
	0x1301: "TLS_AES_128_GCM_SHA256",
	0x1302: "TLS_AES_256_GCM_SHA384",
	0x1303: "TLS_CHACHA20_POLY1305_SHA256",
	0x008C: "TLS_PSK_WITH_AES_128_CBC_SHA",
	0x008D: "TLS_PSK_WITH_AES_256_CBC_SHA",
	0x00A8: "TLS_PSK_WITH_AES_128_GCM_SHA256",
	0x00A9: "TLS_PSK_WITH_AES_256_GCM_SHA384",
	0x00AE: "TLS_PSK_WITH_AES_128_CBC_SHA256",
	0x00AF: "TLS_PSK_WITH_AES_256_CBC_SHA384",
	0xC035: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA",
	0xC036: "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA",
	0xC037: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256",
	0xC038: "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384",
	0xCCAB: "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256",
	0xCCAC: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
	0xD001: "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
	0xD002: "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
}

func TestSuites(t *testing.T) {
	if len(All()) != len(registered) || len(Of(TLS13))+len(Of(TLS12)) != len(All()) {
		t.Errorf("There are %d suites, %d of TLS 1.3 and %d of TLS 1.2, want %d.", len(All()), len(Of(TLS13)), len(Of(TLS12)), len(registered))
	}
	if !slices.IsSortedFunc(Of(TLS12), func(a, b *Suite) int { return int(a.ID) - int(b.ID) }) {
		t.Error("The suites of TLS 1.2 are not in the order of their numbers.")
	}
	for _, s := range All() {
		if registered[s.ID] != s.Name || s.ID.String() != s.Name {
			t.Errorf("Suite %#x has the name %s.", uint16(s.ID), s.Name)
		}
		if found, ok := ByID(s.ID); !ok || found != s {
			t.Errorf("%s is not found by its number.", s.Name)
		}
		if found, ok := ByName(s.Name); !ok || found != s {
			t.Errorf("%s is not found by its name.", s.Name)
		}
		if wrong := described(s); wrong != "" {
			t.Errorf("%s: %s is not what its name says.", s.Name, wrong)
		}
	}
	if _, ok := ByID(0x1304); ok || ID(0x1304).String() != "cipher suite 0x1304" {
		t.Error("A suite that is not here was found or named.")
	}
	for _, name := range []string{"", "TLS_AES_128_CCM_SHA256", "tls_aes_128_gcm_sha256"} {
		if _, ok := ByName(name); ok {
			t.Errorf("There is a suite called %q.", name)
		}
	}
	All()[0] = nil
	if All()[0] == nil {
		t.Error("The list of suites can be changed from outside.")
	}
}

// described compares a suite with its name, which says all that it consists of.
func described(s *Suite) (wrong string) {
	is := func(part string) bool { return strings.Contains(s.Name, part) }
	expect := func(what string, got, want any) {
		if got != want {
			wrong = what
		}
	}
	version, kx := TLS13, AnyKeyExchange
	if is("_WITH_") {
		version, kx = TLS12, PSKOnly
	}
	if is("_ECDHE_PSK_") {
		kx = ECDHEPSK
	}
	expect("the version", s.Version, version)
	expect("the key exchange", s.KeyExchange, kx)
	hash := SHA256
	if is("SHA384") {
		hash = SHA384
	}
	expect("the hash", s.Hash, hash)
	keyLen := 32
	if is("AES_128") {
		keyLen = 16
	}
	expect("the length of the key", s.KeyLen, keyLen)

	kind, macLen, fixed, explicit := AEAD, 0, 12, 0
	switch {
	case is("CBC_SHA256"):
		kind, macLen, fixed, explicit = BlockCBC, 32, 0, 16
	case is("CBC_SHA384"):
		kind, macLen, fixed, explicit = BlockCBC, 48, 0, 16
	case is("CBC_SHA"):
		kind, macLen, fixed, explicit = BlockCBC, 20, 0, 16
	case is("GCM") && version == TLS12:
		fixed, explicit = 4, 8
	}
	expect("the kind", s.Cipher, kind)
	expect("the length of the MAC", s.MACLen, macLen)
	expect("the length of the fixed IV", s.IVLen, fixed)
	expect("the length of the explicit nonce", s.ExplicitNonceLen, explicit)

	limit := uint64(1 << 32)
	switch {
	case version == TLS13 && is("GCM"):
		limit = uint64(math.Pow(2, 24.5)) // 23,726,566.4 (RFC 9846 §5.5)
	case version == TLS13:
		limit = math.MaxUint64 // no limit but that of the sequence number
	}
	expect("the limit of records", s.RecordLimit, limit)
	return wrong
}

func TestKeyLengths(t *testing.T) {
	for _, s := range All() {
		if s.Cipher == BlockCBC {
			if _, err := s.NewAEAD(make([]byte, s.KeyLen)); err == nil {
				t.Errorf("%s has an AEAD.", s.Name)
			}
			for _, form := range []CBCForm{MACThenEncrypt, EncryptThenMAC} {
				for _, n := range []int{0, s.KeyLen - 1, s.KeyLen + 1, 24} {
					if _, err := s.NewCBC(make([]byte, s.MACLen), make([]byte, n), form); err == nil {
						t.Errorf("%s takes a key of %d bytes.", s.Name, n)
					}
				}
				for _, n := range []int{0, s.MACLen - 1, s.MACLen + 1} {
					if _, err := s.NewCBC(make([]byte, n), make([]byte, s.KeyLen), form); err == nil {
						t.Errorf("%s takes a MAC key of %d bytes.", s.Name, n)
					}
				}
			}
			continue
		}
		if _, err := s.NewCBC(nil, make([]byte, s.KeyLen), EncryptThenMAC); err == nil {
			t.Errorf("%s has a CBC form.", s.Name)
		}
		aead, err := s.NewAEAD(make([]byte, s.KeyLen))
		if err != nil {
			t.Fatalf("%s has no AEAD: %v", s.Name, err)
		}
		if aead.NonceSize() != NonceLen || aead.Overhead() != TagLen {
			t.Errorf("The AEAD of %s has a nonce of %d and adds %d bytes.", s.Name, aead.NonceSize(), aead.Overhead())
		}
		for _, n := range []int{0, s.KeyLen - 1, s.KeyLen + 1, 24} {
			if _, err := s.NewAEAD(make([]byte, n)); err == nil {
				t.Errorf("%s takes a key of %d bytes.", s.Name, n)
			}
		}
	}
}

func TestPreferred(t *testing.T) {
	got := Preferred()
	aesFirst := []ID{AES128GCMSHA256, AES256GCMSHA384, ChaCha20Poly1305SHA256}
	chaChaFirst := []ID{ChaCha20Poly1305SHA256, AES128GCMSHA256, AES256GCMSHA384}
	if hasAES() && !slices.Equal(got, aesFirst) || !hasAES() && !slices.Equal(got, chaChaFirst) {
		t.Errorf("The order is %v.", got)
	}
}

// TestOrder12: the list of compatible has forward secrecy and no SHA-1; that of
// legacy has everything, forward secrecy before all else, then AEADs, then the
// better hashes.
func TestOrder12(t *testing.T) {
	rank := func(id ID) int {
		s, _ := ByID(id)
		rank := 0
		if s.MACLen == 20 {
			rank = 4
		} else if s.Cipher == BlockCBC {
			rank = 2
		}
		if s.KeyExchange == PSKOnly {
			rank += 10
		}
		return rank
	}
	compatible, legacy := Compatible12(), Legacy12()
	if len(compatible) != 5 || rank(compatible[4]) > 2 {
		t.Errorf("The suites of compatible are %v.", compatible)
	}
	if !slices.Equal(legacy[:len(compatible)], compatible) {
		t.Error("The suites of legacy do not begin with those of compatible.")
	}
	if !slices.IsSortedFunc(legacy, func(a, b ID) int { return rank(a) - rank(b) }) {
		t.Errorf("The order of legacy is %v.", legacy)
	}
	all := make([]ID, 0, len(legacy))
	for _, s := range Of(TLS12) {
		all = append(all, s.ID)
	}
	slices.Sort(legacy)
	if !slices.Equal(legacy, all) {
		t.Errorf("The suites of legacy are not all of TLS 1.2, each once: %v.", legacy)
	}
	for _, ids := range [][]ID{Compatible12(), Legacy12()[7:10]} {
		if s, _ := ByID(ids[0]); hasAES() != strings.Contains(s.Name, "GCM") {
			t.Errorf("%s goes first, whether or not there are instructions for AES.", s.Name)
		}
	}
}
