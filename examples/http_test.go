package examples

// HTTP: the examples against OpenSSL's tools, Python's web server, stunnel, and
// each other.

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
)

const serving = `(?m)^serving on (\S+)$`

func TestHTTP(t *testing.T) {
	key := pair(t, rightKey)
	address := start(t, example("http"), "-listen", "127.0.0.1:0", "-key", key).prints(serving)
	url := "https://" + address + "/"
	const page = "hello " + identity + ", this is HTTP/1.1 over TLS 1.3\n"
	if got := succeeds(t, "http", "-url", url, "-key", key); got != page {
		t.Errorf("The example prints %q, want %q.", got, page)
	}
	fails(t, rejected, "http", "-url", url, "-key", pair(t, wrongKey))

	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	client := exec.CommandContext(ctx, lookup(t, "openssl"), "s_client", "-quiet", "-connect", address, "-psk_identity", identity, "-psk", rightKey)
	client.Stdin = strings.NewReader("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	out, err := client.Output()
	if err != nil || !strings.HasPrefix(string(out), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(out), "\r\n\r\n"+page) {
		t.Errorf("s_client gets %q, error %v, want the page.", out, err)
	}
}

// The example fetches files that OpenSSL's server serves over HTTP/1.0, where
// the end of the file is the end of the connection.
func TestHTTPFromOpenSSL(t *testing.T) {
	folder, content := bigFile(t)
	server := exec.Command(lookup(t, "openssl"), "s_server", "-accept", "127.0.0.1:0", "-nocert", "-psk_identity", identity, "-psk", rightKey, "-WWW")
	server.Dir = folder
	p := startCommand(t, server)
	url := "https://" + p.prints(`ACCEPT (\S+)`) + "/big"
	if got := succeeds(t, "http", "-url", url, "-key", pair(t, rightKey)); got != content {
		t.Errorf("The example prints %d bytes that are not the %d of the file.", len(got), len(content))
	}
	fails(t, rejected, "http", "-url", url, "-key", pair(t, wrongKey))
}

// Clients with a key reach a plain web server, plain clients one behind a key,
// and both in a row.
func TestReverseProxy(t *testing.T) {
	folder, content := bigFile(t)
	key := pair(t, rightKey)
	python := start(t, "python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder)
	port := python.prints(`port (\d+)`)
	proxy := func(key, from, to string) string {
		t.Helper()
		return start(t, example("reverseproxy"), "-listen", from+"://127.0.0.1:0", "-to", to, "-key", key).prints(serving)
	}

	front := proxy(key, "https", "http://127.0.0.1:"+port)
	if got := succeeds(t, "http", "-url", "https://"+front+"/big", "-key", key); got != content {
		t.Errorf("Through the proxy that takes keys come %d bytes that are not the %d of the file.", len(got), len(content))
	}
	fails(t, rejected, "http", "-url", "https://"+front+"/big", "-key", pair(t, wrongKey))

	stunnel := "127.0.0.1:" + startStunnel(t, port)
	for name, behind := range map[string]string{"stunnel": stunnel, "the other proxy": front} {
		status, got := fetch(t, "http://"+proxy(key, "http", "https://"+behind)+"/big")
		if status != http.StatusOK || got != content {
			t.Errorf("Through the proxy before %s come status %d and %d bytes that are not the %d of the file.", name, status, len(got), len(content))
		}
		if status, _ := fetch(t, "http://"+proxy(pair(t, wrongKey), "http", "https://"+behind)+"/big"); status != http.StatusBadGateway {
			t.Errorf("The proxy with a wrong key before %s answers %d, want 502.", name, status)
		}
	}
}

// The server behind the proxy learns who asks from the proxy, not from whoever
// asks.
func TestReverseProxyTellsTheIdentity(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q", r.Header.Values("X-Identity"))
	}))
	defer behind.Close()
	key := pair(t, rightKey)
	for from, want := range map[string]string{"https": `["alice"]`, "http": `[]`} {
		address := start(t, example("reverseproxy"), "-listen", from+"://127.0.0.1:0", "-to", behind.URL, "-key", key).prints(serving)
		request, err := http.NewRequestWithContext(t.Context(), "GET", from+"://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Identity", "mallory")
		client := &http.Client{Transport: &http.Transport{DialTLSContext: dial(t), DisableKeepAlives: true}}
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("The page is not fetched: %v", err)
		}
		got, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(got) != want {
			t.Errorf("Asked over %s the server behind hears %s, error %v, want %s.", from, got, err, want)
		}
	}
}

func externalKey(t *testing.T) *watchword.Key {
	t.Helper()
	secret, err := hex.DecodeString(rightKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := watchword.NewKey(identity, secret, watchword.KeyOptions{Kind: watchword.External})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// dial returns what connects with the right key.
func dial(t *testing.T) func(ctx context.Context, network, address string) (net.Conn, error) {
	t.Helper()
	config := &watchword.Config{Keys: []*watchword.Key{externalKey(t)}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return watchword.DialContext(ctx, network, address, config)
	}
}

// bigFile returns a folder with a file "big", and what is in it: hex, so that a
// failure can be read.
func bigFile(t *testing.T) (folder, content string) {
	t.Helper()
	noise := make([]byte, 3<<20)
	rand.Read(noise)
	content = hex.EncodeToString(noise)
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "big"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder, content
}

// fetch fetches a page without a key.
func fetch(t *testing.T, url string) (status int, content string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testTime}
	response, err := client.Get(url)
	if err != nil {
		t.Fatalf("The page is not fetched: %v", err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("The page ends with %v after %d bytes.", err, len(got))
	}
	return response.StatusCode, string(got)
}
