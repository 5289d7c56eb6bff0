package wire

// The extensions of both hellos that mean something in TLS 1.2 alone, and those
// that TLS 1.3 has moved from the ServerHello to EncryptedExtensions.

import "slices"

// PointUncompressed is the only ECPointFormat that is not deprecated
// (RFC 8422 §5.1.2).
const PointUncompressed uint8 = 0

// readRenegotiatedConnection reads the verify_data of the handshake before:
// empty in the first one. What it must be is the receiver's to check
// (RFC 5746 §3.2).
func readRenegotiatedConnection(r *reader) []byte {
	return r.vector("renegotiated_connection", 1, 0, 1<<8-1)
}

// readPointFormats reads the formats of points. A server MUST refuse a list
// without the uncompressed format from a client that offers one of our curves
// (RFC 8422 §5.1.2), and a server's list MUST have it (RFC 8422 §5.2). We ask for
// it in every list: one that has not got it fits no handshake of ours.
func readPointFormats(r *reader) []byte {
	list := r.open("ec_point_format_list", 1, 1, 1<<8-1)
	formats := list.s
	for list.more() {
		f := list.uint8("ec_point_format")
		describe(&list, f, pointFormatName)
	}
	if r.ok() && !slices.Contains(formats, PointUncompressed) {
		r.illegal("ec_point_format_list", "the uncompressed format is missing")
	}
	return formats
}

// appendEmpty appends an extension whose presence says all.
func appendEmpty(b []byte, t ExtensionType) []byte {
	return appendExtension(b, t, func(b []byte) []byte { return b })
}

func appendRenegotiationInfo(b, renegotiatedConnection []byte) []byte {
	return appendExtension(b, ExtRenegotiationInfo, func(b []byte) []byte { return appendBytes(b, 1, renegotiatedConnection) })
}

func appendPointFormats(b, formats []byte) []byte {
	return appendExtension(b, ExtECPointFormats, func(b []byte) []byte { return appendBytes(b, 1, formats) })
}

func (m *ClientHello) appendExtensions12(b []byte) []byte {
	if m.RenegotiationInfo != nil {
		b = appendRenegotiationInfo(b, m.RenegotiationInfo)
	}
	if m.EncryptThenMAC {
		b = appendEmpty(b, ExtEncryptThenMAC)
	}
	if m.ExtendedMasterSecret {
		b = appendEmpty(b, ExtExtendedMainSecret)
	}
	if m.SessionTicket != nil {
		b = appendExtension(b, ExtSessionTicket, func(b []byte) []byte { return append(b, m.SessionTicket...) })
	}
	if m.ECPointFormats != nil {
		b = appendPointFormats(b, m.ECPointFormats)
	}
	return b
}

// parseExtension12 reads the content of an extension of TLS 1.2; false means
// that it is none, or that its content is not known here.
func (m *ServerHello) parseExtension12(e extension) bool {
	r := e.body
	switch e.Type {
	case ExtRenegotiationInfo:
		m.RenegotiationInfo = readRenegotiatedConnection(r)
	case ExtEncryptThenMAC:
		m.EncryptThenMAC = true // its content is empty, as that of the next three
	case ExtExtendedMainSecret:
		m.ExtendedMasterSecret = true
	case ExtSessionTicket:
		m.SessionTicket = true
	case ExtServerName:
		m.ServerName = true
	case ExtECPointFormats:
		m.ECPointFormats = readPointFormats(r)
	case ExtALPN:
		m.ALPN = readSelectedProtocol(r)
	case ExtRecordSizeLimit:
		m.RecordSizeLimit = readRecordSizeLimit(r)
	default:
		return false
	}
	return true
}

func (m *ServerHello) appendExtensions12(b []byte) []byte {
	if m.RenegotiationInfo != nil {
		b = appendRenegotiationInfo(b, m.RenegotiationInfo)
	}
	for _, e := range []struct {
		has bool
		t   ExtensionType
	}{
		{m.ServerName, ExtServerName}, {m.EncryptThenMAC, ExtEncryptThenMAC},
		{m.ExtendedMasterSecret, ExtExtendedMainSecret}, {m.SessionTicket, ExtSessionTicket},
	} {
		if e.has {
			b = appendEmpty(b, e.t)
		}
	}
	if m.ECPointFormats != nil {
		b = appendPointFormats(b, m.ECPointFormats)
	}
	if m.ALPN != nil {
		b = appendExtension(b, ExtALPN, func(b []byte) []byte { return appendProtocolNames(b, []string{*m.ALPN}) })
	}
	if m.RecordSizeLimit != nil {
		b = appendExtension(b, ExtRecordSizeLimit, func(b []byte) []byte { return appendUint16(b, *m.RecordSizeLimit) })
	}
	return b
}
