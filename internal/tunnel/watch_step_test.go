package tunnel

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Two changes within a step of the file system's clock leave the same time and
// the same size: the later one is seen all the same, however late anybody looks.
func TestAChangeWithinAStepOfTheClock(t *testing.T) {
	for _, age := range []time.Duration{fileClockStep / 2, -time.Hour} { // the clock of a file server may be ahead
		name := filepath.Join(t.TempDir(), "keys")
		stamp := time.Now().Add(-age)
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(name, stamp, stamp); err != nil {
				t.Fatal(err)
			}
		}
		w := &watcher{looks: make(map[string]look)}
		write("one")
		before := w.digest(name)
		write("two")
		l := w.looks[name]
		l.when = l.when.Add(-fileClockStep / 4) // as if it had been read earlier, and looked at later
		w.looks[name] = l
		if w.digest(name) == before {
			t.Errorf("Of a file whose time is %v ago the second change is not seen.", age)
		}
	}
}

// A file whose change is long ago is not read again.
func TestAnOldFileIsReadOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, long, long); err != nil {
		t.Fatal(err)
	}
	w := &watcher{looks: make(map[string]look)}
	w.digest(name)
	mark := fileDigest{fault: "of the first look"}
	l := w.looks[name]
	l.digest = mark
	w.looks[name] = l
	if w.digest(name) != mark {
		t.Error("It is read again.")
	}
}
