//go:build unix

package tunnel

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/watchword-tls/watchword/internal/limits"
)

// A process without descriptors cannot look at its files: that is no change of them.
func TestLookWithoutDescriptors(t *testing.T) {
	b := watched(t)
	withoutDescriptors(t, func() { b.look(limits.TunnelWatchMissingLooks + 2) })
	b.look(3)
	b.said(0, 0)
}

// withoutDescriptors runs f while the process has none left.
func withoutDescriptors(t *testing.T, f func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = 200
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	for {
		fd, err := unix.Dup(0)
		if err != nil {
			break
		}
		defer unix.Close(fd)
	}
	f()
}
