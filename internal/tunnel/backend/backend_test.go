package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// world is what the addresses do when they are connected to.
type world struct {
	mu     sync.Mutex
	down   map[string]error
	slow   map[string]bool // never answers
	dialed []string
}

func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	err, slow := w.down[address], w.slow[address]
	w.mu.Unlock()
	if slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	near, _ := net.Pipe()
	return near, nil
}

func (w *world) set(address string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down[address] = err
}

func (w *world) tries() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.dialed
	w.dialed = nil
	return list
}

func newWorld(o Options, addresses ...string) (*world, *Set) {
	w := &world{down: make(map[string]error), slow: make(map[string]bool)}
	o.Dial = w.dial
	var to []settings.Address
	for _, a := range addresses {
		to = append(to, settings.Address{Network: "tcp", Host: a})
	}
	return w, New(to, o)
}

func always(net.Conn, string) error { return nil }

// connect returns which address was connected to.
func connect(t *testing.T, s *Set) (address string, release func()) {
	t.Helper()
	_, release, err := s.Dial(t.Context(), func(_ net.Conn, a string) error { address = a; return nil })
	if err != nil {
		t.Fatalf("Nothing is reached: %v", err)
	}
	return address, release
}

func TestRoundRobin(t *testing.T) {
	_, s := newWorld(Options{Balance: settings.RoundRobin}, "a", "b", "c")
	var got []string
	for range 6 {
		a, _ := connect(t, s)
		got = append(got, a)
	}
	if want := []string{"a", "b", "c", "a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("The order is %v, want %v.", got, want)
	}
}

func TestLeastConnections(t *testing.T) {
	_, s := newWorld(Options{}, "a", "b")
	first, releaseFirst := connect(t, s)
	second, _ := connect(t, s)
	if first == second {
		t.Fatalf("Two connections go to %s.", first)
	}
	releaseFirst()
	releaseFirst() // twice counts once
	if third, _ := connect(t, s); third != first {
		t.Errorf("The third connection goes to %s, where one is open, and not to %s.", third, first)
	}
	for _, b := range s.Status() {
		if b.Connections != 1 || !b.Up {
			t.Errorf("The state of %s is %+v.", b.Address, b)
		}
	}
}

// One that fails is left alone while another answers, and tried again later.
func TestOneThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		w, s := newWorld(Options{HealthInterval: 5 * time.Second, Changed: func(a string, up bool, _ error) { changes = append(changes, fmt.Sprint(a, " ", up)) }}, "a", "b")
		w.set("a", syscall.ECONNREFUSED)
		for range 4 {
			if a, _ := connect(t, s); a != "b" {
				t.Fatalf("The connection goes to %s.", a)
			}
		}
		if got := w.tries(); !slices.Equal(got, []string{"a", "b", "b", "b", "b"}) {
			t.Errorf("These were tried: %v; a was to be left alone after the first time.", got)
		}
		w.set("a", nil)
		time.Sleep(6 * time.Second)
		if a, _ := connect(t, s); a != "a" {
			t.Errorf("After its rest a is not tried: the connection goes to %s.", a)
		}
		if want := []string{"a false", "a true"}; !slices.Equal(changes, want) {
			t.Errorf("The changes are %v, want %v.", changes, want)
		}
	})
}

// When all are down all are tried, again after pauses that grow, and the error
// says what was wrong with each.
func TestAllAreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(Options{Retries: 2, HealthInterval: time.Minute}, "a", "b")
		w.set("a", syscall.ECONNREFUSED)
		w.set("b", &net.DNSError{Err: "no such host", Name: "b", IsNotFound: true})
		began := time.Now()
		_, _, err := s.Dial(t.Context(), always)
		var unreachable *Unreachable
		if !errors.As(err, &unreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("The error is %v.", err)
		}
		if want := "no backend can be reached: tcp:a: nobody listens there; tcp:b: there is no host of this name"; strings.ReplaceAll(err.Error(), "tcp:", "") != strings.ReplaceAll(want, "tcp:", "") {
			t.Errorf("The error is %q, want %q.", err, want)
		}
		if got := len(w.tries()); got != 6 {
			t.Errorf("There were %d attempts, want 6.", got)
		}
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("It took %v, want pauses of 0.1 and 0.2 seconds.", took)
		}
		for _, b := range s.Status() {
			if b.Connections != 0 || b.Up || b.LastError == nil {
				t.Errorf("The state of %s is %+v.", b.Address, b)
			}
		}
	})
}

