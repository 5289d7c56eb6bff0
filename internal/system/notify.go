package system

// What systemd is told: ready, reloading, ending, alive (sd_notify(3)).

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notify tells systemd a state, such as "READY=1". Where nobody listens, which
// is where NOTIFY_SOCKET is not set, it does nothing.
func Notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("systemd could not be told %q: %w", state, err)
	}
	return nil
}

// Status is the state that shows a text in systemctl status, as its one line.
func Status(text string) string {
	const most = 500 // characters; systemd cuts what is much longer
	line := []rune(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; "))
	if len(line) > most {
		line = append(line[:most-1], '…')
	}
	return "STATUS=" + string(line)
}

// Reloading is the state at the start of a reload. Type=notify-reload takes it
// for an answer to its signal only with the time in it; READY=1 ends it.
func Reloading() string {
	return strings.TrimSpace(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Watchdog tells systemd that the process lives, twice in each WATCHDOG_USEC,
// as long as alive says so and until ctx ends. Without a watchdog it returns at
// once. A notice that is lost needs no word: another follows in time, or
// systemd starts the process anew, which is what a watchdog is for.
func Watchdog(ctx context.Context, alive func() bool) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval < 2 {
		return
	}
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		if alive() {
			_ = Notify(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
