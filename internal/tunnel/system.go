package tunnel

// What the system's errors mean.

import (
	"errors"
	"net"
	"os"

	"github.com/watchword-tls/watchword/internal/network"
)

func wasReset(err error) bool {
	return network.WasReset(err) || network.Gone(err)
}

// systemReason leaves out what the layers above the system add.
func systemReason(err error) error {
	var op *net.OpError
	var call *os.SyscallError
	var path *os.PathError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}
