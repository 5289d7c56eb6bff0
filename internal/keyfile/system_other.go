//go:build !unix

package keyfile

// What systems without modes do: Windows, for one, guards files by lists that
// they mostly inherit from their folder.

import (
	"fmt"
	"io/fs"
	"os"
)

// checkMode has nothing to check and says so, rather than to look as if it had.
func checkMode(name string, _ fs.FileInfo, allowReadable bool) (warnings []string, err error) {
	if allowReadable {
		return nil, nil
	}
	return []string{fmt.Sprintf("%s: who can read the file is not checked on this system: see to it that only you can (on Windows: icacls %s /inheritance:r /grant:r \"%%USERNAME%%:F\"), and say --allow-readable-keys to silence this", name, name)}, nil
}

// keepOwner has nothing to do: the folder gives the rights.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// syncFolder has nothing to do: folders cannot be synced here.
func syncFolder(string) error { return nil }
