package keyfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
)

// watcher is a Watched and what it told.
type watcher struct {
	*Watched
	t       *testing.T
	changes int
	errors  []string
}

func watch(t *testing.T, name string) *watcher {
	t.Helper()
	w := &watcher{t: t}
	var err error
	w.Watched, err = Watch(name, WatchOptions{
		Changed: func(*File) { w.changes++ },
		Failed:  func(err error) { w.errors = append(w.errors, err.Error()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watcher) lookup(ids ...string) []*watchword.Key {
	w.t.Helper()
	var offered []watchword.OfferedIdentity
	for _, id := range ids {
		offered = append(offered, watchword.OfferedIdentity{Identity: id})
	}
	keys, err := w.LookupKeys(context.Background(), offered)
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// want checks which secrets alice has, how many changes were told of, and the
// errors told since the last call.
func (w *watcher) want(why string, changes int, errs []string, secrets ...string) {
	w.t.Helper()
	var keys []*watchword.Key
	for _, s := range secrets {
		keys = append(keys, mustKey(w.t, "alice", s, watchword.KeyOptions{}))
	}
	for range 3 { // a second look tells nothing new
		if got := w.lookup("alice"); !sameKeys(got, keys) {
			w.t.Errorf("%s: alice has %d keys, want the %d", why, len(got), len(keys))
		}
	}
	if w.KeysPerIdentity() < len(secrets) {
		w.t.Errorf("%s: one identity has %d keys at most, want %d", why, w.KeysPerIdentity(), len(secrets))
	}
	if w.changes != changes {
		w.t.Errorf("%s: %d changes were told of, want %d", why, w.changes, changes)
	}
	if !slices.Equal(w.errors, errs) {
		w.t.Errorf("%s: the errors told are %q, want %q", why, w.errors, errs)
	}
	w.errors = nil
}

const stay = "; the keys read before stay in use"

func TestWatchedFollowsItsFile(t *testing.T) {
	inFolder(t)
	write(t, "keys", "alice:"+k1, 0o600)
	w := watch(t, "keys")
	w.want("at first", 0, nil, k1)

	write(t, "keys", "alice:"+k2, 0o600)
	w.want("written in place, same size, same moment", 1, nil, k2)

	write(t, "new", "alice:"+k4+"\nalice:"+k2, 0o600)
	if err := os.Rename("new", "keys"); err != nil {
		t.Fatal(err)
	}
	w.want("renamed over, rotation", 2, nil, k4, k2)

	write(t, "keys", "bob:"+k2, 0o600)
	w.want("removed", 3, nil)
	if got := w.lookup("bob", "bob", "carol"); len(got) != 1 {
		t.Errorf("bob, offered twice, has %d keys", len(got))
	}

	write(t, "keys", "alice:"+k1, 0o600)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes("keys", old, old); err != nil {
		t.Fatal(err)
	}
	w.want("with an old time", 4, nil, k1)
	write(t, "keys", "# now by another\nalice:"+k1, 0o600)
	w.want("only a comment changed", 5, nil, k1)
}

func TestWatchedKeepsKeysOfAFaultyFile(t *testing.T) {
	needModes(t)
	inFolder(t)
	write(t, "keys", "alice:"+k1, 0o600)
	w := watch(t, "keys")

	write(t, "keys", "alice:"+k2+"\nbob\n", 0o600)
	w.want("half of it good", 0, []string{"keys:2: the line has no colon: a key line is identity:hex, a comment begins with #" + stay}, k1)
	write(t, "keys", "alice:"+k2+"\nbab\n", 0o600)
	w.want("another fault with the same sentence", 0, []string{"keys:2: the line has no colon: a key line is identity:hex, a comment begins with #" + stay}, k1)
	write(t, "keys", "", 0o600)
	w.want("cut off", 0, []string{"keys is empty: make a key with watchword key new --keys keys" + stay}, k1)
	if err := os.Remove("keys"); err != nil {
		t.Fatal(err)
	}
	w.want("gone", 0, []string{"the key file keys does not exist: make it with watchword key new --keys keys, or copy the other end's file here" + stay}, k1)
	write(t, "keys", "alice:"+k1, 0o600)
	w.want("back as it was", 0, nil, k1)
	write(t, "keys", "alice:"+k2, 0o644)
	w.want("open to everybody", 0, []string{"every user of this machine can read keys (mode 0644), and its keys are secret: close it with chmod 600 keys, or say --allow-readable-keys if that is meant" + stay}, k1)
	if err := os.Chmod("keys", 0o600); err != nil {
		t.Fatal(err)
	}
	w.want("closed again", 1, nil, k2)
	write(t, "keys", "# nobody\n", 0o600)
	w.want("all keys removed on purpose", 2, nil)
	write(t, "keys", "alice:"+k1, 0o600)
	w.want("and one added", 3, nil, k1)
}

// A volume of Kubernetes: keys -> ..data/keys, ..data -> a folder that is
// replaced.
func TestWatchedFollowsLinks(t *testing.T) {
	needModes(t)
	inFolder(t)
	err := errors.Join(os.Mkdir("v1", 0o700), os.Mkdir("v2", 0o700),
		os.Symlink("v1", "data"), os.Symlink("data/keys", "keys"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, "v1/keys", "alice:"+k1, 0o600)
	write(t, "v2/keys", "alice:"+k2, 0o600)
	w := watch(t, "keys")
	if err := errors.Join(os.Symlink("v2", "next"), os.Rename("next", "data")); err != nil {
		t.Fatal(err)
	}
	w.want("a link on the way was turned", 1, nil, k2)
}

// A server takes no key for clients, but says so: only then it must be found.
func TestWatchedFindsKeysForClients(t *testing.T) {
	inFolder(t)
	for _, c := range []struct {
		text string
		n    int
	}{
		{"# watchword: role=client\nalice:" + k1 + "\nalice:" + k2, 2},
		{"# watchword: role=client\nalice:" + k1 + "\nbob:" + k2, 1},
	} {
		write(t, "keys", c.text, 0o600)
		keys := watch(t, "keys").lookup("alice")
		if len(keys) != c.n || keys[0].Options().Role != watchword.ClientRole {
			t.Errorf("of %q the server is given %v", c.text, keys)
		}
	}
}

func TestCheckServer(t *testing.T) {
	f := mustParse(t, "# watchword: role=client\na:"+k1+"\n# watchword: role=server\nb:"+k2+"\n# watchword: role=client\nb:"+k3)
	if err := errors.Join(f.CheckServer(""), f.CheckServer("b")); err != nil {
		t.Errorf("a file with a key for a server: %v", err)
	}
	if err := f.CheckServer("a"); err == nil || err.Error() != "test.keys has no key of a for a server: each is for clients alone; add one without role=client" {
		t.Errorf("an identity for clients alone: %v", err)
	}
	if err := f.CheckServer("c"); err == nil || !strings.Contains(err.Error(), "has no key for c") {
		t.Errorf("an identity that is not there: %v", err)
	}
	if err := mustParse(t, "").CheckServer(""); !errors.Is(err, ErrNoKeys) {
		t.Errorf("a file without keys: %v", err)
	}
}

func TestWatchRefuses(t *testing.T) {
	inFolder(t)
	if _, err := Watch("keys", WatchOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	write(t, "keys", "# none", 0o600)
	if _, err := Watch("keys", WatchOptions{}); !errors.Is(err, ErrNoKeys) {
		t.Errorf("a file without keys: %v", err)
	}
	write(t, "keys", "# watchword: role=client\na:"+k1, 0o600)
	if _, err := Watch("keys", WatchOptions{}); err == nil || err.Error() != "keys has no key for a server: each is for clients alone; add one without role=client" {
		t.Errorf("keys for clients alone: %v", err)
	}
	write(t, "keys", "x", 0o600)
	if _, err := Watch("keys", WatchOptions{}); err == nil || !strings.HasPrefix(err.Error(), "keys:1: ") {
		t.Errorf("a faulty file: %v", err)
	}
}

// The zero options tell nobody; many goroutines look up while the file changes.
func TestWatchedByMany(t *testing.T) {
	inFolder(t)
	write(t, "keys", "alice:"+k1, 0o600)
	w, err := Watch("keys", WatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				keys, err := w.LookupKeys(context.Background(), []watchword.OfferedIdentity{{Identity: "alice"}})
				if err != nil || len(keys) != 1 {
					t.Errorf("alice has %d keys, %v", len(keys), err)
				}
				if len(w.File().Keys()) != 1 {
					t.Error("the file has lost its key")
				}
			}
		}()
	}
	for i := range 20 {
		write(t, "new", "alice:"+[]string{k1, k2}[i%2], 0o600)
		if err := os.Rename("new", "keys"); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

// A file that has not changed for a while is not read again.
func TestWatchedDoesNotReadInVain(t *testing.T) {
	inFolder(t)
	write(t, "keys", "alice:"+k1, 0o600)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes("keys", old, old); err != nil {
		t.Fatal(err)
	}
	w := watch(t, "keys")
	before := w.seen.info
	w.want("unchanged", 0, nil, k1)
	if w.seen.info != before {
		t.Error("the file was read again though nothing about it had changed")
	}
}

// What did not change is not prepared again: that is most of the work.
func TestReloadKeepsKeysThatDidNotChange(t *testing.T) {
	f := mustParse(t, "# watchword: external\na:"+k1+"\nb:"+k2)
	again, err := parse("test.keys", []byte("# x\nb:"+k2+"\na:"+k1+"\n"), f)
	if err != nil {
		t.Fatal(err)
	}
	if keys := again.Keys(); keys[0] != f.Keys()[1] {
		t.Error("an unchanged key was made anew")
	} else if !keys[1].Equal(mustKey(t, "a", k1, watchword.KeyOptions{})) {
		t.Errorf("a key whose attributes changed is still %v", keys[1])
	}
}
