//go:build !unix

package tunnel

import "net"

// reserve is nothing where sockets are not counted as files.
type reserve struct{}

func newReserve() *reserve    { return &reserve{} }
func (r *reserve) held() bool { return false }
func (r *reserve) hold() bool { return false }
func (r *reserve) release()   {}

func waitsAt(net.Listener) bool { return false }
