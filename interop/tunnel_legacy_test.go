//go:build unix

package interop

import (
	"path/filepath"
	"testing"
)

// A peer without extended master secret, which only the policy legacy lets in, is
// named in the line of its connection.
func TestTunnelNamesPeersWithoutExtendedMasterSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, key := newKeyFile(t, folder)
	server, front := tunnel(t, folder, "server", "--to", echoServer(t), "--policy", "legacy")
	conf, err := filepath.Abs("testdata/conf/openssl/no-ems.cnf")
	if err != nil {
		t.Fatal(err)
	}
	client := startIn(t, t.TempDir(), []string{"OPENSSL_CONF=" + conf}, "openssl", "s_client", "-connect", front, "-tls1_2",
		"-cipher", "PSK-AES128-CBC-SHA256", "-psk_identity", identity, "-psk", key.hex())
	client.prints(`Extended master secret: no`)
	client.stop()
	server.prints(`msg=connection .*version=TLSv1.2 .*extended-master-secret=false`)
}
