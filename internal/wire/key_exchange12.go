package wire

// ServerKeyExchange and ClientKeyExchange of TLS 1.2 with a shared key, without
// and with an ephemeral key exchange. Which form a message has, the cipher suite
// says; the message itself does not.

import "strconv"

const (
	pskSection      = "RFC 4279 §2"
	ecdhePSKSection = "RFC 5489 §2"

	// namedCurve is the only ECCurveType that is not deprecated (RFC 8422 §5.4).
	namedCurve = 3
)

// ServerKeyExchange carries the server's hint at the key to use and, with
// ECDHE_PSK, its half of the key exchange. Without Point it is that of plain PSK.
type ServerKeyExchange struct {
	Hint  []byte // psk_identity_hint
	Group NamedGroup
	Point []byte
}

// ParseServerKeyExchangePSK parses a whole message of plain PSK (RFC 4279 §2).
func ParseServerKeyExchangePSK(raw []byte, rec *Fields) (*ServerKeyExchange, error) {
	r := start12(raw, TypeServerKeyExchange, pskSection, rec)
	m := &ServerKeyExchange{Hint: readText(r, "psk_identity_hint")}
	r.done()
	return m, *r.err
}

// ParseServerKeyExchangeECDHEPSK parses a whole message of ECDHE_PSK (RFC 5489
// §2). Whether the group was offered, and whether the point is one of it, is the
// receiver's to check.
func ParseServerKeyExchangeECDHEPSK(raw []byte, rec *Fields) (*ServerKeyExchange, error) {
	r := start12(raw, TypeServerKeyExchange, ecdhePSKSection, rec)
	m := &ServerKeyExchange{Hint: readText(r, "psk_identity_hint")}
	r.section = "RFC 8422 §5.4"
	params := r.begin("params")
	curve := r.begin("curve_params")
	curveType := r.uint8("curve_type")
	describe(r, curveType, curveTypeName)
	if r.ok() && curveType != namedCurve {
		r.illegal("curve_type", "not named_curve(3) but "+strconv.Itoa(int(curveType)))
	}
	m.Group = NamedGroup(r.uint16("namedcurve"))
	describe(r, m.Group, NamedGroup.String)
	r.end(curve)
	m.Point = readPoint(r, "public")
	r.end(params)
	r.done()
	return m, *r.err
}

// Append appends the whole message.
func (m *ServerKeyExchange) Append(b []byte) []byte {
	return frame(b, TypeServerKeyExchange, func(b []byte) []byte {
		b = appendBytes(b, 2, m.Hint)
		if m.Point != nil {
			b = appendUint16(append(b, namedCurve), uint16(m.Group))
			b = appendBytes(b, 1, m.Point)
		}
		return b
	})
}

// ClientKeyExchange names the key that the client uses and, with ECDHE_PSK, has
// its half of the key exchange. Without Point it is that of plain PSK.
type ClientKeyExchange struct {
	Identity []byte // psk_identity
	Point    []byte
}

// ParseClientKeyExchangePSK parses a whole message of plain PSK (RFC 4279 §2).
func ParseClientKeyExchangePSK(raw []byte, rec *Fields) (*ClientKeyExchange, error) {
	r := start12(raw, TypeClientKeyExchange, pskSection, rec)
	m := &ClientKeyExchange{Identity: readText(r, "psk_identity")}
	r.done()
	return m, *r.err
}

// ParseClientKeyExchangeECDHEPSK parses a whole message of ECDHE_PSK
// (RFC 5489 §2).
func ParseClientKeyExchangeECDHEPSK(raw []byte, rec *Fields) (*ClientKeyExchange, error) {
	r := start12(raw, TypeClientKeyExchange, ecdhePSKSection, rec)
	m := &ClientKeyExchange{Identity: readText(r, "psk_identity")}
	r.section = "RFC 8422 §5.7"
	public := r.begin("public")
	m.Point = readPoint(r, "ecdh_Yc")
	r.end(public)
	r.done()
	return m, *r.err
}

// Append appends the whole message.
func (m *ClientKeyExchange) Append(b []byte) []byte {
	return frame(b, TypeClientKeyExchange, func(b []byte) []byte {
		b = appendBytes(b, 2, m.Identity)
		if m.Point != nil {
			b = appendBytes(b, 1, m.Point)
		}
		return b
	})
}

// readText reads an identity or a hint: UTF-8 by RFC 4279 §5.1, any bytes in
// practice, and both may be empty.
func readText(r *reader, name string) []byte {
	v := r.vector(name, 2, 0, 1<<16-1)
	describe(r, v, textName)
	return v
}

// readPoint reads an ECPoint called name (RFC 8422 §5.4).
func readPoint(r *reader, name string) []byte {
	at := r.begin(name)
	point := r.vector("point", 1, 1, 1<<8-1)
	r.end(at)
	return point
}
