package main

// The last word about an error: one sentence that names the peer, says what
// happened, and what to do. What the library and the system say is put
// together here and nowhere else.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/network"
	"github.com/watchword-tls/watchword/internal/suite"
)

// listenFailure says why nobody can connect.
func listenFailure(address string, err error) error {
	switch {
	case network.InUse(err):
		return fmt.Errorf("%s is in use by another program: end it, or take another port with --listen", address)
	case network.NotHere(err):
		return fmt.Errorf("%s is no address of this machine: give one that is, or only :PORT for all of them, with --listen", address)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s cannot be listened on: permission denied: ports below 1024 are for root, take another with --listen", address)
	}
	return fmt.Errorf("%s cannot be listened on: %w", address, systemReason(err))
}

// dialFailure says why there is no connection with the server. keys is the
// option that names the key file, for a command that is shown.
func dialFailure(address string, err error, config *watchword.Config, keys string) error {
	var remote *watchword.RemoteError
	if network.Refused(err) {
		return fmt.Errorf("nobody listens at %s: start \"watchword server\" there first, or check --connect", address)
	}
	if sentence := unreachable(address, err, "--connect"); sentence != nil {
		return sentence
	}
	ask := fmt.Sprintf(`"watchword probe %s" says what it speaks`, address)
	switch {
	case errors.As(err, &remote) && remote.Description == alert.ProtocolVersion:
		return fmt.Errorf("no connection with %s: the server does not speak %s (%s): %s; %s", address,
			offeredVersions(config), remote.Description.Numbered(), olderAdvice(config), ask)
	case errors.Is(err, watchword.ErrKeyRejected):
		return fmt.Errorf("no connection with %s: %s, and %s", address, explain(err, keys), ask)
	}
	return fmt.Errorf("no connection with %s: %s", address, explain(err, keys))
}

// offers says which versions a client with this configuration and its one key
// offers.
func offers(c *watchword.Config) (tls13, tls12 bool) {
	o := c.Keys[0].Options()
	named := func(version uint16) bool {
		return c.Suites == nil || slices.ContainsFunc(c.Suites, func(id watchword.SuiteID) bool {
			s, ok := suite.ByID(suite.ID(id))
			return ok && s.Version == version
		})
	}
	tls13 = o.Version != watchword.VersionTLS12 && named(watchword.VersionTLS13)
	tls12 = o.Version != watchword.VersionTLS13 && o.Kind == watchword.External && c.Policy != watchword.Modern && named(watchword.VersionTLS12)
	return tls13, tls12
}

func offeredVersions(c *watchword.Config) string {
	switch tls13, tls12 := offers(c); {
	case tls13 && tls12:
		return "TLS 1.3 or TLS 1.2"
	case tls12:
		return "TLS 1.2"
	}
	return "TLS 1.3"
}

// olderAdvice says how a client reaches a server of another version.
func olderAdvice(c *watchword.Config) string {
	tls13, tls12 := offers(c)
	o := c.Keys[0].Options()
	switch {
	case tls12 && tls13:
		return "what is older is not safe, and not here"
	case tls12:
		return "TLS 1.3 was left out by --suite or by the key"
	case o.Kind == watchword.Imported && c.Policy != watchword.Modern:
		return "TLS 1.2 needs an external key on both ends (watchword key new --external)"
	case o.Kind == watchword.Imported:
		return "TLS 1.2 needs an external key on both ends (watchword key new --external) and --policy compatible"
	case o.Version == watchword.VersionTLS13:
		return "the key is for TLS 1.3 alone"
	case c.Policy == watchword.Modern:
		return "if it speaks TLS 1.2, --policy compatible reaches it, or else --policy legacy"
	}
	return "TLS 1.2 was left out by --suite"
}

// unreachable says why there is no connection at all; nil means that there was
// one. check is what to check.
func unreachable(address string, err error, check string) error {
	var lookup *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return fmt.Errorf("there is no host %q: check %s", lookup.Name, check)
	case errors.As(err, &lookup):
		return fmt.Errorf("the address of %q cannot be found now: %s", lookup.Name, lookup.Err)
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout():
		return fmt.Errorf("%s does not answer: check the address, the network and the firewall", address)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%s cannot be reached: %w", address, systemReason(err))
	}
	return nil
}

// refusal says, on a server, why a peer was turned away.
func refusal(remote string, err error, keys string) string {
	return fmt.Sprintf("no connection with %s: %s", remote, explain(err, keys))
}

// broken says that a connection did not end in order, and why.
func broken(peer string, err error) string {
	return fmt.Sprintf("the connection with %s broke off: %s", peer, explain(err, ""))
}

// explain returns what happened on a connection, without the peer's name and
// without what the errors around it add.
func explain(err error, keys string) string {
	var local *watchword.LocalError
	var remote *watchword.RemoteError
	switch {
	case errors.Is(err, watchword.ErrHandshakeTimeout):
		return "it did not complete the handshake in time: it is silent, or speaks no TLS"
	case errors.Is(err, watchword.ErrKeyRejected):
		return fmt.Sprintf(`%v; "watchword key list%s" shows that`, nearest(err, watchword.ErrKeyRejected), keys)
	case errors.Is(err, watchword.ErrUnknownIdentity):
		return fmt.Sprintf(`%v; "watchword key list%s" shows what is here`, causeOf(err), keys)
	case errors.Is(err, watchword.ErrWrongKey):
		return fmt.Sprintf(`%v with "watchword key fingerprint%s"`, causeOf(err), keys)
	case errors.As(err, &local):
		return local.Error()
	case errors.As(err, &remote) && remote.Description == alert.ProtocolVersion:
		return fmt.Sprintf("the other end speaks none of the versions that it was offered (%s)", remote.Description.Numbered())
	case errors.As(err, &remote):
		return remote.Error()
	case errors.Is(err, watchword.ErrTruncated):
		return nearest(err, watchword.ErrTruncated).Error()
	case network.WasReset(err), network.Gone(err):
		return "the other end cut it"
	}
	return systemReason(err).Error()
}

// causeOf returns what a LocalError is about.
func causeOf(err error) error {
	var local *watchword.LocalError
	if errors.As(err, &local) && local.Cause != nil {
		return local.Cause
	}
	return err
}

// nearest returns the error nearest to target in the chain that says more
// than target itself, and target if none does.
func nearest(err, target error) error {
	found := target
	for ; err != nil && err != target; err = errors.Unwrap(err) {
		if !errors.Is(err, target) {
			break
		}
		found = err
	}
	return found
}

// systemReason takes addresses and names of system calls off an error of the
// network or of a file: the sentence around it says whose it is.
func systemReason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return errors.New(strings.TrimPrefix(err.Error(), "watchword: "))
}

// outputFailure says that messages cannot be shown.
func outputFailure(err error) error {
	reason := systemReason(err).Error()
	if network.Gone(err) {
		reason = "the program that read it has ended"
	}
	return fmt.Errorf("the messages cannot be shown, so every connection was ended: standard output: %s", reason)
}
