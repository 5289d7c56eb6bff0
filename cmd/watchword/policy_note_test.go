package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/limits"
)

// A line for each identity that goes without the extended master secret, and no
// more of them than the limit: nobody shall fill a disk through a log.
func TestMissingExtendedMasterSecretIsNoted(t *testing.T) {
	var log bytes.Buffer
	env := &ui{stderr: &log}
	var n oldPeerNotes
	for _, s := range []watchword.Session{
		{Identity: "new", Version: watchword.VersionTLS13},
		{Identity: "good", Version: watchword.VersionTLS12, ExtendedMasterSecret: true},
	} {
		n.add(env, s.Identity, s)
	}
	if log.Len() > 0 {
		t.Errorf("What is as it should be is noted: %s", log.String())
	}
	for range 3 {
		for i := range limits.MaxOldPeerNotes + 10 {
			name := fmt.Sprintf("device%d", i)
			n.add(env, name, watchword.Session{Identity: name, Version: watchword.VersionTLS12})
		}
	}
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	if len(lines) != limits.MaxOldPeerNotes {
		t.Errorf("There are %d lines, want %d.", len(lines), limits.MaxOldPeerNotes)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "; further ones are not listed") || strings.Contains(lines[0], "further") {
		t.Errorf("The last line is %q.", last)
	}
}
