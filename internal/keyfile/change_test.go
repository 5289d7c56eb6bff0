package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword"
)

// needLocks skips where nothing keeps two programs apart but a last look.
func needLocks(t *testing.T) {
	t.Helper()
	switch runtime.GOOS {
	case "darwin", "dragonfly", "freebsd", "linux", "netbsd", "openbsd", "windows":
	default:
		t.Skip("key files are not locked on " + runtime.GOOS)
	}
}

// adds returns a change that adds a key.
func adds(identity string) func(*File) error {
	return func(f *File) error {
		_, err := f.Add(identity, NewSecret(DefaultKeyLen), watchword.KeyOptions{})
		return err
	}
}

// atOnce runs n functions that start together, and returns how many failed.
func atOnce(t *testing.T, n int, run func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-start
			if err := run(i); err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		}()
	}
	close(start)
	wg.Wait()
}

// Every key that was said to be made is in the file, also when there was no
// file before and when the file is named by a link.
func TestKeysMadeAtOnceAreAllThere(t *testing.T) {
	needLocks(t)
	const many = 16
	for round := range 5 {
		inFolder(t)
		names := []string{"keys"}
		if round%2 == 0 {
			write(t, "keys", "first:"+k1, 0o600)
			if os.Symlink("keys", "link") == nil {
				names = append(names, "link")
			}
		}
		atOnce(t, many, func(i int) error {
			return EditOrCreate(names[i%len(names)], LoadOptions{}, adds(fmt.Sprint("id", i)))
		})
		f := mustLoad(t, "keys")
		for i := range many {
			if len(f.KeysOf(fmt.Sprint("id", i))) != 1 {
				t.Errorf("round %d: the key of id%d is lost", round, i)
			}
		}
		if info, err := os.Lstat("keys"); err != nil || !info.Mode().IsRegular() {
			t.Errorf("round %d: the file became %v, %v", round, info.Mode(), err)
		}
		onlyFiles(t, append([]string{"keys"}, names[1:]...)...)
	}
}

// A removal is not undone by an addition beside it, nor the other way round.
func TestRemovalBesideAdditions(t *testing.T) {
	needLocks(t)
	inFolder(t)
	const many = 8
	var lines []string
	for i := range many {
		lines = append(lines, fmt.Sprintf("old%d:%x\n", i, NewSecret(DefaultKeyLen)))
	}
	write(t, "keys", strings.Join(lines, ""), 0o600)
	for i, k := range mustLoad(t, "keys").Keys() {
		if k.Identity() != fmt.Sprint("old", i) {
			t.Fatalf("key %d is %v", i, k)
		}
	}
	atOnce(t, 2*many, func(i int) error {
		if i < many {
			return Edit("keys", LoadOptions{}, adds(fmt.Sprint("new", i)))
		}
		return Edit("keys", LoadOptions{}, func(f *File) error {
			return f.Remove(f.KeysOf(fmt.Sprint("old", i-many))[0])
		})
	})
	f := mustLoad(t, "keys")
	for i := range many {
		if len(f.KeysOf(fmt.Sprint("new", i))) != 1 || len(f.KeysOf(fmt.Sprint("old", i))) != 0 {
			t.Errorf("change %d was undone: %q", i, f.Identities())
		}
	}
}

// A program that knows no locks is noticed.
func TestAChangeFromElsewhereIsNotWrittenOver(t *testing.T) {
	inFolder(t)
	write(t, "keys", "a:"+k1, 0o600)
	err := Edit("keys", LoadOptions{}, func(f *File) error {
		write(t, "keys", "a:"+k1+"\ntheirs:"+k2, 0o600)
		return adds("mine")(f)
	})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("it ends in %v", err)
	}
	if text(t, "keys") != "a:"+k1+"\ntheirs:"+k2 {
		t.Error("what the other program wrote is lost")
	}
	onlyFiles(t, "keys")
}

// Nor is one that writes while the new file is being written.
func TestAChangeAtTheLastMomentIsNotWrittenOver(t *testing.T) {
	inFolder(t)
	write(t, "keys", "a:"+k1, 0o600)
	opened := openTemp
	t.Cleanup(func() { openTemp = opened })
	openTemp = func(folder string) (*os.File, error) {
		write(t, "keys", "a:"+k1+"\ntheirs:"+k2, 0o600)
		return opened(folder)
	}
	if err := Edit("keys", LoadOptions{}, adds("mine")); !errors.Is(err, ErrChanged) {
		t.Errorf("it ends in %v", err)
	}
	if text(t, "keys") != "a:"+k1+"\ntheirs:"+k2 {
		t.Error("what the other program wrote is lost")
	}
	onlyFiles(t, "keys")
}

func TestWaitingForAChangeEnds(t *testing.T) {
	needLocks(t)
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

func TestEditNeedsAFile(t *testing.T) {
	inFolder(t)
	never := func(*File) error { t.Error("there is nothing to change"); return nil }
	if err := Edit("keys", LoadOptions{}, never); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "the key file keys does not exist: ") {
		t.Errorf("without a file: %v", err)
	}
	if err := Edit(".", LoadOptions{}, never); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
	onlyFiles(t)
	failure := errors.New("no")
	if err := EditOrCreate("keys", LoadOptions{}, func(*File) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("a change that fails: %v", err)
	}
	onlyFiles(t)
}
