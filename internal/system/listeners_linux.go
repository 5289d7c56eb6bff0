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
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// inherited are the sockets that were passed. The environment that tells of them
// is read once and then cleared, so that no child takes its own descriptors for
// them.
var inherited struct {
	sync.Mutex
	read    bool
	sockets []*passed
}

// passed is a socket that the process keeps as long as it lives: systemd passes
// it once, and a listener at it may be closed and asked for again.
type passed struct {
	file  *os.File
	taken bool // a listener at it is open
}

// Listeners returns the listeners of a name that systemd passed to the process
// (FileDescriptorName= of the socket unit, or else the unit's name), those of
// all names if it is empty. Each is given out once, and again when it was closed.
func Listeners(name string) ([]net.Listener, error) {
	inherited.Lock()
	defer inherited.Unlock()
	if !inherited.read {
		inherited.read = true
		for _, f := range activation.Files(true) {
			inherited.sockets = append(inherited.sockets, &passed{file: f})
		}
	}
	var given []*listener
	for _, p := range inherited.sockets {
		if p.taken || name != "" && p.file.Name() != name {
			continue
		}
		l, err := p.listen()
		if err != nil {
			for _, l := range given {
				l.give()
			}
			return nil, err
		}
		given = append(given, l)
	}
	if len(given) == 0 {
		return nil, noneOf(name, inherited.sockets)
	}
	var listeners []net.Listener
	for _, l := range given {
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// socket is what a listener of the kernel can do.
type socket interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// listener is at a socket that was passed.
type listener struct {
	socket
	of *passed
}

// Close closes the listener, and leaves the socket for another one.
func (l *listener) Close() error {
	inherited.Lock()
	defer inherited.Unlock()
	return l.give()
}

// give is Close while inherited is locked.
func (l *listener) give() error {
	err := l.socket.Close()
	if err == nil { // it is the first time
		l.of.taken = false
	}
	return err
}

// listen makes a listener of its own descriptor.
func (p *passed) listen() (*listener, error) {
	accepts, err := unix.GetsockoptInt(int(p.file.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || accepts == 0 {
		return nil, fmt.Errorf("systemd passed %s, which is no socket to accept connections at: its unit needs ListenStream= and Accept=no", p.file.Name())
	}
	l, err := net.FileListener(p.file)
	if err != nil {
		return nil, fmt.Errorf("the socket %s of systemd cannot be used: %w", p.file.Name(), err)
	}
	s, ok := l.(socket)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("the socket %s of systemd is of no kind that connections are accepted at", p.file.Name())
	}
	p.taken = true
	return &listener{s, p}, nil
}

func noneOf(name string, sockets []*passed) error {
	var names []string
	for _, p := range sockets {
		names = append(names, p.file.Name())
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return errors.New("systemd passed no socket to this process: start it with its socket unit (systemctl start NAME.socket), or listen at an address")
	case name == "":
		return errors.New("all sockets that systemd passed are taken: name each (systemd:NAME) where several services listen")
	case slices.Contains(names, name):
		return fmt.Errorf("the sockets named %q that systemd passed are taken: only one service may listen at a name", name)
	}
	return fmt.Errorf("systemd passed no socket named %q, but %s: set FileDescriptorName= in the socket unit", name, strings.Join(names, ", "))
}
