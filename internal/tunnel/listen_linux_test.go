package tunnel

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

// An abstract socket is no file: nothing is made, and nothing has a mode.
func TestAbstractSocket(t *testing.T) {
	name := "@" + filepath.Join(shortFolder(t), "s") // nobody else's name
	o := one(settings.Server, backendOf(t, echo))
	o.Listen[0] = settings.Address{Network: "unix", Host: name}
	server := start(t, keyA, o)
	c := one(settings.Client, "")
	c.To[0] = o.Listen[0]
	client := start(t, keyA, c)
	roundTrip(t, dial(t, client.address("client")))
	if err := server.change(func(s *settings.Settings) { s.Services[0].SocketMode = 0o660 }); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(server.log.String(), "mode of the socket") {
		t.Errorf("It has a mode, it says:\n%s", server.log)
	}
	if _, err := server.tunnel.listenUnix(o.Listen[0], 0); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Errorf("A second one listens too: %v", err)
	}
}
