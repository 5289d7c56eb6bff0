package interop

// OpenSSL, both ways, as the table has it.

import (
	"slices"
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestOpenSSLAsServer(t *testing.T) {
	serverProgram{
		peer: opensslPeer, end: "s_server (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port = "0"
			p := run(t, opensslPeer.folder, "server", configure(t, opensslPeer.folder, v))
			return p, p.prints(`ACCEPT 127\.0\.0\.1:(\d+)`)
		},
		talk: func(t *testing.T, c *watchword.Conn) string {
			return sendsBack(t, c, reverseLines)
		},
		trials: opensslTrials(),
	}.test(t)
}

func TestOpenSSLAsClient(t *testing.T) {
	clientProgram{
		peer: opensslPeer, end: "s_client (client)",
		start: func(t *testing.T, v values) *peer {
			return run(t, opensslPeer.folder, "client", configure(t, opensslPeer.folder, v))
		},
		serve:  sendBack,
		talk:   func(t *testing.T, p *peer) string { return feeds(t, p, "", load()) },
		trials: opensslTrials(),
	}.test(t)
}

func opensslTrials() []trial {
	return slices.Concat(
		[]trial{{version: watchword.VersionTLS13, with: "both ends' defaults"}},
		each(chacha, aes128, aes256),
	)
}
