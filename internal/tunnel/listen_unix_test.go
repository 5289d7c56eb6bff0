//go:build unix

package tunnel

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// A socket is given to the user that the process becomes, and has its mode from
// the start; a reload changes the mode when it is told another one, and never says
// that it cannot do what nobody asked for.
func TestOwnerAndModeOfASocket(t *testing.T) {
	path := filepath.Join(shortFolder(t), "s")
	var given []string
	o := one(settings.Client, "127.0.0.1:1")
	o.Listen[0] = settings.Address{Network: "unix", Host: path}
	b := startWith(t, keyA, func(o *Options) {
		o.OwnSocket = func(path string) error { given = append(given, path); return nil }
	}, o)
	if len(given) != 1 || given[0] != path {
		t.Errorf("These were given to the user: %q.", given)
	}
	has := func(want fs.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("The socket has the mode %v, error %v, want %v.", info.Mode(), err, want)
		}
	}
	has(0o600)
	if err := os.Chmod(path, 0o640); err != nil { // somebody's own idea
		t.Fatal(err)
	}
	if err := b.tunnel.Reload(); err != nil {
		t.Fatal(err)
	}
	has(0o640)
	if err := b.change(func(s *settings.Settings) { s.Services[0].SocketMode = 0o660 }); err != nil {
		t.Fatal(err)
	}
	has(0o660)
	os.Remove(path)
	if err := b.tunnel.Reload(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.log.String(), "cannot be changed") {
		t.Error("A mode that nobody changed cannot be changed, it says.")
	}
	if err := b.change(func(s *settings.Settings) { s.Services[0].SocketMode = 0o600 }); err != nil {
		t.Fatal(err)
	}
	b.says("the mode of the socket cannot be changed")
}
