//go:build !unix

package needs

import "syscall"

// alone has nothing to do: listening here takes no port that has connections.
func alone(string, string, syscall.RawConn) error { return nil }
