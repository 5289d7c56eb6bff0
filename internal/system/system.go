// Package system holds what the program asks of the operating system beyond
// sockets and files: sockets and notices of systemd, another user, Landlock.
// All of it is for the end of a start, when everything is open; a system that
// lacks something gets a plain answer instead of a failure.
package system
