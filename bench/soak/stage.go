package main

// The processes, and what happens to them.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/watchword-tls/watchword/internal/needs"
)

// stage is a client's end before two servers' ends before one service.
type stage struct {
	folder  string
	program string
	service net.Listener
	client  *end
	servers [2]*end
	plain   string
	done    map[string]int // what happened how often
}

// end is a process and its configuration.
type end struct {
	name, config, log string
	cmd               *exec.Cmd
	address           string
	ended             chan struct{} // closed when cmd has ended, with
	status            error
}

func newStage() (*stage, error) {
	folder, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	s := &stage{folder: folder, program: filepath.Join(folder, "watchword"), done: make(map[string]int)}
	if err := s.open(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) path(name string) string { return filepath.Join(s.folder, name) }

func (s *stage) open() error {
	build := exec.Command("go", "build", "-o", s.program, "github.com/watchword-tls/watchword/cmd/watchword")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("watchword does not build: %w\n%s", err, out)
	}
	var err error
	if s.service, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	go echo(s.service)
	if err := s.key("new", "--id", "soak"); err != nil {
		return err
	}
	if err := s.copyKeys(); err != nil {
		return err
	}
	// Below the ports of connections: a server that is started again finds its own.
	var at [3]string
	for i := range at {
		if at[i], err = needs.FreeAddress(); err != nil {
			return err
		}
	}
	for i := range s.servers {
		name := fmt.Sprintf("server %d", i+1)
		s.servers[i] = &end{name: name, address: at[i], config: s.path(fmt.Sprintf("server%d.toml", i+1)), log: s.path(fmt.Sprintf("server%d.log", i+1))}
		e := s.servers[i]
		if err := os.WriteFile(e.config, []byte(configuration("server", e.address, strconv.Quote(s.service.Addr().String()), s.path("server.keys"))), 0o600); err != nil {
			return err
		}
	}
	s.plain = at[2]
	s.client = &end{name: "client", address: s.plain, config: s.path("client.toml"), log: s.path("client.log")}
	to := fmt.Sprintf("[%q, %q]", s.servers[0].address, s.servers[1].address)
	if err := os.WriteFile(s.client.config, []byte(configuration("client", s.plain, to, s.path("client.keys"))), 0o600); err != nil {
		return err
	}
	for _, e := range s.ends() {
		if err := s.start(e); err != nil {
			return err
		}
	}
	return nil
}

func configuration(direction, listen, to, keys string) string {
	return fmt.Sprintf("drain-time = \"5m\"\n[[service]]\nname = \"soak\"\ndirection = %q\nlisten = %q\nto = %s\nkeys = %q\n", direction, listen, to, keys)
}

func (s *stage) ends() []*end { return []*end{s.servers[0], s.servers[1], s.client} }

func (s *stage) fronts() []string { return []string{s.servers[0].address, s.servers[1].address} }

// start runs an end until it listens. One that ends at once is started again, as
// systemd does it: its key file may be one of those that are broken on purpose.
func (s *stage) start(e *end) error {
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		if err = s.startOnce(e); !errors.Is(err, errEnded) {
			return err
		}
	}
	return err
}

var errEnded = errors.New("it ended at once")

func (s *stage) startOnce(e *end) error {
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := os.Stat(e.log)
	if err != nil {
		return err
	}
	e.cmd = exec.Command(s.program, "tunnel", "run", e.config)
	e.cmd.Dir, e.cmd.Stderr = s.folder, log
	if err := e.cmd.Start(); err != nil {
		return err
	}
	said := func() string {
		text, _ := os.ReadFile(e.log)
		return string(text[min(int64(len(text)), before.Size()):])
	}
	e.ended = make(chan struct{})
	go func() {
		e.status = e.cmd.Wait()
		close(e.ended)
	}()
	for range 2400 {
		if strings.Contains(said(), "msg=listening") {
			return nil
		}
		select {
		case <-e.ended:
			return fmt.Errorf("the %s does not start: %w:\n%s", e.name, errEnded, said())
		case <-time.After(25 * time.Millisecond):
		}
	}
	return fmt.Errorf("the %s does not listen after a minute:\n%s", e.name, said())
}

