package watchword

// Lookups of keys that tests use.

import "context"

// fixedLookup returns its keys whatever is offered.
type fixedLookup []*Key

func (l fixedLookup) LookupKeys(context.Context, []OfferedIdentity) ([]*Key, error) { return l, nil }

// lookupFunc is a lookup as a function.
type lookupFunc func(ctx context.Context, offered []OfferedIdentity) ([]*Key, error)

func (f lookupFunc) LookupKeys(ctx context.Context, offered []OfferedIdentity) ([]*Key, error) {
	return f(ctx, offered)
}
