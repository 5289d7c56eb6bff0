package main

// The floors: what a pair of tunnels of this shape costs without any protocol.
// Both are this very program, started again.

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
)

// children are what the program does when it is started again: its first
// argument is the name, the second one where to listen, the third one where to
// connect.
var children = map[string]func(args []string) error{
	"floor-relay": relay(plainCopy, plainCopy),
	"floor-seal":  relay(seal, open),
	"floor-open":  relay(open, seal),
	"service":     func([]string) error { return serveChild() },
}

type copier func(to, from *net.TCPConn) error

// relay joins each connection that it takes with one that it opens; there and
// back say how the bytes are carried.
func relay(there, back copier) func([]string) error {
	return func(args []string) error {
		if len(args) != 2 {
			return errors.New("two addresses are needed")
		}
		l, err := net.Listen("tcp", args[0])
		if err != nil {
			return err
		}
		for {
			near, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer near.Close()
				far, err := net.Dial("tcp", args[1])
				if err != nil {
					return
				}
				defer far.Close()
				var both sync.WaitGroup
				half := func(copy copier, to, from *net.TCPConn) func() {
					return func() {
						if copy(to, from) != nil {
							to.SetLinger(0)
							to.Close()
							return
						}
						to.CloseWrite()
					}
				}
				both.Go(half(there, far.(*net.TCPConn), near.(*net.TCPConn)))
				both.Go(half(back, near.(*net.TCPConn), far.(*net.TCPConn)))
				both.Wait()
			}()
		}
	}
}

// plainCopy hides what would let the kernel carry the bytes by itself: a tunnel
// has to see them.
func plainCopy(to, from *net.TCPConn) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, recordLen))
	return err
}

// Records are those of TLS in size: a header of 5 bytes, 16 KiB, a tag of 16.
const (
	headerLen = 5
	recordLen = 16 << 10
	tagLen    = 16
	perWrite  = 16
)

// bareKey is no secret: nothing is protected here.
func bareKey() cipher.AEAD {
	block, err := aes.NewCipher(make([]byte, 16))
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic(err)
}

// nonces counts records.
type nonces struct {
	n    uint64
	last [12]byte
}

func (s *nonces) next() []byte {
	binary.BigEndian.PutUint64(s.last[4:], s.n)
	s.n++
	return s.last[:]
}

// seal puts what comes into records, up to 16 in a write.
func seal(to, from *net.TCPConn) error {
	aead, nonce := bareKey(), new(nonces)
	in := make([]byte, perWrite*recordLen)
	out := make([]byte, 0, perWrite*(headerLen+recordLen+tagLen))
	for {
		n, err := from.Read(in)
		out = out[:0]
		for rest := in[:n]; len(rest) > 0; {
			piece := rest[:min(len(rest), recordLen)]
			rest = rest[len(piece):]
			begin := len(out)
			out = binary.BigEndian.AppendUint16(append(out, 23, 3, 3), uint16(len(piece)+tagLen))
			out = aead.Seal(out, nonce.next(), piece, out[begin:begin+headerLen])
		}
		if len(out) > 0 {
			if _, err := to.Write(out); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// open takes whole records out of what comes, and writes what was in them.
func open(to, from *net.TCPConn) error {
	aead, nonce := bareKey(), new(nonces)
	in := make([]byte, perWrite*(headerLen+recordLen+tagLen))
	used := 0
	for {
		n, err := from.Read(in[used:])
		used += n
		rest := in[:used]
		var plain net.Buffers
		for len(rest) >= headerLen {
			length := headerLen + int(binary.BigEndian.Uint16(rest[3:]))
			if length > headerLen+recordLen+tagLen {
				return errors.New("a record is too long")
			}
			if len(rest) < length {
				break
			}
			body := rest[headerLen:length]
			opened, oerr := aead.Open(body[:0], nonce.next(), body, rest[:headerLen])
			if oerr != nil {
				return oerr
			}
			plain, rest = append(plain, opened), rest[length:]
		}
		if len(plain) > 0 {
			if _, err := plain.WriteTo(to); err != nil {
				return err
			}
		}
		used = copy(in, rest)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// self starts this program again.
func self() (string, error) { return os.Executable() }
