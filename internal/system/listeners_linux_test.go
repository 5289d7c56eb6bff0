package system

// Sockets passed to a child as systemd passes them.

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func init() { children["listeners"] = takeListeners }

// takeListeners asks for each name in turn, and prints what it was given. The
// socket of a name is accepted at once, to show that it works.
func takeListeners(names []string) error {
	// systemd knows the process's number before it starts; a test does not.
	if err := os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	for _, name := range names {
		name, freed := strings.CutSuffix(name, ", freed")
		listeners, err := Listeners(name)
		if err != nil {
			fmt.Println(err)
			continue
		}
		for _, l := range listeners {
			fmt.Println(name, l.Addr().Network())
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			if _, err := conn.Write([]byte("served")); err != nil {
				return err
			}
			conn.Close()
			if freed {
				l.Close()
			}
		}
	}
	if left := os.Getenv("LISTEN_FDS"); len(names) > 0 && left != "" {
		return fmt.Errorf("LISTEN_FDS=%s is left for children", left)
	}
	return nil
}

// sockets are a TCP and a Unix socket that listen, as systemd opens them, and a
// pipe, which is none.
func sockets(t *testing.T) (files []*os.File, addresses []net.Addr) {
	t.Helper()
	folder, err := os.MkdirTemp("", "listen")
	if err != nil {
		t.Fatalf("There is no folder for the socket: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	for _, a := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(folder, "socket")}} {
		l, err := net.Listen(a[0], a[1])
		if err != nil {
			t.Fatalf("The test cannot listen at %s: %v", a[1], err)
		}
		t.Cleanup(func() { l.Close() })
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatalf("The socket %s has no descriptor to pass: %v", a[1], err)
		}
		t.Cleanup(func() { f.Close() })
		files, addresses = append(files, f), append(addresses, l.Addr())
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("There is no pipe: %v", err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return append(files, r), addresses
}

func TestListeners(t *testing.T) {
	const (
		taken   = "the sockets named \"postgres\" that systemd passed are taken: only one service may listen at a name"
		unknown = "systemd passed no socket named \"mail\", but log, postgres, redis: set FileDescriptorName= in the socket unit"
		pipe    = "systemd passed log, which is no socket to accept connections at: its unit needs ListenStream= and Accept=no"
		all     = "all sockets that systemd passed are taken: name each (systemd:NAME) where several services listen"
		none    = "systemd passed no socket to this process: start it with its socket unit (systemctl start NAME.socket), or listen at an address"
	)
	for _, c := range []struct {
		name   string
		passed []string // names of the TCP socket, the Unix socket, the pipe
		asked  []string
		dialed []int
		want   []string
	}{
		{"each by its name, once", []string{"postgres", "redis", "log"}, []string{"postgres", "redis", "postgres"}, []int{0, 1},
			[]string{"postgres tcp", "redis unix", taken}},
		{"again, after it was closed", []string{"postgres", "redis"}, []string{"postgres, freed", "postgres, freed", "postgres", "postgres"}, []int{0, 0, 0},
			[]string{"postgres tcp", "postgres tcp", "postgres tcp", taken}},
		{"two of one name", []string{"postgres", "postgres"}, []string{"postgres"}, []int{0, 1},
			[]string{"postgres tcp", "postgres unix"}},
		{"all", []string{"postgres", "redis"}, []string{"", "", "redis"}, []int{0, 1},
			[]string{" tcp", " unix", all, strings.Replace(taken, "postgres", "redis", 1)}},
		{"a name that was not passed", []string{"redis", "postgres", "log"}, []string{"mail"}, nil, []string{unknown}},
		{"no socket to listen at", []string{"postgres", "redis", "log"}, []string{"log", "postgres"}, []int{0},
			[]string{pipe, "postgres tcp"}},
		{"none was passed", nil, []string{"", "postgres"}, nil, []string{none, none}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, addresses := sockets(t)
			command := child(t, "listeners", c.asked...)
			command.ExtraFiles = files[:len(c.passed)]
			command.Env = append(command.Env, "LISTEN_FDS="+strconv.Itoa(len(c.passed)), "LISTEN_FDNAMES="+strings.Join(c.passed, ":"))
			var said strings.Builder
			command.Stdout, command.Stderr = &said, &said
			if err := command.Start(); err != nil {
				t.Fatalf("The child did not start: %v", err)
			}
			for _, i := range c.dialed {
				served(t, addresses[i])
			}
			if err := command.Wait(); err != nil {
				t.Errorf("The child failed: %v", err)
			}
			if want := strings.Join(c.want, "\n") + "\n"; said.String() != want {
				t.Errorf("The child was given\n%sinstead of\n%s", said.String(), want)
			}
		})
	}
}

// served connects, which works before the child accepts: the socket listens.
func served(t *testing.T, a net.Addr) {
	t.Helper()
	conn, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatalf("The socket %s cannot be reached: %v", a, err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "served" {
		t.Errorf("The child answered %q (%v) at %s.", got, err, a)
	}
}
