package main

// The comparisons run, and what they are to measure is what happens. Nothing
// here depends on time.

import (
	"crypto/tls"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/bench/report"
)

func TestEveryComparisonRuns(t *testing.T) {
	t.Cleanup(cleanUp)
	var out strings.Builder
	o := options{rounds: 1, handshakes: 2, megabytes: 1, idle: 2, only: "machine,handshakes,allocations,idle"}
	if err := run(&out, o); err != nil {
		t.Fatalf("A table cannot be made: %v", err)
	}
	// In a test this program cannot start itself again for ChaCha20-Poly1305.
	if err := bulkRows(&out, o, tls.TLS_AES_128_GCM_SHA256); err != nil {
		t.Fatalf("The table of bulk data cannot be made: %v", err)
	}
	if err := bulk12(&out, o); err != nil {
		t.Fatalf("The table of bulk data in TLS 1.2 cannot be made: %v", err)
	}
	for _, want := range []string{"| X25519, loopback TCP | watchword |", "| X25519, loopback TCP | OpenSSL, PSK |", "| resumed,", "| AES-128-GCM, loopback TCP, reads of 64 KiB | crypto/tls |", "| after the handshake | client",
		"| TLS 1.2, AES-128-CBC, X25519, loopback TCP | OpenSSL, ECDHE_PSK |", "| TLS 1.2, AES-128-GCM, X25519, loopback TCP | watchword |", "| AES-128-CBC-SHA256, in memory | watchword, records alone, MAC-then-encrypt, constant time |", "| AES-128-CBC-SHA256, loopback TCP | OpenSSL, MAC-then-encrypt in one pass |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("The tables have no row %q.", want)
		}
	}
}

func TestASuiteThatIsNotNegotiatedIsRefused(t *testing.T) {
	s := scenario{x25519: true, suite: tls.TLS_AES_256_GCM_SHA384}
	if tls.CipherSuites()[0].ID == s.suite {
		t.Skip("crypto/tls prefers AES-256 here.")
	}
	if err := transfer(standardStack(s), newMemory, 1<<10).work(1); err == nil {
		t.Error("crypto/tls has another suite than the row says, and nobody noticed.")
	}
}

func TestTwoEndsOfOursAgreeOnEncryptThenMAC(t *testing.T) {
	client, server, err := warmEngines(scenario{x25519: true, suite: cbc12})
	if err != nil {
		t.Fatal(err)
	}
	if !client.Session().EncryptThenMAC || !server.Session().EncryptThenMAC {
		t.Error("The rows of bulk data in TLS 1.2 name encrypt-then-MAC, but the two ends did not agree on it.")
	}
}

func TestTablesGoIntoTheDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options{only: "machine", update: path}
	write("no place for it\n")
	if err := run(io.Discard, o); err == nil {
		t.Error("A document without a place for the table was taken.")
	}
	write("before\n<!-- table machine -->\n\n| old |\n\n<!-- end of table machine -->\nafter\n")
	if err := run(io.Discard, o); err != nil {
		t.Fatalf("The table was not put into the document: %v", err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	if !strings.HasPrefix(text, "before\n<!-- table machine -->\n\n| | |\n") || !strings.HasSuffix(text, " |\n\n<!-- end of table machine -->\nafter\n") || strings.Contains(text, "old") {
		t.Errorf("The document is not the old one with the new table:\n%s", text)
	}
}

// docs/performance.md must keep its places, or a run of some minutes ends in an
// error.
func TestTheDocumentHasAPlaceForEachTable(t *testing.T) {
	var names []string
	for _, table := range tables {
		names = append(names, table.name)
	}
	if _, err := report.Open("../docs/performance.md", names); err != nil {
		t.Error(err)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("The median of %v is %v, want %v.", c.values, got, c.want)
		}
	}
}

func TestPipeEndsAndHoldsBack(t *testing.T) {
	l, _ := newMemory()
	a, b, err := l.pair()
	if err != nil {
		t.Fatal(err)
	}
	const size = 3*pipeRoom + 1
	go func() {
		_ = send(a, make([]byte, bulkWrite), size) // a failure shows as missing bytes
		a.Close()
	}()
	if n, err := io.Copy(io.Discard, b); n != size || err != nil {
		t.Errorf("%d bytes came through the pipe, error %v; want %d.", n, err, size)
	}
}

// For profiles: go test -bench Handshake -cpuprofile cpu.prof ./bench
func BenchmarkHandshake(b *testing.B) {
	s := scenario{x25519: true, suite: tls.TLS_AES_128_GCM_SHA256}
	conn, err := handshaker(oursStack(s), s, newLoopback)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []contender{engines(s), conn} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			if err := c.work(b.N); err != nil {
				b.Fatal(err)
			}
		})
	}
}
