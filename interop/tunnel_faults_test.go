//go:build unix

package interop

// What goes wrong on the machines themselves, with the real program: descriptors,
// disks, files, processes.

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// shell starts our program as a shell runs it, after a limit was set or its
// output was led away.
func shell(t *testing.T, folder, line string) *peer {
	t.Helper()
	path, err := ownProgram()
	if err != nil {
		t.Fatal(err)
	}
	return startIn(t, folder, []string{"OURS=" + path}, "sh", "-c", line)
}

// More connections than descriptors: some are refused at once, which the log says,
// the others are exact, and when they are gone everything is as before. Whether
// the last descriptor is missing for the connection itself or for the service
// behind it depends on an odd one.
func TestTunnelWithoutDescriptors(t *testing.T) {
	t.Parallel()
	for _, most := range []string{"60", "61"} {
		t.Run(most, func(t *testing.T) { withoutDescriptors(t, most) })
	}
}

func withoutDescriptors(t *testing.T, most string) {
	folder := t.TempDir()
	newKeyFile(t, folder)
	config := "max-connections = 1000\n[[service]]\nname = \"tunnel\"\ndirection = \"server\"\nlisten = \"127.0.0.1:0\"\nto = \"" + echoServer(t) +
		"\"\nkeys = \"watchword.keys\"\nconnect-retries = 0\n"
	replace(t, filepath.Join(folder, "tunnel.toml"), []byte(config))
	server := shell(t, folder, `ulimit -n `+most+`; exec "$OURS" tunnel run tunnel.toml`)
	front := tunnelAt(server, "tunnel")
	server.prints(`the system allows fewer open files than max-connections needs`)
	_, plain := tunnel(t, folder, "client", "--to", front, "--connect-retries", "0", "--handshake-timeout", "1h")
	before := descriptorsOf(t, server)
	data := noise(1000)
	got := make([]byte, len(data))
	var open []net.Conn
	served, refused := 0, 0
	whole := begin(t)
	for range 100 {
		whole.check("%d connections that were served and %d refused", served, refused)
		c, err := net.DialTimeout("tcp", plain, testTime)
		if err == nil {
			open = append(open, c)
			c.SetDeadline(time.Now().Add(testTime))
			_, err = c.Write(data)
		}
		if err == nil {
			_, err = io.ReadFull(c, got)
		}
		switch {
		case isTimeout(err):
			t.Fatalf("after %d that were served a connection is neither served nor refused", served)
		case err != nil:
			refused++
		case !bytes.Equal(got, data):
			t.Error("other bytes come back")
		default:
			served++
		}
	}
	if served < 10 || refused == 0 {
		t.Errorf("with %s descriptors %d connections are served and %d refused", most, served, refused)
	}
	server.prints(`too many open files`)
	for _, c := range open {
		c.Close()
	}
	descriptorsBack(t, server, before)
	if err := carry(plain, data); err != nil {
		t.Errorf("afterwards a connection fails: %v", err)
	}
	t.Logf("with %s descriptors %d connections were served at once and %d refused; descriptors before and after: %d, %d",
		most, served, refused, before, descriptorsOf(t, server))
}

// descriptorsOf counts what a process has open.
func descriptorsOf(t *testing.T, p *peer) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		missing(t, "/proc/PID/fd, which counts descriptors")
	}
	return len(list)
}

// descriptorsBack waits until a process has no more open than before.
func descriptorsBack(t *testing.T, p *peer, before int) {
	t.Helper()
	for end := time.Now().Add(testTime); descriptorsOf(t, p) > before; time.Sleep(time.Millisecond) { // between two looks
		if time.Now().After(end) {
			t.Fatalf("%d descriptors are open, %d before", descriptorsOf(t, p), before)
		}
	}
}

// A log that cannot be written stops nothing.
func TestTunnelWithFullDisk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	newKeyFile(t, folder)
	if _, err := os.Stat("/dev/full"); err != nil {
		missing(t, "/dev/full")
	}
	port := freePort(t)
	server := shell(t, folder, `exec "$OURS" tunnel server --listen 127.0.0.1:`+port+` --to `+echoServer(t)+` 2>/dev/full`)
	_, plain := tunnel(t, folder, "client", "--to", "127.0.0.1:"+port, "--connect-retries", "8")
	whole := begin(t)
	for n := range 20 {
		whole.check("%d connections", n)
		if err := carry(plain, noise(10_000)); err != nil {
			t.Fatalf("with a full disk a connection fails: %v", err)
		}
	}
	signal(t, server, syscall.SIGTERM)
	if status := server.ends(); status != 0 {
		t.Errorf("the server ends with status %d", status)
	}
}

