//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package keyfile

import (
	"os"
	"syscall"
	"testing"
)

// Where the file system knows no locks, as with NFS, one change works as ever.
func TestEditWithoutLocks(t *testing.T) {
	inFolder(t)
	write(t, "keys", "a:"+k1, 0o600)
	real := flock
	t.Cleanup(func() { flock = real })
	flock = func(*os.File) error { return syscall.ENOLCK }
	if err := Edit("keys", LoadOptions{}, adds("b")); err != nil {
		t.Fatal(err)
	}
	if n := len(mustLoad(t, "keys").Keys()); n != 2 {
		t.Errorf("the file has %d keys", n)
	}
}
