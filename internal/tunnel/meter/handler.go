package meter

// What is answered over HTTP, and to whom. There is no password: the listener
// belongs on loopback, where only programs of this machine reach it. A browser
// is such a program, and a web page can lead it here under a name of its own
// that it lets point to 127.0.0.1 (DNS rebinding); the page could then read the
// answer. So a request must name this machine in its Host field.

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"
)

// HandlerOptions say what is answered.
type HandlerOptions struct {
	Meters *Meters
	// Ready returns nil if the process serves, or a sentence that says why not.
	// Nil means that it always does.
	Ready func() error
	// Pprof adds /debug/pprof/, whose answers show what is in memory.
	Pprof bool
	// Host is the name that the listener was given in the configuration, if it
	// was a name. It may stand in a request besides localhost and IP addresses.
	Host string
	// AnyHost answers whatever name a request has: for a listener that other
	// machines reach, under names that we do not know.
	AnyHost bool
}

// Handler answers /metrics, /healthz and /readyz, and nothing else unless told.
func Handler(o HandlerOptions) http.Handler {
	pages := map[string]http.HandlerFunc{
		"/metrics": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			o.Meters.Write(w)
		},
		"/healthz": func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") },
		"/readyz": func(w http.ResponseWriter, _ *http.Request) {
			if o.Ready != nil {
				if err := o.Ready(); err != nil {
					say(w, http.StatusServiceUnavailable, err.Error())
					return
				}
			}
			say(w, http.StatusOK, "ok")
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if r.ContentLength != 0 {
			// Nothing here reads a body, and nobody may keep a connection with
			// one that never ends. A ReadTimeout of the server would do, but it
			// also ends the context of requests that take longer, as a profile.
			w.Header().Set("Connection", "close")
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		}
		page, found := pages[r.URL.Path]
		if !found && o.Pprof {
			page, found = profile(r.URL.Path)
		}
		switch {
		case !o.AnyHost && !hostIsOurs(r.Host, o.Host):
			say(w, http.StatusMisdirectedRequest, fmt.Sprintf("This listener does not answer to the name %.100q: ask for it by its IP address or as localhost.", r.Host))
		case !found:
			say(w, http.StatusNotFound, "There is nothing here.")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			say(w, http.StatusMethodNotAllowed, "Only GET and HEAD are answered.")
		default:
			page(w, r)
		}
	})
}

func say(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, sentence) // an error means that nobody reads it
}

// profile returns the page of net/http/pprof at that path.
func profile(path string) (http.HandlerFunc, bool) {
	name, ok := strings.CutPrefix(path, "/debug/pprof/")
	if !ok {
		return nil, false
	}
	switch name {
	case "cmdline":
		return pprof.Cmdline, true
	case "profile":
		return pprof.Profile, true
	case "symbol":
		return pprof.Symbol, true
	case "trace":
		return pprof.Trace, true
	}
	return pprof.Index, true // the overview and the profiles by name
}

// hostIsOurs tells whether a Host field names this machine: with an IP address,
// which nobody else's DNS decides about, as localhost, or as configured. HTTP/1.0
// may leave the field away, which no browser does.
func hostIsOurs(field, configured string) bool {
	host := field
	if h, _, err := net.SplitHostPort(field); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err == nil {
		return true
	}
	host = strings.TrimSuffix(host, ".")
	return host == "" || strings.EqualFold(host, "localhost") ||
		configured != "" && strings.EqualFold(host, strings.TrimSuffix(configured, "."))
}
