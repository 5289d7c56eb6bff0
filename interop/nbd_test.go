package interop

// As much of the NBD protocol as the tests need, on both sides: it begins in
// plain text, turns to TLS, and then negotiates and moves blocks.
// (github.com/NetworkBlockDevice/nbd, doc/proto.md)

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

const (
	nbdMagic  = "NBDMAGIC"
	nbdOption = "IHAVEOPT"

	nbdReplyMagic   = 0x0003e889045565a9
	nbdRequestMagic = 0x25609513
	nbdAnswerMagic  = 0x67446698

	nbdFixedNewstyle = 1 // handshake flags
	nbdNoZeroes      = 2

	nbdAbort    = 2 // options
	nbdStartTLS = 5
	nbdInfo     = 6
	nbdGo       = 7

	nbdAck         = 1 // replies to options
	nbdInfoReply   = 3
	nbdUnsupported = 1<<31 + 1
	nbdNeedsTLS    = 1<<31 + 5

	nbdRead  = 0 // commands
	nbdWrite = 1
	nbdDisc  = 2
	nbdFlush = 3

	nbdHasFlags  = 1 // flags of an export
	nbdSendFlush = 4
)

var nbdOrder = binary.BigEndian

func readExactly(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// nbdAskForTLS is what a client says before TLS.
func nbdAskForTLS(raw net.Conn) error {
	greeting, err := readExactly(raw, 18)
	if err != nil || string(greeting[:16]) != nbdMagic+nbdOption {
		return fmt.Errorf("the NBD server greets with %q, %w", greeting, err)
	}
	if _, err := raw.Write(nbdOrder.AppendUint32(nil, nbdFixedNewstyle|nbdNoZeroes)); err != nil {
		return err
	}
	_, err = nbdAsk(raw, nbdStartTLS, nil)
	return err
}

// nbdAsk sends an option and returns the data of the replies before the last,
// which must be NBD_REP_ACK.
func nbdAsk(c io.ReadWriter, option uint32, data []byte) ([][]byte, error) {
	request := nbdOrder.AppendUint32([]byte(nbdOption), option)
	request = append(nbdOrder.AppendUint32(request, uint32(len(data))), data...)
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	var replies [][]byte
	for {
		head, err := readExactly(c, 20)
		if err != nil {
			return nil, err
		}
		data, err := readExactly(c, int(nbdOrder.Uint32(head[16:])))
		if err != nil {
			return nil, err
		}
		switch kind := nbdOrder.Uint32(head[12:]); kind {
		case nbdAck:
			return replies, nil
		case nbdInfoReply:
			replies = append(replies, data)
		default:
			return nil, fmt.Errorf("to option %d the NBD server replies with %#x: %q", option, kind, data)
		}
	}
}

// nbdMove is a client after TLS has begun: it writes data to the beginning of
// the export, reads it back, and disconnects.
func nbdMove(c io.ReadWriter, data []byte) ([]byte, error) {
	const piece = 1 << 20
	if _, err := nbdAsk(c, nbdGo, make([]byte, 6)); err != nil { // the export without a name, no questions
		return nil, err
	}
	request := func(command uint16, at, n int) []byte {
		b := nbdOrder.AppendUint32(nil, nbdRequestMagic)
		b = nbdOrder.AppendUint16(b, 0)
		b = nbdOrder.AppendUint16(b, command)
		b = nbdOrder.AppendUint64(b, uint64(at))
		b = nbdOrder.AppendUint64(b, uint64(at))
		return nbdOrder.AppendUint32(b, uint32(n))
	}
	answered := func() error {
		head, err := readExactly(c, 16)
		if err == nil && (nbdOrder.Uint32(head) != nbdAnswerMagic || nbdOrder.Uint32(head[4:]) != 0) {
			err = fmt.Errorf("the NBD server answers %x", head)
		}
		return err
	}
	for at := 0; at < len(data); at += piece {
		part := data[at:min(at+piece, len(data))]
		if _, err := c.Write(append(request(nbdWrite, at, len(part)), part...)); err != nil {
			return nil, err
		}
		if err := answered(); err != nil {
			return nil, err
		}
	}
	var got []byte
	for at := 0; at < len(data); at += piece {
		n := min(piece, len(data)-at)
		if _, err := c.Write(request(nbdRead, at, n)); err != nil {
			return nil, err
		}
		if err := answered(); err != nil {
			return nil, err
		}
		part, err := readExactly(c, n)
		if err != nil {
			return nil, err
		}
		got = append(got, part...)
	}
	_, err := c.Write(request(nbdDisc, 0, 0))
	return got, err
}

// nbdOfferTLS is what a server says before TLS.
func nbdOfferTLS(raw net.Conn) error {
	greeting := nbdOrder.AppendUint16([]byte(nbdMagic+nbdOption), nbdFixedNewstyle|nbdNoZeroes)
	if _, err := raw.Write(greeting); err != nil {
		return err
	}
	if _, err := readExactly(raw, 4); err != nil { // the client's flags
		return err
	}
	for {
		option, _, err := nbdHear(raw)
		if err != nil {
			return err
		}
		kind := uint32(nbdNeedsTLS)
		if option == nbdStartTLS {
			kind = nbdAck
		}
		if err := nbdReply(raw, option, kind, nil); err != nil || kind == nbdAck {
			return err
		}
	}
}

// nbdHear reads an option and its data.
func nbdHear(r io.Reader) (option uint32, data []byte, err error) {
	head, err := readExactly(r, 16)
	if err != nil {
		return 0, nil, err
	}
	if string(head[:8]) != nbdOption {
		return 0, nil, fmt.Errorf("an NBD option begins with %q", head[:8])
	}
	data, err = readExactly(r, int(nbdOrder.Uint32(head[12:])))
	return nbdOrder.Uint32(head[8:]), data, err
}

func nbdReply(w io.Writer, option, kind uint32, data []byte) error {
	b := nbdOrder.AppendUint64(nil, nbdReplyMagic)
	b = nbdOrder.AppendUint32(b, option)
	b = nbdOrder.AppendUint32(b, kind)
	b = nbdOrder.AppendUint32(b, uint32(len(data)))
	_, err := w.Write(append(b, data...))
	return err
}

// nbdServe is a server after TLS has begun, whose one export is disk. It
// returns when the client disconnects.
func nbdServe(c io.ReadWriter, disk []byte) error {
	for {
		option, _, err := nbdHear(c)
		if err != nil {
			return err
		}
		switch option {
		case nbdInfo, nbdGo:
			const exportInfo = 0 // NBD_INFO_EXPORT
			info := nbdOrder.AppendUint16(nil, exportInfo)
			info = nbdOrder.AppendUint64(info, uint64(len(disk)))
			info = nbdOrder.AppendUint16(info, nbdHasFlags|nbdSendFlush)
			if err := errors.Join(nbdReply(c, option, nbdInfoReply, info), nbdReply(c, option, nbdAck, nil)); err != nil {
				return err
			}
			if option == nbdGo {
				return nbdCommands(c, disk)
			}
		case nbdAbort:
			return nbdReply(c, option, nbdAck, nil)
		default:
			if err := nbdReply(c, option, nbdUnsupported, nil); err != nil {
				return err
			}
		}
	}
}

func nbdCommands(c io.ReadWriter, disk []byte) error {
	for {
		head, err := readExactly(c, 28)
		if err != nil {
			return err
		}
		at, n := nbdOrder.Uint64(head[16:]), uint64(nbdOrder.Uint32(head[24:]))
		command := nbdOrder.Uint16(head[6:])
		if command == nbdDisc {
			return nil
		}
		if nbdOrder.Uint32(head) != nbdRequestMagic || at > uint64(len(disk)) || n > uint64(len(disk))-at {
			return fmt.Errorf("a request that does not fit: %x", head)
		}
		answer := append(nbdOrder.AppendUint32(nil, nbdAnswerMagic), 0, 0, 0, 0)
		answer = append(answer, head[8:16]...) // the client's cookie
		switch command {
		case nbdRead:
			answer = append(answer, disk[at:at+n]...)
		case nbdWrite:
			if _, err := io.ReadFull(c, disk[at:at+n]); err != nil {
				return err
			}
		case nbdFlush:
		default:
			return fmt.Errorf("command %d was not offered", command)
		}
		if _, err := c.Write(answer); err != nil {
			return err
		}
	}
}
