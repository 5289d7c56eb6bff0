//go:build unix && (!linux || race || msan || asan || 386 || s390x)

package socket

import "syscall"

// calls are told of, all of them: the race detector takes a message for the order of
// events that it is, and other systems have no calls that are known not to wait.
type calls struct{}

func (calls) receive(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }

func (calls) send(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
