package watchword

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestHTTP: net/http serves and fetches a page over our connections, and tells
// the handler of TLS: it fills Request.TLS for a connection with a method
// ConnectionState() tls.ConnectionState. (http.Transport fills Response.TLS only
// for crypto/tls's own type, whatever DialTLSContext returns.)
func TestHTTP(t *testing.T) {
	key := keyWith(t, "alice", 1, KeyOptions{})
	listener, err := Listen("tcp", "127.0.0.1:0", &Config{Keys: []*Key{key}, AllowSameProcess: true})
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	type connKey struct{}
	server := &http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session := r.Context().Value(connKey{}).(*Conn).Session()
			if r.TLS == nil || !r.TLS.HandshakeComplete || r.TLS.CipherSuite != uint16(session.Suite) {
				t.Errorf("The handler's Request.TLS is %+v, want that of the connection.", r.TLS)
			}
			io.WriteString(w, "hello "+session.Identity)
		}),
	}
	go server.Serve(listener)
	defer server.Close()

	config := &Config{Keys: []*Key{key}}
	client := &http.Client{Transport: &http.Transport{
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return DialContext(ctx, network, address, config)
		},
	}}
	defer client.CloseIdleConnections()
	for range 2 { // the second on the kept connection
		response, err := client.Get("https://" + listener.Addr().String() + "/")
		if err != nil {
			t.Fatalf("The page was not fetched: %v", err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(body) != "hello alice" {
			t.Errorf("The page is %q, error %v.", body, err)
		}
	}

	wrong := &http.Client{Transport: &http.Transport{
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return DialContext(ctx, network, address, &Config{Keys: []*Key{keyWith(t, "alice", 2, KeyOptions{})}})
		},
	}}
	if _, err := wrong.Get("https://" + listener.Addr().String() + "/"); err == nil || !strings.Contains(err.Error(), "its key differs") {
		t.Errorf("A page fetched with a wrong key gave %v.", err)
	}
}
