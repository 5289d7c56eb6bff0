package handshake

// The key exchanges (RFC 9846 §4.3.8). X25519MLKEM768 is ML-KEM-768 beside
// X25519, in that order in shares and secret (draft-ietf-tls-ecdhe-mlkem).

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"io"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/wire"
)

const x25519Len = 32

// privateShare is our half of an exchange. Each serves one connection only
// (RFC 9846 §4.3.8).
type privateShare struct {
	group wire.NamedGroup
	ecdh  *ecdh.PrivateKey
	mlkem *mlkem.DecapsulationKey768 // of X25519MLKEM768 only
}

func curveOf(g wire.NamedGroup) ecdh.Curve {
	if g == wire.GroupP256 {
		return ecdh.P256()
	}
	return ecdh.X25519()
}

// newECDH makes a key from our own source of randomness: the standard
// library's GenerateKey ignores the one it is given since Go 1.26.
func newECDH(curve ecdh.Curve, rand io.Reader) (*ecdh.PrivateKey, error) {
	var seed [32]byte
	var err error
	// A P-256 scalar is out of range about once in 2^32 tries.
	for range 8 {
		if _, err = io.ReadFull(rand, seed[:]); err != nil {
			break
		}
		var key *ecdh.PrivateKey
		if key, err = curve.NewPrivateKey(seed[:]); err == nil {
			return key, nil
		}
	}
	return nil, internalError("cannot make an ephemeral key: " + err.Error())
}

// newShares makes a share for each group. X25519 and the X25519 inside of
// X25519MLKEM768 are the same key, within this one ClientHello: it saves a
// third of the work.
func newShares(groups []wire.NamedGroup, rand io.Reader) ([]privateShare, error) {
	var shares []privateShare
	var x25519 *ecdh.PrivateKey
	for _, g := range groups {
		s := privateShare{group: g}
		if g != wire.GroupP256 {
			s.ecdh = x25519
		}
		var err error
		if s.ecdh == nil {
			if s.ecdh, err = newECDH(curveOf(g), rand); err != nil {
				return nil, err
			}
		}
		if g != wire.GroupP256 {
			x25519 = s.ecdh
		}
		if g == wire.GroupX25519MLKEM768 {
			var seed [mlkem.SeedSize]byte
			if _, err = io.ReadFull(rand, seed[:]); err != nil {
				return nil, internalError("cannot make an ephemeral key: " + err.Error())
			}
			if s.mlkem, err = mlkem.NewDecapsulationKey768(seed[:]); err != nil {
				return nil, internalError("cannot make an ephemeral key: " + err.Error())
			}
		}
		shares = append(shares, s)
	}
	return shares, nil
}

// entry is what goes into the ClientHello.
func (s privateShare) entry() wire.KeyShareEntry {
	public := s.ecdh.PublicKey().Bytes()
	if s.mlkem != nil {
		public = append(s.mlkem.EncapsulationKey().Bytes(), public...)
	}
	return wire.KeyShareEntry{Group: s.group, KeyExchange: public}
}

// sharedSecret computes the secret from the server's share.
func (s privateShare) sharedSecret(peer []byte) ([]byte, error) {
	var secret []byte
	if s.mlkem != nil {
		if len(peer) != mlkem.CiphertextSize768+x25519Len {
			return nil, badShare(s.group)
		}
		var err error
		if secret, err = s.mlkem.Decapsulate(peer[:mlkem.CiphertextSize768]); err != nil {
			return nil, badShare(s.group)
		}
		peer = peer[mlkem.CiphertextSize768:]
	}
	return agree(s.group, s.ecdh, peer, secret)
}

// agree does the elliptic-curve exchange and appends its result to secret. The
// standard library refuses points off the curve, and the all-zero result of
// X25519 that RFC 9846 §7.4.2 wants refused.
func agree(g wire.NamedGroup, key *ecdh.PrivateKey, peer, secret []byte) ([]byte, error) {
	public, err := curveOf(g).NewPublicKey(peer)
	if err != nil {
		return nil, badShare(g)
	}
	shared, err := key.ECDH(public)
	if err != nil {
		return nil, badShare(g)
	}
	return append(secret, shared...), nil
}

// answerShare makes the server's share and the secret from the client's.
func answerShare(c *Common, g wire.NamedGroup, peer []byte) (wire.KeyShareEntry, []byte, error) {
	none := wire.KeyShareEntry{}
	var secret, public []byte
	if g == wire.GroupX25519MLKEM768 {
		if len(peer) != mlkem.EncapsulationKeySize768+x25519Len {
			return none, nil, badShare(g)
		}
		key, err := mlkem.NewEncapsulationKey768(peer[:mlkem.EncapsulationKeySize768])
		if err != nil {
			return none, nil, badShare(g)
		}
		peer = peer[mlkem.EncapsulationKeySize768:]
		if c.Encapsulate != nil {
			secret, public = c.Encapsulate(key)
		} else {
			secret, public = key.Encapsulate()
		}
	}
	key, err := newECDH(curveOf(g), c.Rand)
	if err != nil {
		return none, nil, err
	}
	secret, err = agree(g, key, peer, secret)
	if err != nil {
		return none, nil, err
	}
	public = append(public, key.PublicKey().Bytes()...)
	return wire.KeyShareEntry{Group: g, KeyExchange: public}, secret, nil
}

func badShare(g wire.NamedGroup) error {
	return alert.New(alert.IllegalParameter, "the other end's key share of "+g.String()+" is not a valid one")
}

func internalError(reason string) error { return alert.New(alert.InternalError, reason) }
