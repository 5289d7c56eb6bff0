package main

// Running a tunnel: from the first socket to the last connection.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/socket"
	"github.com/watchword-tls/watchword/internal/system"
	"github.com/watchword-tls/watchword/internal/tunnel"
	"github.com/watchword-tls/watchword/internal/tunnel/meter"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// tunnelRun is one run of a verb.
type tunnelRun struct {
	env   *ui
	load  func() (settings.Settings, error)
	files []string // behind load
	keys  keyfile.LoadOptions

	descriptors int // that the system allows; 0 if that is not known

	log    *slog.Logger
	meters *meter.Meters
	tunnel *tunnel.Tunnel
}

func (r *tunnelRun) run(ctx context.Context) int {
	// To the very end: where nobody hears the signal, it kills.
	hangup := make(chan os.Signal, 1)
	notifyHangup(hangup)
	r.fitDescriptors()
	s, err := r.load()
	if err != nil {
		return r.failures(err)
	}
	ignoreBrokenPipe()
	queue := newLogQueue(r.env.stderr, s.Log)
	defer queue.flush()
	r.log = newLogger(queue, s.Log)
	r.meters = meter.New()
	page, err := r.listenAdmin(s)
	if err != nil {
		return r.env.fail(err)
	}
	if page != nil {
		defer page.Close()
	}
	own, err := system.Owner(s.User, s.Group)
	if err != nil {
		return r.env.fail(err)
	}
	socket.BeDirect() // a tunnel's goroutines compute for a millisecond at most
	r.tunnel, err = tunnel.Start(tunnel.Options{
		Load: r.load, Files: r.files, Keys: r.keys, Listeners: system.Listeners, Reloaded: tellReload,
		OwnSocket: own,
		Log:       r.log, Meters: r.meters, TuneMemory: r.env.getenv("GOGC") == "",
	})
	if err != nil {
		return r.failures(err)
	}
	defer r.tunnel.Close()
	if err := r.lessen(s); err != nil {
		return r.env.fail(err)
	}
	admin, stop := context.WithCancel(context.Background())
	defer stop()
	if page != nil {
		host, _, _ := net.SplitHostPort(s.Metrics)
		handler := meter.Handler(meter.HandlerOptions{Meters: r.meters, Ready: r.tunnel.Ready, Pprof: s.Pprof, Host: host, AnyHost: s.MetricsAnywhere})
		go func() { _ = meter.Serve(admin, page, handler) }()
	}
	r.announce(s)
	r.serve(ctx, hangup)
	return r.drain(hangup)
}

// descriptorsFor is how many descriptors so many connections need, with some for
// handshakes and files.
func descriptorsFor(connections int) int { return 2*connections + limits.TunnelHandshakes }

// fitDescriptors makes max-connections, where nobody said it, as many as the
// system has descriptors for.
func (r *tunnelRun) fitDescriptors() {
	soft, _, err := system.RaiseDescriptors()
	if err != nil || soft == 0 {
		return
	}
	r.descriptors = int(min(soft, 1<<30))
	load := r.load
	r.load = func() (settings.Settings, error) {
		s, err := load()
		return r.fit(s), err
	}
}

func (r *tunnelRun) fit(s settings.Settings) settings.Settings {
	if !s.MaxConnectionsSaid && r.descriptors < descriptorsFor(s.MaxConnections) {
		s.MaxConnections = max(1, (r.descriptors-limits.TunnelHandshakes)/2)
	}
	return s
}

// failures says an error that may be several sentences, one a line.
func (r *tunnelRun) failures(err error) int {
	var problems settings.Problems
	if !errors.As(err, &problems) {
		return r.env.fail(err)
	}
	for _, p := range problems {
		r.env.fail(errors.New(p.String()))
	}
	return statusFailed
}

func newLogger(to io.Writer, format settings.LogFormat) *slog.Logger {
	if format == settings.LogJSON {
		return slog.New(slog.NewJSONHandler(to, nil))
	}
	return slog.New(slog.NewTextHandler(to, nil))
}

