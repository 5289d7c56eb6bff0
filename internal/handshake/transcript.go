package handshake

// The transcript hash (RFC 9846 §4.1).

import (
	"hash"

	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// transcript hashes handshake messages in the bytes that were sent. The hash
// is known only when the suite is: until then a client keeps its first
// ClientHello.
type transcript struct {
	hash suite.Hash
	h    hash.Hash
}

func newTranscript(h suite.Hash) *transcript { return &transcript{h, h.New()} }

// retried returns the transcript after a HelloRetryRequest: the first
// ClientHello is replaced by its hash (RFC 9846 §4.1).
func retried(h suite.Hash, clientHello1, helloRetryRequest []byte) *transcript {
	t := newTranscript(h)
	t.add(wire.AppendMessageHash(nil, h.Sum(clientHello1)))
	t.add(helloRetryRequest)
	return t
}

func (t *transcript) add(raw []byte) { t.h.Write(raw) }

// sum returns the hash of what was added so far.
func (t *transcript) sum() []byte { return t.h.Sum(nil) }

// sumWith returns the hash as it would be with more added: for binders, which
// cover a part of a ClientHello (RFC 9846 §4.3.11.2). A nil transcript is
// empty.
func (t *transcript) sumWith(h suite.Hash, more []byte) []byte {
	if t == nil {
		return h.Sum(more)
	}
	c, ok := t.h.(hash.Cloner)
	if !ok {
		panic("handshake: the hash cannot be cloned")
	}
	clone, err := c.Clone()
	if err != nil {
		panic("handshake: the hash cannot be cloned: " + err.Error())
	}
	clone.Write(more)
	return clone.Sum(nil)
}
