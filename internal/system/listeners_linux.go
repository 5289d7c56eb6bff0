package system

// Sockets that systemd opened: sd_listen_fds(3) and systemd.socket(5).

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// inherited are the sockets that were passed and not yet given out. The
// environment that tells of them is read once and then cleared, so that no
// child takes its own descriptors for them.
var inherited struct {
	sync.Mutex
	read  bool
	files []*os.File
	names []string // of all that were passed, for errors
}

// Listeners returns the listeners of a name that systemd passed to the process
// (FileDescriptorName= of the socket unit, or else the unit's name), those of
// all names if it is empty. Each is given out once; whoever has it closes it.
func Listeners(name string) ([]net.Listener, error) {
	inherited.Lock()
	defer inherited.Unlock()
	if !inherited.read {
		inherited.read = true
		inherited.files = activation.Files(true)
		for _, f := range inherited.files {
			inherited.names = append(inherited.names, f.Name())
		}
	}
	var rest []*os.File
	var listeners []net.Listener
	for i, f := range inherited.files {
		if name != "" && f.Name() != name {
			rest = append(rest, f)
			continue
		}
		l, err := listener(f)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			inherited.files = append(rest, inherited.files[i+1:]...)
			return nil, err
		}
		listeners = append(listeners, l)
	}
	inherited.files = rest
	if len(listeners) == 0 {
		return nil, noneOf(name, inherited.names)
	}
	return listeners, nil
}

// listener takes over the descriptor of a file.
func listener(f *os.File) (net.Listener, error) {
	defer f.Close()
	accepts, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || accepts == 0 {
		return nil, fmt.Errorf("systemd passed %s, which is no socket to accept connections at: its unit needs ListenStream= and Accept=no", f.Name())
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("the socket %s of systemd cannot be used: %w", f.Name(), err)
	}
	return l, nil
}

func noneOf(name string, passed []string) error {
	passed = slices.Compact(slices.Sorted(slices.Values(passed)))
	switch {
	case len(passed) == 0:
		return errors.New("systemd passed no socket to this process: start it with its socket unit (systemctl start NAME.socket), or listen at an address")
	case name == "":
		return errors.New("all sockets that systemd passed are taken: name each (systemd:NAME) where several services listen")
	case slices.Contains(passed, name):
		return fmt.Errorf("the sockets named %q that systemd passed are taken: only one service may listen at a name", name)
	}
	return fmt.Errorf("systemd passed no socket named %q, but %s: set FileDescriptorName= in the socket unit", name, strings.Join(passed, ", "))
}
