//go:build unix

package preflight

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Keys that tests use; they are no secrets.
const (
	alice = "alice:000102030405060708090a0b0c0d0e0f\n"
	bob   = "bob:101112131415161718191a1b1c1d1e1f\n"
)

// checked is what Check says of a configuration, in which KEYS is the name of a key
// file with this content, and TAKEN an address that is in use.
func checked(t *testing.T, config, keys string, o Options) (said []string) {
	t.Helper()
	folder := t.TempDir()
	name := filepath.Join(folder, "keys")
	if err := os.WriteFile(name, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config = strings.NewReplacer("KEYS", filepath.ToSlash(name), "TAKEN", l.Addr().String(), "FOLDER", filepath.ToSlash(folder)).Replace(config)
	file, known := settings.Parse("x.toml", []byte(config))
	for _, p := range Check(context.Background(), file, known, o) {
		said = append(said, strings.NewReplacer(filepath.ToSlash(name), "KEYS", name, "KEYS", l.Addr().String(), "TAKEN").Replace(p.String()))
	}
	return said
}

const server = `[[service]]
name = "s"
direction = "server"
listen = "127.0.0.1:0"
to = "127.0.0.1:5432"
keys = "KEYS"
`

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, config, keys string
		options            Options
		want               []string // beginnings
	}{
		{"nothing is wrong", server, alice, Options{}, nil},
		{"a port that is taken", strings.Replace(server, "127.0.0.1:0", "TAKEN", 1), alice, Options{},
			[]string{"x.toml:4: listen: TAKEN is in use"}},
		{"by the tunnel itself", strings.Replace(server, "127.0.0.1:0", "TAKEN", 1), alice, Options{Running: true}, nil},
		{"metrics too", `metrics = "TAKEN"` + "\n" + server, alice, Options{}, []string{"x.toml:1: metrics: TAKEN is in use"}},
		{"no key file", strings.Replace(server, "KEYS", "FOLDER/none", 1), alice, Options{}, []string{"x.toml:6: keys: the key file "}},
		{"a key file with a mistake", server, "alice:zz\n", Options{}, []string{"x.toml:6: keys: KEYS:1: "}},
		{"keys for clients alone", server, "# watchword: role=client\n" + alice, Options{}, []string{"x.toml:6: keys: KEYS has no key for a server"}},
		{"an identity without a key", strings.Replace(server, "server", "client", 1) + "id = \"carol\"\n", alice, Options{},
			[]string{"x.toml:7: id: KEYS has no key of carol for a client"}},
		{"several identities, and none named", strings.Replace(server, "server", "client", 1), alice + bob, Options{},
			[]string{"x.toml:6: keys: KEYS has keys of several identities"}},
		{"patterns for nobody", server + "allow = [\"alice\", \"web-*\"]\ndeny = \"db\"\n", alice, Options{},
			[]string{`x.toml:7: warning: allow: "web-*" matches no identity`, `x.toml:8: warning: deny: "db" matches no identity`}},
		{"a socket's path without a folder", strings.Replace(server, "127.0.0.1:0", "unix:FOLDER/no/x", 1), alice, Options{},
			[]string{"x.toml:4: listen: there is no folder "}},
		{"a socket's path that is a file", strings.Replace(server, "127.0.0.1:0", "unix:KEYS", 1), alice, Options{},
			[]string{"x.toml:4: listen: KEYS is there already and is no socket"}},
		{"a socket's path that is too long", strings.Replace(server, "127.0.0.1:0", "unix:FOLDER/"+strings.Repeat("x", 110), 1), alice, Options{},
			[]string{"x.toml:4: listen: the path of the socket has "}},
		{"one key in both directions", server + strings.NewReplacer(`"s"`, `"c"`, "server", "client").Replace(server), alice, Options{},
			[]string{"x.toml:12: warning: keys: the key of alice is used here by a client and, by the service in line 1, by a server"}},
		{"unless its role says that it is not", server + strings.NewReplacer(`"s"`, `"c"`, "server", "client").Replace(server),
			"# watchword: role=server\n" + alice + "# watchword: role=client\n" + bob, Options{}, nil},
		{"a user who is nobody", "user = \"watchword-missing\"\n" + server, alice, Options{}, []string{`x.toml:1: user: there is no user "watchword-missing"`}},
		{"a group without a user", "group = \"daemon\"\n" + server, alice, Options{}, []string{`x.toml:1: group: the group "daemon" is set without a user`}},
		{"keys that the user cannot read", "user = \"nobody\"\n" + server, alice, Options{}, []string{"x.toml:7: warning: keys: KEYS is "}},
		{"a line that is wrong already is said once", strings.Replace(server, `"KEYS"`, "7", 1) + "frob = 1\n", alice, Options{},
			[]string{"x.toml:6: keys: ", `x.toml:7: there is no option "frob"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Keys = keyfile.LoadOptions{}
			said := checked(t, c.config, c.keys, c.options)
			if len(said) != len(c.want) {
				t.Fatalf("It says %q, want %q.", said, c.want)
			}
			for i := range said {
				if !strings.HasPrefix(said[i], c.want[i]) {
					t.Errorf("It says %q, want one that begins with %q.", said[i], c.want[i])
				}
			}
		})
	}
}
