package alert

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestNamesAndLevels(t *testing.T) {
	for d := range 256 {
		d := Description(d)
		want := Fatal
		if d == CloseNotify || d == UserCanceled {
			want = Warning
		}
		if d.Level() != want {
			t.Errorf("%s has level %d, want %d (RFC 9846 §6.1).", d, d.Level(), want)
		}
		if d.String() == "" {
			t.Errorf("Alert %d has no name.", uint8(d))
		}
	}
	if got := Description(51).String(); got != "decrypt_error" {
		t.Errorf("Alert 51 is called %q.", got)
	}
	if got := Description(200).String(); got != "alert 200" {
		t.Errorf("Alert 200, which does not exist, is called %q.", got)
	}
}

func TestErrorsSayWhoFoundTheFault(t *testing.T) {
	err := Wrap(BadRecordMAC, io.ErrUnexpectedEOF)
	var local *LocalError
	if !errors.As(err, &local) || local.Description != BadRecordMAC || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("A wrapped error cannot be told: %v.", err)
	}
	if !strings.Contains(err.Error(), "sent alert 20 bad_record_mac") {
		t.Errorf("A LocalError does not say what the peer was told: %v.", err)
	}
	var remote error = &RemoteError{DecryptError}
	if !strings.Contains(remote.Error(), "received alert 51 decrypt_error") {
		t.Errorf("A RemoteError does not say what was received: %v.", remote)
	}
	if got := (&RemoteError{255}).Error(); !strings.HasSuffix(got, "(received alert 255)") {
		t.Errorf("Of an alert that does not exist it is said: %s.", got)
	}
	if err := New(DecodeError, "no reason"); errors.Unwrap(err) != nil {
		t.Errorf("An error without a cause has one: %v.", errors.Unwrap(err))
	}
}
