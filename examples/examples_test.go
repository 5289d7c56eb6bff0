// Package examples runs the examples, as programs, against the real servers.
//
// Each test starts a server on a port of 127.0.0.1, waits for what it prints,
// and stops it. A server that is missing skips the test by name; with
// WATCHWORD_REQUIRE_PEERS=1, as CI has it, it fails the test.
package examples

// This file says what the examples must do; server_test.go starts programs.

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const identity = "alice"

// rightKey is what the servers have, wrongKey what they have not.
var rightKey, wrongKey = newKey(), newKey()

func newKey() string {
	secret := make([]byte, 32)
	rand.Read(secret)
	return hex.EncodeToString(secret)
}

// pair writes a key file as Mosquitto and nbdkit have it.
func pair(t *testing.T, key string) string {
	t.Helper()
	return writeFile(t, "psk.txt", identity+":"+key+"\n")
}

// rejected is what an example says of a key that the server does not have.
const rejected = `the other end does not know the key "` + identity + `", or its key differs`

func TestMQTT(t *testing.T) {
	// Without "user root" the broker would become a user who cannot read the
	// file.
	port := freePort(t)
	config := writeFile(t, "mosquitto.conf", fmt.Sprintf(
		"listener %s 127.0.0.1\npsk_file %s\npsk_hint examples\nallow_anonymous true\nuser root\npersistence false\n", port, pair(t, rightKey)))
	start(t, daemon("mosquitto"), "-c", config, "-v").prints(`mosquitto version \S+ running`)
	client := func(key string, args ...string) []string {
		return append([]string{"-address", "127.0.0.1:" + port, "-topic", "door", "-key", key}, args...)
	}

	key := pair(t, rightKey)
	reader := start(t, example("mqtt"), client(key)...)
	reader.prints(`(?m)^subscribed$`)
	long := strings.Repeat("open ", 20_000) // more than fits into one record
	for _, message := range []string{"open", long, "closed"} {
		if got := succeeds(t, "mqtt", client(key, "-message", message)...); got != "" {
			t.Errorf("The example that publishes prints %q, want nothing.", got)
		}
	}
	reader.prints(`(?m)^door: closed$`)
	if want := "door: open\ndoor: " + long + "\ndoor: closed\n"; reader.data() != want {
		t.Errorf("The example that subscribed prints %d bytes that are not the messages published, want %d.", len(reader.data()), len(want))
	}
	fails(t, rejected, "mqtt", client(pair(t, wrongKey), "-message", "open")...)
}

func TestNBD(t *testing.T) {
	for _, size := range []int{512, 1 << 20, 3<<20 + 512} {
		content := make([]byte, size)
		rand.Read(content)
		image := writeFile(t, "image", string(content))
		port := freePort(t)
		start(t, daemon("nbdkit"), "-f", "-v", "-i", "127.0.0.1", "-p", port, "--tls=require",
			"--tls-psk="+pair(t, rightKey), "file", image).prints(`bound to IP address`)
		first := content[:min(size, 1<<20)]
		want := fmt.Sprintf("%x  %d bytes\n", sha256.Sum256(first), len(first))
		if got := succeeds(t, "nbd", "-address", "127.0.0.1:"+port, "-key", pair(t, rightKey)); got != want {
			t.Errorf("The example prints %q of an export of %d bytes, want %q.", got, size, want)
		}
		fails(t, rejected, "nbd", "-address", "127.0.0.1:"+port, "-key", pair(t, wrongKey))
	}
}

// A server that serves in the clear alone is told apart from a wrong key.
func TestNBDWithoutTLS(t *testing.T) {
	port := freePort(t)
	start(t, daemon("nbdkit"), "-f", "-v", "-i", "127.0.0.1", "-p", port, "memory", "1M").prints(`bound to IP address`)
	fails(t, "is no NBD server, or one without TLS", "nbd", "-address", "127.0.0.1:"+port, "-key", pair(t, rightKey))
}

