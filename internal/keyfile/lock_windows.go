package keyfile

// The lock on Windows: a mutex named after the file. An open file could not be
// replaced there, and a file beside it would stay.

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/windows"
)

// lock waits until nobody else holds the file at path, and holds it until
// unlock is called. Where there can be no mutex, or it stays held, save looks itself
// whether the file is still the one that was read: its name can be computed by every
// user of the machine, who may have made it, and shall not keep keys from changing.
func lock(path string) (unlock func(), err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, explain(path, err)
	}
	name, err := mutexName(path)
	if err != nil {
		return nil, explain(path, err)
	}
	// A mutex belongs to a thread.
	runtime.LockOSThread()
	mutex, err := windows.CreateMutex(nil, false, name)
	if mutex == 0 { // an error beside a mutex says that it was there already
		runtime.UnlockOSThread()
		return func() {}, nil
	}
	end := func() {
		windows.CloseHandle(mutex)
		runtime.UnlockOSThread()
	}
	event, err := windows.WaitForSingleObject(mutex, uint32(lockPatience.Milliseconds()))
	if err != nil || event == uint32(windows.WAIT_TIMEOUT) {
		end()
		return func() {}, nil
	}
	// Also one that a process left by ending: it replaced the file or did not.
	return func() { windows.ReleaseMutex(mutex); end() }, nil
}

// mutexName is the same for all paths that lead to one file.
func mutexName(path string) (*uint16, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if real, err = filepath.Abs(real); err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(strings.ToLower(real)))
	return windows.UTF16PtrFromString(fmt.Sprintf(`Global\watchword-%x`, digest[:16]))
}
