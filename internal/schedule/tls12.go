package schedule

// The secrets of TLS 1.2 with a shared key. Again the only way to one is through
// the one above it:
//
//	psk, other_secret                                     type Key12
//	          |
//	          v
//	premaster secret (RFC 4279 §2, RFC 5489 §2)           type Premaster
//	          |
//	          v
//	PRF(., "extended master secret", session_hash)  or
//	PRF(., "master secret", client_random + server_random)
//	          = master secret                             type Master12
//	          |
//	          +--> PRF(., "key expansion", server_random + client_random)
//	          |      = key_block                          Master12.Keys
//	          +--> PRF(., "client finished" | "server finished", transcript hash)
//	          |      = verify_data                        Master12.ClientFinished
//	          +--> PRF(., label, client_random + server_random [+ context])
//	                 = exported keying material           Master12.Exporter

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/watchword-tls/watchword/internal/suite"
)

const (
	// masterLen is the length of every master secret in bytes
	// (RFC 5246 §8.1).
	masterLen = 48
	// verifyDataLen is the length of verify_data in bytes (RFC 5246 §7.4.9).
	verifyDataLen = 12
	// maxVector is the most bytes that a length of two bytes counts.
	maxVector = 1<<16 - 1
)

// The labels that the protocol itself uses.
const (
	labelMaster         = "master secret"
	labelExtendedMaster = "extended master secret"
	labelKeyExpansion   = "key expansion"
	labelClientFinished = "client finished"
	labelServerFinished = "server finished"
)

// Key12 is a shared key as TLS 1.2 uses it: as it is, without an import. It does
// not change and may be shared.
type Key12 struct{ hidden }

// NewKey12 copies psk, which has at most 65,535 bytes.
func NewKey12(psk []byte) *Key12 {
	if len(psk) > maxVector {
		panic("schedule: a key does not fit a premaster secret")
	}
	return &Key12{hide(bytes.Clone(psk))}
}

// Premaster returns the premaster secret. otherSecret is the result of the key
// exchange (RFC 5489 §2); nil means that there was none, and stands for as many
// zeros as the key has bytes (RFC 4279 §2).
func (k *Key12) Premaster(otherSecret []byte) Premaster {
	psk := k.raw()
	if otherSecret == nil {
		otherSecret = make([]byte, len(psk))
	}
	if len(otherSecret) > maxVector {
		panic("schedule: the result of a key exchange does not fit a premaster secret")
	}
	b := make([]byte, 0, 2+len(otherSecret)+2+len(psk))
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(otherSecret))), otherSecret...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(psk))), psk...)
	return Premaster{hide(b)}
}

// Premaster is the premaster secret of one handshake.
type Premaster struct{ hidden }

// Master returns the master secret as RFC 5246 §8.1 has it.
func (p Premaster) Master(h suite.Hash, clientRandom, serverRandom [32]byte) Master12 {
	return newMaster12(h, h.PRF(p.raw(), labelMaster, join(clientRandom, serverRandom), masterLen))
}

// ExtendedMaster returns the extended master secret (RFC 7627 §4). sessionHash
// covers ClientHello to ClientKeyExchange.
func (p Premaster) ExtendedMaster(h suite.Hash, sessionHash []byte) Master12 {
	return newMaster12(h, h.PRF(p.raw(), labelExtendedMaster, sessionHash, masterLen))
}

// Master12 is the master secret.
type Master12 struct{ secret }

// newMaster12 takes over b.
func newMaster12(h suite.Hash, b []byte) Master12 { return Master12{secret{hide(b), h}} }

// errMasterLength means that what a ticket holds is no master secret.
var errMasterLength = fmt.Errorf("a master secret must have %d bytes", masterLen)

// NewMaster12 returns the master secret that Raw gave for a ticket. It copies raw.
func NewMaster12(h suite.Hash, raw []byte) (Master12, error) {
	if len(raw) != masterLen {
		return Master12{}, errMasterLength
	}
	return newMaster12(h, bytes.Clone(raw)), nil
}

// Raw returns a copy of the master secret's bytes, for a ticket and nothing else.
func (m Master12) Raw() []byte { return bytes.Clone(m.raw()) }

