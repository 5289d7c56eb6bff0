//go:build unix

package interop

// More new connections than a tunnel can take.

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var overloadTime = flag.Duration("overload", 2*time.Second, "how long TestTunnelOverload offers 2,000 connections a second")

// 2,000 new connections a second are offered, of which 20 may be open at once.
// Those that are taken are exact, the others are refused by a limit that the log
// names and the metrics count, and afterwards all is as before.
func TestTunnelOverload(t *testing.T) {
	const each = 2000
	folder := t.TempDir()
	newKeyFile(t, folder)
	args := []string{"--max-connections", "20", "--max-handshakes", "200", "--pprof", "--metrics"}
	serverPage, clientPage := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	server, front := tunnel(t, folder, "server", append([]string{"--to", echoServer(t)}, append(args, serverPage)...)...)
	_, plain := tunnel(t, folder, "client", append([]string{"--to", front}, append(args[2:], clientPage)...)...)

	var exact, refused, late, wrong atomic.Int64
	var work sync.WaitGroup
	data := noise(2000)
	offered := 0
	for began := time.Now(); time.Since(began) < *overloadTime; time.Sleep(5 * time.Millisecond) {
		for due := int(time.Since(began).Seconds() * each); offered < due; offered++ {
			work.Go(func() {
				switch err := once(plain, data); {
				case err == nil:
					exact.Add(1)
				case err == errOther:
					wrong.Add(1)
				case isTimeout(err):
					late.Add(1)
				default:
					refused.Add(1)
				}
			})
		}
	}
	work.Wait()
	counted := refusals(t, serverPage) + refusals(t, clientPage)
	for end := time.Now().Add(testTime); counted < refused.Load() && time.Now().Before(end); { // the last is counted after it has heard
		counted = refusals(t, serverPage) + refusals(t, clientPage)
	}
	t.Logf("%d connections were offered in %v: %d exact, %d refused, %d not taken in time; the metrics count %d refusals", offered, *overloadTime, exact.Load(), refused.Load(), late.Load(), counted)
	if wrong.Load() > 0 {
		t.Errorf("%d connections had other bytes", wrong.Load())
	}
	if exact.Load() == 0 || counted < refused.Load() {
		t.Errorf("%d connections were refused, and the metrics count %d", refused.Load(), counted)
	}
	if refused.Load() > 0 {
		server.prints(`msg=refused .*limit=max-connections`)
	}
	for end := time.Now().Add(testTime); ; time.Sleep(5 * time.Millisecond) { // between two looks
		if open := figure(page(t, serverPage), `watchword_connections{service="tunnel"} (\d+)`); open == 0 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d connections are open at the end:\n%s", open, get(t, serverPage, "/debug/pprof/goroutine?debug=2"))
		}
	}
	if err := carry(plain, data); err != nil {
		t.Errorf("afterwards a connection fails: %v", err)
	}
}

var errOther = fmt.Errorf("other bytes came back")

// patience keeps those that wait from using up the descriptors of the test.
const patience = 2 * time.Second

// once is a connection with data there and back, and both ends.
func once(address string, data []byte) error {
	raw, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	if _, err := raw.Write(data); err != nil {
		return err
	}
	if err := raw.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(raw)
	if err == nil && !bytes.Equal(got, data) {
		return errOther
	}
	return err
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// page is what a process shows of its metrics.
func page(t *testing.T, address string) string { return get(t, address, "/metrics") }

func get(t *testing.T, address, path string) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, testTime)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testTime))
	fmt.Fprintf(c, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, address)
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// refusals adds up those of all limits.
func refusals(t *testing.T, address string) int64 {
	t.Helper()
	return figure(page(t, address), `watchword_refused_total{[^}]*} (\d+)`)
}

func figure(text, pattern string) (total int64) {
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.ParseInt(found[1], 10, 64)
		total += n
	}
	return total
}
