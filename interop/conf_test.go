package interop

// The configurations and command lines of the other programs. They are files in
// testdata/conf, one folder for each kind of program. The tests run what
// docs/peers.md shows, with other values filled in.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

const confFolder = "testdata/conf"

// values are what the files of testdata/conf are filled with.
type values struct {
	Identity string
	Key      string // in hex
	Host     string // to listen on, or to connect to
	Port     string
	Dir      string // where the files are
	Target   string // host:port of what stands behind the program
	Plain    string // host:port of what it offers in plain text
	User     string // that it runs as
	Session  string // the key as a file of OpenSSL, in place of Key
	Program  string // one of our own programs in C
	Root     int    // 1 where the program may run as root
	Agents   int    // how many connections at once it answers
	Env      string // NAME=VALUE before the command
	Args     string // what one trial adds
}

// forReaders are the values that docs/peers.md shows.
var forReaders = values{
	Identity: identity, Key: "KEYHEX", Host: "HOST", Port: "PORT", Dir: "DIR",
	Target: "HOST:PORT2", Plain: "HOST:PORT2", User: "mosquitto", Program: "./psk", Agents: 3,
}

// fill returns a file of testdata/conf with the values in it.
func fill(path string, v values) (string, error) {
	t, err := template.ParseFiles(path)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Option("missingkey=error").Execute(&text, v)
	return text.String(), err
}

// configure writes the files of a folder of testdata/conf, filled with values,
// into a new folder, and returns the values with that folder.
func configure(t *testing.T, folder string, v values) values {
	t.Helper()
	v.Dir = t.TempDir()
	files, err := filepath.Glob(filepath.Join(confFolder, folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is nothing in %s/%s: %v", confFolder, folder, err)
	}
	for _, file := range files {
		if isCommand(file) || isAbout(file) {
			continue
		}
		text, err := fill(file, v)
		if err == nil {
			err = os.WriteFile(filepath.Join(v.Dir, filepath.Base(file)), []byte(text), 0o600)
		}
		if err != nil {
			t.Fatalf("the configuration cannot be written: %v", err)
		}
	}
	return v
}

func isCommand(file string) bool { return strings.HasSuffix(file, ".cmd") }
func isAbout(file string) bool   { return filepath.Base(file) == "about.md" }

// run starts a command of testdata/conf in the folder of its configuration.
func run(t *testing.T, folder, command string, v values) *peer {
	t.Helper()
	line, err := fill(filepath.Join(confFolder, folder, command+".cmd"), v)
	if err != nil {
		t.Fatalf("there is no command line: %v", err)
	}
	words := strings.Fields(line)
	var env []string
	for strings.Contains(words[0], "=") {
		env, words = append(env, words[0]), words[1:]
	}
	for i, w := range words {
		if w == `""` {
			words[i] = ""
		}
	}
	return startIn(t, v.Dir, env, words[0], words[1:]...)
}
