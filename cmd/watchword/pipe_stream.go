package main

// The bytes of a pipe: one goroutine reads standard input and sends, one
// receives and writes standard output, and run waits for both, for Ctrl-C, and
// for whatever goes wrong. A read of standard input cannot be interrupted, nor a
// write to a reader who takes nothing: where the pipe ends before them, they end
// with the program.

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

const (
	// sendBuffer is a frame that fills four records, which go to the network in
	// one write.
	sendBuffer = 4 * limits.MaxPlaintext
	// receiveBuffer has room to open as many in place.
	receiveBuffer = 4 * limits.MaxInnerPlaintext
)

// direction is how far one of the two has come.
type direction struct {
	bytes atomic.Int64
	took  atomic.Int64 // nanoseconds from the start to its end; 0 before
}

// pipe is one run of the verb, once it is connected.
type pipe struct {
	env    *ui
	conn   *watchword.Conn
	peer   string // who is at the other end
	framed bool   // it speaks watchword-pipe/1
	quiet  bool
	begin  time.Time

	sent, received direction
	offered        atomic.Bool   // there was something to send
	inputEnded     atomic.Bool   // end, or close_notify, is on its way or sent
	peerEnded      chan struct{} // closed when all that the peer sent is written

	// Of the receiver alone.
	frames    deframer
	written   bool // all of it, and done was sent
	confirmed bool // done was received

	peerFirst bool // raw: its close_notify came before ours was sent
}

func newPipe(env *ui, conn *watchword.Conn, peer string, quiet bool) *pipe {
	return &pipe{
		env: env, conn: conn, peer: peer, quiet: quiet, begin: time.Now(),
		framed:    conn.Session().NextProto == pipeProtocol,
		peerEnded: make(chan struct{}),
	}
}

// run returns the exit status.
func (p *pipe) run(ctx context.Context) int {
	if interactive(p.env.stdin) {
		ignoreTerminalStop()
	}
	sent, received := make(chan error, 1), make(chan error, 1)
	go func() { sent <- p.send() }()
	go func() { received <- p.receive() }()
	show := newProgress(p)
	err := p.wait(ctx, show, sent, received)
	show.stop()
	return p.finish(err)
}

// wait returns why the pipe ended, nil if all is well.
func (p *pipe) wait(ctx context.Context, show *progress, sent, received <-chan error) error {
	var sendErr error
	peerEnded := p.peerEnded
	for {
		select {
		case <-ctx.Done():
			return &givenUp{reason: stopped}
		case <-show.tick():
			show.draw()
		case <-peerEnded:
			peerEnded = nil
			if interactive(p.env.stdin) && !p.inputEnded.Load() {
				show.around(func() { p.env.say("%s has ended, and all that it sent is written; Ctrl-D ends this end", p.peer) })
			}
		case sendErr = <-sent:
			sent = nil
			var own *givenUp
			if errors.As(sendErr, &own) {
				return own
			}
			if sendErr != nil {
				// The receiver may still learn why.
				_ = p.conn.SetReadDeadline(time.Now().Add(farewellTime))
			}
		case err := <-received:
			switch {
			case timedOut(err) && sendErr != nil:
				return sendErr
			case err != nil, p.framed:
				return err
			case sendErr != nil && p.peerFirst:
				return p.judgeFirst(sendErr)
			case sent == nil && !p.peerFirst:
				return sendErr
			}
			return p.waitForSender(ctx, show, sent)
		}
	}
}

// waitForSender goes on after the close_notify of a raw peer, which may read on
// all the same (RFC 9846 §6.1), unless it ends the connection beneath.
func (p *pipe) waitForSender(ctx context.Context, show *progress, sent <-chan error) error {
	if !p.peerFirst {
		return <-sent // our close_notify is on its way
	}
	if sent == nil {
		return p.judgeFirst(nil)
	}
	hungUp := make(chan struct{})
	go func() {
		// Nobody reads from TLS any more; the end is all that matters.
		_, _ = io.Copy(io.Discard, p.conn.NetConn())
		close(hungUp)
	}()
	for {
		select {
		case <-ctx.Done():
			return &givenUp{reason: stopped}
		case <-show.tick():
			show.draw()
		case err := <-sent:
			return p.judgeFirst(err)
		case <-hungUp:
			return p.judgeFirst(nil)
		}
	}
}

