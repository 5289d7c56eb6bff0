//go:build unix

package settings

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that is replaced by what may never end is an error, and no wait.
func TestLoadWatchedRefusesAFIFO(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tunnel.toml")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadWatched(name); err == nil || !strings.Contains(err.Error(), name+" is no regular file") {
		t.Errorf("A FIFO is loaded, with %v.", err)
	}
}
