package main

// Handshakes a second, and what both ends of one cost the processor.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/watchword-tls/watchword"
)

func handshakes(w io.Writer, o options) error {
	fmt.Fprintf(w, "| handshake | who | a second | CPU µs, both ends | allocations | × a second | × by CPU |\n|---|---|---:|---:|---:|---:|---:|\n")
	x25519 := scenario{x25519: true, suite: tls.TLS_AES_128_GCM_SHA256}
	standard := scenario{suite: tls.TLS_AES_128_GCM_SHA256}
	resumed := scenario{x25519: true, resume: true, suite: tls.TLS_AES_128_GCM_SHA256}
	cbc, gcm := scenario{x25519: true, suite: cbc12}, scenario{x25519: true, suite: gcm12}
	rows := []struct {
		name     string
		scenario scenario
		open     func() (link, error)
		extra    []contender
	}{
		{"X25519, loopback TCP", x25519, newLoopback, []contender{openssl("OpenSSL, PSK", "handshakes", "tcp", "1.3")}},
		{"X25519, in memory", x25519, newMemory, []contender{engines(x25519), openssl("OpenSSL, PSK", "handshakes", "memory", "1.3")}},
		{"default groups, loopback TCP", standard, newLoopback, nil},
		{"default groups, in memory", standard, newMemory, []contender{engines(standard)}},
		{"resumed, X25519, loopback TCP", resumed, newLoopback, nil},
		{"resumed, X25519, in memory", resumed, newMemory, nil},
		{"TLS 1.2, AES-128-GCM, X25519, loopback TCP", gcm, newLoopback, nil},
		{"TLS 1.2, AES-128-CBC, X25519, loopback TCP", cbc, newLoopback, []contender{openssl("OpenSSL, ECDHE_PSK", "handshakes", "tcp", "1.2")}},
		{"TLS 1.2, AES-128-CBC, X25519, in memory", cbc, newMemory, []contender{engines(cbc), openssl("OpenSSL, ECDHE_PSK", "handshakes", "memory", "1.2")}},
	}
	for _, row := range rows {
		ours, err := handshaker(oursStack(row.scenario), row.scenario, row.open)
		if err != nil {
			return err
		}
		theirs, err := handshaker(standardStack(row.scenario), row.scenario, row.open)
		if err != nil {
			return err
		}
		contenders := append([]contender{ours}, row.extra...)
		if !row.scenario.resume {
			pinned, err := handshaker(standardStack(row.scenario.withPinned()), row.scenario, row.open)
			if err != nil {
				return err
			}
			pinned.name += ", certificate itself trusted"
			contenders = append(contenders, pinned)
		}
		results, err := compare(o.rounds, o.handshakes, append(contenders, theirs)...)
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		for _, r := range results {
			printHandshake(w, row.name, r)
		}
	}
	fmt.Fprintln(w)
	return nil
}

func printHandshake(w io.Writer, row string, r result) {
	if r.missing != "" {
		fmt.Fprintf(w, "| %s | %s | %s | | | | |\n", row, r.name, r.missing)
		return
	}
	mallocs := "-"
	if r.mallocs > 0 {
		mallocs = fmt.Sprintf("%.0f", r.mallocs)
	}
	fmt.Fprintf(w, "| %s | %s | %.0f | %.0f | %s | %.2f | %.2f |\n",
		row, r.name, r.rate, r.cpuNanos/1e3, mallocs, r.byRate, r.byCPU)
}

// handshaker connects both ends of st one after another, each end in its own
// goroutine. Making and closing the connection beneath counts.
func handshaker(st stack, s scenario, open func() (link, error)) (contender, error) {
	l, err := open()
	if err != nil {
		return contender{}, err
	}
	return contender{name: st.name, work: func(n int) error {
		for i := range n {
			if err := connect(st, s, l, i > 0); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

// connect does one handshake. With tickets the server then sends a byte, as a
// client of either stack finds the ticket only when it reads.
func connect(st stack, s scenario, l link, warm bool) error {
	rawClient, rawServer, err := l.pair()
	if err != nil {
		return err
	}
	defer rawClient.Close()
	defer rawServer.Close()
	client, server := st.client(rawClient), st.server(rawServer)
	done := make(chan error, 1)
	go func() {
		err := server.Handshake()
		if err == nil && s.resume {
			_, err = server.Write([]byte{1})
		}
		done <- err
	}()
	err = client.Handshake()
	if err == nil && s.resume {
		_, err = io.ReadFull(client, make([]byte, 1))
	}
	if err := errors.Join(err, <-done); err != nil {
		return err
	}
	if warm && st.resumed(client) != s.resume {
		return fmt.Errorf("a connection should be resumed: %v, but it is not so", s.resume)
	}
	return st.checkSuite(client)
}

// engines are both ends of ours without net.Conn, in one goroutine.
func engines(s scenario) contender {
	client, server := oursConfigs(s)
	return contender{name: "watchword, Engine alone", work: func(n int) error {
		for range n {
			if _, _, err := enginePair(client, server); err != nil {
				return err
			}
		}
		return nil
	}}
}

// enginePair returns both ends after their handshake.
func enginePair(client, server *watchword.Config) (c, s *watchword.Engine, err error) {
	now := time.Now()
	if c, err = watchword.NewClientEngine(client, peerName, now); err != nil {
		return nil, nil, err
	}
	if s, err = watchword.NewServerEngine(server); err != nil {
		return nil, nil, err
	}
	for c.HasOutput() || s.HasOutput() || s.WantsKeys() != nil {
		if err := deliver(c, s, now); err != nil {
			return nil, nil, err
		}
		if s.WantsKeys() != nil {
			if err := s.Answer(server.Keys, nil, now); err != nil {
				return nil, nil, err
			}
		}
		if err := deliver(s, c, now); err != nil {
			return nil, nil, err
		}
	}
	if !c.Complete() || !s.Complete() {
		return nil, nil, errors.New("the handshake of two engines stopped before its end")
	}
	return c, s, nil
}

// deliver takes what one engine has to send to the other.
func deliver(from, to *watchword.Engine, now time.Time) error {
	if !from.HasOutput() {
		return nil
	}
	out := from.Output(nil)
	copy(to.Space(len(out)), out)
	return to.Received(len(out), now)
}
