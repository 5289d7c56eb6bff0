package main

// What probe shows: a table with findings below it, or a JSON object.

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/internal/keyfile"
	"github.com/watchword-tls/watchword/internal/probe"
)

// probeTable returns the result for people.
func probeTable(r *probe.Report) string {
	var b strings.Builder
	how := "without a key"
	if r.Key != nil {
		how = "with the key " + keyfile.FormatIdentity(r.Key.Identity())
	}
	connections := "1 connection"
	if r.Connections != 1 {
		connections = fmt.Sprintf("%d connections", r.Connections)
	}
	fmt.Fprintf(&b, "%s, asked %s, in %s\n", r.Address, how, connections)
	for _, v := range []*probe.Version{&r.TLS13, &r.TLS12} {
		b.WriteString(versionTable(r, v))
	}
	fmt.Fprintf(&b, "\nTLS 1.1 or older: %s\n", olderName(r))
	section := func(title string, sentences []string) {
		if len(sentences) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, s := range sentences {
			b.WriteString(wrap("  - ", "    ", s))
		}
	}
	var findings []string
	for _, f := range r.Findings {
		findings = append(findings, f.Sentence)
	}
	section("The server", findings)
	section("Not known", r.NotKnown)
	return printable(b.String())
}

func olderName(r *probe.Report) string {
	if r.Older == probe.Yes {
		return watchword.VersionName(r.OlderVersion)
	}
	return r.Older.String()
}

// versionTable returns a line for each fact about one version.
func versionTable(r *probe.Report, v *probe.Version) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %s\n", watchword.VersionName(v.Number), v.Spoken)
	if v.Spoken != probe.Yes {
		return b.String()
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-24s%s\n", name, fmt.Sprintf(format, args...))
	}
	if r.Key != nil {
		row("key", "%s", map[probe.Known]string{probe.Yes: "accepted", probe.No: "refused", probe.Unknown: "not tried"}[v.Key])
	}
	row("key exchange", "%s", exchangeNames(v))
	rows := func(name string, items []probe.Item, complete bool) {
		if len(items) == 0 {
			row(name, "unknown")
		}
		for _, x := range items {
			row(name, "%s", strings.TrimSpace(fmt.Sprintf("%-46s%s", x.Name, proved(r, x.Proved))))
			name = ""
		}
		if len(items) > 0 && !complete {
			row("", "perhaps more")
		}
	}
	rows("suites", v.Suites, v.SuitesComplete)
	if v.WithGroup.Spoken != probe.No {
		rows("groups", v.Groups, v.GroupsComplete)
	}
	row("ticket", "%s", v.Ticket)
	if v.Number == watchword.VersionTLS12 {
		row("encrypt-then-MAC", "%s", v.EncryptThenMAC)
		row("extended master secret", "%s", v.ExtendedMasterSecret)
		row("renegotiation info", "%s", v.RenegotiationInfo)
		row("identity hint", "%s", hintName(v.Hint))
	}
	return b.String()
}

func proved(r *probe.Report, yes bool) string {
	switch {
	case r.Key == nil:
		return ""
	case yes:
		return "proved"
	}
	return "not proved"
}

func exchangeNames(v *probe.Version) string {
	var words []string
	for _, x := range []probe.KeyExchange{v.WithGroup, v.WithoutGroup} {
		words = append(words, x.Name+" "+x.Spoken.String())
	}
	return strings.Join(words, ", ")
}

// hintName shows what the server sent, which may be anything.
func hintName(hint []byte) string {
	const longest = 128 // bytes; RFC 4279 §5.3 asks for no more
	if len(hint) == 0 {
		return "none"
	}
	if len(hint) > longest {
		return fmt.Sprintf("%q and so on, %d bytes", hint[:longest], len(hint))
	}
	return fmt.Sprintf("%q", hint)
}

// wrap breaks a sentence into lines.
func wrap(first, next, sentence string) string {
	const width = 88
	var b strings.Builder
	line := first
	empty := true
	for _, word := range strings.Fields(sentence) {
		switch {
		case empty:
			line += word
		case len(line)+1+len(word) > width:
			b.WriteString(line + "\n")
			line = next + word
		default:
			line += " " + word
		}
		empty = false
	}
	b.WriteString(line + "\n")
	return b.String()
}

