//go:build unix

package interop

// Our own program, its tunnels and what the tests put around them.

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// ownProgram builds watchword once, and returns its path.
var ownProgram = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "watchword")
	if err != nil {
		return "", err
	}
	atEnd = append(atEnd, func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "watchword")
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "../cmd/watchword")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("watchword does not build: %w\n%s", err, out)
	}
	return path, nil
})

// ours starts a verb of the program in this folder.
func ours(t *testing.T, folder string, args ...string) *peer {
	t.Helper()
	path, err := ownProgram()
	if err != nil {
		t.Fatal(err)
	}
	p := startIn(t, folder, nil, path, args...)
	p.name = "watchword"
	return p
}

// oursDone runs a verb to its end, which must be a good one.
func oursDone(t *testing.T, folder string, args ...string) string {
	t.Helper()
	p := ours(t, folder, args...)
	if status := p.ends(); status != 0 {
		t.Fatalf("watchword %s ends with status %d: %s", strings.Join(args, " "), status, p.text())
	}
	return p.data()
}

// tunnel starts a side of a tunnel and returns it with where it listens.
func tunnel(t *testing.T, folder, side string, args ...string) (p *peer, address string) {
	t.Helper()
	p = ours(t, folder, append([]string{"tunnel", side, "--listen", "127.0.0.1:0"}, args...)...)
	return p, tunnelAt(p, "tunnel")
}

// tunnelAt waits until a service listens and returns where.
func tunnelAt(p *peer, service string) string {
	return p.prints(`msg=listening service=` + service + ` direction=\w+ at=\[?([0-9.:]+)`)
}

// newKeyFile writes a file with one external key for identity into the folder.
func newKeyFile(t *testing.T, folder string) (path string, key secret) {
	t.Helper()
	key = newSecret(32)
	path = filepath.Join(folder, "watchword.keys")
	text := fmt.Sprintf("# watchword: external\n%s:%s\n", identity, key.hex())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, key
}

// plainDial connects to the plain side of a tunnel.
func plainDial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, testTime)
	if err != nil {
		t.Fatalf("nobody listens at the plain side: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(testTime))
	return c.(*net.TCPConn)
}

// carry is one whole connection through a tunnel to a server that echoes:
// data there, the end of our stream, data back, the end of the other one.
func carry(address string, data []byte) error {
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	raw, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(testTime))
	c := raw.(*net.TCPConn)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		if err == nil {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(c)
	if err == nil {
		err = <-sent
	}
	if err == nil && !bytes.Equal(got, data) {
		err = fmt.Errorf("%d bytes came back of %d, or others", len(got), len(data))
	}
	return err
}

// noise returns n random bytes.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
