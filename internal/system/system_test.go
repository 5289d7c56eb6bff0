package system

// Tests that change a process for good run in a child: this test binary again,
// told by its environment which of children it is.

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

const childVariable = "WATCHWORD_SYSTEM_CHILD"

// children are what a child does, by name; arguments come as os.Args[1:].
var children = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	name := os.Getenv(childVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := children[name](os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// child returns the command that runs one of children.
func child(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatalf("The test does not know its own program: %v", err)
	}
	c := exec.CommandContext(t.Context(), program, args...)
	// With -race a process waits for a second as it ends, if not told otherwise.
	c.Env = append(os.Environ(), childVariable+"="+name, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return c
}

func mustRun(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("The child failed (%v): %s", err, said)
	}
}

func TestNobodyIsAsked(t *testing.T) {
	if err := LookupUser("", ""); err != nil {
		t.Errorf("LookupUser wants a user where none is asked for: %v", err)
	}
	if err := BecomeUser("", ""); err != nil {
		t.Errorf("BecomeUser wants a user where none is asked for: %v", err)
	}
}

func TestRaiseDescriptors(t *testing.T) {
	soft, hard, err := RaiseDescriptors()
	if err != nil || soft > hard {
		t.Errorf("RaiseDescriptors = %d, %d, %v: the first should be at most the second.", soft, hard, err)
	}
}
