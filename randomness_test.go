package watchword

// A source of randomness that fails: an error that says so, an alert, no panic
// and nothing sent that should have been random.

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/watchword-tls/watchword/alert"
)

var errDry = errors.New("the source is dry")

// dry gives so many bytes, and then fails.
func dry(n int) io.Reader {
	return io.MultiReader(io.LimitReader(seeded(9), int64(n)), errReader{})
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errDry }

func TestRandomnessThatFails(t *testing.T) {
	for n := range 400 {
		c, _ := configs(t, KeyOptions{})
		c.Groups = []Group{X25519}
		c.Rand = dry(n)
		if e, err := NewClientEngine(c, "", testNow); err != nil {
			if n >= 96 {
				t.Errorf("A client with %d random bytes fails: %v.", n, err)
			}
			if e != nil {
				t.Error("An engine that failed is returned.")
			}
		}

		c, s := configs(t, KeyOptions{})
		c.Groups = []Group{X25519}
		s.Rand = dry(n)
		if _, err := NewServerEngine(s); err != nil {
			if n >= 32+48 || !errors.Is(err, errDry) {
				t.Errorf("A server with %d random bytes is refused: %v.", n, err)
			}
			continue
		}
		p := newPair(t, c, s)
		p.run()
		if err := p.server.Err(); err != nil {
			wantLocal(t, fmt.Sprintf("a server whose randomness ends after %d bytes", n), err, alert.InternalError)
			_, clientErr := drain(p.client, testNow)
			wantRemote(t, fmt.Sprintf("its client (%d bytes)", n), clientErr, alert.InternalError)
		} else if !p.server.Complete() {
			t.Errorf("A server with %d random bytes is neither complete nor has failed.", n)
		}
	}
}
