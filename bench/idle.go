package main

// The heap that an idle connection holds. The TCP connections beneath are not
// counted: an end's figure is what the heap loses when that end alone is
// dropped. A connection that waits in Read also has a goroutine; what it and
// the waiting add is counted apart.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"
)

// How many bytes go each way before a connection is idle.
const (
	afterMessage = 100
	afterBulk    = 1 << 20
)

func idle(w io.Writer, o options) error {
	fmt.Fprintf(w, "| idle connection, %d pairs | end | watchword, bytes | crypto/tls, bytes | watchword / crypto/tls |\n|---|---|---:|---:|---:|\n", o.idle)
	s := scenario{x25519: true, suite: tls.TLS_AES_128_GCM_SHA256}
	// What the runtime keeps of a goroutine for the next one is paid for here.
	if _, err := weigh(standardStack(s), o.idle, 0); err != nil {
		return err
	}
	for _, state := range []struct {
		name  string
		bytes int
	}{{"after the handshake", 0}, {"after 100 bytes each way", afterMessage}, {"after 1 MiB each way", afterBulk}} {
		ours, err := weigh(oursStack(s), o.idle, state.bytes)
		if err != nil {
			return err
		}
		theirs, err := weigh(standardStack(s), o.idle, state.bytes)
		if err != nil {
			return err
		}
		for _, row := range []struct {
			name         string
			ours, theirs float64
		}{
			{"client, heap", ours.client, theirs.client},
			{"server, heap", ours.server, theirs.server},
			{"server waiting in Read, heap", ours.server + ours.waiting, theirs.server + theirs.waiting},
			{"its goroutine's stack", ours.stack, theirs.stack},
		} {
			fmt.Fprintf(w, "| %s | %s | %.0f | %.0f | %.2f |\n", state.name, row.name, row.ours, row.theirs, row.ours/row.theirs)
		}
	}
	fmt.Fprintln(w)
	return nil
}

// weight is in bytes for one connection.
type weight struct{ client, server, waiting, stack float64 }

func weigh(st stack, pairs, bytes int) (weight, error) {
	l, err := newLoopback()
	if err != nil {
		return weight{}, err
	}
	defer l.Close()
	raw := make([]net.Conn, 0, 2*pairs)
	defer func() {
		for _, c := range raw {
			c.Close()
		}
	}()
	clients, servers := make([]secure, pairs), make([]secure, pairs)
	buf := make([]byte, 64<<10)
	for i := range pairs {
		if clients[i], servers[i], err = connected(keep(st, &raw), l); err != nil {
			return weight{}, err
		}
		if err := errors.Join(exchange(clients[i], servers[i], bytes, buf), exchange(servers[i], clients[i], bytes, buf)); err != nil {
			return weight{}, err
		}
	}
	var r weight
	per := func(from, to uint64) float64 { return (float64(to) - float64(from)) / float64(pairs) }
	quiet, quietStack := heap()
	ended := wait(servers)
	waiting, waitingStack := heap()
	r.waiting, r.stack = per(quiet, waiting), per(quietStack, waitingStack)
	for _, c := range raw {
		_ = c.SetReadDeadline(time.Now()) // ends the reads; a failure shows as a hang
	}
	for range pairs {
		<-ended
	}
	for _, c := range raw {
		_ = c.SetReadDeadline(time.Time{})
	}
	// A collection empties the pools that the reads gave buffers back to.
	both, _ := heap()
	clear(clients)
	serversOnly, _ := heap()
	clear(servers)
	none, _ := heap()
	r.client, r.server = per(serversOnly, both), per(none, serversOnly)
	runtime.KeepAlive(raw)
	return r, nil
}

// keep is st with the connections beneath remembered, so that they outlive it.
func keep(st stack, raw *[]net.Conn) stack {
	client, server := st.client, st.server
	st.client = func(c net.Conn) secure { *raw = append(*raw, c); return client(c) }
	st.server = func(c net.Conn) secure { *raw = append(*raw, c); return server(c) }
	return st
}

// exchange sends n bytes through one connection.
func exchange(from, to secure, n int, buf []byte) error {
	sent := make(chan error, 1)
	go func() { sent <- send(from, make([]byte, bulkWrite), n) }()
	_, err := io.ReadFull(to, buf[:min(n, 1)])
	if err == nil && n > 0 {
		err = receive(to, buf, n-1)
	}
	return errors.Join(err, <-sent)
}

// wait starts a goroutine in Read on each connection.
func wait(conns []secure) (ended chan struct{}) {
	ended = make(chan struct{}, len(conns))
	for _, c := range conns {
		go func() {
			var b [1]byte
			_, _ = c.Read(b[:]) // ends by its deadline
			ended <- struct{}{}
		}()
	}
	// There is no way to ask whether all wait.
	time.Sleep(500 * time.Millisecond)
	return ended
}

// heap returns the bytes in use on the heap and by stacks. Pools let go of
// what they hold in the second collection.
func heap() (objects, stacks uint64) {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}