// send sends standard input, and its end.
func (p *pipe) send() error {
	buf := make([]byte, sendBuffer)
	head := 0
	if p.framed {
		head = frameHeader
	}
	for {
		n, err := p.env.stdin.Read(buf[head:])
		if n > 0 {
			p.offered.Store(true)
			if p.framed {
				putFrameHeader(buf, frameData, n)
			}
			if _, err := p.conn.Write(buf[:head+n]); err != nil {
				return err
			}
			p.sent.bytes.Add(int64(n))
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), interactive(p.env.stdin): // from a terminal, nobody types any more
			return p.endInput()
		default:
			return &givenUp{reason: inputBroke, cause: err}
		}
	}
}

// endInput tells the peer that there is no more.
func (p *pipe) endInput() error {
	p.inputEnded.Store(true)
	var err error
	if p.framed {
		_, err = p.conn.Write(controlFrame(frameEnd, 0))
	} else {
		err = p.conn.CloseWrite()
	}
	p.sent.took.Store(int64(time.Since(p.begin)))
	return err
}

// receive writes what comes to standard output, up to close_notify. It returns
// nil only if all that belongs before that has come.
func (p *pipe) receive() error {
	buf := make([]byte, receiveBuffer)
	for {
		n, err := p.conn.Read(buf)
		take := p.write
		if p.framed {
			take = p.takeFrames
		}
		if err := take(buf[:n]); err != nil {
			return err
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return err
		case !p.framed:
			p.peerFirst = !p.inputEnded.Load()
			return p.closeOutput()
		case p.written && p.confirmed:
			return nil
		default:
			return pipeError(p.peer + " closed the connection before both ends had confirmed that all is written")
		}
	}
}

// write writes data to standard output.
func (p *pipe) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if _, err := p.env.stdout.Write(data); err != nil {
		return &givenUp{reason: outputBroke, cause: err}
	}
	p.received.bytes.Add(int64(len(data)))
	return nil
}

// closeOutput lets who reads standard output see its end. Some file systems say
// only then that there was no room.
func (p *pipe) closeOutput() error {
	if f, ok := p.env.stdout.(*os.File); ok {
		endSocket(f)
	}
	if c, ok := p.env.stdout.(io.Closer); ok {
		if err := c.Close(); err != nil {
			return &givenUp{reason: outputBroke, cause: err}
		}
	}
	p.received.took.Store(int64(time.Since(p.begin)))
	close(p.peerEnded)
	return nil
}

// takeFrames acts on a part of the stream.
func (p *pipe) takeFrames(b []byte) error {
	for len(b) > 0 {
		data, rest, c, err := p.frames.next(b)
		if werr := p.write(data); werr != nil {
			return werr
		}
		if err == nil && c != nil {
			err = p.control(c)
		}
		var told *toldSo
		var own *givenUp
		switch {
		case errors.As(err, &told), errors.As(err, &own):
			return err
		case err != nil:
			return &givenUp{reason: confused, cause: err}
		}
		b = rest
	}
	return nil
}

// control acts on a frame without data.
func (p *pipe) control(c *control) error {
	switch c.frameType {
	case frameFailed:
		return &toldSo{reason(c.number)}
	case frameEnd:
		if err := p.closeOutput(); err != nil {
			return err
		}
		p.written = true
		p.tell(func() error { _, err := p.conn.Write(controlFrame(frameDone, 0)); return err })
	case frameDone:
		if p.confirmed || !p.inputEnded.Load() {
			return errors.New("a confirmation of what was not sent")
		}
		p.confirmed = true
	}
	if p.written && p.confirmed {
		// The peer has nothing left to wait for but this.
		_ = p.conn.SetReadDeadline(time.Now().Add(limits.StallSeconds * time.Second))
		p.tell(p.conn.CloseWrite)
	}
	return nil
}

// tell sends something. Where that fails, the connection is gone, and reading
// says why.
func (p *pipe) tell(send func() error) {
	if err := send(); err != nil {
		_ = p.conn.SetReadDeadline(time.Now().Add(farewellTime))
	}
}
