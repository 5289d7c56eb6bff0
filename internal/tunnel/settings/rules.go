package settings

// What options must not say together.

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// A fault is a mistake about one option.
type fault struct {
	option string
	text   string
}

// Check returns the first mistake in the service, for a command line.
func (s *Service) Check() error {
	for _, f := range s.faults() {
		return fmt.Errorf("--%s: %s", f.option, f.text)
	}
	return nil
}

func (s *Service) faults() (list []fault) {
	add := func(option, format string, args ...any) {
		list = append(list, fault{option, fmt.Sprintf(format, args...)})
	}
	if len(s.Listen) == 0 {
		add("listen", "it is missing: say where to wait for connections")
	}
	if len(s.To) == 0 {
		add("to", "it is missing: say where to connect to")
	}
	if s.Keys == "" {
		add("keys", "it is missing: name a key file; \"watchword key new\" makes one")
	}
	for i, a := range s.Listen {
		for _, b := range s.Listen[:i] {
			if a == b && !anyPort(a) {
				add("listen", "%s is named twice", a)
			}
		}
		for _, to := range s.To {
			if sameAddress(a, to) {
				add("to", "%s leads back to where this service listens", to)
			}
		}
	}
	s.abstractFaults(add)
	s.proxyFaults(add)
	if len(s.Suites) > 0 || len(s.Groups) > 0 {
		if err := s.agree(); err != nil {
			add("suite", "%s", strings.TrimPrefix(err.Error(), "watchword: "))
		}
	}
	return list
}

// abstractFaults are about sockets that nothing guards.
func (s *Service) abstractFaults(add func(option, format string, args ...any)) {
	i := slices.IndexFunc(s.Listen, Address.Abstract)
	if i >= 0 && s.SocketModeSaid {
		add("socket-mode", "%s is an abstract socket, which has no mode: every program of this machine reaches it; take a path", s.Listen[i])
	}
	if i >= 0 && s.ProxyIn != ProxyNone {
		add("proxy-in", "%s is an abstract socket: every program of this machine could say who a client is; take a path, whose mode guards it", s.Listen[i])
	}
}

func (s *Service) proxyFaults(add func(option, format string, args ...any)) {
	tcp := false
	for _, a := range s.Listen {
		tcp = tcp || a.Network != "unix"
	}
	switch {
	case s.ProxyIn != ProxyNone && tcp && len(s.ProxyTrusted) == 0:
		add("proxy-in", "proxy-trusted is missing: say which balancers may tell who a client is")
	case s.ProxyIn == ProxyNone && len(s.ProxyTrusted) > 0:
		add("proxy-trusted", "it does nothing without proxy-in")
	}
}

// agree asks the library whether suites, groups and policy go together.
func (s *Service) agree() error {
	k, err := watchword.NewKey("check", make([]byte, limits.MinKeyLen), watchword.KeyOptions{Kind: watchword.External})
	if err != nil {
		return err
	}
	c := &watchword.Config{Policy: s.Policy, Suites: s.Suites, Groups: s.Groups, NextProtos: s.ALPN, Keys: []*watchword.Key{k}}
	if s.Direction == Server {
		_, err = watchword.NewServerEngine(c)
	} else {
		_, err = watchword.NewClientEngine(c, "", time.Time{})
	}
	return err
}

// anyPort reports whether the system chooses the port.
func anyPort(a Address) bool {
	return a.Network == "tcp" && strings.HasSuffix(a.Host, ":0")
}

// sameAddress reports whether connecting to one leads to who listens at the
// other, as far as the words tell.
func sameAddress(listen, to Address) bool {
	if listen.Network != to.Network || anyPort(listen) {
		return false
	}
	if listen == to {
		return true
	}
	lhost, lport, err1 := net.SplitHostPort(listen.Host)
	thost, tport, err2 := net.SplitHostPort(to.Host)
	if err1 != nil || err2 != nil || lport != tport {
		return false
	}
	return sameHost(lhost, thost)
}

// sameHost reports whether who connects to the host to reaches who listens at
// the other. Each address of 127.0.0.0/8 is one of its own.
func sameHost(listen, to string) bool {
	ip, everywhere := numeric(listen)
	if everywhere {
		return isLoopback(to)
	}
	target, _ := numeric(to)
	if ip.IsValid() && ip == target {
		return true
	}
	return isLocalhost(listen, ip) && isLocalhost(to, target) && (listen == "localhost" || to == "localhost")
}

// numeric returns a host's address, if it is one, and whether it stands for all
// of this machine.
func numeric(host string) (ip netip.Addr, everywhere bool) {
	ip, _ = netip.ParseAddr(host)
	ip = ip.Unmap()
	return ip, host == "" || ip.IsValid() && ip.IsUnspecified()
}

// isLocalhost reports whether the host is that name, or what it may stand for.
func isLocalhost(host string, ip netip.Addr) bool {
	return host == "localhost" || ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || ip == netip.IPv6Loopback()
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// processFaults are the mistakes that only several services can make, and those
// of the process.
func (s *Settings) processFaults() (list []fault) {
	if s.Metrics == "" {
		if s.Pprof {
			list = append(list, fault{"pprof", "it needs metrics: that is the address where it is served"})
		}
		return list
	}
	host, _, err := net.SplitHostPort(s.Metrics)
	switch {
	case err != nil:
		list = append(list, fault{"metrics", fmt.Sprintf("%q is no address: write 127.0.0.1:9477", s.Metrics)})
	case !isLoopback(host) && !s.MetricsAnywhere:
		list = append(list, fault{"metrics", fmt.Sprintf("%s can be reached from other machines, and no password guards it: take 127.0.0.1, or say metrics-anywhere = true", s.Metrics)})
	}
	return list
}

// CheckProcess returns the first mistake of the process's own options.
func (s *Settings) CheckProcess() error {
	for _, f := range s.processFaults() {
		return fmt.Errorf("--%s: %s", f.option, f.text)
	}
	return nil
}
