package interop

// What BoringSSL's test runner once said, checked again without it. The files
// in testdata/bogo hold both directions of connections between the runner and
// our shim, in tests that the runner judged as passed (bogo_record.sh). They
// prove that keys are imported as BoringSSL imports them (RFC 9258), for which
// there are no published vectors.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// A captured connection: which side our shim was, the keys that it held, and
// the bytes of either direction.
type captured struct {
	side         string
	keys         []capturedKey
	runner, shim []byte
}

type capturedKey struct {
	hash              suite.Hash
	identity, context string
	secret            []byte
}

// readCapture reads one file.
func readCapture(t *testing.T, path string) []*captured {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []*captured
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		word := strings.Fields(lines.Text())
		if len(word) == 0 || word[0] == "#" {
			continue
		}
		if word[0] == "connection" {
			list = append(list, &captured{side: word[1]})
			continue
		}
		c := list[len(list)-1]
		data, err := hex.DecodeString(word[len(word)-1])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		switch word[0] {
		case "key":
			k := capturedKey{identity: word[2], context: word[3], secret: data}
			if word[1] == "sha384" {
				k.hash = suite.SHA384
			}
			c.keys = append(c.keys, k)
		case "runner":
			c.runner = append(c.runner, data...)
		case "shim":
			c.shim = append(c.shim, data...)
		default:
			t.Fatalf("%s: unknown line %q", path, word[0])
		}
	}
	return list
}

func captures(t *testing.T) map[string][]*captured {
	t.Helper()
	paths, _ := filepath.Glob("testdata/bogo/*.txt")
	if len(paths) == 0 {
		t.Fatal("there are no captures in testdata/bogo")
	}
	all := map[string][]*captured{}
	for _, p := range paths {
		all[strings.TrimSuffix(filepath.Base(p), ".txt")] = readCapture(t, p)
	}
	return all
}

// plaintextMessages returns the handshake messages that stand before the first
// protected record of a stream.
func plaintextMessages(t *testing.T, stream []byte) [][]byte {
	t.Helper()
	var data []byte
	for len(stream) >= 5 {
		n := int(binary.BigEndian.Uint16(stream[3:5]))
		if stream[0] == 23 {
			break
		}
		if stream[0] == 22 {
			data = append(data, stream[5:5+n]...)
		}
		stream = stream[5+n:]
	}
	var messages [][]byte
	for len(data) >= 4 {
		n := 4 + int(data[1])<<16 + int(data[2])<<8 + int(data[3])
		if n > len(data) {
			t.Fatal("a captured message is cut off")
		}
		messages = append(messages, data[:n])
		data = data[n:]
	}
	return messages
}

// The runner's ClientHellos carry the binders that BoringSSL computes from the
// key: they verify with our import and our binder, and fail with any other.
func TestBoGoBinders(t *testing.T) {
	kdfs := map[uint16]int{}
	for name, list := range captures(t) {
		t.Run(name, func(t *testing.T) {
			for i, c := range list {
				if c.side != "server" || i > 0 {
					continue // a client, or a resumption with tickets of ours
				}
				checkBinders(t, c, kdfs)
			}
		})
	}
	if kdfs[suite.SHA256.KDF()] == 0 || kdfs[suite.SHA384.KDF()] == 0 {
		t.Errorf("the captures hold %v binders by target KDF, want some of both", kdfs)
	}
}

func checkBinders(t *testing.T, c *captured, kdfs map[uint16]int) {
	t.Helper()
	hellos := plaintextMessages(t, c.runner)
	var before [2][]byte // the transcript before the ClientHello, by hash
	for n, raw := range hellos {
		hello, err := wire.ParseClientHello(raw, nil)
		if err != nil {
			t.Fatalf("the runner's ClientHello %d does not parse: %v", n+1, err)
		}
		offer := hello.PreSharedKey
		for i, id := range offer.Identities {
			imported, err := wire.ParseImportedIdentity(id.Identity, nil)
			if err != nil {
				t.Fatalf("the runner's identity %d is not an ImportedIdentity: %v", i, err)
			}
			if checkBinder(t, c.keys, imported, id.Identity, offer.Binders[i], func(h suite.Hash) []byte {
				return h.Sum(append(bytes.Clone(before[h]), raw[:offer.BindersOffset]...))
			}) {
				kdfs[imported.TargetKDF]++
			}
		}
		retry := plaintextMessages(t, c.shim)[0]
		for _, h := range []suite.Hash{suite.SHA256, suite.SHA384} {
			before[h] = append(wire.AppendMessageHash(nil, h.Sum(raw)), retry...)
		}
	}
}

