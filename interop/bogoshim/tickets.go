package main

// What the connections of one test share: a client's tickets, a server's
// configuration, since the keys of its tickets live in it.

import (
	"reflect"

	"github.com/watchword-tls/watchword"
)

type shared struct {
	cache    watchword.TicketCache
	received int // tickets on the present connection

	// secrets is the key log of the present connection.
	secrets trafficSecrets

	// server is the configuration of the last connection and from what flags
	// it was made.
	server     *watchword.Config
	serverFrom serverFlags
}

// serverFlags are the flags that a server's configuration depends on.
type serverFlags struct {
	credentials []*credential
	groups      []watchword.Group
	selectALPN  string
	alpn        []string
	noTicket    bool
}

func newShared() *shared { return &shared{cache: watchword.NewTicketCache()} }

// Put and Take make shared a TicketCache that counts.
func (s *shared) Put(name string, t *watchword.ClientTicket) {
	s.received++
	s.cache.Put(name, t)
}

func (s *shared) Take(name string) *watchword.ClientTicket { return s.cache.Take(name) }

// config returns the configuration for one connection.
func (s *shared) config(o *options) (*watchword.Config, error) {
	cfg, err := s.chosen(o)
	if err == nil && o.exportSecrets {
		cfg.KeyLogWriter = &s.secrets
	}
	return cfg, err
}

func (s *shared) chosen(o *options) (*watchword.Config, error) {
	if !o.server {
		cfg, err := o.config()
		if err == nil && !o.noTicket {
			cfg.Tickets = &watchword.Tickets{Cache: s}
		}
		return cfg, err
	}
	from := serverFlags{o.credentials, o.groups, o.selectALPN, o.alpn, o.noTicket}
	if s.server != nil && reflect.DeepEqual(from, s.serverFrom) {
		return s.server, nil
	}
	cfg, err := o.config()
	if err != nil {
		return nil, err
	}
	cfg.Tickets = &watchword.Tickets{Disabled: o.noTicket}
	s.server, s.serverFrom = cfg, from
	return cfg, nil
}