func TestZabbixSender(t *testing.T) {
	port := startZabbixProxy(t)
	sender := func(key string, args ...string) []string {
		return append([]string{"-address", "127.0.0.1:" + port, "-identity", identity, "-key", writeFile(t, "zabbix.psk", key+"\n")}, args...)
	}
	got := succeeds(t, "zabbix", sender(rightKey, "-host", "cellar", "-item", "temperature", "-value", "12.5")...)
	if !strings.Contains(got, "processed: 1; failed: 0; total: 1") {
		t.Errorf("The example prints %q, want the proxy's word that it has the value.", got)
	}
	fails(t, "the value is not accepted", "zabbix", sender(rightKey, "-host", "attic", "-item", "temperature", "-value", "12.5")...)
	fails(t, rejected, "zabbix", sender(wrongKey, "-host", "cellar", "-item", "temperature", "-value", "12.5")...)
}

func TestZabbixAgents(t *testing.T) {
	for program, ready := range map[string]string{
		"zabbix_agentd": `started \[listener #1\]`,
		"zabbix_agent2": `Press Ctrl\+C to exit`,
	} {
		t.Run(program, func(t *testing.T) {
			port := freePort(t)
			config := zabbixConfig(t, port)
			if program == "zabbix_agentd" {
				config += "AllowRoot=1\n"
			} else {
				config += "ControlSocket=" + filepath.Join(t.TempDir(), "agent2.sock") + "\n"
			}
			start(t, daemon(program), "-f", "-c", writeFile(t, "zabbix.conf", config)).prints(ready)
			ask := func(key, item string) []string {
				return []string{"-address", "127.0.0.1:" + port, "-identity", identity, "-key", writeFile(t, "zabbix.psk", key), "-item", item}
			}
			if got := succeeds(t, "zabbix", ask(rightKey, "agent.hostname")...); got != "examples\n" {
				t.Errorf("The example prints %q as the agent's host name, want the one in its configuration.", got)
			}
			fails(t, "the agent has no value of no.such.item", "zabbix", ask(rightKey, "no.such.item")...)
			fails(t, rejected, "zabbix", ask(wrongKey, "agent.ping")...)
		})
	}
}

// A key file that is none is said to be so, without a character of it.
func TestKeyFiles(t *testing.T) {
	half := rightKey[:31]
	for _, test := range []struct{ example, content, says string }{
		{"mqtt", rightKey, "does not hold one line, identity:hex"},
		{"mqtt", identity + ":" + half, "does not hold one line, identity:hex"},
		{"nbd", identity + ":" + half[:30], "the key has 15 bytes, at least 16 are needed"},
		{"nbd", "", "does not hold one line, identity:hex"},
		{"nbd", ":" + rightKey, "the identity is empty"},
		{"zabbix", identity + ":" + rightKey, "does not hold one line in hex"},
	} {
		fails(t, test.says, test.example, "-address", "127.0.0.1:1", "-key", writeFile(t, "key", test.content))
	}
	fails(t, "no such file", "nbd", "-key", filepath.Join(t.TempDir(), "absent"))
}

// inReadme are the examples whose main is in the README.
var inReadme = []string{"mqtt/main.go", "zabbix/main.go", "nbd/main.go"}

// The README shows what is compiled and run here.
func TestReadmeShowsTheExamples(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range inReadme {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := bytes.Cut(text, []byte("\nfunc main() {\n"))
		body, _, _ = bytes.Cut(body, []byte("\n}\n"))
		if len(body) == 0 {
			t.Fatalf("%s has no main.", source)
		}
		if !bytes.Contains(readme, fmt.Appendf(nil, "```go\nfunc main() {\n%s\n}\n```\n", body)) {
			t.Errorf("README.md does not show main as it is in examples/%s.", source)
		}
	}
}

// The examples stay short enough to be read in one go. Every line of the file
// counts, comments and imports too; of those that are not in the README, which
// are servers as well as clients, every line but the empty ones.
func TestExamplesAreShort(t *testing.T) {
	const maxLines = 60 // exclusive
	sources, err := filepath.Glob("*/main.go")
	if err != nil || len(sources) != 7 {
		t.Fatalf("There are %d examples (%v), want 7.", len(sources), err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for line := range bytes.Lines(text) {
			if slices.Contains(inReadme, source) || len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		if lines >= maxLines {
			t.Errorf("%s has %d lines, it must have fewer than %d.", source, lines, maxLines)
		}
	}
}
