package handshake

// The key exchanges: published values, shares that are none, and the groups
// asked for by HelloRetryRequest.

import (
	"bytes"
	"crypto/mlkem"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors of NIST's CAVS 14.1 (ECC CDH Primitive) and of RFC 7748.
func TestPublishedExchanges(t *testing.T) {
	for _, v := range []struct {
		group                         wire.NamedGroup
		private, public, peer, secret string
	}{
		{
			wire.GroupP256,
			"7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
			"04ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230" +
				"28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141",
			"04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287" +
				"db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
			"46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
		},
		{
			wire.GroupX25519,
			"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
			"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
			"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
			"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
		},
	} {
		private, peer := fromHex(t, v.private), fromHex(t, v.peer)
		shares, err := newShares([]wire.NamedGroup{v.group}, bytes.NewReader(private))
		if err != nil {
			t.Fatalf("%s: %v", v.group, err)
		}
		if got := shares[0].entry().KeyExchange; !bytes.Equal(got, fromHex(t, v.public)) {
			t.Errorf("%s: the client's share is %x, want %s.", v.group, got, v.public)
		}
		if got, err := shares[0].sharedSecret(peer); err != nil || !bytes.Equal(got, fromHex(t, v.secret)) {
			t.Errorf("%s: the client's secret is %x, want %s: %v", v.group, got, v.secret, err)
		}
		entry, secret, err := answerShare(&Common{Rand: bytes.NewReader(private)}, v.group, peer)
		if err != nil || entry.Group != v.group || !bytes.Equal(entry.KeyExchange, fromHex(t, v.public)) || !bytes.Equal(secret, fromHex(t, v.secret)) {
			t.Errorf("%s: the server answers %x with the secret %x: %v", v.group, entry.KeyExchange, secret, err)
		}
	}
}

// In X25519MLKEM768 the parts of ML-KEM come first, in shares and secret, and
// the X25519 part is the key that the share of X25519 beside it has.
func TestHybridIsPutTogetherInOrder(t *testing.T) {
	shares, err := newShares([]wire.NamedGroup{wire.GroupX25519MLKEM768, wire.GroupX25519}, seeded(3))
	if err != nil {
		t.Fatal(err)
	}
	hybrid, plain := shares[0].entry().KeyExchange, shares[1].entry().KeyExchange
	if len(hybrid) != mlkem.EncapsulationKeySize768+x25519Len || !bytes.Equal(hybrid[mlkem.EncapsulationKeySize768:], plain) {
		t.Errorf("The hybrid share has %d bytes, and ends in %x, not in %x.", len(hybrid), hybrid[len(hybrid)-x25519Len:], plain)
	}
	kemSecret, kemCiphertext := []byte(nil), []byte(nil)
	c := &Common{Rand: seeded(4), Encapsulate: func(k *mlkem.EncapsulationKey768) ([]byte, []byte) {
		kemSecret, kemCiphertext = k.Encapsulate()
		return bytes.Clone(kemSecret), bytes.Clone(kemCiphertext)
	}}
	entry, secret, err := answerShare(c, wire.GroupX25519MLKEM768, hybrid)
	if err != nil {
		t.Fatal(err)
	}
	x25519 := entry.KeyExchange[mlkem.CiphertextSize768:]
	if !bytes.HasPrefix(entry.KeyExchange, kemCiphertext) || len(x25519) != x25519Len {
		t.Error("The server's share is not the ciphertext and then the X25519 share.")
	}
	if !bytes.HasPrefix(secret, kemSecret) || len(secret) != mlkem.SharedKeySize+x25519Len {
		t.Error("The secret is not that of ML-KEM and then that of X25519.")
	}
	same, err := shares[1].sharedSecret(x25519)
	if err != nil || !bytes.Equal(secret[mlkem.SharedKeySize:], same) {
		t.Errorf("The X25519 part of the secret is wrong: %v", err)
	}
	if got, err := shares[0].sharedSecret(entry.KeyExchange); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("Client and server have different secrets: %v", err)
	}
}

