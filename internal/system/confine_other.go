//go:build !linux

package system

// Confine does nothing: Landlock is Linux's.
func Confine(r Rules) error { return nil }

// Confined says what is in force, for a log.
func Confined() string { return "none: Landlock is Linux's" }
