package interop

// Zabbix: its two agents, which answer questions and ask a server what to
// watch, zabbix_get, which asks an agent, and zabbix_sender, which reports to a
// server.

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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

// zabbixPort returns a free port of those that Zabbix allows.
func zabbixPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(12000)) // the system itself picks from 32768 on
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port between 20000 and 32000 is free")
	return ""
}

// zabbixAnswerLen is about the most that an agent tells of a file.
const zabbixAnswerLen = 60000

// zabbixAgent is an agent that is asked for the content of a file.
func zabbixAgent(name, ready string, end error) serverProgram {
	var file string
	return serverProgram{
		peer: zabbixPeer, end: "zabbix_" + name + " (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			v.Port, v.Root, v.Agents = zabbixPort(t), 1, 1
			v = configure(t, zabbixPeer.folder, v)
			file = filepath.Join(v.Dir, "contents")
			if err := os.WriteFile(file, load()[:zabbixAnswerLen], 0o600); err != nil {
				t.Fatal(err)
			}
			p := run(t, zabbixPeer.folder, name, v)
			p.prints(ready)
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
			v.Root, v.Target, v.Port = 1, "127.0.0.1:"+v.Port, zabbixPort(t)
			return run(t, zabbixPeer.folder, name, configure(t, zabbixPeer.folder, v))
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
	agent := zabbixAgent("agent2", "Press Ctrl\\+C to exit", watchword.ErrTruncated)
	agent.trials = zabbixTrials13()
	agent.test(t)
}

func TestZabbixAgent2AsClient(t *testing.T) {
	agent := zabbixActive("agent2")
	agent.trials = zabbixTrials13()
	agent.test(t)
}

// agent2 has P-256 alone, which its own first try may not be.
func zabbixTrials13() []trial {
	return append([]trial{{version: watchword.VersionTLS13, with: "both ends' defaults", group: watchword.P256}},
		each(chacha, aes128)...)
}
