package wire

// The pre_shared_key extension of a ClientHello (RFC 9846 §4.3.11) and the
// identity of an imported key (RFC 9258 §5.1).

import "strconv"

// OfferedPSKs is what a client offers: identities and, in the same order, the
// binders that prove it holds their keys.
type OfferedPSKs struct {
	Identities []PSKIdentity
	Binders    [][]byte

	// BindersOffset is where the list of binders begins, its length field
	// included, in bytes from the start of the message. Binders cover what
	// stands before it (RFC 9846 §4.3.11.2).
	BindersOffset int
}

// PSKIdentity is one identity of the list.
type PSKIdentity struct {
	Identity            []byte
	ObfuscatedTicketAge uint32
}

func parseOfferedPSKs(m *ClientHello, r *reader) {
	o := &OfferedPSKs{}
	m.PreSharedKey = o
	identities := r.open("identities", 2, 7, 1<<16-1)
	for identities.more() {
		at := identities.begin("PskIdentity")
		id := PSKIdentity{Identity: identities.vector("identity", 2, 1, 1<<16-1)}
		describe(&identities, id.Identity, identityName)
		id.ObfuscatedTicketAge = identities.uint32("obfuscated_ticket_age")
		identities.end(at)
		o.Identities = append(o.Identities, id)
	}
	o.BindersOffset = r.offset()
	// The RFC says 32 bytes at least for a binder. A shorter one is let
	// through here, so that it ends where every binder does that does not
	// verify: BoringSSL's runner wants decrypt_error for it.
	binders := r.open("binders", 2, 2, 1<<16-1)
	for binders.more() {
		o.Binders = append(o.Binders, binders.vector("binder", 1, 1, 255))
	}
	if r.ok() && len(o.Binders) != len(o.Identities) {
		r.illegal("binders", strconv.Itoa(len(o.Identities))+" identities, but "+strconv.Itoa(len(o.Binders))+" binders")
	}
}

func (o *OfferedPSKs) append(b []byte, begin int) []byte {
	b = appendVector(b, 2, func(b []byte) []byte {
		for _, id := range o.Identities {
			b = appendUint32(appendBytes(b, 2, id.Identity), id.ObfuscatedTicketAge)
		}
		return b
	})
	o.BindersOffset = len(b) - begin
	return o.AppendBinders(b)
}

// AppendBinders appends the list of binders with its length field.
func (o *OfferedPSKs) AppendBinders(b []byte) []byte {
	return appendVector(b, 2, func(b []byte) []byte {
		for _, binder := range o.Binders {
			b = appendBytes(b, 1, binder)
		}
		return b
	})
}

// ImportedIdentity is what stands on the wire for an imported key
// (RFC 9258 §5.1).
type ImportedIdentity struct {
	ExternalIdentity []byte
	Context          []byte
	TargetProtocol   uint16
	TargetKDF        uint16
}

// ParseImportedIdentity parses an identity that may be an ImportedIdentity. Any
// bytes may stand in an identity, so an error only means that this is not one.
func ParseImportedIdentity(raw []byte, rec *Fields) (ImportedIdentity, error) {
	r := newReader(raw, "ImportedIdentity", "RFC 9258 §5.1", rec)
	var id ImportedIdentity
	id.ExternalIdentity = r.vector("external_identity", 2, 1, 1<<16-1)
	describe(r, id.ExternalIdentity, quoted)
	id.Context = r.vector("context", 2, 0, 1<<16-1)
	id.TargetProtocol = r.uint16("target_protocol")
	describe(r, id.TargetProtocol, VersionName)
	id.TargetKDF = r.uint16("target_kdf")
	describe(r, id.TargetKDF, kdfName)
	r.done()
	return id, *r.err
}

// Append appends the identity's encoding.
func (id ImportedIdentity) Append(b []byte) []byte {
	b = appendBytes(b, 2, id.ExternalIdentity)
	b = appendBytes(b, 2, id.Context)
	return appendUint16(appendUint16(b, id.TargetProtocol), id.TargetKDF)
}
