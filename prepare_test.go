package watchword

import (
	"bytes"
	"io"
	"slices"
	"testing"
)

// countedRand tells how much randomness was taken.
type countedRand struct {
	io.Reader
	taken int
}

func (r *countedRand) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.taken += n
	return n, err
}

// Work done ahead changes no byte of a handshake, whatever its version.
func TestPrepareChangesNothing(t *testing.T) {
	for _, sc := range slices.Concat(scenarios, scenarios12) {
		var runs [2]*pair
		for i := range runs {
			runs[i] = sc.start(t)
			runs[i].prepare = i == 1
			runs[i].mustComplete()
		}
		if !bytes.Equal(runs[0].toServer, runs[1].toServer) || !bytes.Equal(runs[0].toClient, runs[1].toClient) {
			t.Errorf("%s: with work done ahead the bytes differ.", sc.name)
		}
	}
}

// A client of TLS 1.2 makes its share while the server makes its own, but not
// where it would most likely be for nothing.
func TestPrepareMakesTheShareOf12(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(client, server *Config)
		ahead int // bytes of randomness
	}{
		{"TLS 1.2 alone", func(client, server *Config) {}, 32},
		{"the server chooses another group", func(client, server *Config) { server.Groups = []Group{P256} }, 32},
		{"plain PSK", func(client, server *Config) { client.Suites = []SuiteID{TLS_PSK_WITH_AES_128_GCM_SHA256} }, 0},
		{"TLS 1.3 too", func(client, server *Config) { client.MaxVersion, server.MaxVersion = 0, VersionTLS12 }, 0},
	} {
		client, server := configs12(t, Legacy)
		c.set(client, server)
		preparedAhead(t, c.name, client, server, c.ahead)
	}
	client, server := configs12(t, Legacy)
	client.Tickets = &Tickets{Cache: NewTicketCache()}
	preparedAhead(t, "for a ticket", client, server, 32)
	if p := preparedAhead(t, "with a ticket", client, server, 0); !p.client.Session().Resumed {
		t.Error("The session is not resumed.")
	}
}

// preparedAhead connects, and checks how much randomness the client took to
// prepare itself.
func preparedAhead(t *testing.T, name string, client, server *Config, want int) *pair {
	t.Helper()
	rand := &countedRand{Reader: seeded(1)}
	client.Rand = rand
	p := newPair(t, client, server)
	before := rand.taken
	for range 3 {
		p.client.Prepare()
	}
	if got := rand.taken - before; got != want {
		t.Errorf("%s: %d bytes of randomness were taken ahead, want %d.", name, got, want)
	}
	p.mustComplete()
	p.exchange("up", "down")
	return p
}

// After an error there is nothing to prepare, and a source of randomness that
// fails is told of where the share is needed.
func TestPrepareAfterFailures(t *testing.T) {
	client, server := configs12(t, Legacy)
	client.Rand = io.LimitReader(seeded(1), 32) // the ClientHello's own
	p := newPair(t, client, server)
	p.client.Prepare()
	if err := p.client.Err(); err != nil {
		t.Errorf("Prepare failed: %v.", err)
	}
	p.run()
	if p.client.Err() == nil || p.client.Complete() {
		t.Error("A client without randomness completes.")
	}
	p.client.Prepare()
}
