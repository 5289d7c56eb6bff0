package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/watchword-tls/watchword"
)

func mustLoad(t *testing.T, name string) *File {
	t.Helper()
	f, err := Load(name, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func addKey(t *testing.T, f *File, identity string) {
	t.Helper()
	if _, err := f.Add(identity, NewSecret(DefaultKeyLen), watchword.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// onlyFiles fails if something else than the named files is left.
func onlyFiles(t *testing.T, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if strings.Join(found, " ") != strings.Join(names, " ") {
		t.Errorf("the folder holds %q, want %q", found, names)
	}
}

func TestSaveKeepsModeAndLink(t *testing.T) {
	needModes(t)
	inFolder(t)
	if err := errors.Join(os.Mkdir("real", 0o700), os.Symlink("real/keys", "keys")); err != nil {
		t.Fatal(err)
	}
	write(t, "real/keys", "a:"+k1, 0o640)
	f := mustLoad(t, "keys")
	addKey(t, f, "b")
	if err := f.save(); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink("keys"); err != nil || target != "real/keys" {
		t.Errorf("the link became %q, %v", target, err)
	}
	info, err := os.Stat("real/keys")
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("the mode became %v, %v", info.Mode(), err)
	}
	if text(t, "keys") != string(f.Bytes()) {
		t.Error("the file does not hold what was saved")
	}
	addKey(t, f, "c")
	if err := f.save(); err != nil {
		t.Errorf("it cannot be saved a second time: %v", err)
	}
	onlyFiles(t, "keys", "real")
}

func TestSaveRefusesAChangedFile(t *testing.T) {
	inFolder(t)
	write(t, "keys", "a:"+k1, 0o600)
	mine, theirs := mustLoad(t, "keys"), mustLoad(t, "keys")
	addKey(t, mine, "mine")
	addKey(t, theirs, "theirs")
	if err := theirs.save(); err != nil {
		t.Fatal(err)
	}
	const want = "keys was changed by another program at the same moment: run the command again"
	if err := mine.save(); !errors.Is(err, ErrChanged) || err.Error() != want {
		t.Errorf("the second to save gets %v", err)
	}
	if text(t, "keys") != string(theirs.Bytes()) {
		t.Error("the first one's keys are lost")
	}
	onlyFiles(t, "keys")
}

// A disk that is full shows when a file is written or synced.
func TestFullDiskLeavesTheOldFile(t *testing.T) {
	inFolder(t)
	write(t, "keys", "a:"+k1, 0o600)
	f := mustLoad(t, "keys")
	addKey(t, f, "b")
	opened := openTemp
	t.Cleanup(func() { openTemp = opened })
	openTemp = func(folder string) (*os.File, error) {
		file, err := opened(folder)
		if err != nil {
			return nil, err
		}
		// Opened for reading only, it refuses to be written to.
		name := file.Name()
		return os.Open(name)
	}
	err := f.save()
	if err == nil || !strings.HasPrefix(err.Error(), "keys could not be written: ") || !strings.HasSuffix(err.Error(), "; the old file is unchanged") {
		t.Errorf("a write that fails ends in %v", err)
	}
	if text(t, "keys") != "a:"+k1 {
		t.Error("the old file is lost")
	}
	if runtime.GOOS == "linux" {
		// A link, since what cannot be written is removed.
		openTemp = func(string) (*os.File, error) {
			if err := os.Symlink("/dev/full", "link"); err != nil {
				return nil, err
			}
			return os.OpenFile("link", os.O_WRONLY, 0)
		}
		if err := f.save(); !errors.Is(err, syscall.ENOSPC) || err.Error() != "keys could not be written: no space left on device; the old file is unchanged" {
			t.Errorf("a full disk ends in %v", err)
		}
	}
	fresh := New("fresh")
	addKey(t, fresh, "a")
	if err := fresh.Create(); err == nil || !strings.HasSuffix(err.Error(), "; nothing is left of it") {
		t.Errorf("a new file on a full disk ends in %v", err)
	}
	onlyFiles(t, "keys")
}

func TestCreateIsExclusiveAndPrivate(t *testing.T) {
	inFolder(t)
	f := New("keys")
	addKey(t, f, "a")
	if err := f.Create(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat("keys")
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	other := New("keys")
	addKey(t, other, "b")
	if err := other.Create(); !errors.Is(err, fs.ErrExist) || err.Error() != "keys exists already: nothing was written" {
		t.Errorf("a second one gets %v", err)
	}
	if text(t, "keys") != string(f.Bytes()) {
		t.Error("the first file was changed")
	}
	lost := New(filepath.Join("no", "folder"))
	if err := lost.Create(); err == nil || !strings.HasSuffix(err.Error(), "; nothing is left of it") {
		t.Errorf("a folder that does not exist ends in %v", err)
	}
	onlyFiles(t, "keys")
}

// Many ends that start at once share one key, and one of them made it.
func TestEnsureDefaultRace(t *testing.T) {
	inFolder(t)
	for round := range 20 {
		os.Remove(DefaultName)
		const ends = 16
		var files [ends]*File
		var made [ends]bool
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range ends {
			wg.Add(1)
			go func() {
				defer wg.Done()
				<-start
				var err error
				if files[i], made[i], err = EnsureDefault(DefaultName, LoadOptions{}); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			}()
		}
		close(start)
		wg.Wait()
		count := 0
		for i := range ends {
			if made[i] {
				count++
			}
			if files[i] == nil || !sameKeys(files[i].Keys(), files[0].Keys()) {
				t.Fatalf("round %d: the ends hold different keys", round)
			}
		}
		if count != 1 {
			t.Fatalf("round %d: %d ends say that they made the file", round, count)
		}
		if k := files[0].Keys()[0]; k.Identity() != DefaultIdentity || k.Options().Kind != watchword.Imported {
			t.Errorf("the key is %v", k)
		}
		onlyFiles(t, DefaultName)
	}
}

func TestEnsureDefaultLeavesFaultyFiles(t *testing.T) {
	inFolder(t)
	write(t, DefaultName, "", 0o600)
	if _, made, err := EnsureDefault(DefaultName, LoadOptions{}); !errors.Is(err, ErrNoKeys) || made {
		t.Errorf("an empty file ends in %v, made: %v", err, made)
	}
}

// Without hard links a name is claimed first and filled in one step.
func TestPublishWithoutHardLinks(t *testing.T) {
	inFolder(t)
	write(t, "temp", "new", 0o600)
	if err := claim("temp", "keys"); err != nil || text(t, "keys") != "new" {
		t.Errorf("the file is not there: %v", err)
	}
	write(t, "temp", "newer", 0o600)
	if err := claim("temp", "keys"); !errors.Is(err, fs.ErrExist) || text(t, "keys") != "new" {
		t.Errorf("a second one gets %v", err)
	}
	if err := claim("missing", "other"); err == nil {
		t.Error("nothing can be published")
	}
	onlyFiles(t, "keys", "temp")
}
