package interop

// Python's module ssl, which has shared keys from 3.13 on. Debian 12 has 3.11,
// so this peer is not required and has no rows: the test runs where it can.

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestPython(t *testing.T) {
	t.Parallel()
	python := lookup(t, "python3")
	if newer, err := exec.LookPath("python3.13"); err == nil {
		python = newer
	}
	if command(t, testTime, python, "-c", "import ssl, sys; sys.exit(not getattr(ssl, 'HAS_PSK', False))").Run() != nil {
		t.Skip("Python's module ssl has no shared keys before 3.13; it is not one of interop/peers.txt")
	}
	script, err := filepath.Abs("testdata/python/psk.py")
	if err != nil {
		t.Fatal(err)
	}
	info := &peerInfo{name: "Python", order: []string{"ssl (server)", "ssl (client)"}}
	begin := func(t *testing.T, role string, v values) *peer {
		key := writeFile(t, "key.hex", []byte(v.Key+"\n"))
		return start(t, python, script, role, v.Port, v.Identity, key)
	}
	trials := append(unpinned(watchword.Compatible), each(ecdheCBC[0], plainAEAD[0])...)
	server := serverProgram{peer: info, end: info.order[0], talk: sendsBackWhole, trials: trials,
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port = "0"
			p := begin(t, "server", v)
			return p, p.prints(`listening (\d+)`)
		},
	}
	client := clientProgram{peer: info, end: info.order[1], serve: sendBack, trials: trials,
		start: func(t *testing.T, v values) *peer { return begin(t, "client", v) },
		talk:  func(t *testing.T, p *peer) string { return feeds(t, p, "", load()) },
	}
	t.Run("server", server.test)
	t.Run("client", client.test)
}
