package runner

// This file is ours. bogo_psk.sh puts it beside the sources of BoringSSL's
// test runner. It gives every test of TLS 1.3 over TCP that would use a
// certificate a pre-shared key on both ends instead, so that the runner's tests
// of records, messages, extensions, tickets and alerts judge a stack that has
// no certificates.

import (
	"crypto"
	"slices"
	"strings"
)

// pskDefaults rewrites testCases; main calls it once all tests are there.
func pskDefaults() {
	psk := &Credential{
		Type:         CredentialTypePreSharedKey,
		PreSharedKey: slices.Repeat([]byte{'A', 'B', 'C', 'D'}, 8),
		PSKIdentity:  []byte("psk1"),
		PSKContext:   []byte("context1"),
		PSKHash:      crypto.SHA256,
	}
	var kept []testCase
	for _, t := range testCases {
		if !pskTest(&t) {
			continue
		}
		givePSK(&t.config, psk)
		if t.resumeConfig != nil {
			resumed := *t.resumeConfig
			t.resumeConfig = &resumed
			givePSK(t.resumeConfig, psk)
		}
		t.expectations.curveID = otherCurve(t.expectations.curveID)
		t.flags = otherCurveFlags(t.flags)
		t.shimCertificate = nil
		t.shimCredentials = []*Credential{psk}
		t.skipVersionNameCheck = true
		kept = append(kept, t)
	}
	testCases = kept
}

// pskTest reports whether the test still means something with a key.
func pskTest(t *testCase) bool {
	return t.protocol == tls && !strings.HasPrefix(t.name, "PSK-") &&
		pskConfig(&t.config) && (t.resumeConfig == nil || pskConfig(t.resumeConfig)) &&
		(t.expectations.version == 0 || t.expectations.version == VersionTLS13) &&
		len(t.shimCredentials) == 0 && len(t.resumeShimCredentials) == 0 &&
		t.handshakerCertificate == nil && t.expectations.peerCertificate == nil
}

func pskConfig(c *Config) bool {
	return (c.MaxVersion == 0 || c.MaxVersion >= VersionTLS13) && c.MinVersion <= VersionTLS13 &&
		c.ClientAuth == NoClientCert && len(c.PreSharedKey) == 0 &&
		(c.Credential == nil || c.Credential.Type == CredentialTypeX509)
}

func givePSK(c *Config, psk *Credential) {
	c.Credential = psk
	c.MaxVersion = VersionTLS13
	c.CurvePreferences = otherCurves(c.CurvePreferences)
	c.DefaultCurves = otherCurves(c.DefaultCurves)
	c.Bugs.SendHelloRetryRequestCurve = otherCurve(c.Bugs.SendHelloRetryRequestCurve)
	c.Bugs.SendCurve = otherCurve(c.Bugs.SendCurve)
}

// otherCurve replaces P-384, which the runner uses to get a HelloRetryRequest,
// by P-256, which does the same to a stack that has no P-384.
func otherCurve(c CurveID) CurveID {
	if c == CurveP384 {
		return CurveP256
	}
	return c
}

func otherCurves(list []CurveID) []CurveID {
	if slices.Contains(list, CurveP256) {
		return list
	}
	list = slices.Clone(list)
	for i, c := range list {
		list[i] = otherCurve(c)
	}
	return list
}

func otherCurveFlags(flags []string) []string {
	flags = slices.Clone(flags)
	if slices.Contains(flags, "23") {
		return flags
	}
	for i, f := range flags {
		if f == "24" && (flags[i-1] == "-curves" || flags[i-1] == "-key-shares" || flags[i-1] == "-expect-curve-id") {
			flags[i] = "23"
		}
	}
	return flags
}
