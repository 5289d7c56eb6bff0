package tunnel

// When files call for a reload, look by look.

import (
	"os"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/tunnel/settings"
)

const reloadedLine, refusedLine = "msg=reloaded", "msg=\"not reloaded"

// look has the tunnel look at its files so many times.
func (b *bench) look(times int) {
	for range times {
		b.tunnel.look()
	}
}

// said fails unless so many reloads went through, and so many did not.
func (b *bench) said(reloaded, refused int) {
	b.t.Helper()
	text := b.log.String()
	if n, m := strings.Count(text, reloadedLine), strings.Count(text, refusedLine); n != reloaded || m != refused {
		b.t.Fatalf("%d reloads went through and %d did not, want %d and %d.", n, m, reloaded, refused)
	}
}

func watched(t *testing.T) *bench {
	return start(t, keyA, one(settings.Server, backendOf(t, echo)))
}

// A key file that is gone is said once, after it had time to come back, and what
// comes back is used.
func TestAKeyFileThatIsGone(t *testing.T) {
	b := watched(t)
	other := b.keys + ".other"
	if err := os.WriteFile(other, []byte(keyB), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.change(func(s *settings.Settings) {
		second := s.Services[0]
		second.Name, second.Keys, second.Listen = "second", other, nil
		s.Services = append(s.Services, second)
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	b.look(limits.TunnelWatchMissingLooks - 1)
	b.said(1, 0)
	b.look(10)
	b.said(1, 1)
	b.counts("watchword_last_reload_successful 0")
	// Another change meanwhile is refused for the same reason, which is said again.
	b.writeKeys(otherA)
	b.look(10)
	b.said(1, 2)
	if err := os.WriteFile(other, []byte(keyB), 0o600); err != nil {
		t.Fatal(err)
	}
	b.look(10)
	b.said(2, 2)
	b.counts("watchword_last_reload_successful 1")
	roundTrip(t, dial(t, startClient(t, b, otherA).address("client")))
}

// A file that is away for a moment, as some editors have it, is nothing to say.
func TestAKeyFileThatIsAwayForAMoment(t *testing.T) {
	b := watched(t)
	if err := os.Remove(b.keys); err != nil {
		t.Fatal(err)
	}
	b.look(limits.TunnelWatchMissingLooks - 1)
	b.writeKeys(keyA)
	b.look(10)
	b.said(0, 0)
}

// A key file that a new configuration names, and that comes later, is waited for.
func TestAKeyFileThatComesLater(t *testing.T) {
	b := watched(t)
	later := b.keys + ".later"
	if err := b.change(func(s *settings.Settings) { s.Services[0].Keys = later }); err == nil {
		t.Fatal("A reload without a key file goes through.")
	}
	b.look(10)
	b.said(0, 1)
	if err := os.WriteFile(later, []byte(keyB), 0o600); err != nil {
		t.Fatal(err)
	}
	b.look(10)
	b.said(1, 1)
}

// What somebody else's reload has used calls for none.
func TestOneChangeIsOneReload(t *testing.T) {
	b := watched(t)
	b.writeKeys(keyA + keyB)
	if err := b.tunnel.Reload(); err != nil {
		t.Fatal(err)
	}
	b.look(10)
	b.said(1, 0)
	b.writeKeys(keyA)
	b.look(1)
	if err := b.tunnel.Reload(); err != nil {
		t.Fatal(err)
	}
	b.look(10)
	b.said(2, 0)
}

// A mistake that SIGHUP met, and that is undone before anybody looks, leaves no
// reload behind that failed.
func TestAMistakeThatIsUndone(t *testing.T) {
	b := watched(t)
	b.look(1)
	b.writeKeys("rubbish")
	if err := b.tunnel.Reload(); err == nil {
		t.Fatal("A reload with rubbish goes through.")
	}
	b.writeKeys(keyA)
	b.look(10)
	b.said(1, 1)
	b.counts("watchword_last_reload_successful 1")
}
