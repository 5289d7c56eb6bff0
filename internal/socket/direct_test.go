//go:build linux && !race && !msan && !asan && !386 && !s390x

package socket

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Go waits for these calls, so they must not wait, also where somebody has put the
// socket into the mode in which others do, as File does.
func TestNothingWaits(t *testing.T) {
	goDirect(t)
	for _, network := range networks {
		a, _ := ends(t, network)
		if err := Of(a).Control(func(fd uintptr) {
			if err := syscall.SetNonblock(int(fd), false); err != nil {
				t.Fatal(err)
			}
			var c Caller
			for range 2 * toldOf {
				if _, err := c.Read(fd, make([]byte, 1)); err != syscall.EAGAIN {
					t.Fatalf("%s: with nothing to read the error is %v.", network, err)
				}
			}
			var err error
			for err == nil {
				_, err = c.send(fd, make([]byte, longest))
			}
			if err != syscall.EAGAIN {
				t.Errorf("%s: with no room the error is %v.", network, err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// goDirect is BeDirect for one test.
func goDirect(t *testing.T) {
	direct.Store(true)
	t.Cleanup(func() { direct.Store(false) })
}

// turns lets one goroutine do its work again and again, until another one had its turn,
// where Go's own watch over them sleeps when it begins.
func turns(t *testing.T, work func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	rest(t, 100*time.Millisecond)
	var had atomic.Bool
	go had.Store(true)
	for began := time.Now(); !had.Load(); work() {
		if time.Since(began) > 10*time.Second {
			t.Fatal("Nobody else has a turn.")
		}
	}
}

// A goroutine that reads and writes and never waits lets others have their turn.
func TestOthersHaveTheirTurn(t *testing.T) {
	goDirect(t)
	a, b := ends(t, "tcp")
	from, to := Of(a), Of(b)
	var c Caller
	p := make([]byte, 1)
	read := func(fd uintptr) bool {
		_, err := c.Read(fd, p)
		return err == nil
	}
	turns(t, func() {
		if _, err := Write(a, from, p); err != nil {
			t.Fatal(err)
		}
		if err := to.Read(read); err != nil {
			t.Fatal(err)
		}
	})
}

// One that computes after it has read does so too, unless the program has said that
// it does not compute.
func TestWhoComputesIsWatched(t *testing.T) {
	a, b := ends(t, "tcp")
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	to := Of(b)
	var once sync.Once
	turns(t, func() {
		once.Do(func() {
			var c Caller
			if err := to.Read(func(fd uintptr) bool {
				_, err := c.Read(fd, make([]byte, 1))
				return err == nil
			}); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// rest waits without a timer and without a call that Go is told of: those wake what is
// to sleep.
func rest(t *testing.T, d time.Duration) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "timer")
	t.Cleanup(func() { file.Close() })
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil); err != nil {
		t.Fatal(err)
	}
	waited := false
	if err := raw.Read(func(uintptr) bool {
		done := waited
		waited = true
		return done
	}); err != nil {
		t.Fatal(err)
	}
}
