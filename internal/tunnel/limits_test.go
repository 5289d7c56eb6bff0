package tunnel

// Each limit says which one it is, and others are served on.

import (
	"io"
	"net"
	"testing"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

func TestLimits(t *testing.T) {
	for name, set := range map[string]func(*settings.Service){
		"max-connections":  func(s *settings.Service) { s.MaxConnections = 2 },
		"max-per-identity": func(s *settings.Service) { s.MaxPerIdentity = 2 },
		"max-per-source":   func(s *settings.Service) { s.MaxPerSource = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { set(s) })
			first, second := dial(t, client.address("client")), dial(t, client.address("client"))
			roundTrip(t, first)
			roundTrip(t, second)
			if err := readAll(client.address("client")); err == nil {
				t.Error("One too many ends as if it were whole.")
			}
			server.says("limit=" + name)
			roundTrip(t, first)
			first.CloseWrite()
			if _, err := io.ReadAll(first); err != nil {
				t.Error(err)
			}
			within(t, "there is room again", func() bool { return server.tunnel.Connections() == 1 })
			roundTrip(t, dial(t, client.address("client")))
			roundTrip(t, second)
		})
	}
}

func TestLimitOfAllServices(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), nil)
	if err := server.change(func(s *settings.Settings) { s.MaxConnections = 1 }); err != nil {
		t.Fatal(err)
	}
	first := dial(t, client.address("client"))
	roundTrip(t, first)
	if err := readAll(client.address("client")); err == nil {
		t.Error("One too many ends as if it were whole.")
	}
	server.says("max-connections of all services")
	roundTrip(t, first)
}

// Silent peers take the place of nobody who speaks: when there are too many,
// new ones are turned away until the oldest has had its time.
func TestSilentPeers(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.MaxHandshakes = 3 })
	for range 3 {
		dial(t, server.address("server"))
	}
	within(t, "an honest client is served", func() bool {
		c, err := net.Dial("tcp", client.address("client"))
		if err != nil {
			return false
		}
		defer c.Close()
		_, _ = c.Write([]byte{1})
		n, _ := c.Read(make([]byte, 1))
		return n == 1
	})
	server.says("limit=max-handshakes")
}

func TestBytesPerSecond(t *testing.T) {
	client, server := pair(t, backendOf(t, echo), func(_, s *settings.Service) { s.BytesPerSecond = 1 << 40 })
	c := dial(t, client.address("client"))
	roundTrip(t, c)
	if server.tunnel.services["server"].pace.Load() == nil {
		t.Error("There is no limit of the rate.")
	}
}
