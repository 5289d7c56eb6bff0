package suite

// The pseudorandom function of TLS 1.2 (RFC 5246 §5).

import "crypto/hmac"

// PRF returns the first n bytes of PRF(secret, label, seed), P_hash with this
// hash: A(0) is label and seed, A(i) the HMAC of A(i-1), and the output is the
// HMACs of A(i), label and seed, one after the other.
func (h Hash) PRF(secret []byte, label string, seed []byte, n int) []byte {
	mac := hmac.New(h.newFunc(), secret)
	start := append([]byte(label), seed...)
	out := make([]byte, 0, (n+h.Size()-1)/h.Size()*h.Size())
	var a [MaxHashSize]byte
	next := start
	for len(out) < n {
		mac.Reset()
		mac.Write(next)
		next = mac.Sum(a[:0])
		mac.Reset()
		mac.Write(next)
		mac.Write(start)
		out = mac.Sum(out)
		h.counted(2)
	}
	return out[:n:n]
}
