// Command grpc asks a gRPC server for its health; with -listen it is such a
// server.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/watchword-tls/watchword"
	grpcpsk "github.com/watchword-tls/watchword/credentials/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	log.SetFlags(0)
	address := flag.String("address", "localhost:7443", "the server")
	listen := flag.String("listen", "", "serve on this address, and ask nothing")
	file := flag.String("key", "psk.txt", "a file with one line, identity:hex")
	flag.Parse()
	identity, digits, found := strings.Cut(strings.TrimSpace(string(must(os.ReadFile(*file)))), ":")
	secret, err := hex.DecodeString(digits)
	if err != nil || !found {
		log.Fatalf("%s does not hold one line, identity:hex", *file)
	}
	key := must(watchword.NewKey(identity, secret, watchword.KeyOptions{Kind: watchword.External}))
	config := &watchword.Config{Keys: []*watchword.Key{key}}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	if *listen == "" {
		conn := must(grpc.NewClient(*address, grpc.WithTransportCredentials(must(grpcpsk.NewClient(config)))))
		answer := must(grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}))
		fmt.Println(answer.Status)
		return
	}
	server := grpc.NewServer(grpc.Creds(must(grpcpsk.NewServer(config))), grpc.UnaryInterceptor(tellCaller))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener := must(net.Listen("tcp", *listen))
	context.AfterFunc(ctx, server.GracefulStop)
	log.Printf("serving on %s", listener.Addr())
	must(0, server.Serve(listener))
}

func tellCaller(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	caller, _ := grpcpsk.FromContext(ctx)
	log.Printf("%s calls %s", caller.Session.Identity, info.FullMethod)
	return handle(ctx, request)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
