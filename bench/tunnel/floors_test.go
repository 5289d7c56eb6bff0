package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"
)

// The floors carry every byte: what carries less costs less.
func TestFloorsAreExact(t *testing.T) {
	service, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	go func() {
		for {
			c, err := service.Accept()
			if err != nil {
				return
			}
			go serve(c.(*net.TCPConn))
		}
	}()
	for _, floor := range []struct{ near, far string }{{"floor-relay", "floor-relay"}, {"floor-seal", "floor-open"}} {
		t.Run(floor.near, func(t *testing.T) {
			plain, between := freePort(), freePort()
			go children[floor.far]([]string{between, service.Addr().String()})
			go children[floor.near]([]string{plain, between})
			if err := waitFor(plain); err != nil {
				t.Fatal(err)
			}
			if _, err := stream(plain, 5<<20+17); err != nil {
				t.Error(err)
			}
			c, err := echoing(plain)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			data := make([]byte, 300_000)
			rand.Read(data)
			go c.Write(data)
			got := make([]byte, len(data))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
				t.Errorf("other bytes come back: %v", err)
			}
			if times, err := trips(plain, 10); err != nil || len(times) != 10 || times[0] > times[9] {
				t.Errorf("the round trips are %v, %v", times, err)
			}
			if n, err := connections(plain, 50*time.Millisecond); err != nil || n == 0 {
				t.Errorf("%d connections, %v", n, err)
			}
		})
	}
}

func TestRatioIsTheMedianOfTheTurns(t *testing.T) {
	all := figures{"a": {1, 20, 3}, "b": {1, 10, 1}, "c": {1}}
	for _, c := range []struct{ name, to, want string }{{"a", "b", "2.00"}, {"a", "a", "—"}, {"a", "c", "—"}, {"a", "missing", "—"}} {
		if got := all.ratio(c.name, c.to); got != c.want {
			t.Errorf("the ratio of %s to %s is %s, want %s", c.name, c.to, got, c.want)
		}
	}
}