// badShares are shares that a peer must not send, by group and by who sends.
func badShares(t testing.TB, g wire.NamedGroup, fromServer bool) map[string][]byte {
	t.Helper()
	good, kemLen := goodShare(t, g, fromServer)
	bad := map[string][]byte{
		"one byte":        {4},
		"a byte short":    good[:len(good)-1],
		"a byte long":     append(bytes.Clone(good), 0),
		"twice":           append(bytes.Clone(good), good...),
		"all zero":        make([]byte, len(good)),
		"of another size": make([]byte, 56),
	}
	switch g {
	case wire.GroupP256:
		off := bytes.Clone(good)
		off[len(off)-1] ^= 1
		bad["off the curve"] = off
		compressed := append([]byte{2}, good[1:33]...)
		bad["compressed"] = compressed
		bad["the point at infinity"] = []byte{0}
		bad["coordinates over the prime"] = append([]byte{4}, bytes.Repeat([]byte{0xff}, 64)...)
	default:
		// All-zero results (RFC 9846 §7.4.2): of a low-order point.
		low := bytes.Clone(good)
		copy(low[kemLen:], fromHex(t, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))
		bad["an X25519 point of low order"] = low
		zero := bytes.Clone(good)
		clear(zero[kemLen:])
		bad["an X25519 point of zero"] = zero
	}
	if g == wire.GroupX25519MLKEM768 {
		bad["only ML-KEM's part"] = good[:kemLen]
		bad["only X25519's part"] = good[kemLen:]
		if !fromServer {
			over := bytes.Clone(good)
			copy(over, bytes.Repeat([]byte{0xff}, 3)) // coefficients over the modulus
			bad["an encapsulation key that is none"] = over
		}
	}
	return bad
}

// goodShare makes a share, and tells how long its ML-KEM part is.
func goodShare(t testing.TB, g wire.NamedGroup, fromServer bool) (share []byte, kemLen int) {
	t.Helper()
	shares, err := newShares([]wire.NamedGroup{g}, seeded(5))
	if err != nil {
		t.Fatal(err)
	}
	share = shares[0].entry().KeyExchange
	if g == wire.GroupX25519MLKEM768 {
		kemLen = mlkem.EncapsulationKeySize768
	}
	if fromServer {
		entry, _, err := answerShare(&Common{Rand: seeded(6)}, g, share)
		if err != nil {
			t.Fatal(err)
		}
		share = entry.KeyExchange
		if kemLen > 0 {
			kemLen = mlkem.CiphertextSize768
		}
	}
	return share, kemLen
}

func wantAlert(t testing.TB, what string, err error, d alert.Description) {
	t.Helper()
	var local *alert.LocalError
	if !errors.As(err, &local) || local.Description != d {
		t.Errorf("%s: the outcome is %v, want alert %s.", what, err, d)
	}
}

