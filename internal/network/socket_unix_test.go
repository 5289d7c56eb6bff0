//go:build unix

package network

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A program that lives keeps its socket, also when its queue is full.
func TestLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	if LeftBehind(path) {
		t.Error("A socket that somebody listens at counts as left behind.")
	}
	for range 3 { // until the queue is full
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			defer c.Close()
		}
	}
	if LeftBehind(path) {
		t.Error("A socket whose queue is full counts as left behind.")
	}
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
	if !LeftBehind(path) {
		t.Error("A socket that was left behind does not count as such.")
	}
	if !LeftBehind(filepath.Join(t.TempDir(), "none")) {
		t.Error("A socket that is not there any more counts as one that somebody listens at.")
	}
}
