// Command reverseproxy passes requests on. Either address may be https: with a key.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"

	"github.com/watchword-tls/watchword"
)

type connKey struct{} // of the connection in a request's context

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "https://localhost:8443", "where to serve")
	to := flag.String("to", "http://localhost:8080", "the server behind")
	file := flag.String("key", "psk.txt", "a file with one line, identity:hex")
	flag.Parse()
	identity, digits, found := strings.Cut(strings.TrimSpace(string(must(os.ReadFile(*file)))), ":")
	secret, err := hex.DecodeString(digits)
	if err != nil || !found {
		log.Fatalf("%s does not hold one line, identity:hex", *file)
	}
	key := must(watchword.NewKey(identity, secret, watchword.KeyOptions{Kind: watchword.External}))
	config := &watchword.Config{Keys: []*watchword.Key{key}}
	front, back := must(url.Parse(*listen)), must(url.Parse(*to))

	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return watchword.DialContext(ctx, network, address, config)
		}},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(back)
			r.SetXForwarded()
			r.Out.Header.Del("X-Identity") // what a client says of itself proves nothing
			if conn, ok := r.In.Context().Value(connKey{}).(*watchword.Conn); ok {
				r.Out.Header.Set("X-Identity", conn.Session().Identity)
			}
		},
	}
	listener := must(net.Listen("tcp", front.Host))
	if front.Scheme == "https" {
		listener = watchword.NewListener(listener, config)
	}
	log.Printf("serving on %s", listener.Addr())
	log.Fatal((&http.Server{Handler: proxy, ConnContext: withConn}).Serve(listener))
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
