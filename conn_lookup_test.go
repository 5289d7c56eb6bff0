package watchword

import (
	"context"
	"errors"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

// lookedUp does a handshake with a server that has this lookup, and returns
// both ends' errors.
func lookedUp(t *testing.T, lookup lookupFunc) (client, server error) {
	t.Helper()
	config := &Config{Lookup: lookup, AllowSameProcess: true}
	_, _, client, server = handshaken(t, &Config{Keys: []*Key{keyWith(t, "alice", 1, KeyOptions{})}}, config)
	return client, server
}

func TestLookupIsAskedForWhatWasOffered(t *testing.T) {
	clientErr, serverErr := lookedUp(t, func(_ context.Context, offered []OfferedIdentity) ([]*Key, error) {
		if len(offered) != 2 || offered[0].Identity != "alice" || offered[0].Kind != Imported || offered[0].Ticket {
			t.Errorf("The lookup was told of %+v, want the identity once for each hash.", offered)
		}
		return []*Key{keyWith(t, "alice", 1, KeyOptions{})}, nil
	})
	if clientErr != nil || serverErr != nil {
		t.Errorf("The handshake failed: client %v; server %v.", clientErr, serverErr)
	}
}

func TestLookupRefuses(t *testing.T) {
	var remote *RemoteError
	errStore := errors.New("the store is down")
	for _, c := range []struct {
		what  string
		err   error
		alert alert.Description
	}{
		{"an identity that is not admitted", ErrNotAdmitted, alert.DecryptError},
		{"a store that fails", errStore, alert.InternalError},
		{"an alert of its own", alert.New(alert.UnknownPSKIdentity, "no such identity"), alert.UnknownPSKIdentity},
	} {
		clientErr, serverErr := lookedUp(t, func(context.Context, []OfferedIdentity) ([]*Key, error) { return nil, c.err })
		if !errors.Is(serverErr, c.err) {
			t.Errorf("%s: the server's error is %v, want one that is the lookup's.", c.what, serverErr)
		}
		if !errors.As(clientErr, &remote) || remote.Description != c.alert {
			t.Errorf("%s: the client's error is %v, want alert %s.", c.what, clientErr, c.alert)
		}
	}
}

// A handshake that is given up ends a lookup under way.
func TestLookupEndsWithTheHandshake(t *testing.T) {
	a, b := tcpPair(t)
	asked := make(chan struct{})
	server := Server(b, &Config{AllowSameProcess: true, Lookup: lookupFunc(func(ctx context.Context, _ []OfferedIdentity) ([]*Key, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(ctx) }()
	go Client(a, &Config{Keys: []*Key{keyWith(t, "alice", 1, KeyOptions{})}}).Handshake()
	<-asked
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("The handshake ended with %v, want the context's error.", err)
	}
}
