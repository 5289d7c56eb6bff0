//go:build !race

package main

// A warm connection allocates nothing for a record. The race detector makes
// pools forget what they hold, so this cannot be counted under it.

import (
	"crypto/tls"
	"testing"

	"github.com/watchword-tls/watchword"
)

func TestAWarmEngineAllocatesNothing(t *testing.T) {
	for _, suite := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256, gcm12, cbc12} {
		client, server, err := warmEngines(scenario{x25519: true, suite: suite})
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1, 1000, 16 << 10, 64 << 10} {
			for _, room := range []int{100, 4 << 10, 64 << 10} {
				data, wire, buf := make([]byte, size), make([]byte, 0, 2*bulkWrite), make([]byte, room)
				n := testing.AllocsPerRun(100, func() {
					if wire, err = cross(client, server, data, wire, buf); err != nil {
						t.Fatal(err)
					}
				})
				if n != 0 {
					t.Errorf("%s: %d bytes sealed and read %d at a time cost %v allocations, want none.", watchword.SuiteID(suite), size, room, n)
				}
			}
		}
	}
}

func TestAWarmConnAllocatesNothing(t *testing.T) {
	for _, c := range []struct {
		suite uint16
		open  func() (link, error)
	}{
		{tls.TLS_AES_128_GCM_SHA256, newMemory}, {tls.TLS_AES_128_GCM_SHA256, newLoopback},
		{gcm12, newLoopback}, {cbc12, newLoopback},
	} {
		s := scenario{x25519: true, suite: c.suite}
		l, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, server, err := connected(oursStack(s), l)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		defer server.Close()
		for _, size := range []int{1, 16 << 10, 64 << 10} {
			data, buf := make([]byte, size), make([]byte, 32<<10)
			n := testing.AllocsPerRun(100, func() {
				if err := send(client, data, size); err != nil {
					t.Fatal(err)
				}
				if err := receive(server, buf, size); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("A message of %d bytes over %T with %s cost %v allocations, want none.", size, l, watchword.SuiteID(c.suite), n)
			}
		}
	}
}
