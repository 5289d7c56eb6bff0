//go:build unix

package tunnel

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Ten thousand connections that rest, or as many as the system allows, still carry
// bytes, and hold little.
func TestIdleConnections(t *testing.T) {
	const perConnection = 6 // descriptors: both ends of three TCP connections are in this process
	most := 200
	if os.Getenv("WATCHWORD_LONG") != "" && !testing.Short() {
		most = 10_000
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := int(min(uint64(most), uint64(limit.Cur)/perConnection-50))
	client, _ := pair(t, backendOf(t, echo), nil)
	roundTrip(t, dial(t, client.address("client")))
	before := heap()
	var open []net.Conn
	for range n {
		c := dial(t, client.address("client"))
		roundTrip(t, c)
		open = append(open, c)
	}
	each := (heap() - before) / n
	for _, c := range open {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		roundTrip(t, c)
	}
	t.Logf("%d connections rested, of %d that were wanted; each took %d bytes of both tunnels' heap and stacks, and of the test's own", n, most, each)
	// 32 KiB of it are the buffer of the service that echoes.
	if each > 128<<10 {
		t.Errorf("A connection that rests takes %d bytes.", each)
	}
}

// heap is what is in use after a collection, stacks included.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}
