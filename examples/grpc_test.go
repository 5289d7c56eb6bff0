package examples

// The gRPC example against itself: a server with the health service of
// google.golang.org/grpc, and its client.

import (
	"strings"
	"testing"
)

func TestGRPC(t *testing.T) {
	key := pair(t, rightKey)
	server := start(t, example("grpc"), "-listen", "127.0.0.1:0", "-key", key)
	address := server.prints(`(?m)^serving on (\S+)$`)
	for range 2 {
		if got := succeeds(t, "grpc", "-address", address, "-key", key); got != "SERVING\n" {
			t.Errorf("The example prints %q, want that the server is serving.", got)
		}
	}
	server.prints(`(?m)^` + identity + ` calls /grpc\.health\.v1\.Health/Check$`)
	fails(t, escaped(rejected), "grpc", "-address", address, "-key", pair(t, wrongKey))
	if status := server.stop(); status != 0 {
		t.Errorf("The example that serves ends with status %d, want 0.", status)
	}
	fails(t, "connection refused", "grpc", "-address", address, "-key", key)
}

// escaped is text as gRPC quotes it.
func escaped(text string) string { return strings.ReplaceAll(text, `"`, `\"`) }
