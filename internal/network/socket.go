package network

import (
	"errors"
	"io/fs"
	"net"
	"time"
)

// LeftBehind reports whether nobody listens at the Unix socket at path any more, as
// where it has just been taken away. Only the system's own word counts: a program
// that lives may have its queue full, or keep us out.
func LeftBehind(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return false
	}
	return Refused(err) || errors.Is(err, fs.ErrNotExist)
}
