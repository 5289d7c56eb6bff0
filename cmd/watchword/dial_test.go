package main

import (
	"bytes"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/network"
)

// A server that cuts at once is told about in one sentence, whether the system
// says so when it connects or afterwards, which is chance.
func TestCutWhileConnecting(t *testing.T) {
	key, err := watchword.NewKey("alice", bytes.Repeat([]byte{1}, 32), watchword.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := &watchword.Config{Keys: []*watchword.Key{key}}
	sentence := func(raw net.Conn, err error) string {
		if err == nil {
			err = watchword.Client(raw, config).Handshake()
		}
		return dialFailure("host:1", err, config, "").Error()
	}
	while := func(op, call string) error {
		return &net.OpError{Op: op, Net: "tcp", Err: &os.SyscallError{Syscall: call, Err: syscall.ECONNRESET}}
	}
	if said := sentence(network.OrCut(nil, while("dial", "connect"))); !strings.Contains(said, "it closed the connection without an alert") {
		t.Errorf("It says: %s", said)
	}
}
