//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package keyfile

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Where the file system knows no locks, as NFS without its lock daemon, one change works as ever.
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

func TestWaitingForAChangeEnds(t *testing.T) {
	inFolder(t)
	write(t, "keys", "a:"+k1, 0o600)
	patience := lockPatience
	t.Cleanup(func() { lockPatience = patience })
	lockPatience = 0
	const want = "keys is being changed by another program, which did not end within 10 seconds: run the command again"
	ended := make(chan error)
	err := Edit("keys", LoadOptions{}, func(*File) error {
		go func() { ended <- Edit("keys", LoadOptions{}, adds("b")) }()
		if err := <-ended; !errors.Is(err, ErrBusy) || err.Error() != want {
			t.Errorf("the second one gets %v", err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("the first one gets %v", err)
	}
	if err := Edit("keys", LoadOptions{}, adds("b")); err != nil {
		t.Errorf("when the first one has ended, the file stays locked: %v", err)
	}
	onlyFiles(t, "keys")
}

// A file that claimed its name and cannot be filled is there, and that is said.
func TestAClaimedFileIsSaidToBeThere(t *testing.T) {
	inFolder(t)
	patience := lockPatience
	t.Cleanup(func() { lockPatience = patience })
	lockPatience = 0
	write(t, "keys", "", 0o600)
	write(t, "temp", "a:"+k1, 0o600)
	unlock, err := lock("keys")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	said := New("keys").notWritten(fill("temp", "keys")).Error()
	if !strings.Contains(said, "it is there without a key") || strings.Contains(said, "nothing is left") {
		t.Errorf("It says: %s", said)
	}
	said = New("keys").notWritten(fill("temp", "gone")).Error()
	if !strings.Contains(said, "nothing is left") {
		t.Errorf("Of a file that was removed meanwhile it says: %s", said)
	}
}
