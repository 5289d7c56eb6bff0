package tunnel

// Listeners. A reload keeps those that it still needs, whichever service they
// belong to then, so that no connection is refused meanwhile.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/watchword-tls/watchword/internal/network"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Inherited returns the listeners of a name that the process was given, all of
// them if it is empty.
type Inherited func(name string) ([]net.Listener, error)

// listener is one address, which is several sockets where systemd says so.
type listener struct {
	address settings.Address
	sockets []net.Listener
	mode    fs.FileMode // of a Unix socket; guarded by Tunnel.reloading
	owner   atomic.Pointer[service]
	closed  sync.Once
	gone    chan struct{}
}

func (t *Tunnel) open(a settings.Address, mode uint32) (*listener, error) {
	l := &listener{address: a, gone: make(chan struct{})}
	switch a.Network {
	case "systemd":
		if t.options.Listeners == nil {
			return nil, errors.New("there are no sockets of systemd here")
		}
		sockets, err := t.options.Listeners(a.Host)
		l.sockets = sockets
		return l, err
	case "unix":
		l.mode = fs.FileMode(mode)
		socket, err := t.listenUnix(a, l.mode)
		l.sockets = []net.Listener{socket}
		return l, err
	}
	socket, err := net.Listen("tcp", a.Host)
	if err != nil {
		return nil, ListenFailure(a, err)
	}
	l.sockets = []net.Listener{socket}
	return l, nil
}

// listenUnix takes the place of a socket that a process left behind, but not of
// one that somebody listens at, nor of a file.
func (t *Tunnel) listenUnix(address settings.Address, mode fs.FileMode) (net.Listener, error) {
	path := address.Host
	if address.Abstract() {
		socket, err := net.Listen("unix", path)
		if err != nil {
			return nil, ListenFailure(address, err)
		}
		return socket, nil
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there already and is no socket: remove it, or take another path", path)
		}
		if !network.LeftBehind(path) {
			return nil, ListenFailure(address, syscall.EADDRINUSE)
		}
		if err := removeSame(path, info); err != nil {
			return nil, fmt.Errorf("the socket %s was left behind and cannot be removed: %w", path, systemReason(err))
		}
	}
	// Until its mode is set, the process's umask is what guards the socket.
	socket, err := net.Listen("unix", path)
	if err != nil {
		return nil, ListenFailure(address, err)
	}
	if err := os.Chmod(path, mode); err != nil {
		socket.Close()
		return nil, fmt.Errorf("the mode of the socket %s cannot be set: %w", path, systemReason(err))
	}
	if own := t.options.OwnSocket; own != nil {
		if err := own(path); err != nil {
			socket.Close()
			return nil, err
		}
	}
	return socket, nil
}

// removeSame removes a file that is still the one that it was, as far as can be seen:
// another program may have put its own there meanwhile.
func removeSame(path string, was fs.FileInfo) error {
	now, err := os.Lstat(path)
	if err == nil && os.SameFile(was, now) && now.ModTime().Equal(was.ModTime()) {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// setMode gives a socket that a reload keeps its new mode, if that is another.
func (l *listener) setMode(mode fs.FileMode) error {
	if l.address.Network != "unix" || l.address.Abstract() || mode == l.mode {
		return nil
	}
	err := os.Chmod(l.address.Host, mode)
	if err == nil {
		l.mode = mode
	}
	return err
}

// ListenFailure says why an address cannot be listened at.
func ListenFailure(a settings.Address, err error) error {
	switch {
	case network.InUse(err):
		return &takenError{a}
	case network.NotHere(err):
		return fmt.Errorf("%s is no address of this machine: give one that is, or only :PORT for all of them", a)
	case errors.Is(err, fs.ErrPermission) && a.Network == "unix":
		return fmt.Errorf("%s cannot be listened at: %w: the user of this process must be able to write to the folder %s", a, fs.ErrPermission, filepath.Dir(a.Host))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be listened at: %w (ports below 1024 are for root)", a, fs.ErrPermission)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s cannot be listened at: its folder does not exist", a)
	}
	return fmt.Errorf("%s cannot be listened at: %w", a, systemReason(err))
}

func (l *listener) names() []string {
	var list []string
	for _, s := range l.sockets {
		a := settings.Address{Network: s.Addr().Network(), Host: s.Addr().String()}
		list = append(list, a.String())
	}
	return list
}

func (l *listener) close() {
	l.closed.Do(func() {
		close(l.gone)
		for _, s := range l.sockets {
			s.Close()
		}
	})
}

// serve accepts until the listener is closed. Any other error passes, such as
// that of a system short of descriptors.
func (l *listener) serve(ctx context.Context, socket net.Listener) {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause, said := shortest, time.Time{}
	reserve := newReserve()
	defer reserve.release()
	for {
		raw, err := socket.Accept()
		if err == nil {
			pause = shortest
			reserve.hold() // if it was lost
			l.owner.Load().take(raw)
			continue
		}
		select {
		case <-l.gone:
			return
		case <-ctx.Done():
			return
		default:
		}
		s := l.owner.Load()
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			s.log.Error("a connection cannot be accepted, trying again", "address", l.address.String(), "error", systemReason(err))
		}
		if outOfFiles(err) && s.acceptWithout(reserve, socket) {
			continue
		}
		select {
		case <-l.gone:
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}
