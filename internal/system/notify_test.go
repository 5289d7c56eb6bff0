//go:build unix

package system

// What systemd is told, read at a socket of the test.

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// manager listens as systemd would, and returns what reads one notice.
func manager(t *testing.T) func() string {
	t.Helper()
	folder, err := os.MkdirTemp("", "notify") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatalf("There is no folder for the socket: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatalf("The socket for notices cannot be made: %v", err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		buffer := make([]byte, 4096)
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatalf("No notice can be read: %v", err)
		}
		return string(buffer[:n])
	}
}

func TestNotify(t *testing.T) {
	read := manager(t)
	for _, state := range []string{"READY=1", "STATUS=two services", "STOPPING=1"} {
		if err := Notify(state); err != nil {
			t.Fatalf("Notify(%q) failed: %v", state, err)
		}
		if got := read(); got != state {
			t.Errorf("systemd was told %q instead of %q.", got, state)
		}
	}
}

// A status is one line: another would be a state of its own.
func TestStatus(t *testing.T) {
	if got := Status("x:1: a\nx:2: b\n"); got != "STATUS=x:1: a; x:2: b" {
		t.Errorf("Of two lines the status is %q.", got)
	}
	if got := Status(strings.Repeat("ä", 600)); len([]rune(got)) != len("STATUS=")+500 || !strings.HasSuffix(got, "ä…") {
		t.Errorf("Of a long text the status is %q.", got)
	}
}

func TestNotifyWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify("READY=1"); err != nil {
		t.Errorf("Notify failed where nobody listens: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "missing"))
	err := Notify("READY=1")
	if err == nil || !strings.Contains(err.Error(), `systemd could not be told "READY=1"`) {
		t.Errorf("Notify at a socket that is not there returned %v.", err)
	}
}

func TestReloading(t *testing.T) {
	want := "^RELOADING=1$"
	if runtime.GOOS == "linux" {
		want = "^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*$"
	}
	if got := Reloading(); !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("Reloading() = %q, which does not match %q.", got, want)
	}
}

func TestWatchdog(t *testing.T) {
	read := manager(t)
	t.Setenv("WATCHDOG_USEC", "2000")
	t.Setenv("WATCHDOG_PID", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan bool)
	done := make(chan struct{})
	go func() {
		defer close(done)
		Watchdog(ctx, func() bool { return <-asked })
	}()
	asked <- false
	asked <- true
	if got := read(); got != "WATCHDOG=1" {
		t.Errorf("systemd was told %q instead of WATCHDOG=1.", got)
	}
	if err := Notify("END"); err != nil {
		t.Fatalf("Notify failed: %v", err)
	}
	if got := read(); got != "END" {
		t.Errorf("The watchdog told %q although the process was not alive.", got)
	}
	cancel()
	close(asked) // from here on it is not alive
	<-done
}

func TestWatchdogReturnsWithoutOne(t *testing.T) {
	never := func() bool { t.Error("The watchdog asked although there is none."); return true }
	for _, c := range []struct{ name, usec, pid string }{
		{"none is set", "", ""},
		{"it is for another process", "1000000", "1"},
		{"it is no number", "often", ""},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		t.Run(c.name, func(t *testing.T) { Watchdog(t.Context(), never) })
	}
}
