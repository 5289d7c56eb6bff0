package interop

// GnuTLS, both ways, as the table has it.

import (
	"fmt"
	"io"
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
		serve: func(c *watchword.Conn) error { return takeLoad(c, printed()) },
		talk: func(t *testing.T, p *peer) string {
			return feeds(t, p, "- Simple Client Mode:\n\n", printed())
		},
		trials: gnutlsTrials(),
	}.test(t)
}

// printed is what gnutls-cli is sent: a part only, since it prints each byte by
// itself, which takes its time.
func printed() []byte { return load()[:len(load())/16] }

// takeLoad reads the load, sends back something else, and reads to the end.
func takeLoad(c *watchword.Conn, back []byte) error {
	got := make([]byte, len(load()))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if checksum(got) != checksum(load()) {
		return fmt.Errorf("our server reads %s, want %s", checksum(got), checksum(load()))
	}
	if _, err := c.Write(back); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

func gnutlsTrials() []trial {
	return slices.Concat(
		unpinned(watchword.Compatible),
		[]trial{
			{version: watchword.VersionTLS13, with: pskOnly, args: ":-ECDHE-PSK", policy: watchword.Modern,
				set: func(c *watchword.Config) { c.KeyExchange = watchword.PSKOnly }},
		},
		each(chacha, aes128),
		each(all12...),
		changed(each(ecdheCBC[0], plainCBC[0]), "no encrypt-then-MAC", "", ":%NO_ETM", noETM),
		changed(each(ecdheCBC[0], plainAEAD[0]), "no extended master secret", "", ":%NO_SESSION_HASH", noEMS),
	)
}
