package suite

// The table of the suites, and in which order they are offered and chosen.

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"math"

	"github.com/watchword-tls/watchword/internal/limits"
	"golang.org/x/crypto/chacha20poly1305"
)

// The cipher suites of TLS 1.3 (RFC 9846 appendix B.4). The CCM suites are
// left out on purpose: they serve devices that this library is not for.
const (
	AES128GCMSHA256        ID = 0x1301
	AES256GCMSHA384        ID = 0x1302
	ChaCha20Poly1305SHA256 ID = 0x1303
)

// The cipher suites of TLS 1.2 with a shared key alone (RFC 4279 §2, RFC 5487
// §2 and §3, RFC 7905 §2).
const (
	PSKAES128CBCSHA           ID = 0x008C
	PSKAES256CBCSHA           ID = 0x008D
	PSKAES128GCMSHA256        ID = 0x00A8
	PSKAES256GCMSHA384        ID = 0x00A9
	PSKAES128CBCSHA256        ID = 0x00AE
	PSKAES256CBCSHA384        ID = 0x00AF
	PSKChaCha20Poly1305SHA256 ID = 0xCCAB
)

// The cipher suites of TLS 1.2 with a shared key and forward secrecy (RFC 5489
// §3, RFC 7905 §2, RFC 8442).
const (
	ECDHEPSKAES128CBCSHA           ID = 0xC035
	ECDHEPSKAES256CBCSHA           ID = 0xC036
	ECDHEPSKAES128CBCSHA256        ID = 0xC037
	ECDHEPSKAES256CBCSHA384        ID = 0xC038
	ECDHEPSKChaCha20Poly1305SHA256 ID = 0xCCAC
	ECDHEPSKAES128GCMSHA256        ID = 0xD001
	ECDHEPSKAES256GCMSHA384        ID = 0xD002
)

