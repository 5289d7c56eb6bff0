//go:build !unix

package main

// ignoreTerminalStop has nothing to do where terminals stop nobody.
func ignoreTerminalStop() {}
