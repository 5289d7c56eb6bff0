package classic

// The protocol itself: pure functions from key and message to bytes and back.
// No file, no network, no clock.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// KeyLen is the size of a session key in bytes: AES-128.
const KeyLen = 16

// MACLen is the size of the HMAC-SHA256 at the end of the wire form, in bytes.
const MACLen = sha256.Size

// MaxMessage is the longest message in bytes. A receiver has to hold the whole
// of it before it can check the MAC, so there must be some bound.
const MaxMessage = 1 << 20

// MaxWire is the longest wire form in bytes: the longest message, a whole block
// of padding, the MAC.
const MaxWire = MaxMessage + aes.BlockSize + MACLen

// ErrMAC means that the MAC is not that of the ciphertext under the key: a
// changed message and a wrong key look the same.
var ErrMAC = errors.New("the MAC is wrong: the message was changed on the way, or the session keys differ")

// Key is a session key. It prints without its bytes.
type Key [KeyLen]byte

// Format keeps every verb of package fmt from reaching the key.
func (*Key) Format(s fmt.State, _ rune) { io.WriteString(s, "(session key, not shown)") }

// NewKey makes a random session key.
func NewKey() *Key {
	var k Key
	rand.Read(k[:]) // never fails: see crypto/rand
	return &k
}

// zeroIV is the protocol's first mistake: CBC needs an IV that nobody can
// predict, new for each message.
var zeroIV [aes.BlockSize]byte

// Seal encrypts message and returns the wire form, ciphertext ‖ MAC. The same
// key and message always give the same bytes. It refuses more than MaxMessage.
func Seal(key *Key, message []byte) ([]byte, error) {
	if len(message) > MaxMessage {
		return nil, fmt.Errorf("the message has %d bytes, at most %d are allowed", len(message), MaxMessage)
	}
	wire := pad(message)
	cipher.NewCBCEncrypter(newBlock(key), zeroIV[:]).CryptBlocks(wire, wire)
	return append(wire, computeMAC(key, wire)...), nil
}

// Open checks the wire form and returns the message. The error is ErrMAC where
// everything but the MAC can be right. wire is not changed.
func Open(key *Key, wire []byte) ([]byte, error) {
	switch n := len(wire) - MACLen; {
	case n < aes.BlockSize:
		return nil, fmt.Errorf("the message has %d bytes, and the shortest that is possible has %d: it was cut, or is not of this protocol", len(wire), aes.BlockSize+MACLen)
	case n%aes.BlockSize != 0:
		return nil, fmt.Errorf("the ciphertext has %d bytes, which is no multiple of %d: the message was cut, or is not of this protocol", n, aes.BlockSize)
	case len(wire) > MaxWire:
		return nil, fmt.Errorf("the message is longer than %d bytes", MaxMessage)
	}
	ciphertext, mac := wire[:len(wire)-MACLen], wire[len(wire)-MACLen:]
	// First the MAC, in constant time, then everything else: who cannot make a
	// MAC learns nothing about the padding.
	if !hmac.Equal(mac, computeMAC(key, ciphertext)) {
		return nil, ErrMAC
	}
	plain := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(newBlock(key), zeroIV[:]).CryptBlocks(plain, ciphertext)
	return unpad(plain)
}

func newBlock(key *Key) cipher.Block {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("classic: " + err.Error()) // the key's length is in its type
	}
	return block
}

func computeMAC(key *Key, ciphertext []byte) []byte {
	mac := hmac.New(sha256.New, key[:]) // the same key again: see the list in the package comment
	mac.Write(ciphertext)
	return mac.Sum(nil)
}

// pad returns a copy of message with 1 to 16 bytes added, each of which is
// their count (PKCS #7), with room for the MAC behind it.
func pad(message []byte) []byte {
	n := aes.BlockSize - len(message)%aes.BlockSize
	padded := make([]byte, len(message)+n, len(message)+n+MACLen)
	copy(padded, message)
	for i := len(message); i < len(padded); i++ {
		padded[i] = byte(n)
	}
	return padded
}

// unpad takes the padding off. It need not take constant time: only the holder
// of the key gets this far.
func unpad(padded []byte) ([]byte, error) {
	n := int(padded[len(padded)-1])
	if n < 1 || n > aes.BlockSize {
		return nil, errors.New("the padding is wrong although the MAC is right: the sender does not follow PKCS #7")
	}
	message, padding := padded[:len(padded)-n], padded[len(padded)-n:]
	for _, b := range padding {
		if int(b) != n {
			return nil, errors.New("the padding is wrong although the MAC is right: the sender does not follow PKCS #7")
		}
	}
	return message, nil
}
