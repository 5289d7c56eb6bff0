package main

// Bulk data in TLS 1.2, most of all CBC in its two forms: encrypt-then-MAC, and
// MAC-then-encrypt, which ours opens in constant time. Two ends of ours always
// agree on the former, so the latter is measured with OpenSSL as the sender, and
// with records that belong to no connection.

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/record"
	"github.com/watchword-tls/watchword/internal/schedule"
	"github.com/watchword-tls/watchword/internal/suite"
)

// opensslCBC is OpenSSL's name for cbc12.
const opensslCBC = "ECDHE-PSK-AES128-CBC-SHA256"

// patience bounds the wait for another process that may have died.
const patience = 30 * time.Second

func bulk12(w io.Writer, o options) error {
	fmt.Fprintf(w, "| bulk in TLS 1.2, 64 KiB writes and reads | who | GB a second | CPU s for a GB, both ends | × crypto/tls | by CPU | × OpenSSL, one pass | by CPU |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	cbc, gcm := scenario{x25519: true, suite: cbc12}, scenario{x25519: true, suite: gcm12}
	for _, row := range []struct {
		name       string
		contenders []contender
	}{
		{"AES-128-CBC-SHA256, loopback TCP", []contender{
			named("watchword, encrypt-then-MAC", transfer(oursStack(cbc), newLoopback, bulkWrite)),
			fromOpenSSL(cbc, "etm"),
			fromOpenSSL(cbc, "mte"),
			openssl("OpenSSL, encrypt-then-MAC", "bulk", "tcp", opensslCBC, "etm"),
			openssl(onePass, "bulk", "tcp", opensslCBC, "mte"),
			named(withCBC, transfer(standardStack(cbc), newLoopback, bulkWrite)),
		}},
		{"AES-128-CBC-SHA256, in memory", []contender{
			named("watchword, encrypt-then-MAC", transfer(oursStack(cbc), newMemory, bulkWrite)),
			named("watchword, Engine alone, encrypt-then-MAC", engineBulk(cbc)),
			recordsAlone("watchword, records alone, encrypt-then-MAC", suite.EncryptThenMAC),
			recordsAlone("watchword, records alone, MAC-then-encrypt, constant time", suite.MACThenEncrypt),
			openssl(onePass, "bulk", "memory", opensslCBC, "mte"),
			named(withCBC, transfer(standardStack(cbc), newMemory, bulkWrite)),
		}},
		{"AES-128-GCM, loopback TCP", []contender{transfer(oursStack(gcm), newLoopback, bulkWrite), transfer(standardStack(gcm), newLoopback, bulkWrite)}},
		{"AES-128-GCM, in memory", []contender{transfer(oursStack(gcm), newMemory, bulkWrite), engineBulk(gcm), transfer(standardStack(gcm), newMemory, bulkWrite)}},
	} {
		results, err := compare(o.rounds, o.megabytes*megabyte, row.contenders...)
		if err != nil {
			return fmt.Errorf("TLS 1.2, %s: %w", row.name, err)
		}
		for _, r := range results {
			printBulk12(w, row.name, r, results)
		}
	}
	fmt.Fprintln(w)
	return nil
}

// What the ones to compare with are called.
const (
	onePass = "OpenSSL, MAC-then-encrypt in one pass"
	withCBC = "crypto/tls, MAC-then-encrypt, not constant time"
)

func named(name string, c contender) contender { c.name = name; return c }

func printBulk12(w io.Writer, row string, r result, all []result) {
	if r.missing != "" {
		fmt.Fprintf(w, "| %s | %s | %s | | | | | |\n", row, r.name, r.missing)
		return
	}
	fmt.Fprintf(w, "| %s | %s | %.2f | %.2f | %.2f | %.2f |", row, r.name, r.rate/1e9, r.cpuNanos, r.byRate, r.byCPU)
	for _, reference := range all {
		if reference.name == onePass && reference.missing == "" {
			byRate, byCPU := r.against(reference)
			fmt.Fprintf(w, " %.2f | %.2f |\n", byRate, byCPU)
			return
		}
	}
	fmt.Fprintln(w, " - | - |")
}

// fromOpenSSL is OpenSSL as the client that sends, in a process of its own, and
// ours as the server that opens, in this one.
func fromOpenSSL(s scenario, form string) contender {
	name, encryptThenMAC := "OpenSSL sends, watchword opens, encrypt-then-MAC", true
	if form == "mte" {
		name, encryptThenMAC = "OpenSSL sends, watchword opens in constant time, MAC-then-encrypt", false
	}
	c := contender{name: name}
	program, err := opensslProgram()
	if err != nil {
		c.missing = "not measured: " + err.Error()
		return c
	}
	_, config := oursConfigs(s)
	buf := make([]byte, bulkWrite)
	c.measured = func(n int) (sample, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return sample{}, err
		}
		defer l.Close()
		_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(patience)) // it only makes a failure shorter
		_, port, _ := net.SplitHostPort(l.Addr().String())
		var out strings.Builder
		cmd := exec.Command(program, "send", port, opensslCBC, form, strconv.Itoa(n))
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			return sample{}, err
		}
		ours, err := receiveFrom(l, config, encryptThenMAC, buf, n)
		if err := errors.Join(err, cmd.Wait()); err != nil {
			return sample{}, err
		}
		theirs, err := opensslSample(out.String())
		ours.cpu += theirs.cpu
		return ours, err
	}
	return c
}