// The JSON object. Its words are those of the table, so that both can be read
// with one explanation.
type (
	probeObject struct {
		Address      string          `json:"address"`
		Identity     string          `json:"identity,omitempty"`
		Connections  int             `json:"connections"`
		Policy       string          `json:"policy"` // empty: none reaches it
		Certificate  string          `json:"certificate"`
		Versions     []versionObject `json:"versions"`
		Older        string          `json:"older"`
		ForeignSuite string          `json:"foreign_suite,omitempty"`
		Findings     []findingObject `json:"findings"`
		NotKnown     []string        `json:"not_known"`
		Stopped      string          `json:"stopped,omitempty"`
	}
	versionObject struct {
		Version              string           `json:"version"`
		Spoken               string           `json:"spoken"`
		Key                  string           `json:"key,omitempty"`
		KeyExchange          []exchangeObject `json:"key_exchange"`
		Suites               []itemObject     `json:"suites"`
		SuitesComplete       bool             `json:"suites_complete"`
		Groups               []itemObject     `json:"groups"`
		GroupsComplete       bool             `json:"groups_complete"`
		Ticket               string           `json:"ticket"`
		EncryptThenMAC       string           `json:"encrypt_then_mac,omitempty"`
		ExtendedMasterSecret string           `json:"extended_master_secret,omitempty"`
		RenegotiationInfo    string           `json:"renegotiation_info,omitempty"`
		IdentityHint         string           `json:"identity_hint,omitempty"`
		IdentityHintHex      string           `json:"identity_hint_hex,omitempty"`
		UnknownIdentity      string           `json:"unknown_identity,omitempty"`
		WrongKey             string           `json:"wrong_key,omitempty"`
	}
	exchangeObject struct {
		Name   string `json:"name"`
		Spoken string `json:"spoken"`
		Proved bool   `json:"proved"`
	}
	itemObject struct {
		Name   string `json:"name"`
		Proved bool   `json:"proved"`
	}
	findingObject struct {
		Code     string `json:"code"`
		Sentence string `json:"sentence"`
	}
)

// probeJSON returns the result for programs, on one line.
func probeJSON(r *probe.Report) string {
	o := probeObject{Address: r.Address, Connections: r.Connections, Certificate: r.Certificate.String(),
		Older: olderName(r), ForeignSuite: r.Foreign, Findings: []findingObject{}, NotKnown: []string{}}
	o.NotKnown = append(o.NotKnown, r.NotKnown...)
	if r.Key != nil {
		o.Identity = keyfile.FormatIdentity(r.Key.Identity())
	}
	if r.Usable {
		o.Policy = r.Policy.String()
	}
	for _, v := range []*probe.Version{&r.TLS13, &r.TLS12} {
		o.Versions = append(o.Versions, versionAsObject(r, v))
	}
	for _, f := range r.Findings {
		o.Findings = append(o.Findings, findingObject(f))
	}
	if r.Stopped != nil {
		o.Stopped = systemReason(r.Stopped).Error()
	}
	return marshal(o)
}

// probeErrorJSON is what there is for programs where there is no result.
func probeErrorJSON(address string, err error) string {
	return marshal(struct {
		Address string `json:"address"`
		Error   string `json:"error"`
	}{address, strings.TrimPrefix(err.Error(), "watchword: ")})
}

func marshal(o any) string {
	text, err := json.Marshal(o)
	if err != nil {
		panic("strings and numbers always have a form in JSON: " + err.Error())
	}
	return string(text)
}

func versionAsObject(r *probe.Report, v *probe.Version) versionObject {
	o := versionObject{
		Version: watchword.VersionName(v.Number), Spoken: v.Spoken.String(), Ticket: v.Ticket.String(),
		Suites: itemObjects(v.Suites), SuitesComplete: v.SuitesComplete, Groups: itemObjects(v.Groups), GroupsComplete: v.GroupsComplete,
		UnknownIdentity: v.UnknownIdentity, WrongKey: v.WrongKey,
	}
	if r.Key != nil {
		o.Key = v.Key.String()
	}
	for _, x := range []probe.KeyExchange{v.WithGroup, v.WithoutGroup} {
		o.KeyExchange = append(o.KeyExchange, exchangeObject{x.Name, x.Spoken.String(), x.Proved})
	}
	if v.Number == watchword.VersionTLS12 {
		o.EncryptThenMAC, o.ExtendedMasterSecret, o.RenegotiationInfo = v.EncryptThenMAC.String(), v.ExtendedMasterSecret.String(), v.RenegotiationInfo.String()
		if utf8.Valid(v.Hint) {
			o.IdentityHint = string(v.Hint)
		} else {
			o.IdentityHintHex = hex.EncodeToString(v.Hint)
		}
	}
	return o
}

func itemObjects(items []probe.Item) []itemObject {
	list := []itemObject{}
	for _, x := range items {
		list = append(list, itemObject{x.Name, x.Proved})
	}
	return list
}
