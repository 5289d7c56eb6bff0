package interop

// The broker and the clients of Mosquitto.

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestMosquittoAsServer(t *testing.T) {
	serverProgram{
		peer: mosquittoPeer, end: "mosquitto (server)",
		start: func(t *testing.T, v values) (*peer, string) {
			// It would become a user who cannot read the test's files.
			v.Port, v.User = freePort(t), "root"
			p := run(t, mosquittoPeer.folder, "server", configure(t, mosquittoPeer.folder, v))
			p.prints(`mosquitto version \S+ running`)
			return p, v.Port
		},
		talk: func(t *testing.T, c *watchword.Conn) string {
			data := load()
			got, err := mqttThroughBroker(c, data)
			if err != nil {
				t.Fatalf("MQTT fails: %v", err)
			}
			if checksum(got) != checksum(data) {
				t.Errorf("the broker sends %s, want %s", checksum(got), checksum(data))
			}
			// After DISCONNECT the broker ends the stream.
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				t.Errorf("after DISCONNECT come %d bytes, %v", len(rest), err)
			}
			return "a message of " + size(data) + " there and back"
		},
		trials: mosquittoTrials(),
	}.test(t)
}

func TestMosquittoPub(t *testing.T) {
	clientProgram{
		peer: mosquittoPeer, end: "mosquitto_pub (client)",
		start: func(t *testing.T, v values) *peer {
			v = configure(t, mosquittoPeer.folder, v)
			if err := os.WriteFile(filepath.Join(v.Dir, "message"), load(), 0o600); err != nil {
				t.Fatal(err)
			}
			return run(t, mosquittoPeer.folder, "pub", v)
		},
		serve: func(c *watchword.Conn) error {
			got, err := takeMQTTMessage(c)
			if err == nil && checksum(got) != checksum(load()) {
				err = fmt.Errorf("the message is %s, want %s", checksum(got), checksum(load()))
			}
			return err
		},
		talk: func(t *testing.T, p *peer) string {
			if status := p.ends(); status != 0 {
				t.Errorf("mosquitto_pub ends with status %d, want 0", status)
			}
			return "a message of " + size(load())
		},
		sends:  "127.0.0.1",
		trials: mosquittoTrials(),
	}.test(t)
}

func TestMosquittoSub(t *testing.T) {
	clientProgram{
		peer: mosquittoPeer, end: "mosquitto_sub (client)",
		start: func(t *testing.T, v values) *peer {
			return run(t, mosquittoPeer.folder, "sub", configure(t, mosquittoPeer.folder, v))
		},
		serve: func(c *watchword.Conn) error { return giveMQTTMessage(c, load()) },
		talk: func(t *testing.T, p *peer) string {
			data := load()
			if status := p.ends(); status != 0 {
				t.Errorf("mosquitto_sub ends with status %d, want 0", status)
			}
			if got := []byte(p.data()); checksum(got) != checksum(data) {
				t.Errorf("mosquitto_sub prints %s, want %s", checksum(got), checksum(data))
			}
			return "a message of " + size(data)
		},
		sends:  "127.0.0.1",
		trials: mosquittoTrials(),
	}.test(t)
}

func mosquittoTrials() []trial {
	return slices.Concat(
		unpinned(watchword.Compatible),
		each(chacha, aes128),
		each(ecdheChaCha, ecdheCBC[0], ecdheCBC[1], plainAEAD[0], plainAEAD[1], plainCBC[0], plainCBC[2]),
	)
}
