// Package record is the record layer of TLS 1.3 (RFC 9846 §5) and TLS 1.2
// (RFC 5246 §6): it frames, pads, seals and opens records, keeps the limits of
// each key, and puts handshake messages together again. It does no input or
// output.
package record

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// ContentType says what a record carries (RFC 9846 §5.1).
type ContentType uint8

// The content types of TLS 1.3, which are those of TLS 1.2.
const (
	ChangeCipherSpec ContentType = 20
	Alert            ContentType = 21
	Handshake        ContentType = 22
	ApplicationData  ContentType = 23
)

// String returns the RFC's name.
func (t ContentType) String() string {
	switch t {
	case ChangeCipherSpec:
		return "change_cipher_spec"
	case Alert:
		return "alert"
	case Handshake:
		return "handshake"
	case ApplicationData:
		return "application_data"
	}
	return fmt.Sprintf("content type %d", uint8(t))
}

func (t ContentType) known() bool { return t >= ChangeCipherSpec && t <= ApplicationData }

// legacyVersion is what every record but the first ClientHello says, and it
// means nothing (RFC 9846 §5.1).
const legacyVersion = 0x0303

// Header is the start of a record.
type Header struct {
	Type    ContentType // in TLS 1.3 the outer one: application_data once protected
	Version uint16      // legacy_record_version in TLS 1.3
	Length  int         // of what follows the header, in bytes
}

// protection is the key of one direction with its sequence number.
type protection struct {
	// The key waits as suite and secret until the first record needs it: an
	// AEAD with its tables is most of what an idle connection would hold.
	suite  *suite.Suite
	secret schedule.Traffic

	aead cipher.AEAD // nil: records are plaintext, or the key waits
	seq  uint64
	iv   [suite.NonceLen]byte
	// nonce is room for the per-record nonce: a local array would escape
	// through the interface of the AEAD and cost an allocation each time.
	nonce [suite.NonceLen]byte

	// tls12 is set in TLS 1.2, and then seq alone of the above means anything.
	tls12 *protection12
}

// setKey puts the first key or the next in use. The sequence number starts at
// zero with each (RFC 9846 §5.3).
func (p *protection) setKey(s *suite.Suite, t schedule.Traffic) {
	p.suite, p.secret, p.aead, p.seq, p.tls12 = s, t, nil, 0, nil
}

// Protected reports whether a key is set.
func (p *protection) Protected() bool { return p.aead != nil || p.suite != nil || p.tls12 != nil }

// Seq returns the sequence number of the next record.
func (p *protection) Seq() uint64 { return p.seq }

// expand makes the AEAD of a key that waits, and drops the secret.
func (p *protection) expand() error {
	if p.suite == nil {
		return nil
	}
	key, iv := p.secret.KeyIV(p.suite)
	aead, err := p.suite.NewAEAD(key)
	clear(key)
	if err != nil {
		return alert.Wrap(alert.InternalError, err)
	}
	copy(p.iv[:], iv)
	p.aead, p.suite, p.secret = aead, nil, schedule.Traffic{}
	return nil
}

// recordNonce is the per-record nonce of RFC 9846 §5.3: the IV with the
// sequence number, padded on the left with zeros, XORed into it.
func (p *protection) recordNonce() []byte {
	p.nonce = p.iv
	tail := p.nonce[suite.NonceLen-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^p.seq)
	return p.nonce[:]
}

func appendHeader(dst []byte, t ContentType, version uint16, length int) []byte {
	return append(dst, byte(t), byte(version>>8), byte(version), byte(length>>8), byte(length))
}

// overhead is what protection adds to TLSInnerPlaintext.content.
const overhead = 1 + suite.TagLen

const headerLen = limits.RecordHeaderLen
