package main

// How the shim's server finds keys. Watchword answers an unknown identity as it
// answers a wrong key, with decrypt_error, so that nobody learns which
// identities exist. BoringSSL answers it with handshake_failure, and the runner
// wants that; an application may choose it, as here.

import (
	"bytes"
	"context"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
)

// lookup knows the keys of a test, the preferred one first.
type lookup []*watchword.Key

// LookupKeys returns the keys whose identities are offered.
func (l lookup) LookupKeys(_ context.Context, offered []watchword.OfferedIdentity) ([]*watchword.Key, error) {
	var known []*watchword.Key
	for _, k := range l {
		for _, o := range offered {
			if k.Identity() == o.Identity && (o.Ticket || o.Kind == watchword.Imported && bytes.Equal(o.Context, k.Options().Context)) {
				known = append(known, k)
				break
			}
		}
	}
	if known == nil {
		return nil, &watchword.LocalError{
			Description: alert.HandshakeFailure,
			Reason:      "no offered key is known here",
			Cause:       watchword.ErrUnknownIdentity,
		}
	}
	return known, nil
}
