//go:build unix

package proxyproto

// HAProxy, which the protocol comes from, on the other side: what it sends is
// read, and what is written here it understands.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/internal/needs"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// haproxyTime is more than any of these tests takes.
const haproxyTime = 30 * time.Second

// haproxy starts it with listeners that it takes over: in the configuration they
// are fd@3, fd@4 and so on. They listen already, so nobody needs to wait for it.
func haproxy(t *testing.T, configuration string, listeners ...net.Listener) {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/haproxy") // where only root looks
	}
	if err != nil {
		needs.Missing(t, "the program haproxy")
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	configuration = "defaults\n timeout connect 10s\n timeout client 10s\n timeout server 10s\n" + configuration
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "-db", "-f", file)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	for _, l := range listeners {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatalf("A listener cannot be handed on: %v.", err)
		}
		defer f.Close()
		command.ExtraFiles = append(command.ExtraFiles, f)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("haproxy does not start: %v.", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("haproxy said: %s", said.Bytes())
		}
	})
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatalf("Nobody can listen at %s: %v.", address, err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// send connects to l and sends text.
func send(t *testing.T, l net.Listener, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatalf("haproxy's listener cannot be reached: %v.", err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(haproxyTime))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("haproxy's listener takes nothing: %v.", err)
	}
	return conn
}

// accept takes one connection and reads what it begins with.
func accept(t *testing.T, l net.Listener, want settings.ProxyVersion) (Header, error) {
	t.Helper()
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(haproxyTime))
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("haproxy does not connect: %v.", err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(haproxyTime))
	h, err := Read(conn, want)
	if err != nil || h.Local {
		return h, err
	}
	rest := make([]byte, len(clientHello))
	if _, err := io.ReadFull(conn, rest); err != nil || string(rest) != clientHello {
		t.Errorf("After the header comes %q, %v, want what the client sent.", rest, err)
	}
	return h, nil
}

func TestHAProxySends(t *testing.T) {
	for option, want := range map[string]settings.ProxyVersion{
		"send-proxy":    settings.ProxyV1,
		"send-proxy-v2": settings.ProxyV2,
		"send-proxy-v2-ssl proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,cert-key": settings.ProxyV2,
	} {
		t.Run(strings.Fields(option)[0], func(t *testing.T) {
			service := listen(t, "tcp", "127.0.0.1:0")
			tcp := listen(t, "tcp", "127.0.0.1:0")
			unix := listen(t, "unix", filepath.Join(t.TempDir(), "in"))
			haproxy(t, fmt.Sprintf("listen test\n mode tcp\n bind fd@3\n bind fd@4\n server s %s %s\n", service.Addr(), option), tcp, unix)

			conn := send(t, tcp, clientHello)
			h, err := accept(t, service, want)
			if expected := between(conn.LocalAddr().String(), conn.RemoteAddr().String()); err != nil || h != expected {
				t.Errorf("The header is read as %+v, %v, want %+v.", h, err, expected)
			}
			send(t, unix, clientHello)
			h, err = accept(t, service, want)
			if err != nil || h.Source.IsValid() {
				t.Errorf("The header of a Unix socket's connection is read as %+v, %v, want no addresses.", h, err)
			}
			t.Logf("a Unix socket: %+v", h)
		})
	}
}

func TestHAProxyChecks(t *testing.T) {
	service := listen(t, "tcp", "127.0.0.1:0")
	tcp := listen(t, "tcp", "127.0.0.1:0")
	haproxy(t, fmt.Sprintf("listen test\n mode tcp\n bind fd@3\n server s %s send-proxy-v2 check inter 1s\n", service.Addr()), tcp)
	h, err := accept(t, service, settings.ProxyAny)
	if err != nil || !h.Local {
		if !errors.Is(err, io.EOF) {
			t.Errorf("The header of a health check is read as %+v, %v, want that it is the balancer's own connection.", h, err)
		}
	}
}

// HAProxy 2.6 refuses a second version's header of unknown addresses, though the
// specification asks a receiver to take it; so those are judged by vectors alone.
func TestHAProxyReceives(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	haproxy(t, `frontend test
 mode http
 bind fd@3 accept-proxy
 http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port] %[fc_pp_authority]"
`, l)
	info := &TLSInfo{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Identity: "alice", ServerName: "db.example", NextProto: "postgresql"}
	for name, c := range map[string]struct {
		version settings.ProxyVersion
		h       Header
		info    *TLSInfo
		want    string // empty source: the connection's own addresses
	}{
		"1":          {settings.ProxyV1, from4, nil, "192.168.0.1:56324 192.168.0.11:443 "},
		"1, IPv6":    {settings.ProxyV1, from6, nil, "2001:db8::1:56324 2001:db8::2:443 "},
		"1, unknown": {settings.ProxyV1, Header{}, nil, "OWN "},
		"2":          {settings.ProxyV2, from4, nil, "192.168.0.1:56324 192.168.0.11:443 "},
		"2, IPv6":    {settings.ProxyV2, from6, nil, "2001:db8::1:56324 2001:db8::2:443 "},
		"2, TLS":     {settings.ProxyV2, from4, info, "192.168.0.1:56324 192.168.0.11:443 db.example"},
		"2, local":   {settings.ProxyV2, Header{Local: true}, info, "OWN "},
	} {
		line, err := Append(nil, c.version, c.h, c.info)
		if err != nil {
			t.Fatalf("%s: Append fails: %v.", name, err)
		}
		conn := send(t, l, string(line)+"GET / HTTP/1.0\r\n\r\n")
		own := fmt.Sprintf("%s %s", netip.MustParseAddrPort(conn.LocalAddr().String()), netip.MustParseAddrPort(conn.RemoteAddr().String()))
		answer, err := io.ReadAll(conn)
		_, said, _ := strings.Cut(string(answer), "\r\n\r\n")
		if want := strings.ReplaceAll(c.want, "OWN", own); err != nil || strings.TrimRight(said, "\n") != want {
			t.Errorf("%s: haproxy understood %q, %v, want %q.", name, said, err, want)
		}
	}
}
