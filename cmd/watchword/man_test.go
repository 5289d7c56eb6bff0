package main

// The manual page: what help says, in the form of man.

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

const manualPath = "../../docs/watchword.1"

func TestManual(t *testing.T) {
	want := manual(t)
	if *updateScripts {
		if err := os.WriteFile(manualPath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manualPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what help says: go test ./cmd/watchword -run TestManual -update", manualPath)
	}
}

// manual is the page: an introduction, then what help says of each verb.
func manual(t *testing.T) string {
	var b strings.Builder
	b.WriteString(manualHead)
	for _, v := range verbs {
		var out strings.Builder
		env := &ui{stdout: &out, stderr: &out, getenv: func(string) string { return "" }}
		if status := v.run(context.Background(), env, []string{"-h"}); status != statusOK {
			t.Fatalf("help %s has status %d", v.name, status)
		}
		_, page, _ := strings.Cut(out.String(), "\n")
		fmt.Fprintf(&b, ".SS %s\n.B watchword %s\n%s\n.PP\n.nf\n%s.fi\n", troff(v.name), troff(v.name), troff(v.synopsis), troffLines(strings.TrimLeft(page, "\n")))
	}
	b.WriteString(manualFoot)
	return b.String()
}

// troff escapes what has a meaning there.
func troff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "^", `\(ha`, "~", `\(ti`).Replace(text)
}

func troffLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = troff(line)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, `\(aq`) {
			line = `\&` + line
		}
		b.WriteString(line)
	}
	return b.String()
}

const manualHead = `.\" Made from what help says: go test ./cmd/watchword -run TestManual -update
.TH WATCHWORD 1 2026-11-24
.SH NAME
watchword \- messages, files and TCP services between two ends that share a key
.SH SYNOPSIS
.B watchword
.I VERB
[options]
.SH DESCRIPTION
Two ends that have the same key file talk over TLS 1.3, or 1.2 where it is asked
for, without any certificate. Messages:
.B watchword server
and
.BR "watchword client" .
A stream, such as that of tar:
.BR "watchword pipe" .
Any service over TCP, in front of it and of its clients:
.B watchword tunnel server
and
.BR "watchword tunnel client" .
.B watchword key new
makes a key.
.SH VERBS
`

const manualFoot = `.SH FILES
.TP
.I watchword.keys
The key file, in the current folder unless \-\-keys names another: a line for
each key, IDENTITY:HEX, readable for its owner alone.
.TP
.I /etc/watchword/tunnel.toml
What the service of the Debian package runs.
.SH ENVIRONMENT
.TP
.B CREDENTIALS_DIRECTORY
Where systemd puts credentials: a key file that is not found elsewhere is looked
for there.
.TP
.B NO_COLOR
If set, nothing is in colour.
.TP
.BR GOGC ", " GOMEMLIMIT
As for every Go program; with GOGC set the tunnel leaves the garbage collector
alone.
.SH EXIT STATUS
0 if all went well, which for
.B client
and
.B pipe
means that the other end has confirmed everything; 1 if not; 2 if the command
line makes no sense.
.SH SEE ALSO
.BR openssl\-s_client (1),
.BR stunnel (8),
.BR systemd.service (5).
.br
https://github.com/watchword\-tls/watchword: docs/operations.md, SECURITY.md.
`
