package watchword

// Faults that a review of the library found.

import (
	"strings"
	"testing"
)

// A client may name itself a server name of any length: what goes into its
// ticket must not outgrow the message, which would be a panic.
func TestReviewTicketOfLongServerName(t *testing.T) {
	c, s := configs(t, KeyOptions{})
	p := connected(t, c, s)
	p.server.machine.Result().ServerName = strings.Repeat("a", 1<<16-120)
	before := len(p.server.Output(nil))
	if err := p.server.issueTicket(testNow); err != nil || len(p.server.Output(nil)) != before {
		t.Errorf("A ticket that no client keeps is sent, or fails: %v.", err)
	}
}

// A ticket ends with the context and with the hash of its key.
func TestReviewTicketEndsWithItsKeysOptions(t *testing.T) {
	key := keyWith(t, "alice", 1, KeyOptions{Context: []byte("a")})
	ticket := &ticketState{identity: "alice", kind: Imported, keyTag: key.ticketTag()}
	if !ticket.belongsTo(keyWith(t, "alice", 1, KeyOptions{Context: []byte("a")})) {
		t.Error("A ticket does not belong to its own key.")
	}
	for what, o := range map[string]KeyOptions{
		"another context": {Context: []byte("b")},
		"another hash":    {Context: []byte("a"), Hash: SHA384},
	} {
		if ticket.belongsTo(keyWith(t, "alice", 1, o)) {
			t.Errorf("A ticket belongs to a key with %s.", what)
		}
	}
}
