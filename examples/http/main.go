// Command http fetches a page over TLS with a pre-shared key; with -listen it
// serves one, which greets each client by the name of its key.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/watchword-tls/watchword"
)

type connKey struct{} // of the connection in a request's context

func main() {
	log.SetFlags(0)
	url := flag.String("url", "https://localhost:8443/", "the page")
	listen := flag.String("listen", "", "serve on this address, and fetch nothing")
	file := flag.String("key", "psk.txt", "a file with one line, identity:hex")
	flag.Parse()
	identity, digits, found := strings.Cut(strings.TrimSpace(string(must(os.ReadFile(*file)))), ":")
	secret, err := hex.DecodeString(digits)
	if err != nil || !found {
		log.Fatalf("%s does not hold one line, identity:hex", *file)
	}
	key := must(watchword.NewKey(identity, secret, watchword.KeyOptions{Kind: watchword.External}))
	config := &watchword.Config{Keys: []*watchword.Key{key}}

	if *listen == "" {
		client := &http.Client{Transport: &http.Transport{DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return watchword.DialContext(ctx, network, address, config)
		}}}
		response := must(client.Get(*url))
		must(io.Copy(os.Stdout, response.Body))
		if response.StatusCode != http.StatusOK {
			log.Fatalf("%s answers %s", *url, response.Status)
		}
		return
	}
	server := &http.Server{ConnContext: withConn, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := r.Context().Value(connKey{}).(*watchword.Conn).Session()
		fmt.Fprintf(w, "hello %s, this is %s over %s\n", session.Identity, r.Proto, watchword.VersionName(session.Version))
	})}
	listener := must(watchword.Listen("tcp", *listen, config))
	log.Printf("serving on %s", listener.Addr())
	log.Fatal(server.Serve(listener))
}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
