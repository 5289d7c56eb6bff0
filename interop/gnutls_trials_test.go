package interop

// GnuTLS, both ways, as the table has it.

import (
	"slices"
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestGnuTLSAsServer(t *testing.T) {
	serverProgram{
		peer: gnutlsPeer, end: "gnutls-serv (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port = freePort(t)
			p := run(t, gnutlsPeer.folder, "server", configure(t, gnutlsPeer.folder, v))
			p.prints(`listening on IPv4 0\.0\.0\.0 port \d+\.\.\.done`)
			return p, v.Port
		},
		talk:   sendsBackPieces,
		trials: gnutlsTrials(),
	}.test(t)
}

func TestGnuTLSAsClient(t *testing.T) {
	clientProgram{
		peer: gnutlsPeer, end: "gnutls-cli (client)",
		start: func(t *testing.T, v values) *peer {
			return run(t, gnutlsPeer.folder, "client", configure(t, gnutlsPeer.folder, v))
		},
		serve: sendBack,
		talk: func(t *testing.T, p *peer) string {
			// It prints each byte by itself, which takes its time.
			return feeds(t, p, "- Simple Client Mode:\n\n", load()[:len(load())/4])
		},
		trials: gnutlsTrials(),
	}.test(t)
}

func gnutlsTrials() []trial {
	return slices.Concat(
		[]trial{
			{version: watchword.VersionTLS13, with: "both ends' defaults"},
			{version: watchword.VersionTLS13, with: "psk_ke, without forward secrecy", args: ":-ECDHE-PSK", policy: watchword.Modern,
				set: func(c *watchword.Config) { c.KeyExchange = watchword.PSKOnly }},
		},
		each(chacha, aes128),
	)
}
