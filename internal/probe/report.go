package probe

// What was found, as data. The sentences about it are in findings.go.

import (
	"slices"

	"github.com/watchword-tls/watchword"
	"github.com/watchword-tls/watchword/alert"
	"github.com/watchword-tls/watchword/internal/suite"
	"github.com/watchword-tls/watchword/internal/wire"
)

// Known says whether something is so, where it is known.
type Known uint8

// What may be known.
const (
	Unknown Known = iota
	No
	Yes
)

// String returns the word for it.
func (k Known) String() string { return [...]string{"unknown", "no", "yes"}[min(k, Yes)] }

func known(yes bool) Known {
	if yes {
		return Yes
	}
	return No
}

// Report is what a run found.
type Report struct {
	Address     string
	Key         *watchword.Key // nil: asked without one
	Connections int

	TLS13, TLS12 Version
	// Older says whether a version before TLS 1.2 is spoken, and which.
	Older        Known
	OlderVersion uint16
	// Certificate says whether the server shows a certificate to a client
	// whose key it does not know.
	Certificate Known
	// Foreign is a suite of TLS 1.2 with a shared key that the server chose and
	// that is not one of ours. It is asked for only where nothing else is
	// spoken.
	Foreign string

	// Policy is the strictest policy that reaches the server, as far as is
	// known; Usable is set if there is one.
	Policy Policy
	Usable bool

	Findings []Finding
	// NotKnown has a sentence for each thing that could not be found out.
	NotKnown []string
	// Stopped is why the run ended before it was complete, or nil.
	Stopped error
}

// Policy is the library's.
type Policy = watchword.Policy

// Version is what is known of one version of TLS.
type Version struct {
	Number uint16
	Spoken Known
	// Key says whether the server took the key in this version; KeyReason is
	// why it was not taken, or not tried.
	Key       Known
	KeyReason string

	// WithGroup and WithoutGroup are the two key exchanges: psk_dhe_ke and
	// psk_ke, or ECDHE_PSK and PSK.
	WithGroup, WithoutGroup KeyExchange

	// Suites and Groups are in the order in which the server chose them. All
	// of ours are there that it speaks if the lists are complete.
	Suites, Groups                 []Item
	SuitesComplete, GroupsComplete bool

	Ticket               Known
	EncryptThenMAC       Known
	ExtendedMasterSecret Known
	RenegotiationInfo    Known
	// Hint is the psk_identity_hint, if there was any.
	Hint []byte

	// UnknownIdentity and WrongKey are how the server ended handshakes with an
	// identity that it does not know, and with one that it knows but another
	// key. Empty: not tried.
	UnknownIdentity, WrongKey string
}

// KeyExchange is one way to a secret.
type KeyExchange struct {
	Name   string
	Spoken Known
	Proved bool
}

// Item is a suite or a group.
type Item struct {
	ID   uint16
	Name string // as IANA registers it
	// Proved is set if a handshake with the key was completed with it.
	Proved bool
}

func newReport(o Options) *Report {
	return &Report{
		Address: o.Address,
		Key:     o.Key,
		TLS13: Version{Number: watchword.VersionTLS13,
			WithGroup: KeyExchange{Name: "psk_dhe_ke"}, WithoutGroup: KeyExchange{Name: "psk_ke"}},
		TLS12: Version{Number: watchword.VersionTLS12,
			WithGroup: KeyExchange{Name: "ECDHE_PSK"}, WithoutGroup: KeyExchange{Name: "PSK"}},
	}
}

// empty reports whether nothing was learned.
func (r *Report) empty() bool {
	return r.TLS13.Spoken == Unknown && r.TLS12.Spoken == Unknown && r.Older == Unknown
}

// note adds what an answer says.
func (v *Version) note(a *answer) {
	v.Spoken = Yes
	v.Suites = addItem(v.Suites, uint16(a.suite()), a.suite().String(), a.proved)
	exchange := &v.WithoutGroup
	if g := a.group(); g != 0 {
		v.Groups = addItem(v.Groups, uint16(g), g.String(), a.proved)
		exchange = &v.WithGroup
	}
	// In TLS 1.3 no answer but a whole handshake tells how the key would be
	// used.
	if a.proved || v.Number == watchword.VersionTLS12 {
		exchange.Spoken = Yes
		exchange.Proved = exchange.Proved || a.proved
	}
	if a.proved {
		v.Key = Yes
	}
	if v.Number != watchword.VersionTLS12 {
		if a.ticket {
			v.Ticket = Yes
		}
		return
	}
	v.ExtendedMasterSecret = worst(v.ExtendedMasterSecret, known(a.hello.ExtendedMasterSecret))
	v.RenegotiationInfo = worst(v.RenegotiationInfo, known(a.hello.RenegotiationInfo != nil))
	if s, _ := suite.ByID(a.suite()); s.MACLen > 0 {
		v.EncryptThenMAC = worst(v.EncryptThenMAC, known(a.hello.EncryptThenMAC))
	}
	if a.askedTicket {
		v.Ticket = known(a.hello.SessionTicket)
	}
	if len(a.hint) > 0 {
		v.Hint = a.hint
	}
}

// worst keeps a "no" of any answer.
func worst(a, b Known) Known {
	if a == No {
		return No
	}
	return b
}

func addItem(list []Item, id uint16, name string, proved bool) []Item {
	i := slices.IndexFunc(list, func(x Item) bool { return x.ID == id })
	if i < 0 {
		return append(list, Item{id, name, proved})
	}
	list[i].Proved = list[i].Proved || proved
	return list
}

// forwardSecret returns the suites of the version that go with a group.
func (v *Version) forwardSecret() []suite.ID {
	var ids []suite.ID
	for _, item := range v.Suites {
		if s, ok := suite.ByID(suite.ID(item.ID)); ok && s.KeyExchange != suite.PSKOnly {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// ending puts how a server ended a connection into words.
func (a *answer) ending() string {
	switch {
	case a.alert != nil:
		return alertName(*a.alert)
	case a.closed:
		return "the end of the connection without an alert"
	case a.proved:
		return "no refusal"
	}
	return "something else"
}

func alertName(d alert.Description) string {
	return "alert " + decimal(uint64(d)) + " " + d.String()
}

// has reports whether one of the groups is one that we speak in this version.
func (v *Version) hasOurGroup() bool {
	return slices.ContainsFunc(v.Groups, func(g Item) bool {
		return slices.Contains(ourGroups(v.Number), wire.NamedGroup(g.ID))
	})
}
