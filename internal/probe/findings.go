package probe

// What the facts mean, in sentences that a person can act on.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Finding is one sentence, and a word that stands for it in scripts.
type Finding struct {
	Code     string
	Sentence string
}

func (r *Report) find(code, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{code, fmt.Sprintf(format, args...)})
}

// conclude draws the conclusions once all answers are there.
func (r *Report) conclude() {
	r.TLS12.settleExchanges()
	r.judge()
	r.findKey()
	r.findVersions()
	r.findForwardSecrecy()
	r.findTLS12()
	r.findIdentities()
	r.listUnknown()
}

// settleExchanges turns silence into a no: of TLS 1.2 every suite was asked for.
func (v *Version) settleExchanges() {
	for _, x := range []*KeyExchange{&v.WithGroup, &v.WithoutGroup} {
		if x.Spoken == Unknown && v.Spoken == Yes && v.SuitesComplete {
			x.Spoken = No
		}
	}
}

// judge finds the strictest policy that reaches the server.
func (r *Report) judge() {
	for _, p := range []Policy{watchword.Modern, watchword.Compatible, watchword.Legacy} {
		if r.reaches13(p) || r.reaches12(p) {
			r.Policy, r.Usable = p, true
			return
		}
	}
}

// reaches13 reports whether TLS 1.3 works with the policy. With a key that has
// been shown; without one it is likely where the server speaks it and has no
// certificate to go on with.
func (r *Report) reaches13(p Policy) bool {
	v := &r.TLS13
	if r.Key != nil {
		return v.WithGroup.Proved || p == watchword.Legacy && v.WithoutGroup.Proved
	}
	return v.Spoken == Yes && r.Certificate == No && (len(v.Groups) == 0 || v.hasOurGroup())
}

// reaches12 reports whether TLS 1.2 works with the policy. What is not known to
// be proved counts only where no key was there to prove it.
func (r *Report) reaches12(p Policy) bool {
	v := &r.TLS12
	var allowed []suite.ID
	switch p {
	case watchword.Modern:
		return false
	case watchword.Compatible:
		if v.ExtendedMasterSecret != Yes || v.RenegotiationInfo != Yes {
			return false
		}
		allowed = suite.Compatible12()
	case watchword.Legacy:
		allowed = suite.Legacy12()
	}
	return slices.ContainsFunc(v.Suites, func(x Item) bool {
		s, ok := suite.ByID(suite.ID(x.ID))
		return ok && slices.Contains(allowed, s.ID) && (x.Proved || r.Key == nil) &&
			(s.KeyExchange == suite.PSKOnly || v.hasOurGroup())
	})
}

// findKey says what became of the key.
func (r *Report) findKey() {
	if r.Key == nil {
		return
	}
	for _, v := range []*Version{&r.TLS13, &r.TLS12} {
		name := wire.VersionName(v.Number)
		switch {
		case v.Spoken == No:
		case v.Key == No:
			r.find("key-refused", "refuses the key in %s (%s): its identity is not known there, or its key differs, or it is for another version there, or one end has it as imported and the other as external: compare the fingerprints on both ends", name, v.KeyReason)
		case v.Key == Unknown && v.KeyReason != "" && v.Spoken == Yes:
			r.find("key-not-tried", "was not asked with the key in %s: %s", name, v.KeyReason)
		}
	}
}

// findVersions says which policy it takes, and what speaks against the versions.
func (r *Report) findVersions() {
	switch {
	case r.Foreign != "":
		r.find("foreign-suites", "speaks TLS 1.2 with a shared key, but only with suites that Watchword does not have, such as %s: enable ECDHE_PSK with AES-GCM, ChaCha20-Poly1305 or AES-CBC there", r.Foreign)
	case r.Usable && r.Policy == watchword.Modern && r.Key == nil:
		r.find("policy", "needs no --policy, as far as can be told without a key: it speaks TLS 1.3 and shows no certificate")
	case r.Usable && r.Policy == watchword.Modern:
		r.find("policy", "needs no --policy: it takes the key in TLS 1.3 with forward secrecy")
	case r.Usable && r.Policy == watchword.Compatible:
		r.find("policy", "needs --policy compatible, and an external key: TLS 1.2 with forward secrecy")
	case r.Usable:
		r.find("policy", "needs --policy legacy: %s", r.whyLegacy())
	case r.Certificate == Yes && r.TLS12.Spoken != Yes:
		r.findCertificate()
	case r.Key == nil && r.TLS13.Spoken == Yes:
		r.find("nothing-usable", "speaks TLS 1.3: whether it takes a shared key can be told only with one (--id and --keys)")
	case r.Key == nil:
		r.find("nothing-usable", "speaks nothing with a shared key that can be used, as far as can be told without a key")
	default:
		r.find("nothing-usable", "completes no handshake with this key")
	}
	if r.TLS13.Spoken == No {
		r.find("no-tls13", "does not speak TLS 1.3: enable it there if the program can")
	}
	if r.Older == Yes {
		r.find("old-version", "speaks %s, which is broken and forbidden (RFC 8996): disable it there", wire.VersionName(r.OlderVersion))
	}
	for _, v := range []*Version{&r.TLS13, &r.TLS12} {
		if len(v.Groups) > 0 && !v.hasOurGroup() {
			r.find("foreign-groups", "has no group in common with Watchword in %s, which speaks %s: enable x25519 or secp256r1 there", wire.VersionName(v.Number), groupList(ourGroups(v.Number)))
		}
	}
}

