package main

// What the policy legacy lets by is in the log, whether somebody asked for a line
// about each handshake or not.

import (
	"sync"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// oldPeerNotes says once for each identity that its connections go without the
// extended master secret (RFC 7627).
type oldPeerNotes struct {
	mu   sync.Mutex
	said map[string]bool // by identity
}

// add notes a connection, if there is anything to note. who is the other end.
func (n *oldPeerNotes) add(env *ui, who string, s watchword.Session) {
	if s.Version != watchword.VersionTLS12 || s.ExtendedMasterSecret {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.said[s.Identity] || len(n.said) == limits.MaxOldPeerNotes {
		return
	}
	if n.said == nil {
		n.said = make(map[string]bool)
	}
	n.said[s.Identity] = true
	rest := ""
	if len(n.said) == limits.MaxOldPeerNotes {
		rest = "; further ones are not listed"
	}
	env.warn("%s speaks TLS 1.2 without the extended master secret (RFC 7627): the session is not bound to its handshake (triple handshake), and only the policy legacy takes it%s", who, rest)
}
