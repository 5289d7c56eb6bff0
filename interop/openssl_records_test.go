package interop

// Our client and our server against OpenSSL 3: records of all sizes in bulk,
// and early data, which we refuse.

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/watchword-tls/watchword"
)

// bulk is 8 MiB of text without a letter at the beginning of any chunk, since
// s_client and s_server take some letters for commands.
var bulk = sync.OnceValue(func() []byte {
	b := make([]byte, 8<<20)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = '0' + byte(x>>24)%10
		if i%80 == 79 {
			b[i] = '\n'
		}
	}
	return b
})

func checksum(b []byte) string { return fmt.Sprintf("%d bytes, %x", len(b), sha256.Sum256(b)) }

// Each kind of record that OpenSSL can be told to send carries 8 MiB each way.
func TestOpenSSLBulk(t *testing.T) {
	for _, tt := range []struct {
		name  string
		suite watchword.SuiteID
		args  []string
		set   func(*watchword.Config)
	}{
		{"AES-128-GCM", aes128, nil, nil},
		{"AES-256-GCM", aes256, nil, nil},
		{"ChaCha20-Poly1305", chacha, nil, nil},
		{"small records", aes128, []string{"-max_send_frag", "512"}, nil},
		{"padded records", aes128, []string{"-record_padding", "4096"}, func(c *watchword.Config) { c.PadRecords = 1024 }},
	} {
		if testing.Short() && tt.suite != aes128 {
			continue
		}
		t.Run("client/"+tt.name, func(t *testing.T) { bulkToServer(t, tt.suite, tt.args, tt.set) })
		t.Run("server/"+tt.name, func(t *testing.T) { bulkToClient(t, tt.suite, tt.args, tt.set) })
	}
}

func bulkConfig(t *testing.T, key secret, suite watchword.SuiteID, set func(*watchword.Config)) *watchword.Config {
	cfg := &watchword.Config{
		Keys:   []*watchword.Key{key.external(t, suiteHash(suite))},
		Suites: []watchword.SuiteID{suite},
	}
	if set != nil {
		set(cfg)
	}
	return cfg
}

// bulkToServer moves the bytes between our client and s_server, both ways at
// once.
func bulkToServer(t *testing.T, suite watchword.SuiteID, args []string, set func(*watchword.Config)) {
	key, data := newSecret(32), bulk()
	p, port := sServer(t, append(append(opensslKey(t, key, suite), args...), "-naccept", "1")...)
	c := dial(t, port, bulkConfig(t, key, suite, set))
	p.prints("Secure Renegotiation IS (NOT )?supported\n") // the last line of its own, before data
	begin := len(p.data())
	failed := make(chan error, 2)
	go func() { _, err := p.stdin.Write(data); failed <- err }()
	go func() { _, err := c.Write(data); failed <- err }()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("our client stops reading: %v", err)
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Fatalf("writing fails: %v", err)
		}
	}
	if checksum(got) != checksum(data) {
		t.Errorf("our client reads %s, want %s", checksum(got), checksum(data))
	}
	endOurs(t, c)
	p.prints("DONE\n")
	theirs, _, _ := strings.Cut(p.data()[begin:], "DONE\n")
	if checksum([]byte(theirs)) != checksum(data) {
		t.Errorf("s_server prints %s, want %s", checksum([]byte(theirs)), checksum(data))
	}
}

// bulkToClient moves the bytes between s_client and our server, both ways at
// once.
func bulkToClient(t *testing.T, suite watchword.SuiteID, args []string, set func(*watchword.Config)) {
	key, data := newSecret(32), bulk()
	got := make([]byte, len(data))
	s := serve(t, bulkConfig(t, key, suite, set), func(c *watchword.Conn) error {
		failed := make(chan error, 1)
		go func() { _, err := c.Write(data); failed <- err }()
		if _, err := io.ReadFull(c, got); err != nil {
			return err
		}
		if err := <-failed; err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, c)
		return err
	})
	p := sClient(t, s, append(append(opensslKey(t, key, suite), args...), quiet...)...)
	if _, err := p.stdin.Write(data); err != nil {
		t.Fatalf("s_client does not read its standard input: %v", err)
	}
	p.until("it printed all data", func(string, bool) bool { return len(p.data()) >= len(data) })
	if status := p.ends(); status != 0 {
		t.Errorf("s_client ends with status %d, want 0", status)
	}
	s.succeeds()
	if checksum(got) != checksum(data) {
		t.Errorf("our server reads %s, want %s", checksum(got), checksum(data))
	}
	if theirs := []byte(p.data()); checksum(theirs) != checksum(data) {
		t.Errorf("s_client prints %s, want %s", checksum(theirs), checksum(data))
	}
}

// Early data is refused and skipped, and what follows it arrives
// (RFC 9846 §4.3.10).
func TestOpenSSLClientEarlyData(t *testing.T) {
	for _, size := range []int{10, 16000} {
		early := writeFile(t, "early.txt", bytes.Repeat([]byte("e"), size))
		t.Run(fmt.Sprintf("at once/%d bytes", size), func(t *testing.T) {
			key := newSecret(32)
			s := serve(t, &watchword.Config{Keys: []*watchword.Key{key.external(t, watchword.SHA256)}}, echoLine)
			p := sClient(t, s, "-psk_session", key.sessionFile(t, aes128, 16384), "-psk_identity", identity, "-early_data", early)
			p.prints("Early data was rejected")
			saysHello(t, p)
			s.succeeds()
		})
		// The ticket is one of ours, which we do not issue for early data;
		// the test says otherwise in s_client's copy of it.
		t.Run(fmt.Sprintf("after a HelloRetryRequest/%d bytes", size), func(t *testing.T) {
			key, ticket := newSecret(32), writeFile(t, "ticket.pem", nil)
			s := serve(t, &watchword.Config{
				Keys: []*watchword.Key{key.external(t, watchword.SHA256)}, Groups: []watchword.Group{watchword.P256},
			}, echoLine)
			saysHello(t, sClient(t, s, append(opensslKey(t, key, chacha), "-groups", "P-256", "-sess_out", ticket)...))
			s.succeeds()
			allowEarlyData(t, ticket)
			p := sClient(t, s, "-sess_in", ticket, "-groups", "X25519:P-256", "-early_data", early)
			p.prints("Early data was rejected")
			saysHello(t, p)
			s.succeeds()
		})
	}
}

// allowEarlyData sets max_early_data in the session file of an OpenSSL client.
func allowEarlyData(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("s_client wrote no session, but %q", data)
	}
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(block.Bytes, &fields); err != nil {
		t.Fatalf("s_client's session does not parse: %v", err)
	}
	const maxEarlyData = 15 // the tag of this field, which come in order
	i := 0
	for i < len(fields) && (fields[i].Class != asn1.ClassContextSpecific || fields[i].Tag < maxEarlyData) {
		i++
	}
	number, _ := asn1.Marshal(16384)
	fields = slices.Insert(fields, i, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: maxEarlyData, IsCompound: true, Bytes: number})
	if block.Bytes, err = asn1.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
}
