package interop

// Zabbix: its two agents, which answer questions and ask a server what to
// watch, zabbix_get, which asks an agent, and zabbix_sender, which reports to a
// server.

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
)

// A message of Zabbix has a head, flags, its length and a reserved number in 4
// bytes each, the lowest first, and its text, which agent2 compresses.
const (
	zabbixHead       = "ZBXD"
	zabbixPlain      = 1
	zabbixCompressed = 2
)

func zabbixMessage(text string) []byte {
	message := append([]byte(zabbixHead), zabbixPlain)
	message = binary.LittleEndian.AppendUint32(message, uint32(len(text)))
	return append(binary.LittleEndian.AppendUint32(message, 0), text...)
}

func readZabbix(r io.Reader) (string, error) {
	head, err := readExactly(r, 13)
	if err != nil {
		return "", err
	}
	if string(head[:4]) != zabbixHead || head[4]&zabbixPlain == 0 {
		return "", fmt.Errorf("a message of Zabbix begins with %q", head)
	}
	text, err := readExactly(r, int(binary.LittleEndian.Uint32(head[5:])))
	if err != nil || head[4]&zabbixCompressed == 0 {
		return string(text), err
	}
	z, err := zlib.NewReader(bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	text, err = io.ReadAll(z)
	return string(text), err
}

// zabbixAnswerLen is about the most that an agent tells of a file.
const zabbixAnswerLen = 60000

// zabbixReady asks an agent whether it is there until it says so: it listens
// before it has begun to answer. (Later, an agent that answers nothing is a
// failure: with a Timeout of 30 seconds no loaded machine is the reason.)
func zabbixReady(t *testing.T, p *peer, v values) {
	t.Helper()
	key, err := hex.DecodeString(v.Key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &watchword.Config{Keys: []*watchword.Key{secret(key).external(t, watchword.SHA256)}, Policy: watchword.Compatible}
	for {
		got, err := zabbixPing(t, v.Port, cfg)
		switch {
		case err == nil && got == "1":
			return
		case p.hasEnded() || time.Now().After(p.deadline):
			t.Fatalf("%s is not ready: to agent.ping it answers %q, %v", p.name, got, err)
		}
		time.Sleep(10 * time.Millisecond) // between two questions
	}
}

func zabbixPing(t *testing.T, port string, cfg *watchword.Config) (string, error) {
	c, err := tryDial(t, port, cfg)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write(zabbixMessage("agent.ping")); err != nil {
		return "", err
	}
	return readZabbix(c)
}

// zabbixAgent is an agent that is asked for the content of a file.
func zabbixAgent(name string, end error) serverProgram {
	var file string
	return serverProgram{
		peer: zabbixPeer, end: "zabbix_" + name + " (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port, v.Root, v.Agents = freePort(t), 1, 1
			v = configure(t, zabbixPeer.folder, v)
			file = filepath.Join(v.Dir, "contents")
			if err := os.WriteFile(file, load()[:zabbixAnswerLen], 0o600); err != nil {
				t.Fatal(err)
			}
			p := run(t, zabbixPeer.folder, name, v)
			p.hasChildren()
			waitPort(t, p, v.Port)
			zabbixReady(t, p, v)
			return p, v.Port
		},
		talk: func(t *testing.T, c *watchword.Conn) string {
			if _, err := c.Write(zabbixMessage("vfs.file.contents[" + file + "]")); err != nil {
				t.Fatalf("our client cannot write: %v", err)
			}
			got, err := readZabbix(c)
			want := strings.TrimRight(string(load()[:zabbixAnswerLen]), "\n")
			if err != nil || got != want {
				t.Fatalf("the agent answers %s, %v; want %s", checksum([]byte(got)), err, checksum([]byte(want)))
			}
			if rest, err := io.ReadAll(c); len(rest) > 0 || !errors.Is(err, end) {
				t.Errorf("after the answer come %d bytes and %v, want %v", len(rest), err, end)
			}
			if end != nil {
				return "an answer of 60 KB, then no close_notify"
			}
			return "an answer of 60 KB"
		},
	}
}

// zabbixActive is an agent that asks our server what to watch.
func zabbixActive(name string) clientProgram {
	return clientProgram{
		peer: zabbixPeer, end: "zabbix_" + name + " (client)",
		start: func(t *testing.T, v values) *peer {
			v.Root, v.Target, v.Port = 1, "127.0.0.1:"+v.Port, freePort(t)
			p := run(t, zabbixPeer.folder, name, configure(t, zabbixPeer.folder, v))
			p.hasChildren()
			return p
		},
		serve: func(c *watchword.Conn) error {
			request, err := readZabbix(c)
			if err != nil || !strings.Contains(request, `"active checks"`) {
				return fmt.Errorf("the agent asks %q, %w", request, err)
			}
			_, err = c.Write(zabbixMessage(`{"response":"success","data":[]}`))
			return err
		},
		talk: func(t *testing.T, p *peer) string { return "asks for active checks" },
	}
}

func TestZabbixAgent2AsServer(t *testing.T) {
	agent := zabbixAgent("agent2", watchword.ErrTruncated)
	agent.trials = agent2Trials()
	agent.test(t)
}

func TestZabbixAgent2AsClient(t *testing.T) {
	agent := zabbixActive("agent2")
	agent.trials = agent2Trials()
	agent.test(t)
}

// agent2 has P-256 alone.
func agent2Trials() []trial {
	return slices.Concat(
		[]trial{{version: watchword.VersionTLS13, with: defaults, group: watchword.P256}},
		each(chacha, aes128),
		each(
			watchword.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,
			watchword.TLS_PSK_WITH_AES_128_GCM_SHA256,
			watchword.TLS_PSK_WITH_AES_128_CBC_SHA256,
		),
	)
}

func TestZabbixAgentdAsServer(t *testing.T) {
	agent := zabbixAgent("agentd", nil)
	agent.trials = append(unpinned(watchword.Compatible)[1:], each(zabbixSuites...)...)
	agent.test(t)
}

func TestZabbixAgentdAsClient(t *testing.T) {
	agent := zabbixActive("agentd")
	agent.trials = zabbixClientTrials()
	agent.test(t)
}

func TestZabbixGet(t *testing.T) {
	clientProgram{
		peer: zabbixPeer, end: "zabbix_get (client)",
		start: func(t *testing.T, v values) *peer {
			return run(t, zabbixPeer.folder, "get", configure(t, zabbixPeer.folder, v))
		},
		serve: func(c *watchword.Conn) error {
			request, err := readZabbix(c)
			if err != nil || request != "agent.ping" {
				return fmt.Errorf("zabbix_get asks %q, %w", request, err)
			}
			_, err = c.Write(zabbixMessage(string(load())))
			return err
		},
		talk: func(t *testing.T, p *peer) string {
			data := load()
			if status := p.ends(); status != 0 {
				t.Errorf("zabbix_get ends with status %d, want 0", status)
			}
			if got := bytes.TrimRight([]byte(p.data()), "\n"); checksum(got) != checksum(bytes.TrimRight(data, "\n")) {
				t.Errorf("zabbix_get prints %s, want %s", checksum(got), checksum(data))
			}
			return "an answer of " + size(data)
		},
		trials: zabbixClientTrials(),
	}.test(t)
}

// zabbix_sender puts up to 250 values into one message.
func TestZabbixSender(t *testing.T) {
	const values250, each = 250, 20 << 10 // bytes of each value
	value := strings.Repeat("0123456789abcdef", each/16)
	clientProgram{
		peer: zabbixPeer, end: "zabbix_sender (client)",
		start: func(t *testing.T, v values) *peer {
			v = configure(t, zabbixPeer.folder, v)
			lines := strings.Repeat("host key "+value+"\n", values250)
			if err := os.WriteFile(filepath.Join(v.Dir, "values"), []byte(lines), 0o600); err != nil {
				t.Fatal(err)
			}
			return run(t, zabbixPeer.folder, "sender", v)
		},
		serve: func(c *watchword.Conn) error {
			report, err := readZabbix(c)
			if err != nil {
				return err
			}
			if n := strings.Count(report, `"value":"`+value+`"`); n != values250 {
				return fmt.Errorf("zabbix_sender reports %d values that are right, want %d", n, values250)
			}
			_, err = c.Write(zabbixMessage(`{"response":"success","info":"processed: 250; failed: 0; total: 250; seconds spent: 0.000001"}`))
			return err
		},
		talk: func(t *testing.T, p *peer) string {
			if status := p.ends(); status != 0 || !strings.Contains(p.text(), "sent: 250; skipped: 0; total: 250") {
				t.Errorf("zabbix_sender ends with status %d and prints %q", status, tail(p.text(), 400))
			}
			return fmt.Sprintf("%d values of %d KB", values250, each>>10)
		},
		trials: zabbixClientTrials(),
	}.test(t)
}

// zabbixSuites are all that those programs have that are built with GnuTLS.
var zabbixSuites = []watchword.SuiteID{
	watchword.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,
	watchword.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA,
	watchword.TLS_PSK_WITH_AES_128_GCM_SHA256,
	watchword.TLS_PSK_WITH_AES_128_CBC_SHA256,
	watchword.TLS_PSK_WITH_AES_128_CBC_SHA,
}

// As clients they do not offer the extended master secret.
func zabbixClientTrials() []trial {
	trials := append([]trial{{version: watchword.VersionTLS12, with: defaults}}, each(zabbixSuites...)...)
	for i := range trials {
		trials[i].policy, trials[i].without = watchword.Legacy, noEMS
	}
	return trials
}
