//go:build !unix

package watchword

import (
	"errors"
	"net"
	"syscall"
)

// socketOf returns nil: here a wait without a buffer is not to be had.
func socketOf(net.Conn) syscall.RawConn { return nil }

func (c *Conn) readSocket() (int, error) { return 0, errors.ErrUnsupported }
