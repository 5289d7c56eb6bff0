package main

// The programs that are compared, each as a pair of processes.

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// field is where the contenders run: one folder, one service.
type field struct {
	folder  string
	service *exec.Cmd
	target  string // the service's address
	pairs   []*pair
	missing []string
}

// pair is a contender: a client's end before a server's end before the service.
type pair struct {
	name    string
	start   func(f *field, plain, between string) ([]*exec.Cmd, error)
	address string // of its plain side
	running []*exec.Cmd
}

func newField() (*field, error) {
	folder, err := os.MkdirTemp("", "bench-tunnel")
	if err != nil {
		return nil, err
	}
	f := &field{folder: folder}
	if err := f.prepare(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *field) prepare() error {
	build := exec.Command("go", "build", "-o", f.path("watchword"), "github.com/watchword-tls/watchword/cmd/watchword")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("watchword does not build: %w\n%s", err, out)
	}
	program, err := self()
	if err != nil {
		return err
	}
	f.service = exec.Command(program, "service")
	out, err := f.service.StdoutPipe()
	if err != nil {
		return err
	}
	if err := f.service.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the service does not start: %w", err)
	}
	f.target = strings.TrimSpace(line)
	if err := f.keys(); err != nil {
		return err
	}
	for _, c := range contenders {
		if c.needs != "" {
			if _, err := exec.LookPath(c.needs); err != nil {
				f.missing = append(f.missing, c.needs)
				continue
			}
		}
		f.pairs = append(f.pairs, &pair{name: c.name, start: c.start})
	}
	return nil
}

// keys writes one key in the form of each program.
func (f *field) keys() error {
	key := make([]byte, 32)
	rand.Read(key)
	text := hex.EncodeToString(key)
	for name, content := range map[string]string{
		"watchword.keys": "# watchword: external\nbench:" + text + "\n",
		"stunnel.keys":   "bench:" + text + "\n",
		"spiped.key":     text,
	} {
		if err := os.WriteFile(f.path(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) path(name string) string { return filepath.Join(f.folder, name) }

func (f *field) close() {
	for _, p := range f.pairs {
		p.stop()
	}
	if f.service != nil && f.service.Process != nil {
		_ = f.service.Process.Kill()
		_ = f.service.Wait()
	}
	os.RemoveAll(f.folder)
}

// run starts the pair and waits until it answers.
func (p *pair) run(f *field) error {
	plain := freePort()
	var err error
	if p.running, err = p.start(f, plain, freePort()); err == nil {
		err = waitFor(plain)
	}
	if err != nil {
		p.stop()
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.address = plain
	return nil
}

func (p *pair) stop() {
	for _, c := range p.running {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	p.running = nil
}

var contenders = []struct {
	name  string
	needs string // a program
	start func(f *field, plain, between string) ([]*exec.Cmd, error)
}{
	{nameOurs, "", ours()},
	{nameStunnel, "stunnel", startStunnel},
	{nameSpiped, "spiped", startSpiped},
	{nameRelay, "", startFloor("floor-relay", "floor-relay")},
	{nameRecords, "", startFloor("floor-seal", "floor-open")},
}

// oneGroup are ours without X25519MLKEM768, as stunnel is: for the table of new
// connections alone.
var oneGroup = []*pair{
	{name: "watchword, X25519 alone", start: ours("--group", "x25519")},
	{name: "watchword, P-256 alone", start: ours("--group", "secp256r1")},
}

const (
	nameOurs    = "watchword"
	nameStunnel = "stunnel"
	nameHybrid  = "stunnel, X25519MLKEM768"
	nameSpiped  = "spiped"
	nameRelay   = "plain relays"
	nameRecords = "bare records"
)

// both starts the server's end and the client's.
func both(folder string, server, client []string) ([]*exec.Cmd, error) {
	var list []*exec.Cmd
	for _, words := range [][]string{server, client} {
		c := exec.Command(words[0], words[1:]...)
		c.Dir = folder
		if err := c.Start(); err != nil {
			for _, other := range list {
				_ = other.Process.Kill()
			}
			return nil, errors.Join(errors.New(words[0]), err)
		}
		list = append(list, c)
	}
	return list, nil
}

func ours(more ...string) func(*field, string, string) ([]*exec.Cmd, error) {
	return func(f *field, plain, between string) ([]*exec.Cmd, error) {
		program := f.path("watchword")
		return both(f.folder,
			append([]string{program, "tunnel", "server", "--listen", between, "--to", f.target}, more...),
			append([]string{program, "tunnel", "client", "--listen", plain, "--to", between}, more...))
	}
}

func startStunnel(f *field, plain, between string) ([]*exec.Cmd, error) {
	return stunnel(f, "stunnel", "", plain, between)
}

// hybridStunnel is a stunnel whose OpenSSL has X25519MLKEM768, as 3.5 is the first to
// have, with the groups that ours has by default: for the table of new connections.
func hybridStunnel(program string) *pair {
	return &pair{name: nameHybrid, start: func(f *field, plain, between string) ([]*exec.Cmd, error) {
		return stunnel(f, program, "curves = X25519MLKEM768:X25519\n", plain, between)
	}}
}

// stunnel has a stunnel do what ours does: TLS 1.3, AES-128-GCM, no log of
// connections.
func stunnel(f *field, program, more, plain, between string) ([]*exec.Cmd, error) {
	common := "foreground = yes\npid =\nsyslog = no\ndebug = err\n[bench]\nPSKsecrets = stunnel.keys\nciphers = PSK\nciphersuites = TLS_AES_128_GCM_SHA256\nsslVersion = TLSv1.3\n" + more
	for name, lines := range map[string]string{
		"server.conf": "accept = " + between + "\nconnect = " + f.target + "\n",
		"client.conf": "client = yes\nPSKidentity = bench\naccept = " + plain + "\nconnect = " + between + "\n",
	} {
		if err := os.WriteFile(f.path(name), []byte(common+lines), 0o600); err != nil {
			return nil, err
		}
	}
	return both(f.folder, []string{program, "server.conf"}, []string{program, "client.conf"})
}

func startSpiped(f *field, plain, between string) ([]*exec.Cmd, error) {
	bracketed := func(address string) string {
		return strings.Replace("["+address, ":", "]:", 1)
	}
	common := []string{"-F", "-k", "spiped.key", "-n", "30000"}
	return both(f.folder,
		append([]string{"spiped", "-d", "-s", bracketed(between), "-t", bracketed(f.target)}, common...),
		append([]string{"spiped", "-e", "-s", bracketed(plain), "-t", bracketed(between)}, common...))
}

func startFloor(near, far string) func(*field, string, string) ([]*exec.Cmd, error) {
	return func(f *field, plain, between string) ([]*exec.Cmd, error) {
		program, err := self()
		if err != nil {
			return nil, err
		}
		return both(f.folder, []string{program, far, between, f.target}, []string{program, near, plain, between})
	}
}
