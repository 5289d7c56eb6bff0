package watchword

// Early data is refused, and skipped within a limit (RFC 9846 §4.3.10).

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/record"
)

// earlyServer is a server that a raw client can talk to in either mode.
func earlyServer(t testing.TB) (*Engine, *Key) {
	t.Helper()
	_, server := configs(t, KeyOptions{})
	server.KeyExchange = PSKOnlyAllowed
	server.Groups = []Group{P256}
	e, err := NewServerEngine(server)
	if err != nil {
		t.Fatal(err)
	}
	return e, server.Keys[0]
}

// give hands bytes to a server and looks up what it asks for.
func give(e *Engine, b []byte) error {
	_ = put(e, b, testNow)
	answer(e, testNow)
	return e.Err()
}

// earlyHandshake runs a handshake with early data in it: after the first
// ClientHello, and where it is retried before the second.
func earlyHandshake(t *testing.T, retry, atOnce bool, early []byte) (*Engine, error) {
	t.Helper()
	e, key := earlyServer(t)
	r := newRawClient(t, key)
	r.hello.EarlyData = true
	if retry {
		r.wantRetry()
	}
	first := r.clientHello()
	if atOnce {
		if err := give(e, append(first, early...)); err != nil {
			return e, err
		}
	} else {
		if err := give(e, first); err != nil {
			return e, err
		}
		for i := range early {
			if err := give(e, early[i:i+1]); err != nil {
				return e, err
			}
		}
	}
	if retry {
		if err := give(e, r.retried(e.Output(nil))); err != nil {
			return e, err
		}
	}
	if err := give(e, plainRecord(record.ChangeCipherSpec, []byte{1})); err != nil {
		return e, err
	}
	if err := give(e, r.finished(e.Output(nil))); err != nil {
		return e, err
	}
	if !e.Complete() {
		t.Fatalf("The handshake is not complete: the server is in %s.", e.State())
	}
	if err := give(e, r.seal(record.ApplicationData, []byte("not early"))); err != nil {
		return e, err
	}
	got, err := drain(e, testNow)
	if string(got) != "not early" || !errors.Is(err, ErrNeedInput) {
		t.Errorf("The server read %q: %v; the early data must not be part of it.", got, err)
	}
	return e, nil
}

func TestEarlyDataIsSkipped(t *testing.T) {
	small := bytes.Repeat(earlyRecord(60), 20)
	for _, c := range []struct {
		name  string
		early []byte
		want  alert.Description // zero: it is skipped
	}{
		{"none", nil, 0},
		{"one record", earlyRecord(1000), 0},
		{"an empty record", earlyRecord(5), 0},
		{"a record too short for a tag", earlyRecord(10), 0},
		{"many records", small, 0},
		{"the longest record", earlyRecord(5 + 16384 + 256), 0},
		{"as much as the limit", append(earlyRecord(5+16384+256), earlyRecord(limits.MaxSkippedEarlyData-16384-261)...), 0},
		{"a byte more", append(earlyRecord(5+16384+256), earlyRecord(limits.MaxSkippedEarlyData-16384-260)...), alert.UnexpectedMessage},
		{"far more", bytes.Repeat(earlyRecord(1000), 100), alert.UnexpectedMessage},
		{"a record over the limit of records", earlyRecord(5 + 16384 + 257), alert.RecordOverflow},
	} {
		for _, retry := range []bool{false, true} {
			for _, atOnce := range []bool{true, false} {
				what := fmt.Sprintf("%s, retried: %v, at once: %v", c.name, retry, atOnce)
				e, err := earlyHandshake(t, retry, atOnce, c.early)
				if c.want != 0 {
					wantLocal(t, what, err, c.want)
				} else if err != nil || !e.Complete() {
					t.Errorf("%s: the handshake fails: %v.", what, err)
				}
			}
		}
	}
}

// Without the extension there is no early data, and nothing is skipped.
func TestEarlyDataThatWasNotAnnounced(t *testing.T) {
	for _, retry := range []bool{false, true} {
		e, key := earlyServer(t)
		r := newRawClient(t, key)
		want := alert.BadRecordMAC
		if retry {
			r.wantRetry()
			want = alert.UnexpectedMessage // plaintext is expected
		}
		if err := give(e, r.clientHello()); err != nil {
			t.Fatal(err)
		}
		wantLocal(t, "early data without a word", give(e, earlyRecord(100)), want)
	}
}

// After the first record that opens, one that does not is an attack.
func TestEarlyDataEndsWithTheFirstRecord(t *testing.T) {
	e, key := earlyServer(t)
	r := newRawClient(t, key)
	r.hello.EarlyData = true
	if err := give(e, append(r.clientHello(), earlyRecord(100)...)); err != nil {
		t.Fatal(err)
	}
	finished := r.finished(e.Output(nil))
	if err := give(e, finished); err != nil {
		t.Fatal(err)
	}
	_ = give(e, earlyRecord(100))
	_, err := drain(e, testNow)
	wantLocal(t, "early data after the Finished", err, alert.BadRecordMAC)
}

// The same where that record is a warning, before any Finished.
func TestEarlyDataEndsWithAWarning(t *testing.T) {
	e, key := earlyServer(t)
	r := newRawClient(t, key)
	r.hello.EarlyData = true
	if err := give(e, append(r.clientHello(), earlyRecord(100)...)); err != nil {
		t.Fatal(err)
	}
	_ = r.finished(e.Output(nil))
	if err := give(e, r.underHandshakeKey(record.Alert, []byte{1, byte(alert.UserCanceled)})); err != nil {
		t.Fatal(err)
	}
	wantLocal(t, "early data after a warning", give(e, earlyRecord(100)), alert.BadRecordMAC)
}

// A record that was changed on the way cannot hide among early data: the
// Finished is missing then, and what comes after it does not open.
func TestChangedFinishedIsNoEarlyData(t *testing.T) {
	e, key := earlyServer(t)
	r := newRawClient(t, key)
	r.hello.EarlyData = true
	if err := give(e, r.clientHello()); err != nil {
		t.Fatal(err)
	}
	finished := r.finished(e.Output(nil))
	finished[len(finished)-1] ^= 1
	if err := give(e, finished); err != nil {
		t.Fatalf("A record that does not open is early data until one does: %v", err)
	}
	for range 1000 {
		if give(e, r.seal(record.ApplicationData, make([]byte, 100))) != nil {
			break
		}
	}
	wantLocal(t, "data without a Finished", e.Err(), alert.UnexpectedMessage)
	if e.Complete() {
		t.Error("The handshake is complete without a Finished.")
	}
}

// A second ClientHello may not offer early data again (RFC 9846 §4.3.10).
func TestEarlyDataInTheSecondClientHello(t *testing.T) {
	e, key := earlyServer(t)
	r := newRawClient(t, key)
	r.wantRetry()
	r.hello.EarlyData = true
	if err := give(e, r.clientHello()); err != nil {
		t.Fatal(err)
	}
	_ = r.retried(e.Output(nil)) // the one that would be right
	r.hello.EarlyData = true
	second := r.clientHello()
	wantLocal(t, "early data offered twice", give(e, second), alert.IllegalParameter)
}
