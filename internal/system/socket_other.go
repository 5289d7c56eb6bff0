//go:build !unix

package system

// Own changes nothing: no process becomes another user here.
func Own(user, group, path string) error { return nil }

// MayMake has no way to tell.
func MayMake(folder string) bool { return true }
