//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Where input and output are one socket, its end is half-closed too.
func TestPipeOnSocket(t *testing.T) {
	l := startPipe(t, "--listen", "127.0.0.1:0")
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatalf("no pair of sockets: %v", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	cmd := exec.Command(l.cmd.Path)
	cmd.Args, cmd.Dir = []string{"watchword", "pipe", l.address}, l.folder
	cmd.Stdin, cmd.Stdout = theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatalf("the program does not start: %v", err)
	}
	theirs.Close()
	t.Cleanup(func() { cmd.Process.Kill() })
	l.give("question")
	l.stdin.Close()
	if got, err := io.ReadAll(ours); string(got) != "question" || err != nil {
		t.Errorf("The socket gave %q and the error %v, want the question and its end.", got, err)
	}
	if _, err := io.WriteString(ours, "answer"); err != nil {
		t.Fatalf("the socket takes nothing any more: %v", err)
	}
	if err := syscall.Shutdown(pair[0], syscall.SHUT_WR); err != nil {
		t.Fatalf("the socket cannot be ended: %v", err)
	}
	if got := l.readAll(); got != "answer" {
		t.Errorf("The other end wrote %q.", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("The end on the socket failed: %v.", err)
	}
	l.wantEnd(statusOK, "has written all of it$")
}
