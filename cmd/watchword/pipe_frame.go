package main

// What two ends of ours say to each other inside TLS once both chose
// watchword-pipe/1.
//
// close_notify can say that a sender has ended, and nothing more: an end whose
// own input ended long ago has nothing left with which to say that it has
// written what came since. So the stream consists of frames. A frame is four
// bytes, its type and a number of 24 bits, the most significant byte first:
//
//	0 data    the number is how many bytes follow, at least 1
//	1 end     the sender's input has ended, no data follows; 0
//	2 done    what the receiver of this sent, up to its end, was written to the
//	          sender's output, which was closed without an error; 0
//	3 failed  the sender gives up; the number says why: 1 its output failed,
//	          2 its input failed, 3 somebody stopped it
//
// Each end sends end once and done once, in whatever order they come, and
// close_notify when it has also received done. So the peer's close_notify means
// that the peer knows all is well, too. After failed comes a fatal alert.

import (
	"errors"
	"fmt"
)

type frameType uint8

const (
	frameData frameType = iota
	frameEnd
	frameDone
	frameFailed
)

const frameHeader = 4

// putFrameHeader writes the header of a frame to the start of b.
func putFrameHeader(b []byte, t frameType, number int) {
	_ = b[frameHeader-1]
	b[0], b[1], b[2], b[3] = byte(t), byte(number>>16), byte(number>>8), byte(number)
}

// controlFrame returns a frame without data.
func controlFrame(t frameType, number int) []byte {
	b := make([]byte, frameHeader)
	putFrameHeader(b, t, number)
	return b
}

// control is a frame without data.
type control struct {
	frameType frameType
	number    int
}

// deframer takes a stream apart.
type deframer struct {
	head  [frameHeader]byte
	have  int  // bytes of head
	left  int  // bytes of data to come in this frame
	ended bool // no data may follow
}

// next returns the data in p up to its first control frame, if there is one
// that frame, and what follows it. Data of several frames is moved together
// inside p, so that it goes out in one write.
func (d *deframer) next(p []byte) (data, rest []byte, c *control, err error) {
	for len(p) > 0 {
		if d.left > 0 {
			n := min(d.left, len(p))
			if data == nil {
				data = p[:n]
			} else {
				data = append(data, p[:n]...) // over headers that were read
			}
			d.left -= n
			p = p[n:]
			continue
		}
		n := copy(d.head[d.have:], p)
		d.have += n
		p = p[n:]
		if d.have < frameHeader {
			break
		}
		d.have = 0
		if c, err = d.header(); c != nil || err != nil {
			return data, p, c, err
		}
	}
	return data, nil, nil, nil
}

// header acts on a header that is complete.
func (d *deframer) header() (*control, error) {
	c := &control{frameType(d.head[0]), int(d.head[1])<<16 | int(d.head[2])<<8 | int(d.head[3])}
	switch {
	case c.frameType > frameFailed:
		return nil, fmt.Errorf("a frame of type %d, which %s does not have", c.frameType, pipeProtocol)
	case c.frameType == frameFailed:
		return c, nil
	case c.frameType == frameData && d.ended:
		return nil, errors.New("data after its end")
	case c.frameType == frameData && c.number == 0:
		return nil, errors.New("a data frame without data")
	case c.frameType == frameData:
		d.left = c.number
		return nil, nil
	case c.number != 0:
		return nil, fmt.Errorf("a frame of type %d with the number %d where 0 belongs", c.frameType, c.number)
	case c.frameType == frameEnd && d.ended:
		return nil, errors.New("its end twice")
	}
	d.ended = d.ended || c.frameType == frameEnd
	return c, nil
}
