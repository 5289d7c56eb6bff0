package suite

// The pseudorandom function of TLS 1.2 (RFC 5246 §5).

import "crypto/hmac"

// PRF returns the first n bytes of PRF(secret, label, seed), P_hash with this
// hash: A(0) is label and seed, A(i) the HMAC of A(i-1), and the output is the
// HMACs of A(i), label and seed, one after the other.
func (h Hash) PRF(secret []byte, label string, seed []byte, n int) []byte {
	mac := hmac.New(h.newFunc(), secret)
	size := h.Size()
	// The output, then label and seed with A(i) before them: one allocation.
	room := (n + size - 1) / size * size
	all := make([]byte, room+size+len(label)+len(seed))
	out, both := all[:0:room], all[room:]
	a, start := both[:0:size], both[size:]
	copy(start[copy(start, label):], seed)
	next := start
	for len(out) < n {
		mac.Reset()
		mac.Write(next)
		next = mac.Sum(a)
		mac.Reset()
		mac.Write(both)
		out = mac.Sum(out)
		h.counted(2)
	}
	return out[:n:n]
}
