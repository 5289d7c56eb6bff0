package watchword

// The key log of RFC 9850, which Wireshark reads.

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// keyLogMutex keeps the lines of connections that share a writer whole.
var keyLogMutex sync.Mutex

// writeKeyLog writes one line, if name is a label of RFC 9850.
func writeKeyLog(w io.Writer, name string, clientRandom [32]byte, secret []byte) error {
	if strings.ToUpper(name) != name {
		return nil // not one of RFC 9850's
	}
	keyLogMutex.Lock()
	defer keyLogMutex.Unlock()
	_, err := fmt.Fprintf(w, "%s %x %x\n", name, clientRandom, secret)
	return err
}
