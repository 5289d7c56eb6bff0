//go:build unix

package interop

// Our tunnel with stunnel at its other end, both ways.

import (
	"fmt"
	"testing"
)

var tunnelVersions = []struct{ name, stunnel string }{
	{"TLS 1.3", "TLSv1.3"},
	{"TLS 1.2", "TLSv1.2"},
}

// stunnelWith starts stunnel with these lines in its service, and returns its
// port.
func stunnelWith(t *testing.T, key secret, version, lines string) string {
	t.Helper()
	secrets := writeFile(t, "secrets", fmt.Appendf(nil, "%s:%s\n", identity, key.hex()))
	config := fmt.Sprintf("foreground = yes\npid =\nsyslog = no\ndebug = info\n[psk]\naccept = 127.0.0.1:0\n"+
		"PSKsecrets = %s\nciphers = PSK\nsslVersion = %s\n%s\n", secrets, version, lines)
	p := start(t, "stunnel", writeFile(t, "stunnel.conf", []byte(config)))
	return stunnelPort(p)
}

func TestTunnelClientToStunnel(t *testing.T) {
	t.Parallel()
	for _, v := range tunnelVersions {
		t.Run(v.name, func(t *testing.T) {
			folder := t.TempDir()
			_, key := newKeyFile(t, folder)
			plain := newPatientEcho(t)
			port := stunnelWith(t, key, v.stunnel, "connect = "+plain.address)
			p, address := tunnel(t, folder, "client", "--to", "127.0.0.1:"+port, "--policy", "compatible")
			plain.sendsBack(t, plainDial(t, address))
			p.prints(fmt.Sprintf(`msg=connection .*identity=alice .*in=%[1]d out=%[1]d .*end=done`, len(load())))

			t.Run("wrong key", func(t *testing.T) {
				folder := t.TempDir()
				newKeyFile(t, folder)
				p, address := tunnel(t, folder, "client", "--to", "127.0.0.1:"+port, "--policy", "compatible")
				if err := carry(address, noise(1000)); err == nil {
					t.Error("data comes back through a tunnel with a wrong key")
				}
				p.prints(`msg="no connection" .*does not know the key`)
			})
		})
	}
}

func TestStunnelToTunnelServer(t *testing.T) {
	t.Parallel()
	for _, v := range tunnelVersions {
		t.Run(v.name, func(t *testing.T) {
			folder := t.TempDir()
			_, key := newKeyFile(t, folder)
			p, address := tunnel(t, folder, "server", "--to", echoServer(t), "--policy", "compatible")
			way := "client = yes\nPSKidentity = " + identity + "\nconnect = " + address
			throughTunnel(t, plainDial(t, "127.0.0.1:"+stunnelWith(t, key, v.stunnel, way)))
			p.prints(fmt.Sprintf(`msg=connection .*identity=alice .*in=%[1]d out=%[1]d .*end=done`, len(load())))

			wrong := stunnelWith(t, newSecret(32), v.stunnel, way)
			if err := carry("127.0.0.1:"+wrong, noise(1000)); err == nil {
				t.Error("data comes back through a tunnel with a wrong key")
			}
			p.prints(`msg="no connection" .*its key differs`)
		})
	}
}
