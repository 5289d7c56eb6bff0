package interop

// mbed TLS and wolfSSL have no program to connect with, so each has a small one
// in C in testdata, compiled here. And Node.js, whose two programs are of the
// same kind: a server that sends back what comes, and its client.

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

// compile compiles testdata/FOLDER/psk.c and returns the program's path.
func compile(t *testing.T, folder, header string, libraries ...string) string {
	t.Helper()
	cc := lookup(t, "cc")
	// The header stands for the library: without it the test is skipped.
	probe := command(t, testTime, cc, "-E", "-include", header, "-x", "c", "-")
	probe.Stdin = strings.NewReader("")
	if err := probe.Run(); err != nil {
		missing(t, "the library of "+header)
	}
	program := filepath.Join(t.TempDir(), folder)
	args := append([]string{"-Wall", "-Wextra", "-Werror", "-O1", "-o", program, "testdata/" + folder + "/psk.c"}, libraries...)
	if out, err := command(t, buildTime, cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("psk.c of %s does not compile: %v\n%s", folder, err, out)
	}
	return program
}

func compileMbedTLS(t *testing.T) string {
	return compile(t, "mbedtls", "mbedtls/ssl.h", "-lmbedtls", "-lmbedx509", "-lmbedcrypto")
}

func compileWolfSSL(t *testing.T) string {
	return compile(t, "wolfssl", "wolfssl/ssl.h", "-lwolfssl")
}

// echoProgram returns both ends of a peer whose server says "listening PORT".
func echoProgram(p *peerInfo, program string) (serverProgram, clientProgram) {
	server := serverProgram{
		peer: p, end: p.order[0],
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port, v.Program = "0", program
			running := run(t, p.folder, "server", configure(t, p.folder, v))
			return running, running.prints(`listening (\d+)`)
		},
		talk: sendsBackWhole,
	}
	client := clientProgram{
		peer: p, end: p.order[1],
		start: func(t *testing.T, v values) *peer {
			v.Program = program
			return run(t, p.folder, "client", configure(t, p.folder, v))
		},
		serve: sendBack,
		talk:  func(t *testing.T, running *peer) string { return feeds(t, running, "", load()) },
	}
	return server, client
}

func TestWolfSSL(t *testing.T) {
	t.Parallel()
	server, client := echoProgram(wolfsslPeer, compileWolfSSL(t))
	both := slices.Concat(
		[]trial{{version: watchword.VersionTLS13, with: defaults}},
		changed([]trial{{version: watchword.VersionTLS12, policy: watchword.Compatible}}, defaults, "", "tls12", 0),
		changed(each(
			watchword.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, ecdheChaCha, ecdheCBC[0], plainAEAD[2],
		), "", "", "tls12", 0),
	)
	server.trials = both
	// It offers X25519 in TLS 1.2 and then fails with it in ECDHE_PSK.
	client.trials = slices.Concat(withP256(both), withP256(changed(each(ecdheCBC[0]), "no extended master secret", "", "tls12 - no-ems", noEMS)), []trial{
		// It lists psk_ke first, and gets forward secrecy all the same.
		{version: watchword.VersionTLS13, with: "`KeyExchange: PSKOnlyAllowed`", group: watchword.P256,
			set: func(c *watchword.Config) { c.KeyExchange = watchword.PSKOnlyAllowed }},
		{version: watchword.VersionTLS13, with: pskOnly, args: "tls13 - psk_ke",
			set: func(c *watchword.Config) { c.KeyExchange = watchword.PSKOnly }},
	})
	t.Run("server", server.test)
	t.Run("client", client.test)
}

// withP256 returns the trials with TLS 1.2 kept to the group P-256.
func withP256(trials []trial) []trial {
	trials = slices.Clone(trials)
	for i := range trials {
		if tr := &trials[i]; tr.version == watchword.VersionTLS12 && tr.suite != plainAEAD[2] {
			tr.with = strings.TrimSuffix("`Groups: P256`; "+tr.with, "; ")
			tr.set = func(c *watchword.Config) { c.Groups = []watchword.Group{watchword.P256} }
		}
	}
	return trials
}

func TestMbedTLS(t *testing.T) {
	t.Parallel()
	server, client := echoProgram(mbedtlsPeer, compileMbedTLS(t))
	server.trials = slices.Concat(
		[]trial{{version: watchword.VersionTLS12, with: defaults, policy: watchword.Compatible}},
		each(all12...),
		changed(each(ecdheCBC[0], plainCBC[0]), "no encrypt-then-MAC", "", "- no-etm", noETM),
		changed(each(ecdheCBC[0], plainAEAD[0]), "no extended master secret", "", "- no-ems", noEMS),
	)
	client.trials = server.trials
	t.Run("server", server.test)
	t.Run("client", client.test)
}

func TestNode(t *testing.T) {
	t.Parallel()
	server, client := echoProgram(nodePeer, "")
	server.trials = slices.Concat(
		unpinned(watchword.Compatible),
		each(chacha, aes128),
		each(ecdheChaCha, ecdheCBC[0], ecdheCBC[1], plainAEAD[0], plainAEAD[1], plainAEAD[2], plainCBC[0], plainCBC[2]),
	)
	client.trials = server.trials
	t.Run("server", server.test)
	t.Run("client", client.test)
}