// Keys returns what protects the records of suite s that the client sends, and
// those that the server sends.
func (m Master12) Keys(s *suite.Suite, clientRandom, serverRandom [32]byte) (client, server Keys12) {
	if s.Hash != m.hash {
		panic("schedule: a master secret is used with a suite of another hash")
	}
	// The server's random comes first here, other than anywhere else
	// (RFC 5246 §6.3).
	n := 2 * (s.MACLen + s.KeyLen + s.IVLen)
	block := m.hash.PRF(m.raw(), labelKeyExpansion, join(serverRandom, clientRandom), n)
	next := func(n int) hidden {
		part := block[:n:n]
		block = block[n:]
		return hide(part)
	}
	client.mac, server.mac = next(s.MACLen), next(s.MACLen)
	client.key, server.key = next(s.KeyLen), next(s.KeyLen)
	client.iv, server.iv = next(s.IVLen), next(s.IVLen)
	return client, server
}

// ClientFinished returns the client's verify_data (RFC 5246 §7.4.9);
// transcriptHash covers all messages before that Finished.
func (m Master12) ClientFinished(transcriptHash []byte) []byte {
	return m.hash.PRF(m.raw(), labelClientFinished, transcriptHash, verifyDataLen)
}

// ServerFinished returns the server's verify_data (RFC 5246 §7.4.9);
// transcriptHash covers all messages before that Finished.
func (m Master12) ServerFinished(transcriptHash []byte) []byte {
	return m.hash.PRF(m.raw(), labelServerFinished, transcriptHash, verifyDataLen)
}

// VerifyClientFinished reports, in constant time, whether got is the client's
// verify_data.
func (m Master12) VerifyClientFinished(transcriptHash, got []byte) bool {
	return subtle.ConstantTimeCompare(m.ClientFinished(transcriptHash), got) == 1
}

// VerifyServerFinished reports, in constant time, whether got is the server's
// verify_data.
func (m Master12) VerifyServerFinished(transcriptHash, got []byte) bool {
	return subtle.ConstantTimeCompare(m.ServerFinished(transcriptHash), got) == 1
}

// Exporter returns what keying material is exported from. Unless this is an
// extended master secret, such material is not bound to one connection
// (RFC 7627 §5.4).
func (m Master12) Exporter(clientRandom, serverRandom [32]byte) Exporter12 {
	m.raw() // an exporter of no secret would only fail later
	return Exporter12{m.secret, [64]byte(join(clientRandom, serverRandom))}
}

// Exporter12 exports keying material.
type Exporter12 struct {
	secret
	randoms [64]byte // client_random, server_random
}

// The reasons for which Export refuses in TLS 1.2, beside those of TLS 1.3.
var (
	ErrExportContext  = fmt.Errorf("the exporter's context is longer than %d bytes: use a hash of it", maxVector)
	ErrExportReserved = errors.New("the exporter's label is one that TLS 1.2 itself uses: choose another, such as one that begins with EXPORTER-")
)

// Export returns n bytes of keying material for label and context (RFC 5705 §4).
// Other than in TLS 1.3, no context, which is nil, gives something else than an
// empty one. The bounds of label and length are those of TLS 1.3, so that what
// works with one version works with the other.
func (e Exporter12) Export(label string, context []byte, n int) ([]byte, error) {
	switch {
	case len(label) > maxLabelLen:
		return nil, ErrExportLabel
	case slices.Contains([]string{labelMaster, labelExtendedMaster, labelKeyExpansion, labelClientFinished, labelServerFinished}, label):
		return nil, ErrExportReserved
	case len(context) > maxVector:
		return nil, ErrExportContext
	case n < 0 || n > maxExpandBlocks*e.hash.Size():
		return nil, ErrExportLength
	}
	seed := e.randoms[:]
	if context != nil {
		seed = binary.BigEndian.AppendUint16(seed, uint16(len(context)))
		seed = append(seed, context...)
	}
	return e.hash.PRF(e.raw(), label, seed, n), nil
}

// join puts two randoms one after the other.
func join(a, b [32]byte) []byte { return append(append(make([]byte, 0, 64), a[:]...), b[:]...) }