func (s *stage) close() {
	for _, e := range s.ends() {
		if e != nil && e.cmd != nil && e.cmd.Process != nil {
			_ = e.cmd.Process.Kill()
			<-e.ended
		}
	}
	if s.service != nil {
		s.service.Close()
	}
	os.RemoveAll(s.folder)
}

// key runs a verb about the servers' keys.
func (s *stage) key(args ...string) error {
	c := exec.Command(s.program, append(append([]string{"key"}, args...), "--keys", "server.keys")...)
	c.Dir = s.folder
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("watchword key %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// copyKeys carries the servers' keys to the client.
func (s *stage) copyKeys() error {
	text, err := os.ReadFile(s.path("server.keys"))
	if err != nil {
		return err
	}
	return s.replace("client.keys", text)
}

func (s *stage) replace(name string, content []byte) error {
	if err := os.WriteFile(s.path(name)+".next", content, 0o600); err != nil {
		return err
	}
	return os.Rename(s.path(name)+".next", s.path(name))
}

// watch lets things happen until the time is over, and returns what the
// processes were when all was warm.
func (s *stage) watch(o options, l *load, stop <-chan os.Signal) (first sample, err error) {
	over := time.After(o.length)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	restart := time.NewTicker(o.restart)
	defer restart.Stop()
	warm := min(o.length/10, 2*time.Minute)
	began := time.Now()
	var busy *end // a server that is being started again
	restarted := make(chan error, 1)
	defer func() {
		if busy != nil {
			err = errors.Join(err, <-restarted)
		}
	}()
	for n := 0; ; {
		select {
		case <-over:
			return first, nil
		case <-stop:
			return first, nil
		case <-restart.C:
			if busy == nil {
				busy = s.servers[s.done["servers ended in order and started again"]%2]
				go func() { restarted <- s.restart(busy) }()
			}
		case err := <-restarted:
			busy = nil
			if err != nil {
				return first, err
			}
			s.done["servers ended in order and started again"]++
		case <-tick.C:
			for _, e := range s.ends() {
				if e == busy {
					continue
				}
				if err := e.cmd.Process.Signal(syscall.SIGHUP); err != nil {
					return first, fmt.Errorf("the %s is gone: %w", e.name, err)
				}
			}
			s.done["reloads of each process asked for"]++
			if err := s.happen(n); err != nil {
				return first, err
			}
			if first == nil && busy == nil && time.Since(began) > warm {
				if first, err = s.sample(); err != nil {
					return nil, err
				}
			}
			if n%60 == 59 {
				fmt.Printf("%v: %d connections came and went, %d stayed for a minute, %d lost\n", time.Since(began).Round(time.Second), l.short.Load(), l.long.Load(), l.lost.Load())
			}
			n++
		}
	}
}

var fingerprints = regexp.MustCompile(`[0-9a-f]{4}(-[0-9a-f]{4}){4}`)

// happen rotates the key in the course of a minute, and breaks a key file once
// in it.
func (s *stage) happen(n int) error {
	switch n % 60 {
	case 10:
		return s.key("new", "--id", "soak", "--rotate")
	case 20:
		return s.copyKeys()
	case 30:
		c := exec.Command(s.program, "key", "list", "--keys", "server.keys")
		c.Dir = s.folder
		out, err := c.Output()
		if err != nil {
			return err
		}
		all := fingerprints.FindAllString(string(out), -1)
		if len(all) != 2 {
			return fmt.Errorf("there are %d keys in the middle of a rotation", len(all))
		}
		s.done["rotations"]++
		return s.key("remove", "--id", "soak", "--fingerprint", all[1])
	case 40:
		good, err := os.ReadFile(s.path("server.keys"))
		if err != nil {
			return err
		}
		rubbish := make([]byte, 1000)
		for i := range rubbish {
			rubbish[i] = byte(rand.IntN(256))
		}
		if err := s.replace("server.keys", rubbish); err != nil {
			return err
		}
		time.Sleep(3 * time.Second)
		s.done["key files broken and mended"]++
		return s.replace("server.keys", good)
	}
	return nil
}

// restart ends a server in order, and starts it again.
func (s *stage) restart(e *end) error {
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-e.ended
	if e.status != nil {
		return fmt.Errorf("the %s, told to end, ends with %w", e.name, e.status)
	}
	return s.start(e)
}
