package watchword

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/watchword-tls/watchword/alert"
)

// A peer that asks for a KeyUpdate and reads nothing does not hold a Read up
// beyond its deadline. The answer is sent as soon as the peer reads.
func TestReadDeadlineHoldsWhileAnAnswerWaits(t *testing.T) {
	bubble(t, func(t *testing.T, client, server *Conn, _, _ net.Conn) {
		asked := make(chan error, 1)
		go func() { asked <- client.UpdateKeys(true) }()
		begin := time.Now()
		server.SetReadDeadline(begin.Add(time.Minute))
		if n, err := server.Read(make([]byte, 10)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read gives %d bytes and %v, want its deadline.", n, err)
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("Read took %v, want a minute.", took)
		}
		if err := <-asked; err != nil {
			t.Errorf("The request cannot be sent: %v.", err)
		}

		server.SetReadDeadline(time.Time{})
		written := make(chan error, 1)
		go func() { _, err := server.Write([]byte("down")); written <- err }()
		buf := make([]byte, 10)
		if n, err := client.Read(buf); string(buf[:n]) != "down" || err != nil {
			t.Errorf("After the answer the peer reads %q, %v.", buf[:n], err)
		}
		if err := <-written; err != nil {
			t.Errorf("After the answer nothing can be written: %v.", err)
		}
	})
}

// A Read that fails has sent its alert when it returns.
func TestReadSendsItsAlertBeforeItReturns(t *testing.T) {
	bubble(t, func(t *testing.T, client, server *Conn, a, _ net.Conn) {
		go a.Write([]byte{23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
		got := make(chan error, 1)
		go func() {
			time.Sleep(time.Second)
			_, err := client.Read(make([]byte, 10))
			got <- err
		}()
		begin := time.Now()
		_, err := server.Read(make([]byte, 10))
		wantLocal(t, "a record that opens with no key", err, alert.BadRecordMAC)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("Read returned after %v, before the peer had its alert.", took)
		}
		var remote *RemoteError
		if err := <-got; !errors.As(err, &remote) || remote.Description != alert.BadRecordMAC {
			t.Errorf("The peer gets %v.", err)
		}
	})
}
