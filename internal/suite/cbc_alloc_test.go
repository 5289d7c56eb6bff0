//go:build !race

package suite

// A warm CBC allocates nothing for a record. The race detector makes the
// standard library's hashes allocate.

import (
	"bytes"
	"testing"
)

// TestNoAllocation: no record costs memory once the first has been sealed or
// opened.
func TestNoAllocation(t *testing.T) {
	both(t, func(t *testing.T, c *CBC, r reference) {
		content, iv := bytesFrom("content", 1000), bytesFrom("IV", 16)
		sealed := c.Seal(nil, 0, 23, iv, content)
		room, body := make([]byte, 0, len(sealed)), make([]byte, len(sealed))
		c.Open(0, 23, bytes.Clone(sealed))
		if n := testing.AllocsPerRun(100, func() { c.Seal(room, 0, 23, iv, content) }); n != 0 {
			t.Errorf("Sealing a record allocates %v times.", n)
		}
		for _, good := range []bool{true, false} {
			if n := testing.AllocsPerRun(100, func() {
				copy(body, sealed)
				if !good {
					body[40] ^= 1
				}
				if _, ok := c.Open(0, 23, body); ok != good {
					t.Errorf("A record opened is %v, want %v.", ok, good)
				}
			}); n != 0 {
				t.Errorf("Opening a record (good: %v) allocates %v times.", good, n)
			}
		}
	})
}
