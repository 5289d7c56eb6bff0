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
			data := longLines(load())
			return sendsBack(t, c, data, reverseLines(data))
		},
		// In TLS 1.2 the callback of s_server only warns.
		takesAnyIdentity: []uint16{watchword.VersionTLS12},
		trials:           opensslTrials(),
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
	cbc := []watchword.SuiteID{
		watchword.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,
		watchword.TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384,
		watchword.TLS_PSK_WITH_AES_128_CBC_SHA256,
		watchword.TLS_PSK_WITH_AES_128_CBC_SHA,
	}
	return slices.Concat(
		unpinned(watchword.Compatible),
		each(chacha, aes128, aes256),
		each(all12...),
		changed(each(cbc...), "no encrypt-then-MAC", "", "-no_etm", noETM),
		changed(each(cbc[0], plainAEAD[0], ecdheChaCha), "no extended master secret", "OPENSSL_CONF=no-ems.cnf", "", noEMS),
		changed(each(cbc...), "neither of both", "OPENSSL_CONF=no-ems.cnf", "-no_etm", noEMS|noETM),
	)
}
