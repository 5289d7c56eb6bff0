package wire

// Appending what the presentation language describes (RFC 9846 §3).

// appendVector appends content with a length of lengthLen bytes before it. A
// content of ours that does not fit is a broken invariant.
func appendVector(b []byte, lengthLen int, content func([]byte) []byte) []byte {
	start := len(b)
	for range lengthLen {
		b = append(b, 0)
	}
	b = content(b)
	n := len(b) - start - lengthLen
	if n >= 1<<(8*lengthLen) {
		panic("wire: a vector of ours is too long")
	}
	for i := range lengthLen {
		b[start+i] = byte(n >> (8 * (lengthLen - 1 - i)))
	}
	return b
}

func appendBytes(b []byte, lengthLen int, content []byte) []byte {
	return appendVector(b, lengthLen, func(b []byte) []byte { return append(b, content...) })
}

func appendUint16(b []byte, v uint16) []byte { return append(b, byte(v>>8), byte(v)) }

func appendUint32(b []byte, v uint32) []byte {
	return append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}
