package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword"
)

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
