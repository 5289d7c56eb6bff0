package meter

// Tests of what is answered over HTTP, to whom, and for how long.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/limits"
)

func TestPages(t *testing.T) {
	starting := errors.New("The tunnel drains.")
	for _, tt := range []struct {
		name, method, path, host string
		options                  HandlerOptions
		status                   int
		body                     string
	}{
		{name: "metrics", path: "/metrics", status: 200, body: "watchword_build_info{"},
		{name: "health", path: "/healthz", status: 200, body: "ok\n"},
		{name: "health while not ready", path: "/healthz", options: HandlerOptions{Ready: func() error { return starting }}, status: 200, body: "ok\n"},
		{name: "ready without a question", path: "/readyz", status: 200, body: "ok\n"},
		{name: "ready", path: "/readyz", options: HandlerOptions{Ready: func() error { return nil }}, status: 200, body: "ok\n"},
		{name: "not ready", path: "/readyz", options: HandlerOptions{Ready: func() error { return starting }}, status: 503, body: "The tunnel drains.\n"},

		{name: "nothing else", path: "/", status: 404},
		{name: "below a page", path: "/metrics/", status: 404},
		{name: "a path that is not clean", path: "//metrics", status: 404},
		{name: "profiles unasked for", path: "/debug/pprof/", status: 404},
		{name: "the command line unasked for", path: "/debug/pprof/cmdline", status: 404},
		{name: "profiles", path: "/debug/pprof/", options: HandlerOptions{Pprof: true}, status: 200, body: "goroutine"},
		{name: "one profile", path: "/debug/pprof/goroutine?debug=1", options: HandlerOptions{Pprof: true}, status: 200, body: "goroutine profile"},
		{name: "a profile that is not there", path: "/debug/pprof/nothing", options: HandlerOptions{Pprof: true}, status: 404},
		{name: "the address of no function", path: "/debug/pprof/symbol", options: HandlerOptions{Pprof: true}, status: 200, body: "num_symbols"},

		{name: "a POST", method: "POST", path: "/metrics", status: 405},
		{name: "a POST to the profiles", method: "POST", path: "/debug/pprof/symbol", options: HandlerOptions{Pprof: true}, status: 405},
		{name: "OPTIONS of a web page", method: "OPTIONS", path: "/metrics", status: 405},
		{name: "HEAD", method: "HEAD", path: "/healthz", status: 200},

		{name: "localhost", path: "/healthz", host: "localhost:9477", status: 200},
		{name: "LOCALHOST.", path: "/healthz", host: "LOCALHOST.", status: 200},
		{name: "IPv6", path: "/healthz", host: "[::1]:9477", status: 200},
		{name: "IPv6 without a port", path: "/healthz", host: "[::1]", status: 200},
		{name: "IPv4 without a port", path: "/healthz", host: "10.1.2.3", status: 200},
		{name: "the configured name", path: "/healthz", host: "db.example:9477", options: HandlerOptions{Host: "DB.example"}, status: 200},
		{name: "a name of a web page", path: "/metrics", host: "rebind.example:9477", status: 421, body: "rebind.example"},
		{name: "a name like an address", path: "/metrics", host: "127.0.0.1.rebind.example", status: 421},
		{name: "a name like localhost", path: "/metrics", host: "localhost.rebind.example", status: 421},
		{name: "another name than the configured one", path: "/metrics", host: "rebind.example", options: HandlerOptions{Host: "db.example"}, status: 421},
		{name: "a name of a web page at the profiles", path: "/debug/pprof/heap", host: "rebind.example", options: HandlerOptions{Pprof: true}, status: 421},
		{name: "any name, where that is meant", path: "/healthz", host: "db.example:9477", options: HandlerOptions{AnyHost: true}, status: 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Meters = New()
			if tt.method == "" {
				tt.method = "GET"
			}
			if tt.host == "" {
				tt.host = "127.0.0.1:9477"
			}
			r := httptest.NewRequest(tt.method, "http://127.0.0.1"+tt.path, nil)
			r.Host = tt.host
			w := httptest.NewRecorder()
			Handler(tt.options).ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("%s %s to %s is answered with %d and %q, want %d and a text with %q.", tt.method, tt.path, tt.host, w.Code, w.Body, tt.status, tt.body)
			}
			if w.Code == 405 && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("The refused method is told that %q are allowed.", w.Header().Get("Allow"))
			}
		})
	}
}

