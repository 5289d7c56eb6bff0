package interop

// The programs that docs/peers.md tells of, in its order.

import (
	"os/exec"
	"strings"
)

// A peerInfo is a section of docs/peers.md.
type peerInfo struct {
	name     string   // the heading
	folder   string   // in testdata/conf
	packages []string // of Debian
	order    []string // of the ends
}

var (
	opensslPeer = &peerInfo{"OpenSSL 3", "openssl", []string{"openssl"},
		[]string{"s_server (server)", "s_client (client)"}}
	gnutlsPeer = &peerInfo{"GnuTLS", "gnutls", []string{"gnutls-bin"},
		[]string{"gnutls-serv (server)", "gnutls-cli (client)"}}
	stunnelPeer = &peerInfo{"stunnel", "stunnel", []string{"stunnel4"},
		[]string{"stunnel (server)", "stunnel (client)"}}
	mosquittoPeer = &peerInfo{"Mosquitto", "mosquitto", []string{"mosquitto", "mosquitto-clients"},
		[]string{"mosquitto (server)", "mosquitto_pub (client)", "mosquitto_sub (client)"}}
	nbdPeer = &peerInfo{"NBD: nbdkit, libnbd, QEMU", "nbd", []string{"nbdkit", "libnbd-bin", "qemu-utils"},
		[]string{"nbdkit (server)", "qemu-nbd (server)", "nbdinfo (client)", "nbdcopy (client)", "qemu-img (client)"}}
	zabbixPeer = &peerInfo{"Zabbix", "zabbix", []string{"zabbix-agent", "zabbix-agent2", "zabbix-proxy-sqlite3"},
		[]string{"zabbix_agentd (server)", "zabbix_agentd (client)", "zabbix_agent2 (server)", "zabbix_agent2 (client)", "zabbix_get (client)", "zabbix_sender (client)"}}
	nodePeer = &peerInfo{"Node.js", "node", []string{"nodejs"},
		[]string{"tls (server)", "tls (client)"}}
	mbedtlsPeer = &peerInfo{"mbed TLS", "mbedtls", []string{"libmbedtls-dev"},
		[]string{"psk.c (server)", "psk.c (client)"}}
	wolfsslPeer = &peerInfo{"wolfSSL", "wolfssl", []string{"libwolfssl-dev"},
		[]string{"psk.c (server)", "psk.c (client)"}}
	freeradiusPeer = &peerInfo{"FreeRADIUS", "freeradius", []string{"freeradius"},
		[]string{"freeradius (server)"}}
	libcoapPeer = &peerInfo{"libcoap", "libcoap", []string{"libcoap3-bin"},
		[]string{"coap-server-openssl (server)", "coap-server-gnutls (server)", "coap-client-openssl (client)", "coap-client-gnutls (client)"}}
)

var peerList = []*peerInfo{
	opensslPeer, gnutlsPeer, stunnelPeer, mosquittoPeer, nbdPeer, zabbixPeer,
	nodePeer, mbedtlsPeer, wolfsslPeer, freeradiusPeer, libcoapPeer,
}

// debianVersion returns the version of an installed package without Debian's
// own part of it.
func debianVersion(name string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	if err != nil {
		return "of an unknown version"
	}
	version := string(out)
	if _, after, ok := strings.Cut(version, ":"); ok {
		version = after
	}
	if i := strings.IndexAny(version, "-+~"); i >= 0 {
		version = version[:i]
	}
	return version
}