// helloWith returns the client's ClientHello after a change, with binders that
// go with it.
func helloWith(t testing.TB, s *setup, change func(*wire.ClientHello)) []byte {
	t.Helper()
	client := s.client
	client.Rand = seeded(1)
	m, err := NewClient(&client)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.take(m)
	if err != nil {
		t.Fatal(err)
	}
	hello, err := wire.ParseClientHello(out.sent[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	change(hello)
	if hello.PreSharedKey == nil || len(hello.PreSharedKey.Identities) != len(client.PSKs) {
		return hello.Append(nil)
	}
	return bindPSKs(hello, client.PSKs, nil)
}

func TestBadSharesAreRefused(t *testing.T) {
	for _, g := range allGroups {
		for name, share := range badShares(t, g, false) {
			s := newSetup()
			s.client.Groups, s.client.KeyShares = []wire.NamedGroup{g}, []wire.NamedGroup{g}
			raw := helloWith(t, s, func(h *wire.ClientHello) { h.KeyShare.Shares[0].KeyExchange = share })
			_, server := s.machines(t)
			_, err := s.deliver(server, raw)
			wantAlert(t, fmt.Sprintf("a client's share of %s, %s", g, name), err, alert.IllegalParameter)
			if server.Complete() {
				t.Errorf("A server completes with a share of %s, %s.", g, name)
			}
		}
		for name, share := range badShares(t, g, true) {
			s := newSetup()
			s.client.Groups, s.client.KeyShares = []wire.NamedGroup{g}, []wire.NamedGroup{g}
			r := s.handshake(t)
			sh, err := wire.ParseServerHello(r.toClient[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			sh.KeyShare.KeyExchange = share
			fresh := newSetup()
			fresh.client.Groups, fresh.client.KeyShares = s.client.Groups, s.client.KeyShares
			client, _ := fresh.machines(t)
			_, err = fresh.take(client)
			if err == nil {
				_, err = fresh.deliver(client, sh.Append(nil))
			}
			wantAlert(t, fmt.Sprintf("a server's share of %s, %s", g, name), err, alert.IllegalParameter)
		}
	}
}

// A ciphertext that was changed decapsulates to another secret (ML-KEM rejects
// implicitly): both ends disagree, and no Finished verifies.
func TestChangedCiphertextGivesAnotherSecret(t *testing.T) {
	shares, err := newShares([]wire.NamedGroup{wire.GroupX25519MLKEM768}, seeded(7))
	if err != nil {
		t.Fatal(err)
	}
	entry, secret, err := answerShare(&Common{Rand: seeded(8)}, wire.GroupX25519MLKEM768, shares[0].entry().KeyExchange)
	if err != nil {
		t.Fatal(err)
	}
	entry.KeyExchange[17] ^= 1
	if got, err := shares[0].sharedSecret(entry.KeyExchange); err != nil || bytes.Equal(got, secret) {
		t.Errorf("A changed ciphertext gives %v, and the same secret: %v.", err, bytes.Equal(got, secret))
	}
}

// Every group is asked for by HelloRetryRequest from every other.
func TestRetryToAndFromEachGroup(t *testing.T) {
	for _, from := range allGroups {
		for _, to := range allGroups {
			s := newSetup()
			s.client.KeyShares = []wire.NamedGroup{from}
			s.server.Groups = []wire.NamedGroup{to}
			r := s.handshake(t)
			for side, m := range map[string]*Machine{"client": r.client, "server": r.server} {
				if got := m.Result(); got.Group != to || got.Retried != (from != to) {
					t.Errorf("From %s to %s: the %s has %s, retried: %v.", from, to, side, got.Group, got.Retried)
				}
			}
			if from == to {
				continue
			}
			second, err := wire.ParseClientHello(r.toServer[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(second.KeyShare.Shares) != 1 || second.KeyShare.Shares[0].Group != to {
				t.Errorf("From %s to %s: the second ClientHello has the shares %v.", from, to, second.KeyShare.Shares)
			}
		}
	}
}

// After a HelloRetryRequest only keys of its suite's hash are offered
// (RFC 9846 §4.2.4), and the rest of the ClientHello is as before.
func TestRetryDropsKeysOfAnotherHash(t *testing.T) {
	s := newSetup()
	psk384 := testPSK(suite.SHA384, 9)
	s.client.PSKs = append([]OfferedPSK{{Identity: []byte("bob"), PSK: psk384}}, s.client.PSKs...)
	s.candidates = []Candidate{{Identity: 1, PSK: s.client.PSKs[1].PSK, Tag: "alice"}}
	s.server.Groups = []wire.NamedGroup{wire.GroupP256}
	r := s.handshake(t)
	first, _ := wire.ParseClientHello(r.toServer[0], nil)
	second, _ := wire.ParseClientHello(r.toServer[1], nil)
	if len(first.PreSharedKey.Identities) != 2 || len(second.PreSharedKey.Identities) != 1 || string(second.PreSharedKey.Identities[0].Identity) != "alice" {
		t.Errorf("The second ClientHello offers %d identities.", len(second.PreSharedKey.Identities))
	}
	if r.client.Result().Selected != 1 || r.server.Result().Tag != "alice" {
		t.Errorf("The client takes key %d for the selected one, the server %v.", r.client.Result().Selected, r.server.Result().Tag)
	}
	if err := sameHello(first, second); err != nil {
		t.Errorf("Our own second ClientHello would be refused: %v", err)
	}
}

// Randomness that fails is an error of its own, wherever it is read.
func TestFailingRandomness(t *testing.T) {
	broken := errors.New("the source is dry")
	for _, g := range allGroups {
		for n := range 300 {
			s := newSetup()
			s.client.KeyShares, s.server.Groups = []wire.NamedGroup{g}, []wire.NamedGroup{g}
			s.client.Rand = io.MultiReader(io.LimitReader(seeded(1), int64(n)), failing{broken})
			client := s.client
			m, err := NewClient(&client)
			if err != nil {
				wantAlert(t, fmt.Sprintf("the client's randomness ends after %d bytes", n), err, alert.InternalError)
				continue
			}
			out, _ := s.take(m)
			server := s.server
			server.Rand = io.MultiReader(io.LimitReader(seeded(1), int64(n%70)), failing{broken})
			srv := NewServer(&server)
			if _, err := s.deliver(srv, out.sent[0]); err != nil {
				wantAlert(t, fmt.Sprintf("the server's randomness ends after %d bytes", n%70), err, alert.InternalError)
			} else if n%70 < 64 {
				t.Errorf("A server with %d random bytes goes on.", n%70)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A scalar of P-256 that is out of range is drawn again.
func TestScalarOutOfRangeIsDrawnAgain(t *testing.T) {
	good := slices.Repeat([]byte{7}, 32)
	draws := append(slices.Repeat([]byte{0xff}, 32), append(make([]byte, 32), good...)...)
	key, err := newECDH(curveOf(wire.GroupP256), bytes.NewReader(draws))
	if err != nil || !bytes.Equal(key.Bytes(), good) {
		t.Errorf("After two scalars out of range the key is not the third: %v", err)
	}
	if _, err := newECDH(curveOf(wire.GroupP256), bytes.NewReader(slices.Repeat([]byte{0xff}, 4096))); err == nil {
		t.Error("A source that gives only scalars out of range is never given up.")
	}
}
