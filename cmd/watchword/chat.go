package main

// What server and client share: addresses, the key file, the line of --verbose,
// and terminals.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
)

const defaultAddress = "127.0.0.1:12345"

// handshakeTime declares --handshake-timeout.
func (f *flags) handshakeTime() *time.Duration {
	return f.Duration("handshake-timeout", limits.HandshakeTimeoutSeconds*time.Second, "how much `TIME` a handshake may take")
}

// checkAddress refuses what is no address before anything is done with it.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no address: it is written HOST:PORT, such as %s, or [::1]:12345", address, defaultAddress)
	}
	return nil
}

// onThisMachine reports whether the address is one of the loopback interface.
func onThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ensure loads the key file. Where both ends are on this machine and nothing
// else was asked for, it makes one.
func (k *keyFlags) ensure(f *flags, address string) (*keyfile.File, error) {
	if f.given("keys") || !onThisMachine(address) {
		return k.load()
	}
	file, made, err := keyfile.EnsureDefault(k.name, k.options())
	if made {
		k.env.say("made a key in %s, for both ends on this machine", file.Name())
	}
	return k.warned(file, err)
}

// describeSession is the line of --verbose about a handshake.
func describeSession(remote string, s watchword.Session, took time.Duration) string {
	how := "new"
	if s.Resumed {
		how = "resumed"
	}
	hint := ""
	if s.IdentityHint != "" {
		hint = ", identity hint " + hintName([]byte(s.IdentityHint))
	}
	return fmt.Sprintf("%s %s: %s, %s key, %s, %s, %s%s, %s, in %.1f ms%s", time.Now().Format("15:04:05.000"), remote,
		keyfile.FormatIdentity(s.Identity), s.Kind, watchword.VersionName(s.Version), s.Suite, describeExchange(s), describeOptions12(s),
		how, float64(took.Microseconds())/1000, hint)
}

// describeExchange says what keeps the connection secret when the key does not.
func describeExchange(s watchword.Session) string {
	if s.Group == 0 {
		return "no group: without forward secrecy"
	}
	return groupName(s.Group)
}

// describeOptions12 says what TLS 1.2 was used with, or without.
func describeOptions12(s watchword.Session) string {
	used, _ := suite.ByID(suite.ID(s.Suite))
	if s.Version != watchword.VersionTLS12 || used == nil {
		return ""
	}
	with := func(yes bool, what string) string {
		if yes {
			return ", " + what
		}
		return ", without " + what
	}
	text := with(s.ExtendedMasterSecret, "extended master secret")
	if used.MACLen > 0 {
		text = with(s.EncryptThenMAC, "encrypt-then-MAC") + text
	}
	return text
}

func groupName(g watchword.Group) string {
	if g == watchword.P256 {
		return "secp256r1"
	}
	return tls.CurveID(g).String()
}

// interactive reports whether a person types at the other end of f.
func interactive(f any) bool {
	file, ok := f.(*os.File)
	if !ok || !isTerminal(file) {
		return false
	}
	// The null device counts as a terminal for all that is known of its mode.
	info, err := file.Stat()
	null, nullErr := os.Stat(os.DevNull)
	return err != nil || nullErr != nil || !os.SameFile(info, null)
}

// timedOut reports whether err is that of a deadline.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