// One that never answers leaves the others their part of the time.
func TestOneThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(Options{ConnectTimeout: 9 * time.Second, HealthInterval: time.Minute}, "a", "b", "c")
		w.slow["a"] = true
		began := time.Now()
		if a, _ := connect(t, s); a != "b" || time.Since(began) != 3*time.Second {
			t.Errorf("The connection goes to %s after %v.", a, time.Since(began))
		}
		if s.Status()[0].Up {
			t.Error("The address that does not answer counts as up.")
		}
	})
}

// The time is for everything together, retries and pauses too.
func TestNobodyAnswersInTime(t *testing.T) {
	for _, addresses := range [][]string{{"a"}, {"a", "b"}, {"a", "b", "c", "d", "e", "f", "g"}} {
		synctest.Test(t, func(t *testing.T) {
			w, s := newWorld(Options{ConnectTimeout: 10 * time.Second, Retries: 2}, addresses...)
			for _, a := range addresses {
				w.slow[a] = true
			}
			began := time.Now()
			_, _, err := s.Dial(t.Context(), always)
			var unreachable *Unreachable
			if !errors.As(err, &unreachable) || !strings.HasPrefix(err.Error(), "no backend can be reached within 10s: a: no answer in time") {
				t.Errorf("The error is %v.", err)
			}
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("With %d addresses that never answer it takes %v, want 10s in all.", len(addresses), took)
			}
			for i, b := range s.Status() {
				if b.Connections != 0 || b.Up != (i >= 5) { // each has two seconds at least
					t.Errorf("The state of %s is %+v.", b.Address, b)
				}
			}
		})
	}
}

// A pause before another round does not exceed the time either.
func TestNoPauseBeyondTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(Options{ConnectTimeout: time.Second, Retries: 1000}, "a")
		w.set("a", syscall.ECONNREFUSED)
		began := time.Now()
		_, _, err := s.Dial(t.Context(), always)
		if err == nil || time.Since(began) > time.Second || !strings.HasPrefix(err.Error(), "no backend can be reached within 1s: a: nobody") {
			t.Errorf("After %v the error is %v.", time.Since(began), err)
		}
	})
}

// Each attempt that fails is counted for its address, but not what is this
// machine's own lack or was given up.
func TestFailed(t *testing.T) {
	failed := make(map[string]int)
	w, s := newWorld(Options{Retries: 1, Failed: func(a string) { failed[a]++ }}, "a", "b")
	w.set("a", syscall.ECONNREFUSED)
	_, _, _ = s.Dial(t.Context(), func(net.Conn, string) error { return &Unanswered{Err: errors.New("reset")} })
	w.set("a", syscall.EMFILE)
	_, _, _ = s.Dial(t.Context(), always)
	if failed["a"] != 2 || failed["b"] != 2 {
		t.Errorf("These failures are counted: %v, want 2 of each.", failed)
	}
}

func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(Options{Retries: 100}, "a")
		w.set("a", syscall.ECONNREFUSED)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := s.Dial(ctx, always); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "connecting to a backend was given up") {
			t.Errorf("The error is %v.", err)
		}
	})
}

