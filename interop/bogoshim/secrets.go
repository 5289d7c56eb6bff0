package main

// The traffic secrets of a connection, which some tests compare with the
// runner's. The key log has them.

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// trafficSecrets is a key log that keeps its lines.
type trafficSecrets struct{ log strings.Builder }

func (t *trafficSecrets) Write(line []byte) (int, error) { return t.log.Write(line) }

// find returns the secret with this label.
func (t *trafficSecrets) find(label string) ([]byte, error) {
	for line := range strings.Lines(t.log.String()) {
		if word := strings.Fields(line); len(word) == 3 && word[0] == label {
			return hex.DecodeString(word[2])
		}
	}
	return nil, fmt.Errorf("the key log has no %s", label)
}

// send writes a length, the secret that we read with and the one that we write
// with, as the runner wants them.
func (t *trafficSecrets) send(w io.Writer, server bool) error {
	labels := []string{"SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"}
	if server {
		labels[0], labels[1] = labels[1], labels[0]
	}
	var b []byte
	for _, label := range labels {
		s, err := t.find(label)
		if err != nil {
			return err
		}
		if b == nil {
			b = binary.LittleEndian.AppendUint16(nil, uint16(len(s)))
		}
		b = append(b, s...)
	}
	_, err := w.Write(b)
	return err
}
