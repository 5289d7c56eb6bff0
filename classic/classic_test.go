package classic

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"crypto/aes"
	"crypto/cipher"
)

// Made with OpenSSL 3.0, for each MESSAGE:
//
//	K=000102030405060708090a0b0c0d0e0f; IV=00000000000000000000000000000000
//	printf %s "$MESSAGE" | openssl enc -aes-128-cbc -K $K -iv $IV > c
//	openssl dgst -sha256 -mac HMAC -macopt hexkey:$K -binary c > m
//	cat c m | xxd -p -c 200
//
// and for the last with "head -c 32 /dev/zero" in place of printf.
var opensslVectors = []struct{ message, wire string }{
	{"", "954f64f2e4e86e9eee82d202166848999cc7e027c32decfb4130cda5df7954855615b8f1a27d3595a08835c718195a6d"},
	{"hello", "5d8749e2af7531b2bf6661e9e5daf0123e626cd0288125831f2c1d1fdfb919b1d26f0e1292533e12310e617d160242ba"},
	{"exactly 16 bytes", "a2bc4c7ba89e1d14b482c3d8c7d6ac77b6b66c1c13c903e94ef29f148a7c8d48f0f64114a9b0bd75e629e22ca5bde07d94af41407a290e2c6a19c082fbc09562"},
	{"seventeen bytes..", "8d7c8fdf195d88e7526a60e1c06edacd07e8853bee13711617175b605d713137904d0a8ac3d415a47767e3d544c2e5223a0efdbefcd67380ca5002037ad59dad"},
	{string(make([]byte, 32)), "c6a13b37878f5b826f4f8162a1c8d879af9d9926f7dac87192b1c4143ad9895881f93de617acc47f8ca968242cee1d99490eb003a1faa635df0cb47a7b281ceb0dbd51f7128fcd8d53bbb62c1e200540"},
}

var vectorKey = &Key{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("The test's own hex is broken: %v", err)
	}
	return b
}

func mustSeal(t testing.TB, key *Key, message []byte) []byte {
	t.Helper()
	wire, err := Seal(key, message)
	if err != nil {
		t.Fatalf("Sealing %d bytes failed: %v", len(message), err)
	}
	return wire
}

func TestOpenSSLVectors(t *testing.T) {
	for _, v := range opensslVectors {
		wire := mustHex(t, v.wire)
		if got := mustSeal(t, vectorKey, []byte(v.message)); !bytes.Equal(got, wire) {
			t.Errorf("Sealing %q gave %x, OpenSSL gives %x.", v.message, got, wire)
		}
		got, err := Open(vectorKey, wire)
		if err != nil || string(got) != v.message {
			t.Errorf("Opening OpenSSL's message %q gave %q, error %v.", v.message, got, err)
		}
		if !bytes.Equal(wire, mustHex(t, v.wire)) {
			t.Errorf("Open changed its input for %q.", v.message)
		}
	}
}

func TestEveryLengthComesBack(t *testing.T) {
	key := NewKey()
	for _, n := range []int{0, 1, 14, 15, 16, 17, 31, 32, 33, 1000, MaxMessage - 1, MaxMessage} {
		message := bytes.Repeat([]byte{byte(n)}, n)
		wire := mustSeal(t, key, message)
		if want := n + 16 - n%16 + MACLen; len(wire) != want {
			t.Errorf("A message of %d bytes has %d on the wire, want %d.", n, len(wire), want)
		}
		if got, err := Open(key, wire); err != nil || !bytes.Equal(got, message) {
			t.Errorf("A message of %d bytes did not come back: error %v.", n, err)
		}
	}
}