// One that ends the connection before it takes part in anything is passed over;
// any other failure ends the search.
func TestReady(t *testing.T) {
	w, s := newWorld(Options{}, "a", "b")
	var asked []string
	_, release, err := s.Dial(t.Context(), func(_ net.Conn, a string) error {
		asked = append(asked, a)
		if a == "a" {
			return &Unanswered{Err: errors.New("reset")}
		}
		return nil
	})
	if err != nil || !slices.Equal(asked, []string{"a", "b"}) {
		t.Fatalf("These were asked: %v, %v.", asked, err)
	}
	release()
	refused := errors.New("refused")
	w.tries()
	if _, _, err := s.Dial(t.Context(), func(net.Conn, string) error { return refused }); err != refused || len(w.tries()) != 1 {
		t.Errorf("The error is %v, want the refusal after one attempt.", err)
	}
	for _, b := range s.Status() {
		if b.Connections != 0 || !b.Up {
			t.Errorf("The state of %s is %+v.", b.Address, b)
		}
	}
}

// A lack of this machine's own is not the backend's fault.
func TestOursIsNotTheirs(t *testing.T) {
	w, s := newWorld(Options{}, "a")
	w.set("a", syscall.EMFILE)
	if _, _, err := s.Dial(t.Context(), always); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("The error is %v.", err)
	}
	if !s.Status()[0].Up {
		t.Error("The backend counts as down for a lack of descriptors here.")
	}
}

// A Set that takes another's place knows what that one knew, and counts its
// connections on.
func TestPrevious(t *testing.T) {
	w, old := newWorld(Options{HealthInterval: time.Hour}, "a", "b")
	w.set("a", syscall.ECONNREFUSED)
	_, release := connect(t, old)
	next := New([]settings.Address{{Network: "tcp", Host: "b"}, {Network: "tcp", Host: "a"}}, Options{Dial: w.dial, HealthInterval: time.Hour, Previous: old})
	w.tries()
	if a, _ := connect(t, next); a != "b" || len(w.tries()) != 1 {
		t.Errorf("The connection goes to %s; that a is down was forgotten.", a)
	}
	release()
	for _, b := range next.Status() {
		if strings.HasSuffix(b.Address, "b") && b.Connections != 1 {
			t.Errorf("%d connections are counted at b, want 1.", b.Connections)
		}
	}
}

// Watch finds what has come back, without a client that has to wait for it.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(Options{HealthInterval: 5 * time.Second}, "a", "b")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Watch(ctx); close(done) }()
		w.set("a", syscall.ECONNREFUSED)
		time.Sleep(11 * time.Second)
		if up := s.Status()[0].Up; up {
			t.Error("Nobody noticed that a is down.")
		}
		w.set("a", nil)
		time.Sleep(11 * time.Second)
		if up := s.Status()[0].Up; !up {
			t.Error("Nobody noticed that a is back.")
		}
		cancel()
		<-done
	})
}

// A single address is not connected to without need, but when it is down: nobody
// else would notice that it is back.
func TestWatchOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(Options{HealthInterval: 5 * time.Second}, "a")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Watch(ctx); close(done) }()
		time.Sleep(time.Minute)
		if n := len(w.tries()); n != 0 {
			t.Errorf("An address that is up was tried %d times.", n)
		}
		w.set("a", syscall.ECONNREFUSED)
		if _, _, err := s.Dial(t.Context(), always); err == nil || s.Status()[0].Up {
			t.Fatal("The address counts as up.")
		}
		time.Sleep(20 * time.Second)
		if n := len(w.tries()); n < 4 || s.Status()[0].Up {
			t.Errorf("An address that is down was tried %d times in 20 seconds.", n)
		}
		w.set("a", nil)
		time.Sleep(6 * time.Second)
		if !s.Status()[0].Up {
			t.Error("Nobody noticed that it is back.")
		}
		w.tries()
		time.Sleep(time.Minute)
		if n := len(w.tries()); n != 0 {
			t.Errorf("After it came back it was tried %d times.", n)
		}
		cancel()
		<-done
	})
}
