package schedule

import (
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/watchword-tls/watchword/internal/suite"
)

// PSKKind says where a PSK is from. Each kind has its own label for the
// binder key, so that a key of one kind cannot be passed off as another.
type PSKKind uint8

const (
	// ExternalPSK was provisioned outside of TLS (RFC 9846 §7.1).
	ExternalPSK PSKKind = iota
	// ResumptionPSK belongs to a ticket (RFC 9846 §7.1).
	ResumptionPSK
	// ImportedPSK was provisioned outside of TLS and imported (RFC 9258 §5.2).
	ImportedPSK
)

// String names the kind.
func (k PSKKind) String() string {
	switch k {
	case ExternalPSK:
		return "external"
	case ResumptionPSK:
		return "resumption"
	case ImportedPSK:
		return "imported"
	}
	return "unknown kind of PSK"
}

func (k PSKKind) binderLabel() string {
	switch k {
	case ExternalPSK:
		return "ext binder"
	case ResumptionPSK:
		return "res binder"
	case ImportedPSK:
		return "imp binder"
	}
	panic("schedule: unknown kind of PSK")
}

// A PSK is a pre-shared key that is ready for handshakes: all that depends on
// the key alone is computed once. It does not change and may be shared.
type PSK struct {
	early    secret // Early Secret
	finished secret // the finished_key of binder_key (RFC 9846 §4.3.11.2)
	salt     secret // Derive-Secret(Early Secret, "derived", "")
	kind     PSKKind
}

// NewPSK takes a key for suites of hash h. psk may have any length.
func NewPSK(h suite.Hash, kind PSKKind, psk []byte) *PSK {
	early := newSecret(h, h.Extract(zeros(h), psk))
	return &PSK{
		early:    early,
		finished: finishedKey(early.derive(kind.binderLabel(), emptyHash(h))),
		salt:     early.derive("derived", emptyHash(h)),
		kind:     kind,
	}
}

// Import derives the imported PSK from an external one (RFC 9258 §5.1).
// keyHash is the hash that the external key belongs to, importedIdentity the
// encoded ImportedIdentity, target the hash of the target_kdf in it.
func Import(keyHash suite.Hash, epsk, importedIdentity []byte, target suite.Hash) *PSK {
	epskx := keyHash.Extract(zeros(keyHash), epsk)
	ipskx := ExpandLabel(keyHash, epskx, "derived psk", keyHash.Sum(importedIdentity), target.Size())
	return NewPSK(target, ImportedPSK, ipskx)
}

// Hash returns the hash of the suites that the key works with.
func (p *PSK) Hash() suite.Hash { return p.early.hash }

// Kind returns where the key is from.
func (p *PSK) Kind() PSKKind { return p.kind }

// Binder returns the binder; transcriptHash covers the messages up to the
// truncated ClientHello (RFC 9846 §4.3.11.2).
func (p *PSK) Binder(transcriptHash []byte) []byte {
	return p.early.hash.HMAC(p.finished.raw(), transcriptHash)
}

// VerifyBinder reports, in constant time, whether binder is right.
func (p *PSK) VerifyBinder(transcriptHash, binder []byte) bool {
	return subtle.ConstantTimeCompare(p.Binder(transcriptHash), binder) == 1
}

// Handshake returns the Handshake Secret. sharedSecret is the result of the
// key exchange; nil means that there was none (psk_ke) and stands for zeros.
func (p *PSK) Handshake(sharedSecret []byte) Handshake {
	h := p.early.hash
	if sharedSecret == nil {
		sharedSecret = zeros(h)
	}
	return Handshake{newSecret(h, h.Extract(p.salt.raw(), sharedSecret))}
}

// Expose returns the Early Secret. It is for the observer only, which the
// user must ask for: nothing else may call it.
func (p *PSK) Expose() []byte { return p.early.Expose() }

// Format prints "[secret]" for every verb of package fmt.
func (p PSK) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// String returns "[secret]".
func (p PSK) String() string { return "[secret]" }