// listenAdmin opens the address of the metrics, while that is still allowed.
func (r *tunnelRun) listenAdmin(s settings.Settings) (net.Listener, error) {
	if s.Metrics == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", s.Metrics)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", tunnel.ListenFailure(settings.Address{Network: "tcp", Host: s.Metrics}, err))
	}
	return l, nil
}

// lessen gives up what the process needs no more.
func (r *tunnelRun) lessen(s settings.Settings) error {
	if need := descriptorsFor(s.MaxConnections); r.descriptors > 0 && r.descriptors < need {
		r.log.Warn("the system allows fewer open files than max-connections needs: raise LimitNOFILE or ulimit -n, or lower max-connections", "allowed", r.descriptors, "needed", need)
	}
	if s.User != "" || s.Group != "" {
		if err := system.BecomeUser(s.User, s.Group); err != nil {
			return err
		}
	}
	if !s.Confine || len(r.files) == 0 {
		return nil
	}
	if err := system.Confine(r.rules(s)); err != nil {
		return err
	}
	r.log.Info("confined", "by", system.Confined())
	return nil
}

// rules are the files that the process reads later on.
func (r *tunnelRun) rules(s settings.Settings) system.Rules {
	var rules system.Rules
	add := func(list *[]string, name string) {
		if path, err := filepath.Abs(name); err == nil && !slices.Contains(*list, path) {
			*list = append(*list, path)
		}
	}
	for _, name := range r.files {
		add(&rules.Read, name)
	}
	for _, o := range s.Services {
		add(&rules.Read, r.keys.Find(o.Keys))
		// Connecting to a socket needs no right; making one and removing it does.
		for _, a := range o.Listen {
			if a.Network == "unix" && !a.Abstract() {
				add(&rules.Sockets, a.Host)
			}
		}
	}
	return rules
}

// announce says that all services stand.
func (r *tunnelRun) announce(s settings.Settings) {
	for _, o := range s.Services {
		if o.Policy == watchword.Legacy {
			r.log.Warn("the policy legacy also takes connections without forward secrecy, which a stolen key opens later, and SHA-1", "service", o.Name)
		}
		r.log.Info("listening", "service", o.Name, "direction", o.Direction.String(), "at", r.tunnel.Addresses(o.Name), "to", addresses(o.To))
	}
	_ = system.Notify("READY=1\n" + system.Status("serving"))
}

// tellReload leaves in systemctl status how a reload ended, whatever called for
// it: "systemctl reload" itself has succeeded when the signal is sent.
func tellReload(err error) {
	said := "serving; reloaded " + time.Now().Format(time.DateTime)
	if err != nil {
		said = "reload failed " + time.Now().Format(time.DateTime) + ", what was in force stays in force: " + err.Error()
	}
	_ = system.Notify(system.Status(said))
}

func addresses(list []settings.Address) []string {
	var names []string
	for _, a := range list {
		names = append(names, a.String())
	}
	return names
}

// serve runs until it is told to end.
func (r *tunnelRun) serve(ctx context.Context, hangup <-chan os.Signal) {
	r.tunnel.Watch()
	watchdog, stop := context.WithCancel(ctx)
	defer stop()
	go system.Watchdog(watchdog, func() bool { r.tunnel.Settings(); return true })
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			_ = system.Notify(system.Reloading())
			_ = r.tunnel.Reload() // it says in the log what was wrong
			_ = system.Notify("READY=1")
		}
	}
}

// drain ends in order.
func (r *tunnelRun) drain(hangup <-chan os.Signal) int {
	r.tunnel.Refuse() // first: what is said next is true, and a reload after it has heard
	_ = system.Notify("STOPPING=1\n" + system.Status("ending: no new connections"))
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-hangup:
				_ = r.tunnel.Reload() // it says in the log how little of it counts now
			case <-done:
				return
			}
		}
	}()
	limit := r.tunnel.Settings().DrainTime
	n := r.tunnel.Connections()
	r.log.Info("ending: no new connections", "open", n, "limit", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	cut := r.tunnel.Drain(ctx)
	r.log.Info("ended", "seconds", time.Since(began).Round(time.Millisecond).Seconds(), "cut", cut)
	return statusOK
}
