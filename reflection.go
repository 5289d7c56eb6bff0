package watchword

// Defence against reflection (RFC 9257 §4.1, "Selfie"): an attacker sends a
// ClientHello back to the process that it came from, where a server holds the
// same key, and the process ends up talking to itself. The randoms of this
// process's own clients in their handshakes are remembered here.

import (
	"sync"

	"github.com/watchword-tls/watchword/internal/limits"
)

// randoms is a bounded set; when it is full, the oldest goes.
type randoms struct {
	mu    sync.Mutex
	set   map[[32]byte]struct{}
	order [][32]byte
}

var ownRandoms randoms

func (r *randoms) add(random [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set == nil {
		r.set = map[[32]byte]struct{}{}
	}
	for len(r.order) >= limits.KeptRandoms {
		delete(r.set, r.order[0])
		r.order = r.order[1:]
	}
	r.set[random] = struct{}{}
	r.order = append(r.order, random)
}

// remove forgets a random whose handshake is over: nothing waits for the
// answer to it any more. Its place in order goes with the next sweep.
func (r *randoms) remove(random [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.set, random)
	if len(r.order) > 64 && len(r.order) > 2*len(r.set) {
		kept := r.order[:0]
		for _, o := range r.order {
			if _, ok := r.set[o]; ok {
				kept = append(kept, o)
			}
		}
		r.order = kept
	}
}

func (r *randoms) has(random [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.set[random]
	return ok
}
