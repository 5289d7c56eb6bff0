package needs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports are given out in blocks. Who has one listens at its last port as long as
// the process lives, so that two processes never give out the same.
const (
	lowest    = 20_000
	blocks    = 100
	blockSize = 100
)

var given struct {
	sync.Mutex
	guards []net.Listener // of the blocks that this process has had
	first  int            // of the last of them
	used   int            // ports of it
}

// FreeAddress is Address where there is no testing.TB.
func FreeAddress() (address string, err error) {
	port, err := freePorts(1)
	return local(port), err
}

// freePorts returns the first of n free ports in a row.
func freePorts(n int) (first int, err error) {
	given.Lock()
	defer given.Unlock()
	for {
		if len(given.guards) == 0 || given.used+n > blockSize-1 {
			if err := takeBlock(); err != nil {
				return 0, err
			}
		}
		first := given.first + given.used
		given.used += n
		if allFree(first, n) {
			return first, nil
		}
	}
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := listen(port)
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// takeBlock takes one that no process has.
func takeBlock() error {
	for _, i := range rand.Perm(blocks) {
		first := lowest + i*blockSize
		if l, err := listen(first + blockSize - 1); err == nil {
			given.guards = append(given.guards, l)
			given.first, given.used = first, 0
			return nil
		}
	}
	return errors.New("there is no block of free ports")
}

// listen fails also where a connection of before has the port for a while: not
// every program takes it then.
func listen(port int) (net.Listener, error) {
	c := net.ListenConfig{Control: alone}
	return c.Listen(context.Background(), "tcp", local(port))
}