// checkBinder finds the key of an identity, imports it and verifies the binder.
// It returns false for an identity that our shim had no key for.
func checkBinder(t *testing.T, keys []capturedKey, id wire.ImportedIdentity, raw, binder []byte, sum func(suite.Hash) []byte) bool {
	t.Helper()
	for _, k := range keys {
		if k.identity != string(id.ExternalIdentity) || k.context != string(id.Context) {
			continue
		}
		target := suite.SHA256
		if id.TargetKDF == suite.SHA384.KDF() {
			target = suite.SHA384
		}
		psk := schedule.Import(k.hash, k.secret, raw, target)
		if !psk.VerifyBinder(sum(target), binder) {
			t.Errorf("the runner's binder of %s for KDF %d does not verify", k.identity, id.TargetKDF)
		}
		wrong := schedule.Import(k.hash, append([]byte{1}, k.secret[1:]...), raw, target)
		asExternal := schedule.NewPSK(target, schedule.ExternalPSK, k.secret)
		if wrong.VerifyBinder(sum(target), binder) || asExternal.VerifyBinder(sum(target), binder) {
			t.Error("the runner's binder verifies with a key that is not the imported one")
		}
		return true
	}
	return false
}

// With the same randomness our client sends the same bytes again, accepts the
// runner's answers and so proves the whole handshake with an imported key. It
// fails when our ClientHello changes: record the captures anew then.
func TestBoGoReplay(t *testing.T) {
	replayed := 0
	for name, list := range captures(t) {
		if list[0].side != "client" {
			continue
		}
		replayed++
		t.Run(name, func(t *testing.T) { replay(t, list[0]) })
	}
	if replayed < 4 {
		t.Errorf("%d connections were replayed, want the four pairs of hashes", replayed)
	}
}

func replay(t *testing.T, c *captured) {
	cfg := &watchword.Config{
		Rand:   rand.NewChaCha8([32]byte([]byte("watchword: randomness of a test."))),
		Time:   func() time.Time { return time.Unix(1_000_000_000, 0) },
		Suites: []watchword.SuiteID{aes128, aes256, chacha},
	}
	for _, k := range c.keys {
		key, err := watchword.NewKey(k.identity, k.secret, watchword.KeyOptions{Hash: watchword.Hash(k.hash), Context: []byte(k.context)})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Keys = append(cfg.Keys, key)
	}
	runner := &recordedPeer{in: bytes.NewReader(c.runner)}
	conn := watchword.Client(runner, cfg)
	if err := conn.Handshake(); err != nil {
		if !bytes.HasPrefix(c.shim, runner.out.Bytes()) {
			t.Fatalf("our messages differ from the captured ones (record them anew with bogo_record.sh if that is meant): %v", err)
		}
		t.Fatalf("our client refuses what the runner said: %v", err)
	}
	b := make([]byte, 32)
	if _, err := io.ReadFull(conn, b); err != nil {
		t.Fatalf("the runner's data cannot be read: %v", err)
	}
	if want := bytes.Repeat([]byte{0x42}, len(b)); !bytes.Equal(b, want) {
		t.Errorf("the runner's data is %x, want %x", b, want)
	}
	for i := range b {
		b[i] ^= 0xff
	}
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(c.shim, runner.out.Bytes()) {
		t.Error("our messages differ from the captured ones")
	}
}

// recordedPeer is a connection to a peer that says what was recorded.
type recordedPeer struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (p *recordedPeer) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *recordedPeer) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p *recordedPeer) Close() error                { return nil }
func (p *recordedPeer) LocalAddr() net.Addr         { return &net.TCPAddr{} }
func (p *recordedPeer) RemoteAddr() net.Addr        { return &net.TCPAddr{} }

func (p *recordedPeer) SetDeadline(time.Time) error      { return nil }
func (p *recordedPeer) SetReadDeadline(time.Time) error  { return nil }
func (p *recordedPeer) SetWriteDeadline(time.Time) error { return nil }
