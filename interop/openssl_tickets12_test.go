package interop

// OpenSSL's tickets of TLS 1.2: its server gives one with the first connection
// and none with those that it resumes, so that one works several times.

import (
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestOpenSSLServerTicketsIn12(t *testing.T) {
	key := newSecret(32)
	_, port := sServer(t, append(opensslKey(t, key, chacha), "-rev", "-tls1_2")...)
	cfg := &watchword.Config{
		Keys:    []*watchword.Key{key.external(t, watchword.SHA256)},
		Policy:  watchword.Compatible,
		Tickets: clientTickets(),
	}
	for i, want := range []bool{false, true, true, true} {
		c := dial(t, port, cfg)
		s := c.Session()
		if s.Resumed != want || s.Version != watchword.VersionTLS12 || s.Identity != identity || s.Group == 0 {
			t.Errorf("connection %d: %+v; resumed ought to be %t", i+1, s, want)
		}
		reversed(t, c)
		c.Close()
	}
}
