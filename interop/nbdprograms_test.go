package interop

// nbdkit, libnbd's nbdinfo and nbdcopy, and QEMU's qemu-nbd and qemu-img.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

// diskSize is the size of every export, which is more than the load.
const diskSize = 8 << 20

func nbdServer(name string, end error, start func(*testing.T, values) (*peer, string)) serverProgram {
	return serverProgram{
		peer: nbdPeer, end: name, start: start, before: nbdAskForTLS,
		talk: func(t *testing.T, c *watchword.Conn) string {
			data := load()
			got, err := nbdMove(c, data)
			if err != nil {
				t.Fatalf("NBD fails: %v", err)
			}
			if checksum(got) != checksum(data) {
				t.Errorf("from the disk come %s, want %s", checksum(got), checksum(data))
			}
			if err := c.CloseWrite(); err != nil {
				t.Errorf("our client cannot end its stream: %v", err)
			}
			if err := nbdEnds(c, end); err != nil {
				t.Error(err)
			}
			return size(data) + " written and read" + nbdEndWords(end)
		},
		trials: nbdTrials(),
	}
}

func TestNbdkitAsServer(t *testing.T) {
	nbdServer("nbdkit (server)", nil, func(t *testing.T, v values) (*peer, string) {
		v.Port = freePort(t)
		p := run(t, nbdPeer.folder, "nbdkit", configure(t, nbdPeer.folder, v))
		p.prints(`bound to IP address`)
		return p, v.Port
	}).test(t)
}

func TestQemuNbdAsServer(t *testing.T) {
	nbdServer("qemu-nbd (server)", watchword.ErrTruncated, func(t *testing.T, v values) (*peer, string) {
		v.Port = freePort(t)
		v = configure(t, nbdPeer.folder, v)
		giveDHGroup(t, v.Dir)
		if err := os.WriteFile(filepath.Join(v.Dir, "image"), make([]byte, diskSize), 0o600); err != nil {
			t.Fatal(err)
		}
		p := run(t, nbdPeer.folder, "qemu-nbd", v)
		waitPort(t, p, v.Port)
		return p, v.Port
	}).test(t)
}

// giveDHGroup puts a group of RFC 7919 beside the keys of QEMU, which otherwise
// looks for one of its own. That may take longer than a test.
func giveDHGroup(t *testing.T, folder string) {
	t.Helper()
	group, err := os.ReadFile("testdata/qemu/dh-params.pem")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "dh-params.pem"), group, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// loadedDisk is a disk that begins with the load.
func loadedDisk() []byte { return append(slices.Clone(load()), make([]byte, diskSize-len(load()))...) }

// nbdEnds wants the end of the stream after the client has disconnected: a clean
// one (nil), or ErrTruncated of QEMU, which says no close_notify.
func nbdEnds(c *watchword.Conn, want error) error {
	rest, err := io.ReadAll(c)
	if len(rest) > 0 || !errors.Is(err, want) {
		return fmt.Errorf("after the end of NBD come %d bytes and %v, want %v", len(rest), err, want)
	}
	return nil
}

// nbdDisk returns our server with a disk.
func nbdDisk(disk []byte, end error) func(*watchword.Conn) error {
	return func(c *watchword.Conn) error {
		if err := nbdServe(c, disk); err != nil {
			return err
		}
		return nbdEnds(c, end)
	}
}

// nbdEndWords says for the table how a program ends.
func nbdEndWords(end error) string {
	if end != nil {
		return ", ends without close_notify"
	}
	return ""
}

func TestNbdinfo(t *testing.T) {
	clientProgram{
		peer: nbdPeer, end: "nbdinfo (client)", before: nbdOfferTLS,
		start: func(t *testing.T, v values) *peer {
			return run(t, nbdPeer.folder, "nbdinfo", configure(t, nbdPeer.folder, v))
		},
		serve: nbdDisk(make([]byte, diskSize), nil),
		talk: func(t *testing.T, p *peer) string {
			if status := p.ends(); status != 0 || !strings.Contains(p.text(), "newstyle-fixed with TLS") {
				t.Errorf("nbdinfo ends with status %d and prints %q", status, p.text())
			}
			return "the export's size"
		},
		sends:  "127.0.0.1",
		trials: nbdTrials()[:2],
	}.test(t)
}

// A program that reads the whole disk into a file called copy.
func nbdReader(name, command, sni string, end error) clientProgram {
	return clientProgram{
		peer: nbdPeer, end: name, before: nbdOfferTLS,
		start: func(t *testing.T, v values) *peer {
			return run(t, nbdPeer.folder, command, configure(t, nbdPeer.folder, v))
		},
		serve: nbdDisk(loadedDisk(), end),
		talk: func(t *testing.T, p *peer) string {
			if status := p.ends(); status != 0 {
				t.Errorf("%s ends with status %d, want 0", p.name, status)
			}
			got, err := os.ReadFile(filepath.Join(p.cmd.Dir, "copy"))
			if want := loadedDisk(); err != nil || checksum(got) != checksum(want) {
				t.Errorf("%s reads %s, %v; want %s", p.name, checksum(got), err, checksum(want))
			}
			return size(loadedDisk()) + " read" + nbdEndWords(end)
		},
		sends:  sni,
		trials: nbdTrials(),
	}
}

func TestNbdcopy(t *testing.T) {
	nbdReader("nbdcopy (client)", "nbdcopy", "127.0.0.1", nil).test(t)
}

func TestQemuImg(t *testing.T) {
	nbdReader("qemu-img (client)", "qemu-img", "", watchword.ErrTruncated).test(t)
}

// nbdcopy can also fill our disk, through several connections at once.
func TestNbdcopyWrites(t *testing.T) {
	t.Parallel()
	key := newSecret(32)
	disk := make([]byte, diskSize)
	s := serveAfter(t, nbdOfferTLS, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}},
		nbdDisk(disk, nil))
	v := configure(t, nbdPeer.folder, values{Identity: identity, Key: key.hex(), Host: "127.0.0.1", Port: s.port})
	if err := os.WriteFile(filepath.Join(v.Dir, "image"), loadedDisk(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, nbdPeer.folder, "nbdcopy-back", v)
	if status := p.ends(); status != 0 {
		t.Errorf("nbdcopy ends with status %d, want 0", status)
	}
	s.succeeds()
	if !bytes.Equal(disk, loadedDisk()) {
		t.Error("nbdcopy writes something else than its file")
	}
}

func nbdTrials() []trial {
	return slices.Concat(
		unpinned(watchword.Compatible),
		each(chacha, aes128),
		// No CBC but with SHA-1.
		each(ecdheChaCha, ecdheCBC[2], plainAEAD[0], plainAEAD[1]),
	)
}
