package interop

// Our key files in the programs that read the same format: each of their
// servers loads a file of ours, and our client gets in with the keys of that
// file. And the other way round: we load what psktool writes.

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
)

// oddIdentity needs GnuTLS's notation in a key file.
const oddIdentity = "a:b"

// keyFileFor writes a file with all that the format has: a comment, attributes,
// a rotation, and an identity in hex. Programs know external keys only.
func keyFileFor(t *testing.T, name string) *keyfile.File {
	t.Helper()
	f, err := keyfile.Parse(filepath.Join(t.TempDir(), name), []byte("# watchword's keys: of a test\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	external := watchword.KeyOptions{Kind: watchword.External}
	forClient := watchword.KeyOptions{Kind: watchword.External, Role: watchword.ClientRole}
	for _, k := range []struct {
		identity string
		options  watchword.KeyOptions
	}{{identity, external}, {identity, forClient}, {oddIdentity, external}, {"bob", external}} {
		if _, err := f.Add(k.identity, keyfile.NewSecret(keyfile.DefaultKeyLen), k.options); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Create(); err != nil {
		t.Fatal(err)
	}
	return f
}

// current returns the key that our client offers.
func current(t *testing.T, f *keyfile.File, id string) *watchword.Config {
	t.Helper()
	k, err := f.Current(id)
	if err != nil {
		t.Fatal(err)
	}
	return &watchword.Config{Keys: []*watchword.Key{k}}
}

func TestGnuTLSReadsOurKeyFile(t *testing.T) {
	f := keyFileFor(t, "psk.txt")
	port := freePort(t)
	p := start(t, "gnutls-serv", "--port", port, "--pskpasswd", f.Name(), "--echo", "--priority", anyPSK)
	p.prints(`listening on IPv4 0\.0\.0\.0 port \d+\.\.\.done`)
	for _, id := range []string{identity, oddIdentity, "bob"} {
		c := dial(t, port, current(t, f, id))
		echoes(t, c)
	}
}

func TestMosquittoReadsOurKeyFile(t *testing.T) {
	f := keyFileFor(t, "psk.txt")
	port := freePort(t)
	// Without "user root" it would become a user who cannot read the file.
	config := writeFile(t, "mosquitto.conf", fmt.Appendf(nil,
		"listener %s 127.0.0.1\npsk_file %s\npsk_hint watchword\nallow_anonymous true\nuser root\npersistence false\n", port, f.Name()))
	p := start(t, "mosquitto", "-c", config, "-v")
	p.prints(`mosquitto version \S+ running`)
	for _, id := range []string{identity, "bob"} {
		c := dial(t, port, current(t, f, id))
		// CONNECT of a client called "z", and the CONNACK for it.
		if _, err := c.Write([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01z")); err != nil {
			t.Fatalf("%s cannot write: %v", id, err)
		}
		answer := make([]byte, 4)
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "\x20\x02\x00\x00" {
			t.Errorf("to %s the broker answers %x, %v", id, answer, err)
		}
		c.Close()
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// stunnel takes neither comments nor a notation for odd identities.
func TestStunnelReadsOurPlainFile(t *testing.T) {
	full := keyFileFor(t, "watchword.keys")
	if _, err := full.Plain("psk.txt", ""); err == nil {
		t.Error("an identity with a colon is exported to a plain file")
	}
	for _, k := range full.KeysOf(oddIdentity) {
		if err := full.Remove(k); err != nil {
			t.Fatal(err)
		}
	}
	f, err := full.Plain(filepath.Join(t.TempDir(), "psk.txt"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Create(); err != nil {
		t.Fatal(err)
	}
	echo := echoServer(t)
	config := writeFile(t, "stunnel.conf", fmt.Appendf(nil,
		"foreground = yes\npid =\ndebug = info\nsyslog = no\n[psk]\naccept = 127.0.0.1:0\nconnect = %s\nPSKsecrets = %s\n", echo, f.Name()))
	p := start(t, "stunnel", config)
	port := p.prints(`Service \[psk\] \(FD=\d+\) bound to 127\.0\.0\.1:(\d+)`)
	for _, id := range []string{identity, "bob"} {
		c := dial(t, port, current(t, full, id))
		echoes(t, c)
	}
	if strings.Contains(p.text(), "Insecure file permissions") {
		t.Error("stunnel finds that others may read our file")
	}
}

// echoServer returns the address of a server in the clear that echoes.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestNbdkitReadsOurKeyFile(t *testing.T) {
	f := keyFileFor(t, "keys.psk")
	port := freePort(t)
	p := start(t, "nbdkit", "-f", "-v", "-i", "127.0.0.1", "-p", port, "--tls=require", "--tls-psk="+f.Name(), "memory", "1M")
	p.prints(`bound to IP address`)
	for _, id := range []string{identity, oddIdentity, "bob"} {
		nbdDial(t, port, current(t, f, id)).Close()
	}
	// QEMU's client looks its key up in the same file, which it knows by the
	// name of its folder.
	q := start(t, "qemu-img", "info", "--object", "tls-creds-psk,id=t0,dir="+filepath.Dir(f.Name())+",endpoint=client,username="+identity,
		"--image-opts", "driver=nbd,host=127.0.0.1,port="+port+",tls-creds=t0")
	if status := q.ends(); status != 0 || !strings.Contains(q.text(), "virtual size: 1 MiB") {
		t.Errorf("qemu-img ends with status %d and prints %q", status, q.text())
	}
}

func TestQEMUReadsOurKeyFile(t *testing.T) {
	f := keyFileFor(t, "keys.psk") // the name that QEMU looks for
	giveDHGroup(t, filepath.Dir(f.Name()))
	image := writeFile(t, "image", make([]byte, 1<<20))
	port := freePort(t)
	p := start(t, "qemu-nbd", "-t", "-x", "", "-b", "127.0.0.1", "-p", port, "-f", "raw",
		"--object", "tls-creds-psk,id=t0,dir="+filepath.Dir(f.Name())+",endpoint=server", "--tls-creds", "t0", image)
	waitPort(t, p, port)
	for _, id := range []string{identity, oddIdentity, "bob"} {
		nbdDial(t, port, current(t, f, id)).Close()
	}
}

// waitPort waits until the program listens, for one that does not say so. It
// looks into the kernel's table: a connection would count as a client.
func waitPort(t *testing.T, p *peer, port string) {
	t.Helper()
	const ports = "/proc/net/tcp"
	if !fileExists(ports) {
		missing(t, "the kernel's table of ports, "+ports+",")
	}
	var n uint16
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	listening := fmt.Sprintf(":%04X 00000000:0000 0A ", n)
	for time.Now().Before(p.deadline) {
		table, err := os.ReadFile(ports)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(table), listening) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s: time is over before it listens", p.name)
}

// nbdDial does what comes before TLS in NBD's protocol, and then our client's
// handshake.
func nbdDial(t *testing.T, port string, cfg *watchword.Config) *watchword.Conn {
	t.Helper()
	raw, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), testTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(testTime))
	if err := nbdAskForTLS(raw); err != nil {
		t.Fatal(err)
	}
	c := watchword.Client(raw, cfg)
	if err := c.Handshake(); err != nil {
		t.Fatalf("our client's handshake fails: %v", err)
	}
	// TLS 1.3's server has not seen our Finished yet: an answer proves it.
	if _, err := nbdAsk(c, nbdInfo, make([]byte, 6)); err != nil {
		t.Fatalf("the NBD server does not answer: %v", err)
	}
	return c
}

func TestWeReadWhatPsktoolWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "psk.txt")
	for _, id := range []string{identity, "bob"} {
		p := start(t, "psktool", "-u", id, "-p", path, "-s", "32")
		if status := p.ends(); status != 0 {
			t.Fatalf("psktool ends with status %d", status)
		}
	}
	f, err := keyfile.Load(path, keyfile.LoadOptions{AllowReadable: true})
	if err != nil {
		t.Fatalf("what psktool wrote is refused: %v", err)
	}
	if ids := strings.Join(f.Identities(), " "); ids != identity+" bob" {
		t.Errorf("the identities are %s", ids)
	}
}
