//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows

package keyfile

// Changes at once, where the system keeps two programs apart.

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every key that was said to be made is in the file, also when there was no
// file before and when the file is named by a link.
func TestKeysMadeAtOnceAreAllThere(t *testing.T) {
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
