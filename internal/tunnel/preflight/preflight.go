// Package preflight finds, without starting anything, what would keep a tunnel
// with these settings from starting, and what its user may not have meant.
package preflight

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/system"
	"github.com/watchword-tls/watchword/internal/tunnel"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// Options say how to look.
type Options struct {
	Keys keyfile.LoadOptions
	// Running says that a tunnel with an older version of the file is running:
	// its addresses are taken, by itself.
	Running bool
}

// Check returns what it finds, and known, what is wrong with the file's words,
// in the order of its lines. It has nothing to add about a line that is wrong
// already.
func Check(ctx context.Context, f *settings.File, known settings.Problems, o Options) settings.Problems {
	c := &check{file: f, options: o, keys: make(map[string]*keyfile.File)}
	defer c.close()
	for i := range f.Settings.Services {
		c.service = i
		c.keyFile()
		c.listening()
		c.connecting(ctx)
	}
	c.reflection()
	c.process()
	lines := make(map[int]bool)
	for _, p := range known {
		lines[p.Line] = p.Line != 0
	}
	all := slices.Clone(known)
	for _, p := range c.problems {
		if !lines[p.Line] {
			all = append(all, p)
		}
	}
	all.Sort()
	return all
}

type check struct {
	file     *settings.File
	options  Options
	service  int // -1 for the process
	places   []place
	keys     map[string]*keyfile.File // nil for one that cannot be read
	problems settings.Problems
}

func (c *check) settings() *settings.Service { return &c.file.Settings.Services[c.service] }

func (c *check) add(warning bool, option, format string, args ...any) {
	c.problems = append(c.problems, settings.Problem{
		File: c.file.Name, Line: c.file.Line(c.service, option), Text: option + ": " + fmt.Sprintf(format, args...), Warning: warning,
	})
}

func (c *check) wrong(option, format string, args ...any) { c.add(false, option, format, args...) }
func (c *check) doubt(option, format string, args ...any) { c.add(true, option, format, args...) }

func (c *check) keyFile() {
	s := c.settings()
	if s.Keys == "" {
		return
	}
	f, seen := c.keys[s.Keys]
	if !seen {
		var err error
		if f, err = keyfile.Load(s.Keys, c.options.Keys); err != nil {
			c.wrong("keys", "%v", err)
		}
		c.keys[s.Keys] = f
		for _, w := range warningsOf(f) {
			c.doubt("keys", "%s", w)
		}
	}
	if f == nil {
		return
	}
	if err := tunnel.CheckKeys(s, f); err != nil {
		option := "keys"
		if s.Identity != "" {
			option = "id"
		}
		c.wrong(option, "%v", err)
	}
	for _, list := range []struct {
		option   string
		patterns []string
	}{{"allow", s.Allow}, {"deny", s.Deny}} {
		for _, p := range list.patterns {
			if !matchesAny(p, f.Identities()) {
				c.doubt(list.option, "%q matches no identity in %s", p, f.Name())
			}
		}
	}
}

func warningsOf(f *keyfile.File) []string {
	if f == nil {
		return nil
	}
	return f.Warnings()
}

func matchesAny(pattern string, names []string) bool {
	for _, n := range names {
		if settings.Matches(pattern, n) {
			return true
		}
	}
	return false
}

func (c *check) connecting(ctx context.Context) {
	for _, a := range c.settings().To {
		host, _, err := net.SplitHostPort(a.Host)
		if a.Network != "tcp" || err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, limits.ConnectSeconds*time.Second)
		if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
			c.doubt("to", "the host %q cannot be found now: it is asked for again at each connection", host)
		}
		cancel()
	}
}

// reflection finds keys that this process uses as a server and as a client:
// whoever stands between could send our own messages back to us (RFC 9257
// §4.1). Roles in the key file say that it is not so.
func (c *check) reflection() {
	type use struct {
		key     *watchword.Key
		service int
	}
	var servers []use
	for i, s := range c.file.Settings.Services {
		if f := c.keys[s.Keys]; f != nil && s.Direction == settings.Server {
			for _, k := range f.Keys() {
				if k.Options().Role != watchword.ClientRole {
					servers = append(servers, use{k, i})
				}
			}
		}
	}
	for i, s := range c.file.Settings.Services {
		f := c.keys[s.Keys]
		if f == nil || s.Direction != settings.Client {
			continue
		}
		key, err := tunnel.ClientKey(&s, f)
		if err != nil {
			continue
		}
		for _, other := range servers {
			if key.SameSecret(other.key) {
				c.service = i
				c.doubt("keys", "the key of %s is used here by a client and, by the service in line %d, by a server: messages can be sent back to who sent them (RFC 9257 §4.1); give each direction a key of its own",
					keyfile.FormatIdentity(key.Identity()), c.file.Line(other.service, ""))
				break
			}
		}
	}
}

func (c *check) process() {
	s := &c.file.Settings
	c.service = -1
	if s.User != "" || s.Group != "" {
		if err := system.LookupUser(s.User, s.Group); err != nil {
			option := "user"
			if s.User == "" || strings.Contains(err.Error(), "group") {
				option = "group"
			}
			c.wrong(option, "%v", err)
		}
		c.readableLater()
	}
	if _, _, err := net.SplitHostPort(s.Metrics); err == nil {
		c.open("metrics", settings.Address{Network: "tcp", Host: s.Metrics})
	}
}

// readableLater finds files that root reads at the start, and the user that the
// process becomes cannot read at a reload.
func (c *check) readableLater() {
	s := &c.file.Settings
	if err := system.MayRead(s.User, s.Group, c.file.Name); err != nil {
		c.doubt("user", "%v", err)
	}
	seen := make(map[string]bool)
	for i, o := range s.Services {
		if f := c.keys[o.Keys]; f != nil && !seen[o.Keys] {
			seen[o.Keys] = true
			if err := system.MayRead(s.User, s.Group, f.Name()); err != nil {
				c.service = i
				c.doubt("keys", "%v", err)
			}
		}
	}
	c.service = -1
}