// receiveFrom accepts a connection and measures what comes after its handshake.
func receiveFrom(l net.Listener, config *watchword.Config, encryptThenMAC bool, buf []byte, n int) (sample, error) {
	raw, err := l.Accept()
	if err != nil {
		return sample{}, err
	}
	defer raw.Close()
	server := watchword.Server(raw, config)
	if err := server.Handshake(); err != nil {
		return sample{}, err
	}
	if got := server.Session().EncryptThenMAC; got != encryptThenMAC {
		return sample{}, fmt.Errorf("encrypt-then-MAC was negotiated: %v, want %v", got, encryptThenMAC)
	}
	cpu, start := cpuTime(), time.Now()
	err = receive(server, buf, n)
	return sample{wall: time.Since(start), cpu: cpuTime() - cpu, units: float64(n)}, err
}

// recordsAlone seals and opens records in one goroutine, four at a time.
func recordsAlone(name string, form suite.CBCForm) contender {
	return contender{name: name, work: func(n int) error {
		s, _ := suite.ByID(suite.ID(cbc12))
		master, err := schedule.NewMaster12(s.Hash, make([]byte, 48))
		if err != nil {
			return err
		}
		keys, _ := master.Keys(s, [32]byte{}, [32]byte{})
		var from record.Writer
		var to record.Reader
		from.SetKeys12(s, keys, form, rand.Reader)
		to.SetKeys12(s, keys, form)
		data := bytes.Repeat([]byte("bulk"), bulkWrite/4)
		wire, buf := make([]byte, 0, 2*bulkWrite), make([]byte, bulkWrite)
		for ; n > 0; n -= len(data) {
			if wire, err = appendRecords(&from, wire[:0], data[:min(n, len(data))]); err != nil {
				return err
			}
			if err := openRecords(&to, wire, buf); err != nil {
				return err
			}
		}
		return nil
	}}
}

func appendRecords(from *record.Writer, wire, data []byte) (_ []byte, err error) {
	for len(data) > 0 && err == nil {
		chunk := data[:min(len(data), from.MaxContent())]
		wire, err = from.Append(wire, record.ApplicationData, chunk)
		data = data[len(chunk):]
	}
	return wire, err
}

func openRecords(to *record.Reader, wire, buf []byte) error {
	for len(wire) > 0 {
		_, length, err := to.Next(wire)
		if err != nil {
			return err
		}
		if _, _, err := to.Open(buf, wire[:length]); err != nil {
			return err
		}
		wire = wire[length:]
	}
	return nil
}
