package main

// Recording, for the captures in ../testdata/bogo: with the flag "-record FILE"
// (given to the runner as -shim-extra-flags "-record;FILE") both directions of
// every connection go into a file as text, and the shim's randomness is fixed,
// so that the very same connection can be played again.

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/watchword-tls/watchword"
)

// capture wraps c if the test is to be recorded.
func capture(c net.Conn, o *options) (net.Conn, error) {
	if o.recordFile == "" {
		return c, nil
	}
	f, err := os.OpenFile(o.recordFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	side := "client"
	if o.server {
		side = "server"
	}
	fmt.Fprintf(f, "\nconnection %s\n", side)
	for _, c := range o.credentials {
		fmt.Fprintf(f, "key %s %s %s %x\n", c.hash, c.identity, c.context, c.key)
	}
	return &recorded{Conn: c, file: f}, nil
}

// recorded writes what passes: one line for each read and write.
type recorded struct {
	net.Conn
	mu   sync.Mutex
	file *os.File
}

func (r *recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.line("runner", b[:n])
	return n, err
}

func (r *recorded) Write(b []byte) (int, error) {
	r.line("shim", b)
	return r.Conn.Write(b)
}

func (r *recorded) line(who string, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(b) > 0 {
		fmt.Fprintln(r.file, who, hex.EncodeToString(b))
	}
}

func (r *recorded) Close() error {
	r.mu.Lock()
	r.file.Close()
	r.mu.Unlock()
	return r.Conn.Close()
}

// randomness fixes what makes one run of a recorded test differ from the next.
func (o *options) randomness(cfg *watchword.Config) {
	if o.recordFile != "" {
		cfg.Rand = rand.NewChaCha8([32]byte([]byte("watchword: randomness of a test.")))
		// The default order of suites depends on the processor.
		cfg.Suites = []watchword.SuiteID{
			watchword.TLS_AES_128_GCM_SHA256, watchword.TLS_AES_256_GCM_SHA384, watchword.TLS_CHACHA20_POLY1305_SHA256,
		}
		cfg.Time = func() time.Time { return time.Unix(1_000_000_000, 0) }
	}
}
