package main

// Bulk data in one direction, written 64 KiB at a time.

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchword-tls/watchword"
)

const (
	bulkWrite = 64 << 10
	megabyte  = 1 << 20
	chacha    = tls.TLS_CHACHA20_POLY1305_SHA256
)

func bulk(w io.Writer, o options) error {
	fmt.Fprintf(w, "| bulk, 64 KiB writes | who | GB a second | CPU s for a GB, both ends | × a second | × by CPU |\n|---|---|---:|---:|---:|---:|\n")
	if err := bulkRows(w, o, tls.TLS_AES_128_GCM_SHA256); err != nil {
		return err
	}
	if err := withoutAES(w, o); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// withoutAES starts this program again as one that believes that the processor
// has no AES instructions: nothing else makes crypto/tls choose ChaCha20.
func withoutAES(w io.Writer, o options) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "-chacha", "-rounds", strconv.Itoa(o.rounds), "-megabytes", strconv.Itoa(o.megabytes))
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
	cmd.Env = append(cmd.Env, "GODEBUG=cpu.aes=off")
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	return cmd.Run()
}

func bulkRows(w io.Writer, o options, suite uint16) error {
	s := scenario{x25519: true, suite: suite}
	name := "AES-128-GCM"
	if suite == chacha {
		name = "ChaCha20-Poly1305"
	}
	for _, row := range []struct {
		name   string
		buffer int
		open   func() (link, error)
		extra  []contender
	}{
		{"loopback TCP, reads of 64 KiB", 64 << 10, newLoopback, nil},
		{"loopback TCP, reads of 32 KiB", 32 << 10, newLoopback, nil},
		{"loopback TCP, reads of 4 KiB", 4 << 10, newLoopback, nil},
		{"in memory, reads of 64 KiB", 64 << 10, newMemory, []contender{engineBulk(s)}},
	} {
		ours, theirs := transfer(oursStack(s), row.open, row.buffer), transfer(standardStack(s), row.open, row.buffer)
		contenders := append([]contender{ours}, row.extra...)
		results, err := compare(o.rounds, o.megabytes*megabyte, append(contenders, theirs)...)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", name, row.name, err)
		}
		for _, r := range results {
			fmt.Fprintf(w, "| %s, %s | %s | %.2f | %.2f | %.2f | %.2f |\n",
				name, row.name, r.name, r.rate/1e9, r.cpuNanos, r.byRate, r.byCPU)
		}
	}
	return nil
}

// connected returns both ends of a connection after their handshakes.
func connected(st stack, l link) (client, server secure, err error) {
	rawClient, rawServer, err := l.pair()
	if err != nil {
		return nil, nil, err
	}
	client, server = st.client(rawClient), st.server(rawServer)
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		return nil, nil, err
	}
	return client, server, <-done
}

// transfer sends bytes from the client to the server over a new connection,
// whose handshake is not worth counting.
func transfer(st stack, open func() (link, error), buffer int) contender {
	data := bytes.Repeat([]byte("bulk"), bulkWrite/4)
	buf := make([]byte, buffer)
	return contender{name: st.name, work: func(n int) error {
		l, err := open()
		if err != nil {
			return err
		}
		defer l.Close()
		client, server, err := connected(st, l)
		if err != nil {
			return err
		}
		defer client.Close()
		defer server.Close()
		if err := st.checkSuite(client); err != nil {
			return err
		}
		sent := make(chan error, 1)
		go func() { sent <- send(client, data, n) }()
		if err := receive(server, buf, n); err != nil {
			return err
		}
		return <-sent
	}}
}

func send(w io.Writer, data []byte, n int) error {
	for ; n > 0; n -= len(data) {
		if _, err := w.Write(data[:min(n, len(data))]); err != nil {
			return err
		}
	}
	return nil
}

func receive(r io.Reader, buf []byte, n int) error {
	for n > 0 {
		got, err := r.Read(buf)
		if n -= got; err != nil {
			return fmt.Errorf("%d bytes before the end of the bulk data: %w", n, err)
		}
	}
	return nil
}

// engineBulk seals and opens with two engines of ours in one goroutine.
func engineBulk(s scenario) contender {
	return contender{name: "watchword, Engine alone", work: func(n int) error {
		client, server, err := warmEngines(s)
		if err != nil {
			return err
		}
		data := bytes.Repeat([]byte("bulk"), bulkWrite/4)
		wire, buf := make([]byte, 0, 2*bulkWrite), make([]byte, bulkWrite)
		for ; n > 0; n -= len(data) {
			if wire, err = cross(client, server, data[:min(n, len(data))], wire, buf); err != nil {
				return err
			}
		}
		return nil
	}}
}

func warmEngines(s scenario) (client, server *watchword.Engine, err error) {
	cc, sc := oursConfigs(s)
	return enginePair(cc, sc)
}

// cross takes data from one engine to the other and returns wire, the room for
// its records.
func cross(from, to *watchword.Engine, data, wire, buf []byte) ([]byte, error) {
	now := time.Time{} // nothing here depends on it
	wire, n, err := from.Seal(wire[:0], data, cap(wire))
	if err != nil {
		return wire, err
	}
	if n != len(data) {
		return wire, fmt.Errorf("only %d of %d bytes were sealed", n, len(data))
	}
	copy(to.Space(len(wire)), wire)
	if err := to.Received(len(wire), now); err != nil {
		return wire, err
	}
	for n > 0 {
		got, err := to.Read(buf, now)
		if err != nil {
			return wire, err
		}
		n -= got
	}
	return wire, nil
}

// allocations counts what is allocated once everything is warm.
func allocations(w io.Writer, o options) error {
	const blocks = 4096
	s := scenario{x25519: true, suite: tls.TLS_AES_128_GCM_SHA256}
	fmt.Fprintf(w, "| allocations for each 64 KiB (four records), sent and received | who | allocations | bytes |\n|---|---|---:|---:|\n")
	for _, row := range []struct {
		name   string
		buffer int
		open   func() (link, error)
	}{
		{"loopback TCP, reads of 64 KiB", 64 << 10, newLoopback},
		{"loopback TCP, reads of 4 KiB", 4 << 10, newLoopback},
		{"in memory, reads of 64 KiB", 64 << 10, newMemory},
	} {
		for _, st := range []stack{oursStack(s), standardStack(s)} {
			count, size, err := perBlock(st, row.open, row.buffer, blocks)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "| %s | %s | %.2f | %.0f |\n", row.name, st.name, count, size)
		}
	}
	fmt.Fprintln(w)
	return nil
}

// perBlock counts the allocations of a block that is written and then read in
// one goroutine, so that nothing else is counted.
func perBlock(st stack, open func() (link, error), buffer, blocks int) (count, size float64, err error) {
	l, err := open()
	if err != nil {
		return 0, 0, err
	}
	defer l.Close()
	client, server, err := connected(st, l)
	if err != nil {
		return 0, 0, err
	}
	defer client.Close()
	defer server.Close()
	data, buf := make([]byte, bulkWrite), make([]byte, buffer)
	warm := blocks / 4
	var before, after runtime.MemStats
	for i := range warm + blocks {
		if i == warm {
			runtime.ReadMemStats(&before)
		}
		if err := send(client, data, len(data)); err != nil {
			return 0, 0, err
		}
		if err := receive(server, buf, len(data)); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&after)
	per := func(n uint64) float64 { return float64(n) / float64(blocks) }
	return per(after.Mallocs - before.Mallocs), per(after.TotalAlloc - before.TotalAlloc), nil
}