// A process that is killed in the middle of a transfer is no clean end, on
// whichever side it was.
func TestTunnelKilled(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"client", "server"} {
		t.Run(side, func(t *testing.T) {
			folder := t.TempDir()
			newKeyFile(t, folder)
			endless, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer endless.Close()
			ended := make(chan error, 1)
			go func() {
				c, err := endless.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				for err == nil {
					_, err = c.Write(make([]byte, 100_000))
				}
				ended <- err
			}()
			server, front := tunnel(t, folder, "server", "--to", endless.Addr().String())
			client, plain := tunnel(t, folder, "client", "--to", front)
			c := plainDial(t, plain)
			if _, err := io.ReadFull(c, make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
			if side == "server" {
				server.cmd.Process.Kill()
			} else {
				client.cmd.Process.Kill()
			}
			if n, err := io.Copy(io.Discard, c); err == nil {
				t.Errorf("the service's client sees a clean end after %d bytes more", n)
			}
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the service sees a clean end")
				}
			case <-time.After(testTime):
				t.Error("the service sees no end")
			}
			if side == "server" {
				client.prints(`msg=connection .*end=peer-(reset|truncated)`)
			} else {
				server.prints(`msg=connection .*end=peer-(reset|truncated)`)
			}
		})
	}
}

// Memory, descriptors and goroutines after 500 connections at once are what they
// were after the first ones.
func TestTunnelLeavesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	newKeyFile(t, folder)
	server, front := tunnel(t, folder, "server", "--to", echoServer(t))
	client, plain := tunnel(t, folder, "client", "--to", front)
	const n = 500
	if err := carry(plain, noise(1000)); err != nil {
		t.Fatal(err)
	}
	serverBefore, clientBefore := descriptorsOf(t, server), descriptorsOf(t, client)
	var open []*net.TCPConn
	data := noise(100)
	whole := begin(t)
	for range n {
		whole.check("%d connections", len(open))
		c := plainDial(t, plain)
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	got := make([]byte, len(data))
	for _, c := range open {
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("something else comes back: %v", err)
		}
	}
	during := descriptorsOf(t, server)
	for _, c := range open {
		c.Close()
	}
	for _, p := range []*peer{server, client} {
		before := map[*peer]int{server: serverBefore, client: clientBefore}[p]
		descriptorsBack(t, p, before)
	}
	t.Logf("descriptors of the server before, with %d connections, and after: %d, %d, %d", n, serverBefore, during, descriptorsOf(t, server))
}

// A tunnel that is pointed at the plain side of another, or at itself, fails at
// once and says so.
func TestTunnelPointedWrong(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	newKeyFile(t, folder)
	_, front := tunnel(t, folder, "server", "--to", echoServer(t))
	_, plain := tunnel(t, folder, "client", "--to", front)
	// A client whose far end is the plain side of another one: its ClientHello
	// is carried to the echo and comes back.
	wrong, there := tunnel(t, folder, "client", "--to", plain)
	if err := carry(there, noise(1000)); err == nil {
		t.Error("data comes back through a tunnel to a plain side")
	}
	wrong.prints(`msg="no connection" .*error="no connection with ` + plain)
	// A server whose service is its own plain side: found at the first connection.
	port := freePort(t)
	self := ours(t, folder, "tunnel", "client", "--listen", "0.0.0.0:"+port, "--to", hostAddress(t)+":"+port)
	self.prints(`msg=listening`)
	if err := carry("127.0.0.1:"+port, noise(1000)); err == nil {
		t.Error("data comes back from a tunnel to itself")
	}
	self.prints(`connects to itself`)
}

// hostAddress is an address of this machine that does not look like one.
func hostAddress(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	return "127.0.0.2"
}

// A log that nobody reads, or nobody reads any more, holds up no connection.
func TestTunnelWithStuckLog(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stuck", "gone"} {
		t.Run(how, func(t *testing.T) {
			folder := t.TempDir()
			newKeyFile(t, folder)
			path, err := ownProgram()
			if err != nil {
				t.Fatal(err)
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			port := freePort(t)
			server := exec.Command(path, "tunnel", "server", "--listen", "127.0.0.1:"+port, "--to", echoServer(t))
			server.Dir, server.Stderr = folder, w
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			ended := make(chan error, 1)
			go func() { ended <- server.Wait() }()
			defer server.Process.Kill()
			if how == "gone" {
				r.Close()
			}
			_, plain := tunnel(t, folder, "client", "--to", "127.0.0.1:"+port, "--connect-retries", "8")
			whole := begin(t)
			for n := range 500 { // more lines than a pipe holds
				whole.check("%d connections", n)
				if err := carry(plain, noise(100)); err != nil {
					t.Fatalf("a connection fails: %v", err)
				}
			}
			if err := server.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the server ends with %v", err)
				}
			case <-time.After(testTime):
				t.Error("the server does not end")
			}
		})
	}
}
