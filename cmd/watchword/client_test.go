package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// The prompt makes room for what arrives, and comes back after it.
func TestPrompt(t *testing.T) {
	var speech strings.Builder
	p := &prompt{env: &ui{stderr: &speech}, clear: "\r\x1b[K"}
	p.around(func() { speech.WriteString("early\n") })
	p.show()
	p.around(func() { speech.WriteString("an answer\n") })
	p.show()
	p.stop()
	p.stop()
	if want := "early\n> \r\x1b[Kan answer\n> > \r\x1b[K"; speech.String() != want {
		t.Errorf("The terminal gets %q, want %q.", speech.String(), want)
	}
	p = nil
	p.show()
	p.around(func() { speech.WriteString("shown\n") })
	p.stop()
	if !strings.HasSuffix(speech.String(), "shown\n") {
		t.Error("Without a prompt nothing is shown.")
	}
}

// Each end of a connection has its status and its sentence; only an answer to
// our own close_notify is success.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		end  ending
		sent int64
		want string // in the sentence; empty: success
	}{
		"in order":                        {ending{receiveErr: io.EOF, closed: true}, 1, ""},
		"in order, nothing sent":          {ending{receiveErr: io.EOF, closed: true}, 0, ""},
		"server first":                    {ending{receiveErr: io.EOF}, 1, "closed the connection first"},
		"server first, a person, silent":  {ending{receiveErr: io.EOF, typed: true}, 0, ""},
		"server first, a person who sent": {ending{receiveErr: io.EOF, typed: true}, 1, "closed the connection first"},
		"server first, a pipe":            {ending{receiveErr: io.EOF}, 0, "before anything was sent"},
		"Ctrl-C, a person":                {ending{receiveErr: io.EOF, closed: true, stopped: true, interrupted: true, typed: true}, 1, ""},
		"Ctrl-C, a pipe":                  {ending{receiveErr: io.EOF, closed: true, stopped: true, interrupted: true}, 1, "before the end of the input"},
		"Ctrl-C after the end":            {ending{receiveErr: io.EOF, closed: true, stopped: true}, 1, ""},
		"stdin broke":                     {ending{receiveErr: io.EOF, closed: true, sendErr: &inputFailed{io.ErrUnexpectedEOF}}, 1, "standard input cannot be read"},
		"cut":                             {ending{receiveErr: io.ErrUnexpectedEOF, closed: true}, 1, "broke off"},
		"stdout broke":                    {ending{receiveErr: &notShown{errors.New("no space")}, closed: true}, 1, "cannot be shown"},
	} {
		quiet := &ui{stderr: io.Discard}
		client := &client{env: quiet, address: "192.0.2.1:7"}
		client.sent.Store(c.sent)
		err := client.judge(c.end)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: the sentence is %v, want one with %q.", name, err, c.want)
		}
	}
}
