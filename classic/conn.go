package classic

// One message over one connection.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Timeout bounds everything that is done with one connection on one side. It
// is short because there is one message, and a peer that waits longer than this
// is not there or means no good.
const Timeout = 10 * time.Second

// Send seals message, sends it over c, ends the stream and waits until the
// other end has closed its side, so that the caller may replace the key file
// afterwards. It closes c.
//
// A nil error means only that the other end closed. The protocol has no answer:
// Send cannot tell whether the message was accepted.
func Send(c net.Conn, key *Key, message []byte) error {
	defer c.Close()
	wire, err := Seal(key, message)
	if err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(Timeout))
	if _, err := c.Write(wire); err != nil {
		return fmt.Errorf("cannot send the message: %w", reason(err))
	}
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return nil // such as net.Pipe: ending the stream is closing it
	}
	if err := half.CloseWrite(); err != nil {
		return fmt.Errorf("cannot send the end of the message: %w", reason(err))
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(c, MaxWire)); err != nil {
		return fmt.Errorf("the message was sent, but the other end did not close the connection in order: %w", reason(err))
	} else if n > 0 {
		return errors.New("the message was sent, but the other end sent something too, which this protocol does not have: it speaks another one")
	}
	return nil
}

// Receive reads one message from c to the end of the stream, then asks for the
// key and opens the message. It does not close c.
func Receive(c net.Conn, key func() (*Key, error)) ([]byte, error) {
	c.SetReadDeadline(time.Now().Add(Timeout))
	wire, err := io.ReadAll(io.LimitReader(c, MaxWire+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("the message did not end within %d seconds (%d bytes came)", int(Timeout.Seconds()), len(wire))
	case err != nil:
		return nil, fmt.Errorf("cannot read the message: %w", reason(err))
	case len(wire) > MaxWire:
		return nil, fmt.Errorf("the message is longer than %d bytes", MaxMessage)
	}
	// Not before the stream has ended: the client may write its key at any
	// time before that.
	k, err := key()
	if err != nil {
		return nil, err
	}
	return Open(k, wire)
}

// reason takes the addresses off a network error: who says the sentence knows
// the peer.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("it took longer than %d seconds", int(Timeout.Seconds()))
	}
	return err
}
