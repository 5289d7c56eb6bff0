package watchword

// The server's search for a key in TLS 1.2: first for the one behind a ticket,
// where the client has one, then for the one of the ClientKeyExchange.

import (
	"time"

	"github.com/watchword-tls/watchword/internal/handshake"
)

// wantKey12 pauses the engine; but not for a ticket that is no good, which
// needs no answer.
func (e *Engine) wantKey12(w *handshake.WantPSK, now time.Time) error {
	if !w.Ticket {
		e.want = w
		return nil
	}
	state := e.config.openTicket(w.Identities[0].Identity, w, now)
	if state == nil {
		return e.answered(handshake.Answer{}, now)
	}
	session, ok := state.session12()
	if !ok {
		return e.answered(handshake.Answer{}, now)
	}
	e.want = w
	e.tickets = []openedTicket{{0, state, session}}
	return nil
}

// candidates12 returns the keys that go with an identity of TLS 1.2, which
// uses external keys as they are.
func candidates12(identity []byte, keys []*Key) []handshake.Candidate {
	var found []handshake.Candidate
	for rank, k := range keys {
		if k.key12 != nil && k.options.Role != ClientRole && k.identity == string(identity) {
			found = append(found, handshake.Candidate{Key12: k.key12, Rank: rank, Tag: &match{key: k}})
		}
	}
	return found
}

// answered hands the machine an answer and carries out what follows from it.
func (e *Engine) answered(a handshake.Answer, now time.Time) error {
	if err := e.machine.Answer(a); err != nil {
		return err
	}
	return e.carryOut(now)
}