func TestTooLong(t *testing.T) {
	if _, err := Seal(NewKey(), make([]byte, MaxMessage+1)); err == nil {
		t.Error("Seal took a message above the limit.")
	}
	if _, err := Open(NewKey(), make([]byte, MaxWire+aes.BlockSize)); err == nil || errors.Is(err, ErrMAC) {
		t.Errorf("Open looked at the MAC of a message above the limit: %v.", err)
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	for _, v := range opensslVectors {
		wire := mustHex(t, v.wire)
		for bit := range 8 * len(wire) {
			wire[bit/8] ^= 1 << (bit % 8)
			if got, err := Open(vectorKey, wire); !errors.Is(err, ErrMAC) || got != nil {
				t.Errorf("With bit %d of %q flipped Open gave %q, error %v, want ErrMAC.", bit, v.message, got, err)
			}
			wire[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestEveryCutIsRefused(t *testing.T) {
	wire := mustSeal(t, vectorKey, []byte("a message that fills some blocks, so that a cut can hit their ends"))
	for n := range wire {
		if got, err := Open(vectorKey, wire[:n]); err == nil || got != nil {
			t.Errorf("Cut to %d of %d bytes the message was opened: %q.", n, len(wire), got)
		}
		if got, err := Open(vectorKey, wire[n+1:]); err == nil || got != nil {
			t.Errorf("Without its first %d bytes the message was opened: %q.", n+1, got)
		}
	}
	if _, err := Open(vectorKey, append(wire, 0)); err == nil {
		t.Error("A message with a byte added was opened.")
	}
}

func TestWrongKey(t *testing.T) {
	wire := mustSeal(t, vectorKey, []byte("hello"))
	for i := range KeyLen {
		key := *vectorKey
		key[i] ^= 0x80
		if _, err := Open(&key, wire); !errors.Is(err, ErrMAC) {
			t.Errorf("A key that differs in byte %d gave %v, want ErrMAC.", i, err)
		}
	}
}

// withMAC does what a holder of the key who pads as he likes would do.
func withMAC(key *Key, padded []byte) []byte {
	wire := bytes.Clone(padded)
	cipher.NewCBCEncrypter(newBlock(key), zeroIV[:]).CryptBlocks(wire, wire)
	return append(wire, computeMAC(key, wire)...)
}

func TestWrongPaddingUnderARightMAC(t *testing.T) {
	block := []byte("0123456789abcdef")
	for _, end := range [][]byte{{0}, {17}, {255}, {1, 2}, {3, 2, 3}, {16}} {
		padded := append(bytes.Clone(block[:16-len(end)]), end...)
		if got, err := Open(vectorKey, withMAC(vectorKey, padded)); err == nil || errors.Is(err, ErrMAC) {
			t.Errorf("A block that ends in % x was opened as %q, error %v; want a sentence about the padding.", end, got, err)
		}
	}
}

// The list in the package comment says so; this shows it.
func TestWhatItLacks(t *testing.T) {
	a := mustSeal(t, vectorKey, []byte("pay 100 crowns to alice"))
	b := mustSeal(t, vectorKey, []byte("pay 100 crowns to mallory"))
	if !bytes.Equal(a[:16], b[:16]) {
		t.Error("Equal first blocks have different ciphertexts: the IV is not zero any more, correct the documentation.")
	}
	for range 2 {
		if _, err := Open(vectorKey, a); err != nil {
			t.Errorf("A replay was refused (%v): correct the documentation.", err)
		}
	}
}

func TestKeysAreRandomAndDoNotPrint(t *testing.T) {
	if a, b := NewKey(), NewKey(); *a == *b {
		t.Error("Two new keys are equal.")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		want := "(session key, not shown)"
		if got := fmt.Sprintf(verb, vectorKey); got != want {
			t.Errorf("With %s a key prints as %q, want %q.", verb, got, want)
		}
	}
}

// FuzzOpen: no input panics, and what opens is exactly what Seal makes.
func FuzzOpen(f *testing.F) {
	for _, v := range opensslVectors {
		f.Add(mustHex(f, v.wire))
	}
	f.Add([]byte{})
	f.Add(make([]byte, MACLen+15))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost:12345\r\nUser-Agent: curl\r\n\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		message, err := Open(vectorKey, wire)
		if err == nil && !bytes.Equal(mustSeal(t, vectorKey, message), wire) {
			t.Errorf("%x was opened as %q, which seals to something else.", wire, message)
		}
	})
}

// FuzzPadding gets behind the MAC, which FuzzOpen does not.
func FuzzPadding(f *testing.F) {
	f.Add([]byte("exactly 16 bytes"))
	f.Add(bytes.Repeat([]byte{16}, 16))
	f.Add(append(make([]byte, 30), 1, 2))
	f.Fuzz(func(t *testing.T, padded []byte) {
		padded = padded[:len(padded)-len(padded)%aes.BlockSize]
		wire := withMAC(vectorKey, padded)
		message, err := Open(vectorKey, wire)
		if err == nil && !bytes.Equal(mustSeal(t, vectorKey, message), wire) {
			t.Errorf("The padded text %x was opened as %q, which seals to something else.", padded, message)
		}
	})
}
