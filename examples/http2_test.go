package examples

// HTTP/2 with net/http over our connections.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/watchword-tls/watchword"
)

// net/http asks for HTTP/2 by ALPN on connections of crypto/tls alone. On others
// it has HTTP/2 that both ends know beforehand, if it takes them for plain ones.

// plainConn hides that the connection is one of TLS: its ConnectionState.
type plainConn struct{ net.Conn }

type plainListener struct{ net.Listener }

func (l plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return plainConn{conn}, err
}

func http2Only() *http.Protocols {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &protocols
}

// Here ends what README.md shows.

func TestHTTP2(t *testing.T) {
	config := &watchword.Config{Keys: []*watchword.Key{externalKey(t)}, AllowSameProcess: true}
	listener, err := watchword.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Protocols: http2Only(), ConnContext: withConn, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Proto, r.Context().Value(connKey{}).(plainConn).Conn.(*watchword.Conn).Session().Identity)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(plainListener{listener}) }()
	transport := &http.Transport{Protocols: http2Only(), DialContext: dial(t)} // not DialTLSContext
	client := &http.Client{Transport: transport}
	response, err := client.Get("http://" + listener.Addr().String()) // not https
	if err != nil {
		t.Fatalf("The page is not fetched: %v", err)
	}
	got, err := io.ReadAll(response.Body)
	response.Body.Close()
	if want := "HTTP/2.0 " + identity; err != nil || string(got) != want || response.Proto != "HTTP/2.0" {
		t.Errorf("The page is %q over %s, error %v; want %q over HTTP/2.0.", got, response.Proto, err, want)
	}
	transport.CloseIdleConnections()
	old := &http.Client{Transport: &http.Transport{DialContext: dial(t), DisableKeepAlives: true}}
	if response, err := old.Get("http://" + listener.Addr().String()); err == nil {
		response.Body.Close()
		t.Errorf("A client of HTTP/1.1 gets %s, want nothing.", response.Status)
	}
	if err := errors.Join(server.Close(), <-done); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("The server ends with %v.", err)
	}
}

type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// README.md shows what is compiled and run here, and names every example.
func TestReadmeOfExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("http2_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := bytes.Cut(text, []byte("\n\n// plainConn hides"))
	shown, _, found := bytes.Cut(shown, []byte("\n// Here ends"))
	if !found || !bytes.Contains(readme, shown) {
		t.Error("README.md does not show what http2_test.go has.")
	}
	sources, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if !bytes.Contains(readme, fmt.Appendf(nil, "](%s)", source)) {
			t.Errorf("README.md does not name %s.", source)
		}
	}
}