var suites = [...]*Suite{
	tls13(AES128GCMSHA256, "TLS_AES_128_GCM_SHA256", SHA256, aes128GCM),
	tls13(AES256GCMSHA384, "TLS_AES_256_GCM_SHA384", SHA384, aes256GCM),
	tls13(ChaCha20Poly1305SHA256, "TLS_CHACHA20_POLY1305_SHA256", SHA256, chaCha20Poly1305),

	tls12(PSKAES128CBCSHA, "TLS_PSK_WITH_AES_128_CBC_SHA", PSKOnly, SHA256, aes128CBCSHA),
	tls12(PSKAES256CBCSHA, "TLS_PSK_WITH_AES_256_CBC_SHA", PSKOnly, SHA256, aes256CBCSHA),
	tls12(PSKAES128GCMSHA256, "TLS_PSK_WITH_AES_128_GCM_SHA256", PSKOnly, SHA256, aes128GCM),
	tls12(PSKAES256GCMSHA384, "TLS_PSK_WITH_AES_256_GCM_SHA384", PSKOnly, SHA384, aes256GCM),
	tls12(PSKAES128CBCSHA256, "TLS_PSK_WITH_AES_128_CBC_SHA256", PSKOnly, SHA256, aes128CBCSHA256),
	tls12(PSKAES256CBCSHA384, "TLS_PSK_WITH_AES_256_CBC_SHA384", PSKOnly, SHA384, aes256CBCSHA384),
	tls12(ECDHEPSKAES128CBCSHA, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", ECDHEPSK, SHA256, aes128CBCSHA),
	tls12(ECDHEPSKAES256CBCSHA, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA", ECDHEPSK, SHA256, aes256CBCSHA),
	tls12(ECDHEPSKAES128CBCSHA256, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", ECDHEPSK, SHA256, aes128CBCSHA256),
	tls12(ECDHEPSKAES256CBCSHA384, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384", ECDHEPSK, SHA384, aes256CBCSHA384),
	tls12(PSKChaCha20Poly1305SHA256, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", PSKOnly, SHA256, chaCha20Poly1305),
	tls12(ECDHEPSKChaCha20Poly1305SHA256, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", ECDHEPSK, SHA256, chaCha20Poly1305),
	tls12(ECDHEPSKAES128GCMSHA256, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", ECDHEPSK, SHA256, aes128GCM),
	tls12(ECDHEPSKAES256GCMSHA384, "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384", ECDHEPSK, SHA384, aes256GCM),
}

// Parts of a Suite: what protects the records.
var (
	aes128GCM = Suite{KeyLen: 16, IVLen: gcmSaltLen, ExplicitNonceLen: NonceLen - gcmSaltLen, RecordLimit: limits.GCMRecordLimit, newAEAD: newGCM}
	aes256GCM = Suite{KeyLen: 32, IVLen: gcmSaltLen, ExplicitNonceLen: NonceLen - gcmSaltLen, RecordLimit: limits.GCMRecordLimit, newAEAD: newGCM}
	// Of ChaCha20-Poly1305 the sequence number wraps before any limit is
	// reached (RFC 9846 §5.5).
	chaCha20Poly1305 = Suite{KeyLen: chacha20poly1305.KeySize, IVLen: NonceLen, RecordLimit: math.MaxUint64, newAEAD: newChaCha20}

	aes128CBCSHA    = Suite{Cipher: BlockCBC, KeyLen: 16, MACLen: sha1.Size, ExplicitNonceLen: ivLen}
	aes256CBCSHA    = Suite{Cipher: BlockCBC, KeyLen: 32, MACLen: sha1.Size, ExplicitNonceLen: ivLen}
	aes128CBCSHA256 = Suite{Cipher: BlockCBC, KeyLen: 16, MACLen: sha256.Size, ExplicitNonceLen: ivLen}
	aes256CBCSHA384 = Suite{Cipher: BlockCBC, KeyLen: 32, MACLen: sha512.Size384, ExplicitNonceLen: ivLen}
)

// gcmSaltLen is the length of the part of AES-GCM's nonce that is fixed in
// TLS 1.2 (RFC 5288 §3).
const gcmSaltLen = 4

// tls13 makes a suite of TLS 1.3 with this protection: there the whole nonce
// comes from the IV and the sequence number, and no record carries any of it
// (RFC 9846 §5.3).
func tls13(id ID, name string, h Hash, protection Suite) *Suite {
	s := protection
	s.ID, s.Name, s.Hash, s.Version = id, name, h, TLS13
	s.IVLen, s.ExplicitNonceLen = NonceLen, 0
	return &s
}

// tls12 makes a suite of TLS 1.2. The hash is that of the PRF, which is SHA-256
// where the suite's MAC is HMAC with SHA-1 (RFC 5246 §5).
func tls12(id ID, name string, kx KeyExchange, prf Hash, protection Suite) *Suite {
	s := protection
	s.ID, s.Name, s.Hash, s.Version, s.KeyExchange = id, name, prf, TLS12, kx
	s.RecordLimit = limits.TLS12RecordLimit
	return &s
}

// Preferred returns the suites of TLS 1.3 in the order that suits this
// processor: AES first where it has instructions for AES and for GCM, else
// ChaCha20, which is both faster and free of table look-ups there.
func Preferred() []ID {
	if hasAES() {
		return []ID{AES128GCMSHA256, AES256GCMSHA384, ChaCha20Poly1305SHA256}
	}
	return []ID{ChaCha20Poly1305SHA256, AES128GCMSHA256, AES256GCMSHA384}
}

// Compatible12 returns the suites of TLS 1.2 that have forward secrecy and no
// SHA-1, AEADs first, in the order that suits this processor.
func Compatible12() []ID {
	if hasAES() {
		return []ID{
			ECDHEPSKAES128GCMSHA256, ECDHEPSKAES256GCMSHA384, ECDHEPSKChaCha20Poly1305SHA256,
			ECDHEPSKAES128CBCSHA256, ECDHEPSKAES256CBCSHA384,
		}
	}
	return []ID{
		ECDHEPSKChaCha20Poly1305SHA256, ECDHEPSKAES128GCMSHA256, ECDHEPSKAES256GCMSHA384,
		ECDHEPSKAES128CBCSHA256, ECDHEPSKAES256CBCSHA384,
	}
}

// Legacy12 returns all suites of TLS 1.2: those of Compatible12, then the rest.
// Forward secrecy goes before everything else: a weak MAC matters to whoever
// attacks now, a missing exchange to whoever steals the key in years.
func Legacy12() []ID {
	ids := append(Compatible12(), ECDHEPSKAES128CBCSHA, ECDHEPSKAES256CBCSHA)
	if hasAES() {
		ids = append(ids, PSKAES128GCMSHA256, PSKAES256GCMSHA384, PSKChaCha20Poly1305SHA256)
	} else {
		ids = append(ids, PSKChaCha20Poly1305SHA256, PSKAES128GCMSHA256, PSKAES256GCMSHA384)
	}
	return append(ids, PSKAES128CBCSHA256, PSKAES256CBCSHA384, PSKAES128CBCSHA, PSKAES256CBCSHA)
}
