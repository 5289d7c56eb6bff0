package handshake

// Binders: the proof in a ClientHello that its sender holds the offered keys
// (RFC 9846 §4.3.11.2).

import (
	"crypto/subtle"
	"slices"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// bindPSKs encodes the ClientHello and fills in the binder of each PSK. t is
// the transcript before it: nil, or the one after a HelloRetryRequest.
func bindPSKs(hello *wire.ClientHello, psks []OfferedPSK, t *transcript) []byte {
	offer := hello.PreSharedKey
	offer.Binders = make([][]byte, len(psks))
	for i, p := range psks {
		offer.Binders[i] = make([]byte, p.PSK.Hash().Size())
	}
	raw := hello.Append(nil)
	truncated := raw[:offer.BindersOffset]
	var sums [2][]byte
	for i, p := range psks {
		h := p.PSK.Hash()
		if sums[h] == nil {
			sums[h] = t.sumWith(h, truncated)
		}
		offer.Binders[i] = p.PSK.Binder(sums[h])
	}
	return offer.AppendBinders(truncated)
}

// chosen is the server's choice among what a client offered.
type chosen struct {
	identity   int
	suite      *suite.Suite
	candidates []Candidate // none: the identity is unknown
}

// choosePSK chooses the identity of the candidate with the lowest rank that has
// a common suite, among several of one rank the one with the suite that we
// prefer. Without any it chooses the first identity with a common suite, whose
// binder then fails against a dummy key. An identity's hash is read off the
// length of its binder, which is public: so a known identity with a key of
// another hash is treated exactly as an unknown one. It returns false if no
// identity has a common suite, whatever keys are known.
func choosePSK(hello *wire.ClientHello, suites []suite.ID, candidates []Candidate) (chosen, bool) {
	options := make([]chosen, 0, limits.MaxIdentitiesRead)
	for i, binder := range hello.PreSharedKey.Binders {
		if i == limits.MaxIdentitiesRead {
			break
		}
		options = append(options, chosen{identity: i, suite: suiteFor(hello.CipherSuites, suites, len(binder))})
	}
	best, bestRank := -1, 0
	for _, c := range candidates {
		if c.Identity >= len(options) {
			continue
		}
		o := &options[c.Identity]
		if o.suite == nil || c.PSK.Hash() != o.suite.Hash {
			continue
		}
		if len(o.candidates) < limits.RotationKeys {
			o.candidates = append(o.candidates, c)
		}
		if best < 0 || c.Rank < bestRank || c.Rank == bestRank && prefers(suites, o.suite, options[best].suite) {
			best, bestRank = c.Identity, c.Rank
		}
	}
	if best >= 0 {
		return options[best], true
	}
	for _, o := range options {
		if o.suite != nil {
			return o, true
		}
	}
	return chosen{}, false
}

// suiteFor returns our suite for an identity whose binder has this length. A
// length that no hash has gets any suite: the binder cannot verify, and fails
// as any wrong one does.
func suiteFor(offered []uint16, ours []suite.ID, binderLen int) *suite.Suite {
	if h, ok := suite.HashOfSize(binderLen); ok {
		return chooseSuite(offered, ours, h)
	}
	if s := chooseSuite(offered, ours, suite.SHA256); s != nil {
		return s
	}
	return chooseSuite(offered, ours, suite.SHA384)
}

// prefers reports whether suite a stands before b in ours.
func prefers(ours []suite.ID, a, b *suite.Suite) bool {
	return slices.Index(ours, a.ID) < slices.Index(ours, b.ID)
}

// verifyBinders tries the binder against the candidates, always against as
// many keys: dummies fill up, so that neither an unknown identity nor the
// place of the right key in a rotation shows in the work done. It returns the
// index of the first that verifies, or -1.
func verifyBinders(c chosen, tries int, dummy *schedule.PSK, sum, binder []byte) int {
	found := -1
	for i := range max(tries, len(c.candidates)) {
		psk := dummy
		if i < len(c.candidates) {
			psk = c.candidates[i].PSK
		}
		match := subtle.ConstantTimeCompare(psk.Binder(sum), binder)
		if match == 1 && i < len(c.candidates) && found < 0 {
			found = i
		}
	}
	return found
}

// evenOut does, for an offer that is refused, the work that the hash which was
// not chosen would have cost. A client may offer identities of both hashes, and
// which of them was chosen tells whether one is known: the work must not.
func evenOut(hello *wire.ClientHello, suites []suite.ID, c chosen, tries int, dummies [2]*schedule.PSK, truncated []byte) {
	for i, binder := range hello.PreSharedKey.Binders {
		if i == limits.MaxIdentitiesRead {
			return
		}
		if s := suiteFor(hello.CipherSuites, suites, len(binder)); s != nil && s.Hash != c.suite.Hash {
			verifyBinders(chosen{}, tries, dummies[s.Hash], s.Hash.Sum(truncated), binder)
			return // there are two hashes
		}
	}
}
