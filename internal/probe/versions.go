package probe

// The order of the questions for each version.

import (
	"errors"
	"slices"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// askTLS13 finds out about TLS 1.3. Without a key a server there answers a
// ClientHello with an alert, or as one that has a certificate; only the latter
// shows suites and groups.
func (p *prober) askTLS13() error {
	v := &p.report.TLS13
	suites := suite.Preferred()
	a, err := p.ask(withShare(p.hello13(suites, allGroups)))
	if err != nil {
		return err
	}
	if a.hello != nil {
		if a.hello.SelectedIdentity != nil {
			return errAnyKey
		}
		v.Spoken = Yes
		if p.report.Certificate, err = p.askCertificate(a, suites); err != nil {
			return err
		}
	} else {
		p.report.Certificate = No
		p.doubt(a, func() { p.report.Certificate = Unknown })
		p.odd = a.refusedWith(alert.IllegalParameter)
		if v.Spoken = judgeRefusal(a); v.Spoken == Unknown && !p.odd {
			if v.Spoken, err = p.askWithoutSignatures(suites); err != nil {
				return err
			}
		}
	}
	if v.Spoken != No && p.Key != nil {
		return p.proveTLS13(v)
	}
	if a.hello != nil {
		return p.enumerate(v, a, suites, allGroups, p.asker(p.hello13))
	}
	return nil
}

// askCertificate says whether the server goes on with a certificate: the first
// answer tells it unless it is a HelloRetryRequest, which may come before the
// server has looked for the key. The share is of X25519, so that is asked for.
func (p *prober) askCertificate(first *answer, suites []suite.ID) (Known, error) {
	if !first.hello.HelloRetryRequest {
		return Yes, nil
	}
	a, err := p.ask(withShare(p.hello13(suites, []wire.NamedGroup{wire.GroupX25519})))
	switch {
	case err != nil:
		return Unknown, err
	case a.hello != nil && !a.hello.HelloRetryRequest:
		return Yes, nil
	case judgeRefusal(a) == Yes:
		return No, nil
	}
	return Unknown, nil
}

// asker turns a ClientHello into a question.
func (p *prober) asker(hello func([]suite.ID, []wire.NamedGroup) *wire.ClientHello) question {
	return func(suites []suite.ID, groups []wire.NamedGroup) (*answer, error) {
		return p.ask(hello(suites, groups))
	}
}

// judgeRefusal says what a refusal of an unknown key tells about the version.
// handshake_failure comes from both, those that speak TLS 1.3 and those that
// see no suite that they know.
func judgeRefusal(a *answer) Known {
	if a.alert == nil {
		return Unknown
	}
	switch *a.alert {
	case alert.ProtocolVersion:
		return No
	case alert.DecryptError, alert.UnknownPSKIdentity, alert.MissingExtension:
		// The first two are about the key, the last exists in TLS 1.3 alone.
		return Yes
	}
	return Unknown
}

// askWithoutSignatures leaves out signature_algorithms: a server that falls
// back on a certificate must then say missing_extension (RFC 9846 §9.2), which
// none says that does not speak TLS 1.3.
func (p *prober) askWithoutSignatures(suites []suite.ID) (Known, error) {
	h := withShare(p.hello13(suites, allGroups))
	h.SignatureAlgorithms = nil
	a, err := p.ask(h)
	if err != nil {
		return Unknown, err
	}
	if a.hello != nil {
		return Yes, nil
	}
	return judgeRefusal(a), nil
}

// errAnyKey cannot come from a server that checks anything.
var errAnyKey = errors.New("it accepted a key that nobody has, with a proof that was random: it checks nothing")

// proveTLS13 finds out by handshakes with the key.
func (p *prober) proveTLS13(v *Version) error {
	if p.Key.Options().Version == watchword.VersionTLS12 {
		v.KeyReason = "the key is for TLS 1.2 alone"
		return nil
	}
	suites := p.suitesOfKey()
	ask := func(suites []suite.ID, groups []wire.NamedGroup) (*answer, error) {
		return p.handshake(v, p.Key, restrict(v, suites, groups))
	}
	a, err := ask(suites, ourGroups(v.Number))
	if err != nil {
		return err
	}
	switch {
	case a.refusedWith(alert.ProtocolVersion):
		v.Spoken = No
		return nil
	case a.proved:
		if err := p.enumerate(v, a, suites, ourGroups(v.Number), ask); err != nil {
			return err
		}
	}
	alone, err := p.handshake(v, p.Key, withoutGroup(restrict(v, suites, nil)))
	if err != nil {
		return err
	}
	if alone.proved {
		v.note(alone)
	}
	if !a.proved && !alone.proved {
		v.Key, v.KeyReason = No, a.ending()
		if a.closed {
			p.doubt(alone, func() { v.Key, v.KeyReason = Unknown, "" })
		}
		return nil
	}
	v.WithGroup.Spoken, v.WithoutGroup.Spoken = known(a.proved), known(alone.proved)
	p.doubt(alone, func() { v.WithoutGroup.Spoken = Unknown })
	if v.Ticket == Unknown {
		v.Ticket = No
	}
	return p.provokeRefusals(v)
}

// refuseKey notes that the server did not take the key.
func (p *prober) refuseKey(v *Version, a *answer) {
	v.Key, v.KeyReason = No, a.ending()
	p.doubt(a, func() { v.Key, v.KeyReason = Unknown, "" })
}

// suitesOfKey returns the suites of TLS 1.3 that the key works with.
func (p *prober) suitesOfKey() []suite.ID {
	o := p.Key.Options()
	return slices.DeleteFunc(suite.Preferred(), func(id suite.ID) bool {
		s, _ := suite.ByID(id)
		return o.Kind == watchword.External && (s.Hash == suite.SHA384) != (o.Hash == watchword.SHA384)
	})
}

// askTLS12 finds out about TLS 1.2, where a server shows suite, group and hint
// before any key is proved.
func (p *prober) askTLS12() error {
	v := &p.report.TLS12
	suites, groups := suite.Legacy12(), groups12()
	a, err := p.ask(p.hello12(suites, groups))
	if err != nil {
		return err
	}
	tls13 := &p.report.TLS13
	if a.hello == nil {
		v.Spoken = No
		p.doubt(a, func() { v.Spoken = Unknown })
		if tls13.Spoken == Unknown && p.odd {
			tls13.Spoken = Yes
			p.doubt(a, func() { tls13.Spoken = Unknown })
		}
		return nil
	}
	if a.version() < wire.VersionTLS12 {
		v.Spoken = No
		p.foundOlder(a)
		return nil
	}
	if tls13.Spoken == Unknown {
		// A server MUST set the sentinel if it speaks TLS 1.3 (RFC 9846 §4.2.3).
		tls13.Spoken = known(a.downgraded())
	}
	switch o := p.keyOptions(); {
	case p.Key == nil:
	case o.Kind == watchword.Imported:
		v.KeyReason = "the key is imported, which is for TLS 1.3 alone (RFC 9258); watchword key new --external makes one for both"
	case o.Version == watchword.VersionTLS13:
		v.KeyReason = "the key is for TLS 1.3 alone"
	default:
		v.note(a)
		if proved, err := p.proveTLS12(v, suites); proved || err != nil {
			return err
		}
	}
	return p.enumerate(v, a, suites, groups, p.asker(p.hello12))
}

func (p *prober) keyOptions() watchword.KeyOptions {
	if p.Key == nil {
		return watchword.KeyOptions{}
	}
	return p.Key.Options()
}

// proveTLS12 finds out by handshakes with the key, if the server takes it.
func (p *prober) proveTLS12(v *Version, suites []suite.ID) (proved bool, err error) {
	ask := func(suites []suite.ID, groups []wire.NamedGroup) (*answer, error) {
		return p.handshake(v, p.Key, restrict(v, suites, groups))
	}
	a, err := ask(suites, ourGroups(v.Number))
	if err != nil {
		return false, err
	}
	if !a.proved {
		p.refuseKey(v, a)
		return false, nil
	}
	if err := p.enumerate(v, a, suites, ourGroups(v.Number), ask); err != nil {
		return true, err
	}
	return true, p.provokeRefusals(v)
}

// askOlder asks for TLS 1.1, with the suites that were there then. Whoever has
// none of them in TLS 1.2 is not asked.
func (p *prober) askOlder() error {
	var suites []suite.ID
	for _, id := range suite.Legacy12() {
		if s, _ := suite.ByID(id); s.MACLen == sha1Len {
			suites = append(suites, id)
		}
	}
	v := &p.report.TLS12
	if p.report.Older == Yes {
		return nil
	}
	if v.Spoken == Yes && v.SuitesComplete && len(p.doubts) == 0 && !slices.ContainsFunc(v.Suites, func(x Item) bool { return slices.Contains(suites, suite.ID(x.ID)) }) {
		p.report.Older = No
		return nil
	}
	h := p.hello12(suites, groups12())
	h.LegacyVersion = tls11
	a, err := p.ask(h)
	if err != nil {
		return err
	}
	p.report.Older = No
	p.doubt(a, func() { p.report.Older = Unknown })
	if a.hello != nil {
		p.foundOlder(a)
	}
	return nil
}

const (
	tls11   = 0x0302
	sha1Len = 20 // bytes
)

func (p *prober) foundOlder(a *answer) {
	p.report.Older, p.report.OlderVersion = Yes, a.version()
}

// askForeign asks for what we do not have: other suites with a shared key, and
// those with a certificate.
func (p *prober) askForeign() error {
	h := p.hello12(nil, groups12())
	for _, list := range [][]uint16{foreignSuites, certificateSuites} {
		h.CipherSuites = append(h.CipherSuites, list...)
	}
	a, err := p.ask(h)
	if err != nil || a.hello == nil {
		return err
	}
	if a.version() < wire.VersionTLS12 {
		p.foundOlder(a)
		return nil
	}
	if slices.Contains(certificateSuites, a.hello.CipherSuite) {
		p.report.Certificate = Yes
		return nil
	}
	p.report.Foreign = wire.SuiteName(a.hello.CipherSuite)
	return nil
}

// foreignSuites are suites of TLS 1.2 with a shared key that we do not have,
// by the registry of IANA: DHE_PSK, CCM, RSA_PSK, and what nobody should use.
var foreignSuites = []uint16{
	0xD005, 0xD003, // ECDHE_PSK with AES-CCM
	0x00AA, 0x00AB, 0xCCAD, 0x00B2, 0x00B3, 0x0090, 0x0091, 0xC0A6, 0xC0A7, 0xC0AA, 0xC0AB, // DHE_PSK
	0xC0A4, 0xC0A5, 0xC0A8, 0xC0A9, // PSK with AES-CCM
	0x00AC, 0x00AD, 0xCCAE, 0x00B6, 0x00B7, 0x0094, 0x0095, // RSA_PSK
	0xC034, 0x008B, 0x008F, 0x008A, // 3DES and RC4
}

// certificateSuites are the common ones with ECDHE and with RSA alone.
var certificateSuites = []uint16{0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035}
