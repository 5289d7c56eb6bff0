//go:build !unix

// Package socket is of use where a wait without a buffer is to be had.
package socket

import (
	"net"
	"syscall"
)

// BeDirect changes nothing here.
func BeDirect() {}

// Of returns nil.
func Of(net.Conn) syscall.RawConn { return nil }

// Write writes b to conn.
func Write(conn net.Conn, _ syscall.RawConn, b []byte) (int, error) { return conn.Write(b) }
