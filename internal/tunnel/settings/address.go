package settings

// Addresses of services: TCP, Unix sockets, sockets that systemd opened.

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
)

// Address is where to listen or to connect to.
type Address struct {
	Network string // "tcp", "unix" or "systemd"
	Host    string // HOST:PORT, a path, or the name of a systemd socket (empty: all of them)
}

func (a Address) String() string {
	switch {
	case a.Network == "unix":
		return "unix:" + a.Host
	case a.Network == "systemd" && a.Host == "":
		return "systemd"
	case a.Network == "systemd":
		return "systemd:" + a.Host
	}
	return a.Host
}

// Abstract reports whether it is a Unix socket of Linux that is no file: it has
// no mode, so that every process in the same network namespace reaches it.
func (a Address) Abstract() bool {
	return a.Network == "unix" && strings.HasPrefix(a.Host, "@") && (runtime.GOOS == "linux" || runtime.GOOS == "android")
}

// ParseListen reads an address to listen at: HOST:PORT, :PORT, unix:PATH,
// systemd or systemd:NAME.
func ParseListen(s string) (Address, error) {
	if s == "systemd" {
		return Address{Network: "systemd"}, nil
	}
	if name, ok := strings.CutPrefix(s, "systemd:"); ok {
		return Address{Network: "systemd", Host: name}, nil
	}
	return parse(s)
}

// ParseTo reads an address to connect to: HOST:PORT or unix:PATH.
func ParseTo(s string) (Address, error) {
	if s == "systemd" || strings.HasPrefix(s, "systemd:") {
		return Address{}, errors.New("systemd opens sockets to listen at, none to connect to")
	}
	a, err := parse(s)
	if err != nil || a.Network != "tcp" {
		return a, err
	}
	host, port, _ := net.SplitHostPort(a.Host)
	switch {
	case host == "":
		return Address{}, fmt.Errorf("%q names no host: write 127.0.0.1%s for this machine", s, s)
	case port == "0":
		return Address{}, fmt.Errorf("%q: nothing can be reached at port 0", s)
	}
	return a, nil
}

func parse(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if path == "" {
			return Address{}, errors.New(`"unix:" has no path`)
		}
		return Address{Network: "unix", Host: path}, nil
	}
	if s == "" {
		return Address{}, errors.New("the address is empty: write HOST:PORT or unix:PATH")
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		if strings.HasPrefix(s, "/") {
			return Address{}, fmt.Errorf("%q is no address: write unix:%s for a Unix socket", s, s)
		}
		return Address{}, fmt.Errorf("%q is no address: write HOST:PORT, with [ ] around an IPv6 address, or unix:PATH", s)
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
		return Address{}, fmt.Errorf("%q: a port is a number up to 65535", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return Address{}, fmt.Errorf("%q: there is no port %q", s, port)
	}
	return Address{Network: "tcp", Host: s}, nil
}
