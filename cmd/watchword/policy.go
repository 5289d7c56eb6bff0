package main

// What server and client share about old peers: --policy, and for experts
// --suite and --group.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/limits"
	"github.com/watchword-tls/watchword/internal/suite"
)

// policyFlags are those options.
type policyFlags struct {
	flags  *flags
	policy watchword.Policy
	suites suiteList
	groups groupList
}

// policies declares them.
func (f *flags) policies() *policyFlags {
	p := &policyFlags{flags: f}
	f.Var(choice[watchword.Policy]{&p.policy, []string{"modern", "compatible", "legacy"}, []watchword.Policy{watchword.Modern, watchword.Compatible, watchword.Legacy}},
		"policy", "how old the other end may be, one `WORD`: modern is TLS 1.3 alone;\ncompatible adds TLS 1.2 with forward secrecy; legacy adds what has\nnone, and SHA-1. TLS 1.2 needs an external key")
	f.Var(&p.suites, "suite", "for experts: only these suites of the policy, the preferred one\nfirst, a `LIST` of their IANA names with commas between them")
	f.Var(&p.groups, "group", "for experts: only these groups, the preferred one first, a `LIST`\nof X25519MLKEM768, x25519 and secp256r1 (P-256), with commas between\nthem")
	return p
}

// check refuses options that contradict each other, such as a suite that the
// policy does not allow.
func (p *policyFlags) check() error {
	c := &watchword.Config{Lookup: noKeys{}}
	p.set(c)
	if _, err := watchword.NewServerEngine(c); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "watchword: "))
	}
	return nil
}

// checkKey says what a client's key cannot do, before anybody is called.
func (p *policyFlags) checkKey(c *watchword.Config, k *watchword.Key) error {
	version := k.Options().Version
	if tls13, tls12 := offers(c); version != 0 && !tls13 && !tls12 {
		return fmt.Errorf("the key %s is for %s alone, of which --policy %s and --suite leave nothing", keyfile.FormatIdentity(k.Identity()), watchword.VersionName(version), p.policy)
	}
	_, err := watchword.NewClientEngine(c, "", time.Now())
	return err
}

// checkHint says why a server does not send this identity hint. The error goes on
// after the option's name.
func (p *policyFlags) checkHint(hint string) error {
	switch {
	case !p.flags.given("identity-hint"):
		return nil
	case p.policy == watchword.Modern:
		return errors.New("is for TLS 1.2, which --policy modern does not speak: leave it out, or add --policy compatible")
	case len(p.suites) > 0 && !slices.ContainsFunc(p.suites, isSuite12):
		return errors.New("is for TLS 1.2, of which --suite leaves nothing: leave one of them out")
	case hint == "":
		return errors.New("is empty, which is no hint: leave it out")
	case len(hint) > limits.MaxIdentityHint:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(hint), limits.MaxIdentityHint)
	case escape(hint) != hint:
		// RFC 4279 §5.1 wants UTF-8.
		return errors.New("has characters in it that do not print, or is no UTF-8: clients show it")
	}
	return nil
}

func isSuite12(id watchword.SuiteID) bool {
	s, ok := suite.ByID(suite.ID(id))
	return ok && s.Version == watchword.VersionTLS12
}

// noKeys is a lookup for a configuration that is only checked.
type noKeys struct{}

func (noKeys) LookupKeys(context.Context, []watchword.OfferedIdentity) ([]*watchword.Key, error) {
	return nil, nil
}

func (p *policyFlags) set(c *watchword.Config) {
	c.Policy, c.Suites, c.Groups = p.policy, p.suites, p.groups
}

// apply puts the options into the configuration, and says once what legacy is.
func (p *policyFlags) apply(c *watchword.Config) {
	p.set(c)
	if p.policy == watchword.Legacy {
		p.flags.env.warn("the policy legacy also takes connections without forward secrecy, which a stolen key opens later, and SHA-1: it is for devices that speak nothing better")
	}
}

// suiteList is an option with names of suites.
type suiteList []watchword.SuiteID

func (l *suiteList) String() string { return "" }

func (l *suiteList) Set(s string) error {
	ids, err := parseList(s, watchword.SuiteByName)
	if err != nil {
		return fmt.Errorf("%w; there are:%s", err, listSuites())
	}
	*l = ids
	return nil
}

// groupList is an option with names of groups.
type groupList []watchword.Group

func (l *groupList) String() string { return "" }

func (l *groupList) Set(s string) error {
	groups, err := parseList(s, watchword.GroupByName)
	if err != nil {
		return fmt.Errorf("%w; there are: X25519MLKEM768, x25519, secp256r1", err)
	}
	*l = groups
	return nil
}

// parseList reads names with commas between them.
func parseList[T any](s string, byName func(string) (T, error)) ([]T, error) {
	var list []T
	for _, name := range strings.Split(s, ",") {
		v, err := byName(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("there is no %q", strings.TrimSpace(name))
		}
		list = append(list, v)
	}
	return list, nil
}

// listSuites returns the names of all suites, a line each.
func listSuites() string {
	var b strings.Builder
	for _, id := range append(suite.Preferred(), suite.Legacy12()...) {
		b.WriteString("\n    " + id.String())
	}
	return b.String()
}