// findCertificate says what a server that goes on with a certificate takes
// besides, as far as it was asked.
func (r *Report) findCertificate() {
	switch {
	case r.TLS13.Spoken == No && r.TLS12.Spoken == No:
		r.find("no-shared-key", "takes no shared key: it does not speak TLS 1.3, and in TLS 1.2 it shows a certificate and refused every suite with a shared key that Watchword has")
	case r.Key == nil:
		r.find("certificate", "shows a certificate to whoever has no key that it knows: whether it takes a shared key can be told only with one (--id and --keys)")
	case r.TLS13.Key == No:
		r.find("certificate", "shows a certificate, and does not take this key: it may know others")
	case r.Key.Options().Version == watchword.VersionTLS12:
		r.find("certificate", "shows a certificate, and could not be asked with this key: whether it takes a shared key can be told only with one for TLS 1.3")
	default:
		r.find("certificate", "shows a certificate, and was not asked with this key to the end: whether it takes it is not known")
	}
}

func groupList(groups []wire.NamedGroup) string {
	var names []string
	for _, g := range groups {
		names = append(names, g.String())
	}
	return strings.Join(names, ", ")
}

// whyLegacy says what keeps the policy compatible from working.
func (r *Report) whyLegacy() string {
	v := &r.TLS12
	switch {
	case v.Spoken != Yes:
		return "it takes keys without forward secrecy alone"
	case v.WithGroup.Spoken == Unknown:
		return "nothing with forward secrecy was found before the questions ended"
	case !v.hasOurGroup() || v.WithGroup.Spoken != Yes:
		return "it has no suite with forward secrecy in common with Watchword"
	case v.ExtendedMasterSecret != Yes:
		return "it lacks the extended master secret (RFC 7627)"
	case v.RenegotiationInfo != Yes:
		return "it lacks the renegotiation indication (RFC 5746)"
	}
	return "its suites with forward secrecy have CBC with SHA-1 only"
}

func (r *Report) findForwardSecrecy() {
	for _, v := range []*Version{&r.TLS13, &r.TLS12} {
		without, with := v.WithoutGroup, v.WithGroup
		if without.Spoken != Yes {
			continue
		}
		name := wire.VersionName(v.Number)
		if with.Spoken == No {
			r.find("only-without-forward-secrecy", "accepts %s in %s and nothing with forward secrecy: a stolen key opens every recorded session; enable %s there", without.Name, name, with.Name)
		} else {
			r.find("without-forward-secrecy", "accepts %s in %s, without forward secrecy: a stolen key opens recorded sessions; disable it there if every client has %s", without.Name, name, with.Name)
		}
	}
}

func (r *Report) findTLS12() {
	v := &r.TLS12
	if v.Spoken != Yes {
		return
	}
	if v.EncryptThenMAC == No {
		r.find("no-encrypt-then-mac", "encrypt-then-MAC missing: CBC suites rely on constant-time code at the other end; enable it (RFC 7366), or disable CBC there")
	}
	if v.ExtendedMasterSecret == No {
		r.find("no-extended-master-secret", "extended master secret missing: a session can be bound to another one's keys (triple handshake); update the program there")
	}
	if v.RenegotiationInfo == No {
		r.find("no-renegotiation-info", "renegotiation indication missing: it is older than RFC 5746, or it was switched off; update the program there")
	}
	if slices.ContainsFunc(v.Suites, func(x Item) bool { s, ok := suite.ByID(suite.ID(x.ID)); return ok && s.MACLen == sha1Len }) {
		r.find("sha1", "accepts CBC with SHA-1: disable it there if no client needs it")
	}
}

// findIdentities says whether a stranger can find out which identities exist.
func (r *Report) findIdentities() {
	for _, v := range []*Version{&r.TLS13, &r.TLS12} {
		if v.WrongKey != "" && v.UnknownIdentity != "" && v.WrongKey != v.UnknownIdentity {
			r.find("identities-can-be-guessed", "answers an unknown identity differently from a wrong key in %s (%s, and %s): identities can be guessed; choose ones that tell nothing", wire.VersionName(v.Number), v.UnknownIdentity, v.WrongKey)
		}
	}
}

// listUnknown says what the questions could not tell.
func (r *Report) listUnknown() {
	unknown := func(format string, args ...any) { r.NotKnown = append(r.NotKnown, fmt.Sprintf(format, args...)) }
	v := &r.TLS13
	switch {
	case v.Spoken == Unknown:
		unknown("whether TLS 1.3 is spoken: a server may refuse an unknown key as it refuses an unknown version")
	case v.Spoken == Yes && r.Key == nil && len(v.Suites) == 0:
		unknown("key exchange, suites, groups and tickets of TLS 1.3: the server shows nothing before a key is proved")
	case v.Spoken == Yes && r.Key == nil:
		unknown("whether TLS 1.3 takes a shared key, in which key exchange, and with which of the suites, and tickets")
	}
	if r.TLS12.Spoken == Yes && r.TLS12.EncryptThenMAC == Unknown {
		unknown("whether TLS 1.2 has encrypt-then-MAC: no CBC suite was chosen")
	}
	if r.Key == nil && (r.TLS13.Spoken == Yes || r.TLS12.Spoken == Yes) {
		unknown("whether a handshake completes, and which identities exist")
	}
	if r.Key != nil && r.Key.Options().Kind == watchword.External && v.Key == Yes {
		unknown("suites of TLS 1.3 for another hash: the key belongs to %s", r.Key.Options().Hash)
	}
}