func TestThePageOfMetricsSaysItsFormat(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(HandlerOptions{Meters: New()}).ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics", nil))
	if got := w.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("The content type is %q.", got)
	}
	read(t, w.Body.String())
}

// A server under test: its address, and how to end it.
func start(t *testing.T, handler http.Handler) (address string, end func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("No port is free: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- Serve(ctx, listener, handler) }()
	end = func() error {
		cancel()
		return <-result
	}
	t.Cleanup(cancel)
	return listener.Addr().String(), end
}

func TestServeEndsInOrder(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	address, end := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-leave
		_, _ = io.WriteString(w, "whole")
	}))
	answer := make(chan string, 1)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	go func() {
		r, err := client.Get("http://" + address)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = r.Body.Close() }()
		body, _ := io.ReadAll(r.Body)
		answer <- string(body)
	}()
	<-inside
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	close(leave)
	if got := <-answer; got != "whole" {
		t.Errorf("The answer under way was %q, want it whole.", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("The end in order is an error: %v", err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("After its end the listener still accepts.")
	}
}

func TestServeSaysWhatEndsItOtherwise(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("No port is free: %v", err)
	}
	_ = listener.Close()
	if err := Serve(t.Context(), listener, http.NotFoundHandler()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serving a closed listener ends with %v.", err)
	}
}

// ask sends a request on a connection and reads the whole answer.
func ask(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err = io.Copy(io.Discard, answer.Body); err == nil && answer.StatusCode != 200 {
		err = fmt.Errorf("answered with %s", answer.Status)
	}
	return err
}

// TestConnectionsAreBounded: one more than the limit waits until another leaves.
func TestConnectionsAreBounded(t *testing.T) {
	address, end := start(t, Handler(HandlerOptions{Meters: New()}))
	conns := make([]net.Conn, limits.AdminConnections+1)
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("Connection %d: %v", i, err)
		}
		defer func() { _ = conn.Close() }()
		conns[i] = conn
		if i == limits.AdminConnections {
			break
		}
		if err := ask(conn); err != nil {
			t.Fatalf("Connection %d is not answered: %v", i, err)
		}
	}
	last := make(chan error, 1)
	go func() { last <- ask(conns[limits.AdminConnections]) }()
	select {
	case err := <-last:
		t.Fatalf("A connection over the limit was answered: %v", err)
	case <-time.After(50 * time.Millisecond): // it can only miss a fault, not make one
	}
	_ = conns[0].Close()
	if err := <-last; err != nil {
		t.Errorf("When another left, the waiting connection was not answered: %v", err)
	}
	if err := end(); err != nil {
		t.Errorf("The end with connections open is an error: %v", err)
	}
}

// TestAnEndWhileAllPlacesAreTaken: nothing waits for a place for ever.
func TestAnEndWhileAllPlacesAreTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("No port is free: %v", err)
	}
	b := newBounded(listener, 1)
	b.places <- struct{}{}
	result := make(chan error, 1)
	go func() {
		_, err := b.Accept()
		result <- err
	}()
	_ = b.Close()
	_ = b.Close()
	if err := <-result; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accepting while the listener is closed ends with %v.", err)
	}
}

// TestABodyEndsTheConnection: nobody keeps a place with a body that never ends.
func TestABodyEndsTheConnection(t *testing.T) {
	address, end := start(t, Handler(HandlerOptions{Meters: New()}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("The server is not reached: %v", err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
	answer, err := io.ReadAll(conn) // until the server closes
	if err != nil || !strings.Contains(string(answer), "Connection: close") {
		t.Errorf("A request with a body is answered with %q and the error %v, want an answer and the end.", answer, err)
	}
	if err := end(); err != nil {
		t.Errorf("The end is an error: %v", err)
	}
}
