//go:build unix

package system

import "syscall"

// RaiseDescriptors returns how many descriptors the process may have, and how
// many it could be given. There is nothing left to raise: Go sets the soft
// limit to the hard one as a program starts.
func RaiseDescriptors() (soft, hard uint64, err error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, err
	}
	return uint64(limit.Cur), uint64(limit.Max), nil
}
